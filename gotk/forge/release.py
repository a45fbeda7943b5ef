"""Releases of a repository, as a value that each forge with releases spells its own way."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, Protocol, runtime_checkable

from gotk.forge.answers import text
from gotk.forge.hosting import Asking
from gotk.forge.status import Items

#: How many are asked for at once; texts may be long.
PAGE: Final = 30


@dataclass(frozen=True, slots=True, kw_only=True)
class Release:
    """A release: its tag, its text as its author wrote it, and where people read it."""

    tag: str
    text: str
    url: str = ""


@runtime_checkable
class Releasing(Protocol):
    """What a forge is asked that has releases."""

    def releases(self, enough: Callable[[str], bool]) -> Asking[tuple[Release, ...]]:
        """Return the published releases, newest first, page by page until there is a tag that is `enough`."""
        ...


def stops(enough: Callable[[str], bool]) -> Callable[[Items], bool]:
    """Make the test whether a page has a tag that is enough."""
    return lambda page: any(enough(text(each, "tag_name")) for each in page)


def read(listed: Items, body: str, *url: str) -> tuple[Release, ...]:
    """Read releases; `body` and `url` lead to their text and address. Drafts are nobody's yet."""
    return tuple(
        Release(tag=text(each, "tag_name"), text=text(each, body), url=text(each, *url))
        for each in listed
        if text(each, "tag_name") and each.get("draft") is not True
    )
