"""GitLab: commit statuses and comments on merge requests."""

from urllib.parse import quote

from image_automation.notification.notice import PROGRESSING, Notice
from image_automation.notification.providers import comment, commit, paging
from image_automation.notification.providers.exchange import Account, Exchange, Request, post

#: As many as GitLab lists where it is not told.
_PAGE = 20


def gitlab(notice: Notice, account: Account) -> Exchange:
    """Set a commit status, unless the newest one says the same."""
    if notice.reason == PROGRESSING:
        return
    repository = commit.repository(account.needs("address"))
    revision = commit.revision(notice)
    status = {
        "state": commit.state(notice, account, "success", "failed"),
        "name": account.commit_status,
        "description": commit.described(notice)[1],
    }
    base, headers = _project(repository), _headers(account)
    ask = Request(method="GET", url=f"{base}/repository/commits/{revision}/statuses", headers=headers)
    listed = yield from paging.pages(ask, _PAGE, enough=commit.is_named(status, "name"))
    compared = [{**each, "state": each.get("status")} for each in listed]
    if not commit.is_said(compared, status, "name", "state", "description"):
        yield post(f"{base}/statuses/{revision}", status, headers)


def gitlabmergerequestcomment(notice: Notice, account: Account) -> Exchange:
    """Write a comment on a merge request, or write the one that is there anew."""
    repository = commit.repository(account.needs("address"))
    number = comment.number(notice)
    headers = _headers(account)
    user = yield Request(method="GET", url=f"{repository.host}/api/v4/user", headers=headers)
    notes = f"{_project(repository)}/merge_requests/{number}/notes"
    marker = comment.marker(notice, account, "flux-mr-comment-key")
    body = {"body": comment.body(notice, marker)}
    find = comment.finder(marker, str(user.json().get("username", "")), ("author", "username"))
    ask = Request(method="GET", url=f"{notes}?sort=asc&order_by=created_at&per_page=100", headers=headers)
    found = find((yield from paging.pages(ask, 100, enough=lambda page: find(page) is not None)))
    if found is None:
        yield post(notes, body, headers)
    else:
        yield post(f"{notes}/{found}", body, headers, method="PUT")


def _project(repository: commit.Repository) -> str:
    return f"{repository.host}/api/v4/projects/{quote(repository.path, safe='')}"


def _headers(account: Account) -> dict[str, str]:
    return {"PRIVATE-TOKEN": account.needs("token")}
