"""Lists of Git servers, page by page: what is looked for may be behind the statuses and comments of many others.

Answers to the paging of GitHub, GitLab and Gitea, which all take `page`. Ten pages are read at most.
"""

from collections.abc import Callable, Generator
from dataclasses import replace

from gotk.forge.status import Items
from gotk.http.exchange import Answer, Request

_MOST = 10


def pages(first: Request, size: int, *, enough: Callable[[Items], bool]) -> Generator[Request, Answer, Items]:
    """Read pages until one is not full, or holds enough, and return all that was listed. Raises Unusable."""
    found: Items = []
    joint = "&" if "?" in first.url else "?"
    for number in range(1, _MOST + 1):
        answer = yield first if number == 1 else replace(first, url=f"{first.url}{joint}page={number}")
        items = answer.items()
        found += items
        if len(items) < size or enough(items):
            break
    return found
