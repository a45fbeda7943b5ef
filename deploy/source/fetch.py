"""Sources on disk: an artifact is downloaded, checked against its digest and unpacked once, then shared by every build.

Answers to the fetcher of `fluxcd/pkg/http`: connection errors and 5xx are tried again, a 404 means that the source is
about to publish a newer one. The trees are only ever read; those that nobody reads go when there are too many.
"""

import asyncio
import contextlib
import shutil
import tempfile
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path

from yarl import URL

from deploy.source import unpack
from gotk import retry
from gotk.api.meta import Artifact
from gotk.bounded import Bounded
from gotk.http.egress import Reach
from gotk.http.errors import HTTPError, TooLarge
from gotk.http.transport import Request, Transport
from gotk.runtime.blocking import Limiter
from gotk.runtime.clock import Clock

_LARGEST_ARCHIVE = 512 << 20
# An archive is itself compressed: its bytes are what the digest is of.
_HEADERS = {"Accept-Encoding": "identity"}


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
        self, *, transport: Transport, clock: Clock, limiter: Limiter, scratch: Path, capacity: int, retries: int
    ) -> None:
        """Take what it works with; `capacity` is how many trees stay that nobody reads.

        A server in trouble is asked again so many times.
        """
        self._backoff = retry.Backoff(tries=retries + 1, first=1.0, longest=16.0)
        self._transport = transport
        self._clock = clock
        self._limiter = limiter
        self._scratch = scratch
        self._read: dict[str, _Tree] = {}
        self._idle: Bounded[str, _Tree] = Bounded(capacity)

    @contextlib.asynccontextmanager
    async def open(self, artifact: Artifact, *, timeout: float) -> AsyncIterator[Path]:
        """Give the directory that holds the artifact's files, for reading. Raises ArtifactError."""
        digest = artifact.digest
        tree = self._read.get(digest) or self._idle.pop(digest) or _Tree()
        self._read[digest] = tree
        tree.readers += 1
        try:
            async with tree.lock:
                if tree.path is None:
                    tree.path = await self._fetch(artifact, timeout)
            yield tree.path
        finally:
            tree.readers -= 1
            if not tree.readers:
                del self._read[digest]
                await self._leave(digest, tree)

    async def _leave(self, digest: str, tree: _Tree) -> None:
        """Keep a tree that nobody reads any more, and delete those that there is no room for."""
        surplus = self._idle.put(digest, tree) if tree.path is not None else ()
        for each in surplus:
            if each.path is not None:
                await self._limiter.run(shutil.rmtree, each.path, ignore_errors=True)

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
        def pause(error: Exception, due: float) -> float | None:
            return due if isinstance(error, _Unavailable) else None

        await retry.run(lambda: self._get(url, packed), self._backoff, sleep=self._clock.sleep, pause=pause)

    async def _get(self, url: str, packed: Path) -> None:
        failed = f"failed to download archive from {url}"
        try:
            request = Request(
                method="GET",
                url=URL(url, encoded=True),
                headers=_HEADERS,
                limit=_LARGEST_ARCHIVE,
                follow=False,
                most=Reach.LOOPBACK,
            )
            with packed.open("wb") as file:
                answer = await self._transport.send(request, sink=file.write)
        except TooLarge as error:
            raise ArtifactError(f"failed to download archive: larger than {_LARGEST_ARCHIVE} bytes") from error
        except (HTTPError, ValueError) as error:
            kind = _Unavailable if isinstance(error, HTTPError) and error.temporary else ArtifactError
            raise kind(f"{failed}: {error}") from error
        if answer.status == 404:
            raise ArtifactMissing("artifact not found")
        if answer.status != 200:
            kind = _Unavailable if answer.status >= 500 else ArtifactError
            raise kind(f"{failed} (status: {answer.status})")
