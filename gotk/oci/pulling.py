"""Pulling what a registry holds: manifests by digest or tag, blobs into a sink, what refers to a manifest.

Answers to the distribution specification (1.1) as `go-containerregistry/pkg/v1/remote` speaks it. Whatever comes is
held against the digest it was asked for before anybody may use it, and a blob against its size as well while it comes,
so that a registry that lies, or a proxy on the way, costs no more than was announced.
"""

import hashlib
from collections.abc import Callable
from dataclasses import dataclass, field

from yarl import URL

from gotk.http.transport import Answer, Request, Sink
from gotk.oci import errors, manifest
from gotk.oci.access import Access
from gotk.oci.conversation import Conversation
from gotk.oci.manifest import Descriptor, Manifest, Platform
from gotk.oci.name import Repository

#: What an index is asked for, where nothing says another, as in go-containerregistry.
PLATFORM = Platform(os="linux", architecture="amd64")

MANIFESTS = {
    "Accept": "application/vnd.oci.image.index.v1+json, application/vnd.oci.image.manifest.v1+json, "
    "application/vnd.docker.distribution.manifest.list.v2+json, application/vnd.docker.distribution.manifest.v2+json"
}
MANIFEST_LIMIT = 4 << 20

_INDEX = {"Accept": "application/vnd.oci.image.index.v1+json"}
# A blob is itself compressed: its bytes are what the digest is of.
_IDENTITY = {"Accept-Encoding": "identity"}
_DEEPEST = 4


@dataclass(frozen=True, slots=True)
class Pulled:
    """A manifest, its bytes, and their digest."""

    digest: str
    manifest: Manifest
    body: bytes = field(repr=False)


class Puller:
    """Reads manifests and blobs of repositories. Every method raises errors.RegistryError."""

    def __init__(self, conversation: Conversation) -> None:
        self._conversation = conversation

    async def manifest(self, repository: Repository, reference: str, access: Access) -> Pulled:
        """Return the manifest (or index) behind a tag or a digest."""
        url = await self._url(repository, access, "manifests", reference)
        request = Request(method="GET", url=url, headers=MANIFESTS, limit=MANIFEST_LIMIT)
        answer = await self._conversation.ask(request, repository, access)
        digest = _checked_digest(reference, answer, request)
        content_type = answer.headers.get("Content-Type", "")
        read = manifest.read(answer.body, content_type=content_type, what=request)
        return Pulled(digest, read, answer.body)

    async def image(self, repository: Repository, reference: str, access: Access) -> Pulled:
        """Return the manifest behind a tag or a digest; of an index the one of Linux on AMD64."""
        found = await self.manifest(repository, reference, access)
        for _ in range(_DEEPEST):
            if not found.manifest.is_index:
                return found
            what = f"{repository}@{found.digest}"
            child = manifest.for_platform(found.manifest, PLATFORM, what=what)
            if not manifest.is_digest(child.digest):
                raise errors.BadAnswer(f"{what}: {errors.printable(child.digest)!r} is no digest that could be checked")
            found = await self.manifest(repository, child.digest, access)
        raise errors.BadAnswer(f"{repository}@{found.digest}: indexes within indexes, {_DEEPEST} deep")

    async def blob(
        self, repository: Repository, blob: Descriptor, access: Access, *, limit: int, begin: Callable[[], Sink]
    ) -> None:
        """Pass a blob to a sink, which `begin` makes for each try anew. What is in the sink counts when this returns.

        A blob of more than `limit` bytes is refused before it is asked for.
        """
        what = f"{repository}: blob {errors.printable(blob.digest)}"
        if not manifest.is_digest(blob.digest):
            raise errors.BadAnswer(f"{what}: that is no digest that could be checked")
        if not 0 <= blob.size <= limit:
            raise errors.TooLarge(f"{what} is of {blob.size} bytes, more than the limit of {limit}")
        url = await self._url(repository, access, "blobs", blob.digest)
        request = Request(method="GET", url=url, headers=_IDENTITY, limit=blob.size)
        tries: list[_Count] = []

        def counted() -> Sink:
            tries.append(_Count(blob.digest, begin(), what))
            return tries[-1].take

        try:
            await self._conversation.ask(request, repository, access, begin=counted)
        except errors.TooLarge as error:
            raise errors.BadAnswer(f"{what} is larger than the {blob.size} bytes that its manifest says") from error
        tries[-1].check(blob)

    async def content(self, repository: Repository, blob: Descriptor, access: Access, *, limit: int) -> bytes:
        """Return a small blob."""
        parts: list[bytes] = []

        def begin() -> Sink:
            parts.clear()
            return parts.append

        await self.blob(repository, blob, access, limit=limit, begin=begin)
        return b"".join(parts)

    async def referrers(self, repository: Repository, digest: str, access: Access) -> list[Descriptor]:
        """Return what refers to a manifest: by the registry's list, or by the tag that stands for one without it."""
        url = await self._url(repository, access, "referrers", digest)
        request = Request(method="GET", url=url, headers=_INDEX, limit=MANIFEST_LIMIT)
        try:
            answer = await self._conversation.ask(request, repository, access)
            content_type = answer.headers.get("Content-Type", "")
            if content_type.partition(";")[0].strip() in manifest.INDEX_TYPES:
                return manifest.read(answer.body, content_type=content_type, what=request).manifests
        except errors.NotFound:
            pass
        except errors.BadAnswer as error:
            if error.status not in {400, 405, 406, 501}:
                raise
        try:
            return (await self.manifest(repository, digest.replace(":", "-"), access)).manifest.manifests
        except errors.NotFound:
            return []

    async def _url(self, repository: Repository, access: Access, what: str, name: str) -> URL:
        origin = await self._conversation.origin(repository, access)
        return origin / "v2" / repository.path / what / name


class _Count:
    """What has come of a blob."""

    def __init__(self, digest: str, sink: Sink, what: str) -> None:
        self._hash = hashlib.new(digest.partition(":")[0])
        self._size = 0
        self._sink = sink
        self._what = what

    def take(self, piece: bytes) -> None:
        """Pass a piece on. Raises RegistryError where the sink cannot take it: that is no fault of the registry."""
        self._hash.update(piece)
        self._size += len(piece)
        try:
            self._sink(piece)
        except OSError as error:
            raise errors.RegistryError(f"{self._what} cannot be kept: {error.strerror}") from error

    def check(self, blob: Descriptor) -> None:
        """Hold what came against what was announced. Raises BadAnswer."""
        what, size = self._what, self._size
        if size != blob.size:
            raise errors.BadAnswer(f"{what} is of {size} bytes and not of the {blob.size} that its manifest says")
        if self._hash.hexdigest() != blob.digest.partition(":")[2]:
            raise errors.BadAnswer(f"{what} is not what its digest says")


def _checked_digest(reference: str, answer: Answer, request: Request) -> str:
    """Return the digest of a manifest's bytes; the one asked for where one was. Raises BadAnswer."""
    algorithm = reference.partition(":")[0] if manifest.is_digest(reference) else "sha256"
    digest = f"{algorithm}:{hashlib.new(algorithm, answer.body).hexdigest()}"
    if manifest.is_digest(reference) and digest != reference:
        raise errors.BadAnswer(f"{request}: the manifest is not what its digest says")
    return digest
