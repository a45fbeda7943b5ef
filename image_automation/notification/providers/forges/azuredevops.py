"""Azure DevOps: commit statuses, with a personal access token or an identity of the cloud."""

from image_automation.notification.notice import PROGRESSING, Notice
from image_automation.notification.providers.exchange import Account, Exchange, Request, Unusable, basic, post
from image_automation.notification.providers.forges import commit

_VERSION = "api-version=7.1"
#: Whom Azure does not know it shows a page to log in, unless it is told not to.
_PLAIN = {"X-TFS-FedAuthRedirect": "Suppress"}


def azuredevops(notice: Notice, account: Account) -> Exchange:
    """Set a commit status, unless the newest one says the same."""
    if notice.reason == PROGRESSING:
        return
    base = _repository(account.needs("address"))
    url = f"{base}/commits/{commit.revision(notice)}/statuses?{_VERSION}"
    summary = notice.facts.get("summary", "")
    context = {"genre": f"fluxcd:{summary}" if summary else "fluxcd", "name": account.commit_status}
    status = {
        "context": context,
        "description": commit.described(notice)[1],
        "state": commit.state(notice, account, "succeeded", "error"),
    }
    headers = {**basic("", account.access_token or account.needs("token")), **_PLAIN}
    answer = yield Request(method="GET", url=url, headers=headers)
    found = answer.json()
    listed = found.get("value") if isinstance(found, dict) else []
    listed = listed if isinstance(listed, list) else []
    compared = [{**each, "context": _context(each)} for each in listed if isinstance(each, dict)]
    if not commit.is_said(compared, status, "context", "state", "description"):
        yield post(url, status, headers)


def _context(status: dict[str, object]) -> dict[str, object]:
    context = status.get("context")
    return {key: context.get(key) for key in ("genre", "name")} if isinstance(context, dict) else {}


def _repository(address: str) -> str:
    repository = commit.repository(address)
    parts = repository.path.split("/")
    host = repository.host
    if len(parts) == 4 and parts[0] == "v3":
        host, parts = host.replace("//ssh.", "//"), [parts[1], parts[2], "_git", parts[3]]
    if len(parts) != 4:
        raise Unusable(f'invalid repository id "{repository.path}"')
    return f"{host}/{parts[0]}/{parts[1]}/_apis/git/repositories/{parts[3]}"
