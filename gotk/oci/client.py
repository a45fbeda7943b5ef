"""The registry client: list a repository's tags, resolve a tag to its digest, pull what is behind it, push.

Answers to the distribution specification as `go-containerregistry/pkg/v1/remote` speaks it, which Flux scans with:
`tags/list?n=1000` and `Link` headers, HEAD for a digest. Beyond it: a bounded number of scans per host runs at once,
so that a slow registry delays nobody else's; who asks for the same at the same moment shares one answer; and a list is
whole or an error, never a part of one and never a login page taken for no tags.
"""

import asyncio
import dataclasses
import hashlib
import random
import time
from collections.abc import Awaitable, Callable, Collection
from types import TracebackType
from typing import Self, TypeVar

from gotk.http.flights import Flights
from gotk.http.pace import Pace, Standing
from gotk.http.transport import Request, Route, Sink, Transport, direct
from gotk.oci import errors, name
from gotk.oci.access import Access
from gotk.oci.auth import Authenticator
from gotk.oci.conversation import Conversation
from gotk.oci.lister import Lister
from gotk.oci.listing import Listing
from gotk.oci.manifest import Descriptor, is_digest
from gotk.oci.name import Repository
from gotk.oci.pulling import MANIFEST_LIMIT, MANIFESTS, Pulled, Puller
from gotk.oci.pushing import Pusher

T = TypeVar("T")


