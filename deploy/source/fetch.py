"""Sources on disk: an artifact is downloaded, checked against its digest and unpacked once, then shared by every build.

Answers to the fetcher of `fluxcd/pkg/http`: connection errors and 5xx are tried again, a 404 means that the source is
about to publish a newer one. The trees are only ever read; those that nobody reads go when there are too many.
"""

import asyncio
import contextlib
import shutil
import tempfile
from collections import OrderedDict
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path

import aiohttp

from deploy.source import unpack
from gotk.api.meta import Artifact
from gotk.runtime.blocking import Limiter
from gotk.runtime.clock import Clock

_LARGEST_ARCHIVE = 512 << 20
_ATTEMPTS = 6
_CHUNK = 1 << 18


class ArtifactError(Exception):
    """The artifact could not be fetched, or is not what the source says it is."""


class ArtifactMissing(ArtifactError):
    """The artifact is not there: the source is about to publish a newer one."""


class _Unavailable(ArtifactError):
    """No answer, or one that says to come back."""


@dataclass(slots=True)
class _Tree:
    """An unpacked artifact, or one that is about to be."""

    path: Path | None = None
    readers: int = 0
    lock: asyncio.Lock = field(default_factory=asyncio.Lock)


class Trees:
    """The unpacked artifacts, by digest."""

    def __init__(
        self, *, session: aiohttp.ClientSession, clock: Clock, limiter: Limiter, scratch: Path, capacity: int = 8
    ) -> None:
        self._session = session
        self._clock = clock
        self._limiter = limiter
        self._scratch = scratch
        self._capacity = capacity
        self._trees: OrderedDict[str, _Tree] = OrderedDict()

    @contextlib.asynccontextmanager
    async def open(self, artifact: Artifact, *, timeout: float) -> AsyncIterator[Path]:
        """Give the directory that holds the artifact's files, for reading. Raises ArtifactError."""
        tree = self._trees.setdefault(artifact.digest, _Tree())
        self._trees.move_to_end(artifact.digest)
        tree.readers += 1
        try:
            async with tree.lock:
                if tree.path is None:
                    tree.path = await self._fetch(artifact, timeout)
            yield tree.path
        finally:
            tree.readers -= 1
            await self._drop_surplus()

    async def _drop_surplus(self) -> None:
        # All are taken out before the first is deleted: meanwhile others may drop some, or unpack them anew.
        dropped = [
            self._trees.pop(digest)
            for digest, tree in list(self._trees.items())
            if not tree.readers and (len(self._trees) > self._capacity or tree.path is None)
        ]
        for tree in dropped:
            if tree.path:
                await self._limiter.run(shutil.rmtree, tree.path, ignore_errors=True)

    async def _fetch(self, artifact: Artifact, timeout: float) -> Path:
        target = Path(tempfile.mkdtemp(prefix="source-", dir=self._scratch))
        packed = target.with_suffix(".tar.gz")
        try:
            async with asyncio.timeout(timeout):
                await self._download(artifact.url, packed)
            await self._limiter.run(unpack.verify, packed, artifact.digest)
            await self._limiter.run(unpack.unpack, packed, target)
        except BaseException as error:
            await asyncio.shield(self._limiter.run(shutil.rmtree, target, ignore_errors=True))
            if isinstance(error, TimeoutError):
                raise ArtifactError(f"failed to download archive: no answer within {timeout:g}s") from error
            if isinstance(error, unpack.ArchiveError):
                raise ArtifactError(str(error)) from error
            if isinstance(error, OSError):
                raise ArtifactError(f"failed to keep archive: {error.strerror}") from error
            raise
        finally:
            packed.unlink(missing_ok=True)
        return target

    async def _download(self, url: str, packed: Path) -> None:
        for attempt in range(_ATTEMPTS - 1):
            try:
                await self._get(url, packed)
            except _Unavailable:
                await self._clock.sleep(min(2**attempt, 16))
            else:
                return
        await self._get(url, packed)

    async def _get(self, url: str, packed: Path) -> None:
        try:
            async with self._session.get(url, allow_redirects=False) as answer:
                if answer.status == 404:
                    raise ArtifactMissing("artifact not found")
                if answer.status >= 500:
                    raise _Unavailable(f"failed to download archive from {url} (status: {answer.status})")
                if answer.status != 200:
                    raise ArtifactError(f"failed to download archive from {url} (status: {answer.status})")
                await _save(answer, packed)
        except (aiohttp.ClientError, TimeoutError) as error:
            raise _Unavailable(
                f"failed to download archive from {url}: {str(error) or type(error).__name__}"
            ) from error


async def _save(answer: aiohttp.ClientResponse, packed: Path) -> None:
    size = 0
    with packed.open("wb") as file:
        async for chunk in answer.content.iter_chunked(_CHUNK):
            size += len(chunk)
            if size > _LARGEST_ARCHIVE:
                raise ArtifactError(f"failed to download archive: larger than {_LARGEST_ARCHIVE} bytes")
            file.write(chunk)
