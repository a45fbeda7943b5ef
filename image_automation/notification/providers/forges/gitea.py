"""Gitea and Forgejo: commit statuses and comments on pull requests."""

from image_automation.notification.notice import PROGRESSING, Notice
from image_automation.notification.providers.exchange import Account, Exchange, Request, post
from image_automation.notification.providers.forges import comment, commit, paging


def gitea(notice: Notice, account: Account) -> Exchange:
    """Set a commit status, unless the newest one says the same; progress is a pending one."""
    base, headers = _base(account), _headers(account)
    revision = commit.revision(notice)
    pending = notice.reason == PROGRESSING
    status = {
        "state": "pending" if pending else commit.state(notice, account, "success", "failure"),
        "target_url": "",
        "description": commit.described(notice)[1],
        "context": account.commit_status,
    }
    ask = Request(method="GET", url=f"{base}/commits/{revision}/statuses?limit=50", headers=headers)
    listed = yield from paging.pages(ask, 50, enough=commit.is_named(status, "context"))
    # Gitea has named the field `status` for long and `state` since.
    compared = [{**each, "state": each.get("status") or each.get("state")} for each in listed]
    if not commit.is_said(compared, status, "context", "state", "description"):
        yield post(f"{base}/statuses/{revision}", status, headers)


def giteapullrequestcomment(notice: Notice, account: Account) -> Exchange:
    """Write a comment on a pull request, or write the one that is there anew."""
    base, headers = _base(account), _headers(account)
    number = comment.number(notice)
    host = commit.repository(account.address).host
    user = yield Request(method="GET", url=f"{host}/api/v1/user", headers=headers)
    listed = yield Request(method="GET", url=f"{base}/issues/{number}/comments?limit=100", headers=headers)
    marker = comment.marker(notice, account, "flux-pr-comment-key")
    body = {"body": comment.body(notice, marker)}
    found = comment.finder(marker, user.text("login"), ("user", "login"))(listed.items())
    if found is None:
        yield post(f"{base}/issues/{number}/comments", body, headers)
    else:
        yield post(f"{base}/issues/comments/{found}", body, headers, method="PATCH")


def _base(account: Account) -> str:
    repository = commit.repository(account.needs("address"))
    owner, name = repository.split()
    return f"{repository.host}/api/v1/repos/{owner}/{name}"


def _headers(account: Account) -> dict[str, str]:
    return {"Authorization": f"token {account.token_or_password}"}
