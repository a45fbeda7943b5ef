"""GitHub: commit statuses, repository dispatches, comments on pull requests. Tokens, or a GitHub App's."""

from urllib.parse import urlsplit

from image_automation.notification.notice import PROGRESSING, Notice
from image_automation.notification.providers.exchange import (
    Account,
    Exchange,
    Request,
    Unusable,
    bearer,
    post,
)
from image_automation.notification.providers.forges import comment, commit, paging


def github(notice: Notice, account: Account) -> Exchange:
    """Set a commit status, unless the newest one says the same."""
    if notice.reason == PROGRESSING:
        return
    base, headers = _base(account), _headers(account)
    revision = commit.revision(notice)
    status = {
        "state": commit.state(notice, account, "success", "failure"),
        "description": commit.described(notice)[1],
        "context": account.commit_status,
    }
    ask = Request(method="GET", url=f"{base}/commits/{revision}/statuses?per_page=50", headers=headers)
    listed = yield from paging.pages(ask, 50, enough=commit.is_named(status, "context"))
    if not commit.is_said(listed, status, "context", "state", "description"):
        yield post(f"{base}/statuses/{revision}", status, headers)


def githubdispatch(notice: Notice, account: Account) -> Exchange:
    """Start workflows that listen to `repository_dispatch`."""
    about = notice.involved_object
    payload = {"event_type": f"{about.kind}/{about.name}.{about.namespace}", "client_payload": notice.as_json()}
    yield post(f"{_base(account)}/dispatches", payload, _headers(account))


def githubpullrequestcomment(notice: Notice, account: Account) -> Exchange:
    """Write a comment on a pull request, or write the one that is there anew."""
    base, headers = f"{_base(account)}/issues", _headers(account)
    number = comment.number(notice)
    author = account.login
    if not author:
        user = yield Request(method="GET", url=f"{api(commit.repository(account.address))}/user", headers=headers)
        author = user.text("login")
    marker = comment.marker(notice, account, "flux-pr-comment-key")
    body = {"body": comment.body(notice, marker)}
    find = comment.finder(marker, author, ("user", "login"))
    url = f"{base}/{number}/comments"
    ask = Request(method="GET", url=f"{url}?direction=asc&per_page=100&sort=created", headers=headers)
    found = find((yield from paging.pages(ask, 100, enough=lambda page: find(page) is not None)))
    if found is None:
        yield post(url, body, headers)
    else:
        yield post(f"{base}/comments/{found}", body, headers, method="PATCH")


def api(repository: commit.Repository) -> str:
    """Return the address of the API that knows a repository: GitHub's own, or the Enterprise server's."""
    host = urlsplit(repository.host).netloc
    if host == "github.com":
        return "https://api.github.com"
    return repository.host if host.startswith("api.") or ".api." in host else f"{repository.host}/api/v3"


def _base(account: Account) -> str:
    repository = commit.repository(account.needs("address"))
    owner, name = repository.split()
    return f"{api(repository)}/repos/{owner}/{name}"


def _headers(account: Account) -> dict[str, str]:
    token = account.access_token or account.token or account.password
    if not token:
        raise Unusable("github token or github app details must be specified")
    return bearer(token)
