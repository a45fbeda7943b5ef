"""What comments on pull and merge requests share: the hidden marker, the text, finding the one to write anew."""

from collections.abc import Callable
from typing import Any

from image_automation.notification.notice import Notice
from image_automation.notification.providers.chat import messages
from image_automation.notification.providers.exchange import Account, Unfit


def number(notice: Notice) -> int:
    """Return the number of the request. Raises Unfit."""
    text = notice.facts.get("change_request")
    if text is None:
        raise Unfit('missing "change_request" metadata key')
    if not (text.isascii() and text.isdecimal()):
        raise Unfit(f'invalid "change_request" metadata value "{text}"')
    return int(text)


def marker(notice: Notice, account: Account, prefix: str) -> str:
    """Return the HTML comment that tells one object's comment from another's."""
    return f"<!-- {prefix}:{account.uid}/{notice.path} -->"


def body(notice: Notice, marked: str) -> str:
    """Return the comment's text."""
    return f"{marked}\n\n{messages.markdown(notice)}"


def finder(marked: str, author: str, path: tuple[str, str]) -> Callable[[list[dict[str, Any]]], int | None]:
    """Make the search for the id of our comment with the marker."""

    def find(comments: list[dict[str, Any]]) -> int | None:
        for each in comments:
            owner = each.get(path[0])
            written_by = owner.get(path[1]) if isinstance(owner, dict) else ""
            if marked in str(each.get("body", "")) and written_by == author:
                found = each.get("id")
                return found if isinstance(found, int) else None
        return None

    return find
