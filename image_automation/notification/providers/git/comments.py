"""The types of Provider that keep a comment on the pull or merge request that an event names."""

from collections.abc import Mapping
from typing import Final

from gotk.forge.comment import Comment
from gotk.http.exchange import Exchange
from image_automation.notification.notice import Notice
from image_automation.notification.providers.account import Account, Provider
from image_automation.notification.providers.chat import messages
from image_automation.notification.providers.git import event, forges


def _github(notice: Notice, account: Account) -> Exchange:
    forge = forges.github(account)
    comment = _comment(notice, account, "flux-pr-comment-key")
    yield from forge.keep_comment(event.change_request(notice), comment, author=account.login)


def _gitlab(notice: Notice, account: Account) -> Exchange:
    forge = forges.gitlab(account)
    yield from forge.keep_comment(event.change_request(notice), _comment(notice, account, "flux-mr-comment-key"))


def _gitea(notice: Notice, account: Account) -> Exchange:
    forge = forges.gitea(account)
    yield from forge.keep_comment(event.change_request(notice), _comment(notice, account, "flux-pr-comment-key"))


def _comment(notice: Notice, account: Account, prefix: str) -> Comment:
    """Return the comment of one object and one Provider."""
    return Comment(marker=f"<!-- {prefix}:{account.uid}/{notice.path} -->", text=messages.markdown(notice))


PROVIDERS: Final[Mapping[str, Provider]] = {
    "githubpullrequestcomment": _github,
    "gitlabmergerequestcomment": _gitlab,
    "giteapullrequestcomment": _gitea,
}
