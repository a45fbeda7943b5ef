"""The registry client: list a repository's tags, resolve a tag to its digest.

Answers to the distribution specification as `go-containerregistry/pkg/v1/remote` speaks it, which Flux scans with:
`tags/list?n=1000` and `Link` headers, HEAD for a digest. Beyond it: a bounded number of scans per host runs at once,
so that a slow registry delays nobody else's; and a list is whole or an error, never a part of one and never a login
page taken for no tags.
"""

import asyncio
import hashlib
import random
import re
import time
from collections.abc import Awaitable, Callable, Collection, Coroutine
from dataclasses import dataclass
from functools import lru_cache
from types import TracebackType
from typing import Any, Self, TypeVar

from yarl import URL

from gotk.oci import errors, link, name, tags
from gotk.oci.access import Access
from gotk.oci.auth import Authenticator
from gotk.oci.conversation import Conversation
from gotk.oci.name import Repository
from gotk.oci.pace import Pace
from gotk.oci.transport import Request, Route, Transport, direct

T = TypeVar("T")

_PAGE_LIMIT = 1_000
_TAG_LIMIT = 1_000_000
_LIST_LIMIT = 64 << 20
_MANIFEST_LIMIT = 4 << 20
_DIGEST = re.compile(r"sha256:[0-9a-f]{64}|sha512:[0-9a-f]{128}", re.ASCII)
_MANIFESTS = {
    "Accept": "application/vnd.oci.image.index.v1+json, application/vnd.oci.image.manifest.v1+json, "
    "application/vnd.docker.distribution.manifest.list.v2+json, application/vnd.docker.distribution.manifest.v2+json"
}


@dataclass(frozen=True, slots=True)
class Listing:
    """A repository's tags as the registry ordered them, and how many entries were dropped for not being tags."""

    tags: list[str]
    dropped: int = 0
    pages: int = 1


class RegistryClient:
    """Reads registries; an async context manager that owns connections and tokens, one per process.

    `route` chooses a proxy where the access names none; `trusted_realms` are hosts that may get a registry's
    credentials although they are on another site.
    """

    def __init__(
        self,
        *,
        route: Route = direct,
        trusted_realms: Collection[str] = (),
        page_size: int = 1000,
        per_host: int = 10,
        monotonic: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
        chance: random.Random | None = None,
    ) -> None:
        self._transport = Transport(route=route)
        self._conversation = Conversation(
            self._transport,
            Authenticator(self._transport, monotonic=monotonic, trusted_realms=trusted_realms),
            Pace(monotonic=monotonic, sleep=sleep, chance=chance or random.Random()),  # noqa: S311 - jitter
        )
        self._page_size = page_size
        self._per_host = per_host
        self._slots: dict[str, asyncio.Semaphore] = {}

    async def __aenter__(self) -> Self:
        await self._transport.__aenter__()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._transport.__aexit__(kind, error, trace)

    async def list_tags(self, repository: Repository, access: Access) -> Listing:
        """Return every tag of a repository. Raises errors.RegistryError."""
        return await self._turn(self._list(repository, access), repository, access, "tags/list")

    async def digest(self, repository: Repository, tag: str, access: Access) -> str:
        """Return the digest of the manifest (or index) behind a tag. Raises errors.RegistryError."""
        if not name.is_tag(tag):
            raise errors.BadAnswer(f"{repository}: {errors.printable(tag)!r} is no tag")
        return await self._turn(self._resolve(repository, tag, access), repository, access, f"manifests/{tag}")

    async def _turn(self, work: Coroutine[Any, Any, T], repository: Repository, access: Access, what: str) -> T:
        """Wait for one of the host's slots, then give the work the access's time."""
        slot = self._slots.get(repository.registry)
        if slot is None:
            slot = self._slots[repository.registry] = asyncio.Semaphore(self._per_host)
        try:
            await slot.acquire()
        except asyncio.CancelledError:
            work.close()
            raise
        try:
            async with asyncio.timeout(access.timeout):
                return await work
        except TimeoutError as error:
            message = f"{repository}: {what}: no complete answer within {access.timeout:g}s"
            raise errors.Unreachable(message) from error
        finally:
            slot.release()

    async def _list(self, repository: Repository, access: Access) -> Listing:
        origin = await self._conversation.origin(repository, access)
        url: URL | None = _first_page(origin, repository.path, self._page_size)
        seen: set[URL] = set()
        found: list[str] = []
        total, size = 0, 0
        while url is not None:
            if url in seen or len(seen) == _PAGE_LIMIT:
                raise errors.BadAnswer(f"{repository}: the tag list does not end, at page {len(seen) + 1}")
            seen.add(url)
            request = Request(method="GET", url=url, headers={"Accept": "application/json"}, limit=_LIST_LIMIT - size)
            answer = await self._conversation.ask(request, repository, access)
            page = tags.read_page(answer.body, content_type=answer.headers.get("Content-Type", ""), what=request)
            total, size = total + len(page), size + len(answer.body)
            if total > _TAG_LIMIT:
                raise errors.TooLarge(f"{repository}: more tags than the limit of {_TAG_LIMIT}")
            found.extend(filter(name.is_tag, page))
            url = link.next_page(url, answer.headers.get("Link"))
        return Listing(found, total - len(found), len(seen))

    async def _resolve(self, repository: Repository, tag: str, access: Access) -> str:
        origin = await self._conversation.origin(repository, access)
        url = origin / "v2" / repository.path / "manifests" / tag
        request = Request(method="HEAD", url=url, headers=_MANIFESTS, limit=0)
        try:
            answer = await self._conversation.ask(request, repository, access)
            if _DIGEST.fullmatch(digest := answer.headers.get("Docker-Content-Digest", "")):
                return digest
        except errors.BadAnswer as error:
            if error.status not in {400, 405, 406, 415, 501}:
                raise
        # Some registries know no HEAD, some send no digest: then the bytes themselves say what it is.
        request = Request(method="GET", url=url, headers=_MANIFESTS, limit=_MANIFEST_LIMIT)
        answer = await self._conversation.ask(request, repository, access)
        digest = "sha256:" + hashlib.sha256(answer.body).hexdigest()
        claimed = answer.headers.get("Docker-Content-Digest", digest)
        if claimed.startswith("sha256:") and claimed != digest:
            raise errors.BadAnswer(f"{request}: the manifest is not what its digest says")
        return digest


@lru_cache(maxsize=4096)
def _first_page(origin: URL, path: str, size: int) -> URL:
    """Return where a tag list begins. Making a URL costs as much as decoding a short list."""
    return origin / "v2" / path / "tags/list" % {"n": size}
