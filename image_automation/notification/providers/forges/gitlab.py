"""GitLab: commit statuses and comments on merge requests."""

from collections.abc import Callable, Mapping
from urllib.parse import quote

from image_automation.notification.notice import PROGRESSING, Notice
from image_automation.notification.providers.exchange import Account, Exchange, Request, post
from image_automation.notification.providers.forges import comment, commit, paging

#: As many as GitLab lists where it is not told.
_PAGE = 20


def gitlab(notice: Notice, account: Account) -> Exchange:
    """Set a commit status, unless GitLab lists one that says the same: of each name and ref it lists the newest."""
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
    url = f"{base}/repository/commits/{revision}/statuses?name={quote(account.commit_status, safe='')}"
    said = _said(status, revision)
    ask = Request(method="GET", url=url, headers=headers)
    if not said((yield from paging.pages(ask, _PAGE, enough=said))):
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
    find = comment.finder(marker, user.text("username"), ("author", "username"))
    ask = Request(method="GET", url=f"{notes}?order_by=created_at&per_page=100&sort=asc", headers=headers)
    found = find((yield from paging.pages(ask, 100, enough=lambda page: find(page) is not None)))
    if found is None:
        yield post(notes, body, headers)
    else:
        yield post(f"{notes}/{found}", body, headers, method="PUT")


def _said(wanted: Mapping[str, str], revision: str) -> Callable[[paging.Items], bool]:
    same = {"status": wanted["state"], "name": wanted["name"], "description": wanted["description"], "sha": revision}
    return lambda listed: any(all(each.get(name) == value for name, value in same.items()) for each in listed)


def _project(repository: commit.Repository) -> str:
    return f"{repository.host}/api/v4/projects/{quote(repository.path, safe='').replace('.', '%2E')}"


def _headers(account: Account) -> dict[str, str]:
    return {"Private-Token": account.token_or_password}
