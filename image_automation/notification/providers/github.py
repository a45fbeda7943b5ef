"""GitHub: commit statuses, repository dispatches, comments on pull requests. Tokens, or a GitHub App."""

from collections.abc import Generator

from image_automation.notification.notice import PROGRESSING, Notice
from image_automation.notification.providers import comment, commit, paging, tokens
from image_automation.notification.providers.exchange import (
    Account,
    Answer,
    Exchange,
    Request,
    Unusable,
    bearer,
    post,
)

_APP = ("githubAppID", "githubAppPrivateKey")


def github(notice: Notice, account: Account) -> Exchange:
    """Set a commit status, unless the newest one says the same."""
    if notice.reason == PROGRESSING:
        return
    repository = commit.repository(account.needs("address"))
    owner, name = repository.split()
    revision = commit.revision(notice)
    status = {
        "state": commit.state(notice, account, "success", "failure"),
        "description": commit.described(notice)[1],
        "context": account.commit_status,
    }
    headers = yield from _headers(account, repository)
    base = f"{_api(repository)}/repos/{owner}/{name}"
    ask = Request(method="GET", url=f"{base}/commits/{revision}/statuses?per_page=50", headers=headers)
    listed = yield from paging.pages(ask, 50, enough=commit.is_named(status, "context"))
    if not commit.is_said(listed, status, "context", "state", "description"):
        yield post(f"{base}/statuses/{revision}", status, headers)


def githubdispatch(notice: Notice, account: Account) -> Exchange:
    """Start workflows that listen to `repository_dispatch`."""
    repository = commit.repository(account.needs("address"))
    owner, name = repository.split()
    about = notice.involved_object
    headers = yield from _headers(account, repository)
    payload = {"event_type": f"{about.kind}/{about.name}.{about.namespace}", "client_payload": notice.as_json()}
    yield post(f"{_api(repository)}/repos/{owner}/{name}/dispatches", payload, headers)


def githubpullrequestcomment(notice: Notice, account: Account) -> Exchange:
    """Write a comment on a pull request, or write the one that is there anew."""
    repository = commit.repository(account.needs("address"))
    owner, name = repository.split()
    number = comment.number(notice)
    headers = yield from _headers(account, repository)
    base = f"{_api(repository)}/repos/{owner}/{name}/issues"
    # An App's token may not ask who it is; it then takes the first comment with the marker.
    answer = yield Request(method="GET", url=f"{_api(repository)}/user", headers=headers, accepts=(403,))
    author = str(answer.json().get("login", "")) if answer.status == 200 else ""
    marker = comment.marker(notice, account, "flux-pr-comment-key")
    body = {"body": comment.body(notice, marker)}
    find = comment.finder(marker, author, ("user", "login"))
    ask = Request(method="GET", url=f"{base}/{number}/comments?per_page=100", headers=headers)
    found = find((yield from paging.pages(ask, 100, enough=lambda page: find(page) is not None)))
    if found is None:
        yield post(f"{base}/{number}/comments", body, headers)
    else:
        yield post(f"{base}/comments/{found}", body, headers, method="PATCH")


def _api(repository: commit.Repository) -> str:
    return "https://api.github.com" if repository.host == "https://github.com" else f"{repository.host}/api/v3"


def _headers(account: Account, repository: commit.Repository) -> Generator[Request, Answer, dict[str, str]]:
    """Return the headers of a token, or of an installation of an App, which is asked for one first."""
    accept = {"Accept": "application/vnd.github.v3+json"}
    if not any(key in account.secret for key in _APP):
        return {**accept, **bearer(account.needs("token"))}
    said = {key: value.decode(errors="replace").strip() for key, value in account.secret.items()}
    missing = [key for key in _APP if not said.get(key)]
    if missing:
        raise Unusable(f"the secret lacks '{missing[0]}'")
    api = said.get("githubAppBaseURL", "").rstrip("/") or _api(repository)
    now = int(account.now.timestamp())
    claims = {"iat": now - 60, "exp": now + 540, "iss": said["githubAppID"]}
    app = {**accept, **bearer(tokens.signed(claims, account.secret["githubAppPrivateKey"]))}
    installation = said.get("githubAppInstallationID", "")
    if not installation:
        owner = said.get("githubAppInstallationOwner", "")
        if not owner:
            raise Unusable("the secret lacks 'githubAppInstallationID' or 'githubAppInstallationOwner'")
        answer = yield Request(method="GET", url=f"{api}/users/{owner}/installation", headers=app)
        installation = str(answer.json().get("id", ""))
    answer = yield post(f"{api}/app/installations/{installation}/access_tokens", {}, app)
    return {**accept, **bearer(str(answer.json().get("token", "")))}
