"""Lists of Git servers, page by page: what is looked for may be behind the statuses and comments of many others.

Answers to the paging of GitHub, GitLab and Gitea, which all take `page`. Ten pages are read at most.
"""

from collections.abc import Callable, Generator
from dataclasses import replace

from gotk.forge.pull_request import Check
from gotk.forge.status import Items, State
from gotk.http.exchange import Answer, Request, Unusable

MOST = 10


def pages(
    first: Request, size: int, *, enough: Callable[[Items], bool] = lambda _: False, within: str = ""
) -> Generator[Request, Answer, Items]:
    """Read pages until one is not full, or holds enough, and return all that was listed. Raises Unusable.

    A page is a list, or an object that has the list `within`.
    """
    found: Items = []
    joint = "&" if "?" in first.url else "?"
    for number in range(1, MOST + 1):
        answer = yield first if number == 1 else replace(first, url=f"{first.url}{joint}page={number}")
        items = answer.items(within)
        found += items
        if len(items) < size or enough(items):
            break
    return found


def all_of(first: Request, size: int, what: str) -> Generator[Request, Answer, Items]:
    """Read a list to its end. Raises Unusable where that lies behind the last page: what was not read may be a no."""
    found = yield from pages(first, size)
    if len(found) >= MOST * size:
        raise Unusable(f"there are more than {MOST * size} {what}, of which no more are read")
    return found


def starts(first: Request, *, enough: Callable[[Items], bool] = lambda _: False) -> Generator[Request, Answer, Items]:
    """Read pages of Bitbucket Data Center, which says itself where the next one starts. Raises Unusable."""
    found: Items = []
    request = first
    for _ in range(MOST):
        answer = yield request
        items = answer.items("values")
        found += items
        page = answer.json()
        following = page.get("nextPageStart")
        if page.get("isLastPage") is not False or not isinstance(following, int) or enough(items):
            break
        request = replace(first, url=f"{first.url}&start={following}")
    return found


def skips(first: Request, size: int) -> Generator[Request, Answer, Items]:
    """Read pages of Azure DevOps, which is told how many to leave out. Raises Unusable."""
    found: Items = []
    for _ in range(MOST):
        answer = yield replace(first, url=f"{first.url}&$skip={len(found)}")
        items = answer.items("value")
        found += items
        if len(items) < size:
            break
    return found


def rest(listed: Items, size: int) -> tuple[Check, ...]:
    """Return a check that is pending for those that lie behind the last page: what was not read is not green."""
    name = f"more than {MOST * size} checks, of which no more are read"
    return (Check(name=name, state=State.PENDING),) if len(listed) >= MOST * size else ()