class RegistryClient:
    """Reads registries, and writes to them; an async context manager that owns connections and tokens, one per process.

    `route` chooses a proxy where the access names none; `trusted_realms` are hosts that may get a registry's
    credentials although they are on another site. With `pushes` it may write, which tokens are asked for.
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
        transport: Transport | None = None,
        pushes: bool = False,
    ) -> None:
        self._transport = transport or Transport(route=route)
        self._pace = Pace(
            monotonic=monotonic,
            sleep=sleep,
            chance=chance or random.Random(),  # noqa: S311 - jitter
            per_host=per_host,
        )
        self._conversation = Conversation(
            self._transport,
            Authenticator(self._transport, monotonic=monotonic, trusted_realms=trusted_realms, pushes=pushes),
            self._pace,
        )
        self._lister = Lister(self._conversation, page_size=page_size)
        self._puller = Puller(self._conversation)
        self._pusher = Pusher(self._conversation)
        self._listings: Flights[tuple[Repository, Access], Listing] = Flights()
        self._digests: Flights[tuple[Repository, str, Access], str] = Flights()

    async def __aenter__(self) -> Self:
        await self._transport.__aenter__()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._transport.__aexit__(kind, error, trace)

    def standing(self) -> dict[str, Standing]:
        """Return how gently each host is asked that was asked at all."""
        return self._pace.standing()

    async def list_tags(self, repository: Repository, access: Access) -> Listing:
        """Return every tag of a repository. Raises errors.RegistryError."""

        async def work() -> Listing:
            return await self._turn(self._lister.tags, repository, access, "tags/list")

        return await self._listings.share((repository, access), work)

    async def digest(self, repository: Repository, tag: str, access: Access) -> str:
        """Return the digest of the manifest (or index) behind a tag. Raises errors.RegistryError."""
        if not name.is_tag(tag):
            raise errors.BadAnswer(f"{repository}: {errors.printable(tag)!r} is no tag")

        async def resolve(repository: Repository, access: Access) -> str:
            return await self._resolve(repository, tag, access)

        async def work() -> str:
            return await self._turn(resolve, repository, access, f"manifests/{tag}")

        return await self._digests.share((repository, tag, access), work)

    async def manifest(self, repository: Repository, reference: str, access: Access) -> Pulled:
        """Return the manifest or index behind a tag or a digest. Raises errors.RegistryError."""

        async def work(repository: Repository, access: Access) -> Pulled:
            return await self._puller.manifest(repository, reference, access)

        return await self._turn(work, repository, access, f"manifests/{reference}")

    async def image(self, repository: Repository, reference: str, access: Access) -> Pulled:
        """Return the manifest behind a tag or a digest, of an index one of its manifests. Raises RegistryError."""

        async def work(repository: Repository, access: Access) -> Pulled:
            return await self._puller.image(repository, reference, access)

        return await self._turn(work, repository, access, f"manifests/{reference}")

    async def blob(
        self, repository: Repository, blob: Descriptor, access: Access, *, limit: int, begin: Callable[[], Sink]
    ) -> None:
        """Pass a blob to a sink, which `begin` makes for each try anew; it counts when this returns.

        Raises errors.RegistryError, also for a blob that is not what its descriptor says.
        """

        async def work(repository: Repository, access: Access) -> None:
            await self._puller.blob(repository, blob, access, limit=limit, begin=begin)

        await self._turn(work, repository, access, f"blobs/{blob.digest}")

    async def content(self, repository: Repository, blob: Descriptor, access: Access, *, limit: int) -> bytes:
        """Return a small blob. Raises errors.RegistryError."""

        async def work(repository: Repository, access: Access) -> bytes:
            return await self._puller.content(repository, blob, access, limit=limit)

        return await self._turn(work, repository, access, f"blobs/{blob.digest}")

    async def referrers(self, repository: Repository, digest: str, access: Access) -> list[Descriptor]:
        """Return what refers to a manifest, such as its signatures. Raises errors.RegistryError."""

        async def work(repository: Repository, access: Access) -> list[Descriptor]:
            return await self._puller.referrers(repository, digest, access)

        return await self._turn(work, repository, access, f"referrers/{digest}")

    async def push_blob(self, repository: Repository, blob: Descriptor, content: bytes, access: Access) -> None:
        """Put a blob where it is not there yet. Raises errors.RegistryError."""

        async def work(repository: Repository, access: Access) -> None:
            await self._pusher.blob(repository, blob, content, access)

        await self._turn(work, repository, access, f"blobs/{blob.digest}")

    async def push_manifest(
        self, repository: Repository, reference: str, body: bytes, media_type: str, access: Access
    ) -> None:
        """Put a manifest behind a tag or its digest; what it names must be there. Raises errors.RegistryError."""

        async def work(repository: Repository, access: Access) -> None:
            await self._pusher.manifest(repository, reference, body, media_type, access)

        await self._turn(work, repository, access, f"manifests/{reference}")

    async def _turn(
        self, work: Callable[[Repository, Access], Awaitable[T]], repository: Repository, access: Access, what: str
    ) -> T:
        """Pass the host's gate, then give the work the access's time."""
        async with self._pace.gate(repository.registry):
            try:
                async with asyncio.timeout(access.timeout):
                    return await work(repository, await _logged_in(access) if access.login else access)
            except errors.Withheld:
                raise  # it says itself what became of the credentials
            except errors.Unauthorized as error:
                if not access.provenance:
                    raise
                message = f"{error}; {access.provenance}"
                raise errors.Unauthorized(message, status=error.status, retry_after=error.retry_after) from error
            except TimeoutError as error:
                message = f"{repository}: {what}: no complete answer within {access.timeout:g}s"
                raise errors.Unreachable(message) from error

    async def _resolve(self, repository: Repository, tag: str, access: Access) -> str:
        origin = await self._conversation.origin(repository, access)
        url = origin / "v2" / repository.path / "manifests" / tag
        request = Request(method="HEAD", url=url, headers=MANIFESTS, limit=0)
        try:
            answer = await self._conversation.ask(request, repository, access)
            if is_digest(digest := answer.headers.get("Docker-Content-Digest", "")):
                return digest
        except errors.BadAnswer as error:
            if error.status not in {400, 405, 406, 415, 501}:
                raise
        # Some registries know no HEAD, some send no digest: then the bytes themselves say what it is.
        request = Request(method="GET", url=url, headers=MANIFESTS, limit=MANIFEST_LIMIT)
        answer = await self._conversation.ask(request, repository, access)
        digest = "sha256:" + hashlib.sha256(answer.body).hexdigest()
        claimed = answer.headers.get("Docker-Content-Digest", digest)
        if claimed.startswith("sha256:") and claimed != digest:
            raise errors.BadAnswer(f"{request}: the manifest is not what its digest says")
        return digest


async def _logged_in(access: Access) -> Access:
    """Return the access with the credentials that its login gives."""
    if access.login is None:
        return access
    return dataclasses.replace(access, credentials=await access.login(), login=None)
