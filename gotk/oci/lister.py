"""Walking the pages of a tag list: by `Link`, by `last` where a registry pages without saying so, whole or not at all.

Answers to the distribution specification (1.1, "Listing Tags"), and to what registries make of it: some cap `n`
silently, some refuse it, some ignore it and `last` with it, some fill a page and send no `Link`. Never more than so
many pages, tags and bytes, and never the same page twice.
"""

import dataclasses
from functools import lru_cache

from yarl import URL

from gotk.bounded import Bounded
from gotk.http import link
from gotk.http.transport import Answer, Request
from gotk.oci import errors
from gotk.oci.access import Access
from gotk.oci.conversation import Conversation
from gotk.oci.listing import Listing, Page
from gotk.oci.name import Repository
from gotk.oci.validators import Kept, Validators

_PAGE_LIMIT = 1_000
_TAG_LIMIT = 1_000_000
_LIST_LIMIT = 64 << 20
_REMEMBERED = 16_384
_MODEST = 100
_JSON = {"Accept": "application/json"}


@dataclasses.dataclass(frozen=True, slots=True)
class _Checked:
    """A list that was read: `last` is the final entry of a full page after which nothing was said to come."""

    digest: bytes
    last: str = ""


class Lister:
    """Lists tags; remembers what spares it work: page sizes by host, validators, and digests of lists it has read."""

    def __init__(self, conversation: Conversation, *, page_size: int) -> None:
        self._conversation = conversation
        self._page_size = page_size
        self._modest: set[str] = set()
        self._validators = Validators()
        self._checked: Bounded[URL, _Checked] = Bounded(_REMEMBERED)

    async def tags(self, repository: Repository, access: Access) -> Listing:
        """Return every tag of a repository. Raises errors.RegistryError."""
        origin = await self._conversation.origin(repository, access)
        size = _MODEST if repository.registry in self._modest else self._page_size
        try:
            return await self._walk(_first_page(origin, repository.path, size), size, repository, access)
        except errors.BadAnswer as error:
            if error.status not in {400, 405, 422} or size <= _MODEST:
                raise
        listing = await self._walk(_first_page(origin, repository.path, _MODEST), _MODEST, repository, access)
        self._modest.add(repository.registry)
        return listing

    async def _walk(self, first: Request, size: int, repository: Repository, access: Access) -> Listing:
        page, following = await self._first(first, repository, access)
        pages, url, seen = [page], first.url, {first.url}
        while following and (target := link.next_page(url, following)) is not None:
            url = target
            if url in seen or len(seen) == _PAGE_LIMIT:
                raise errors.BadAnswer(f"{repository}: the tag list does not end, at page {len(seen) + 1}")
            seen.add(url)
            page, following = await self._page(url, pages, repository, access)
            pages.append(page)
        listing = Listing(pages, what=first, limit=_TAG_LIMIT)
        checked = self._check(first.url, listing, full=size if len(pages) == 1 else 0)
        if checked.last:
            return await self._walk_by_last(first, checked.last, pages, (size, repository, access))
        return listing

    async def _walk_by_last(
        self, first: Request, last: str, pages: list[Page], asked: tuple[int, Repository, Access]
    ) -> Listing:
        """Go on after a full page without a link, until a page is not full or brings nothing new."""
        size, repository, access = asked
        known: set[str] = set()
        while last not in known and len(pages) < _PAGE_LIMIT:
            known.add(last)
            page, _ = await self._page(first.url.update_query(last=last), pages, repository, access)
            if page.body == pages[0].body:
                # It ignores `last`: the first answer was the whole list, by chance as long as a page.
                break
            found = Listing([page], what=first, limit=_TAG_LIMIT)
            pages.append(page)
            if not found.tags or len(found.tags) + found.dropped < size:
                break
            last = found.tags[-1]
        return Listing(pages, what=first, limit=_TAG_LIMIT)

    async def _page(self, url: URL, pages: list[Page], repository: Repository, access: Access) -> tuple[Page, str]:
        left = _LIST_LIMIT - sum(len(page.body) for page in pages)
        request = Request(method="GET", url=url, headers=_JSON, limit=left)
        answer = await self._conversation.ask(request, repository, access)
        return Page(answer.body, answer.headers.get("Content-Type", "")), _links(answer)

    async def _first(self, first: Request, repository: Repository, access: Access) -> tuple[Page, str]:
        """Return the first page and its `Link` header: what is kept, where the registry says that it still holds."""
        kept = self._validators.get(first.url, access.credentials)
        request = first
        if kept is not None:
            request = dataclasses.replace(first, headers={**first.headers, "If-None-Match": kept.etag})
        answer = await self._conversation.ask(request, repository, access)
        if answer.status == 304 and kept is not None:
            return kept.page, kept.link
        headers = answer.headers
        page, following = Page(answer.body, headers.get("Content-Type", "")), _links(answer)
        if etag := headers.get("ETag", ""):
            self._validators.put(first.url, access.credentials, Kept(etag, page, following))
        elif kept is not None:
            self._validators.drop(first.url, access.credentials)
        return page, following

    def _check(self, url: URL, listing: Listing, *, full: int) -> _Checked:
        """Read a list, unless it is the one that was read the last time."""
        checked = self._checked.peek(url)
        if checked is None or checked.digest != listing.digest:
            found = listing.tags
            is_full = bool(found) and len(found) + listing.dropped == full
            checked = _Checked(listing.digest, found[-1] if is_full else "")
            self._checked.put(url, checked)
        return checked


def _links(answer: Answer) -> str:
    """Return the links of every `Link` header as those of one."""
    return ", ".join(answer.headers.getall("Link", ()))


@lru_cache(maxsize=_REMEMBERED)
def _first_page(origin: URL, path: str, size: int) -> Request:
    """Return the request that a tag list begins with. Making a URL costs as much as decoding a short list."""
    url = origin / "v2" / path / "tags/list" % {"n": size}
    return Request(method="GET", url=url, headers=_JSON, limit=_LIST_LIMIT)
