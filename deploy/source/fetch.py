"""Sources on disk: an artifact is downloaded once, then shared by all who build or release it.

What lies there is only ever read; what nobody reads goes when there is too much of it.
"""

import asyncio
import contextlib
import shutil
import tempfile
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field
from pathlib import Path

from deploy.source import unpack
from deploy.source.download import ArtifactError, Downloads
from gotk.api.meta import Artifact
from gotk.bounded import Bounded
from gotk.runtime.blocking import Limiter

_Fetch = Callable[[Artifact, float], Awaitable[Path]]


@dataclass(slots=True)
class _Place:
    """Where an artifact is, or is about to be."""

    path: Path | None = None
    readers: int = 0
    lock: asyncio.Lock = field(default_factory=asyncio.Lock)


class _Shared:
    """What was made of artifacts, by digest; `capacity` is how many stay that nobody reads."""

    def __init__(self, *, limiter: Limiter, capacity: int, fetch: _Fetch, remove: Callable[[Path], None]) -> None:
        self._limiter = limiter
        self._fetch = fetch
        self._remove = remove
        self._read: dict[str, _Place] = {}
        self._idle: Bounded[str, _Place] = Bounded(capacity)

    @contextlib.asynccontextmanager
    async def open(self, artifact: Artifact, *, timeout: float) -> AsyncIterator[Path]:
        """Give what an artifact holds, for reading. Raises ArtifactError."""
        digest = artifact.digest
        place = self._read.get(digest) or self._idle.pop(digest) or _Place()
        self._read[digest] = place
        place.readers += 1
        try:
            async with place.lock:
                if place.path is None:
                    place.path = await self._fetch(artifact, timeout)
            yield place.path
        finally:
            place.readers -= 1
            if not place.readers:
                del self._read[digest]
                await self._leave(digest, place)

    async def _leave(self, digest: str, place: _Place) -> None:
        """Keep what nobody reads any more, and delete what there is no room for."""
        surplus = self._idle.put(digest, place) if place.path is not None else ()
        for each in surplus:
            if each.path is not None:
                await self._limiter.run(self._remove, each.path)


class Trees(_Shared):
    """The unpacked artifacts: directories."""

    def __init__(self, *, downloads: Downloads, limiter: Limiter, scratch: Path, capacity: int) -> None:
        """Take what it works with; `capacity` is how many trees stay that nobody reads."""
        super().__init__(limiter=limiter, capacity=capacity, fetch=self._unpacked, remove=_remove_tree)
        self._downloads = downloads
        self._blocking = limiter
        self._scratch = scratch

    async def _unpacked(self, artifact: Artifact, timeout: float) -> Path:
        target = Path(tempfile.mkdtemp(prefix="source-", dir=self._scratch))
        packed = target.with_suffix(".tar.gz")
        try:
            await self._downloads.fetch(artifact, packed, timeout=timeout)
            await self._blocking.run(unpack.unpack, packed, target)
        except BaseException as error:
            await asyncio.shield(self._blocking.run(_remove_tree, target))
            if isinstance(error, unpack.ArchiveError):
                raise ArtifactError(str(error)) from error
            if isinstance(error, OSError):
                raise ArtifactError(f"failed to keep archive: {error.strerror}") from error
            raise
        finally:
            packed.unlink(missing_ok=True)
        return target


class Archives(_Shared):
    """The artifacts as they came: files."""

    def __init__(self, *, downloads: Downloads, limiter: Limiter, scratch: Path, capacity: int) -> None:
        """Take what it works with; `capacity` is how many files stay that nobody reads."""
        super().__init__(limiter=limiter, capacity=capacity, fetch=self._packed, remove=_remove_file)
        self._downloads = downloads
        self._blocking = limiter
        self._scratch = scratch

    async def _packed(self, artifact: Artifact, timeout: float) -> Path:
        folder = Path(tempfile.mkdtemp(prefix="archive-", dir=self._scratch))
        target = folder / "artifact.tgz"
        try:
            await self._downloads.fetch(artifact, target, timeout=timeout)
        except BaseException:
            await asyncio.shield(self._blocking.run(_remove_file, target))
            raise
        return target


def _remove_tree(path: Path) -> None:
    shutil.rmtree(path, ignore_errors=True)


def _remove_file(path: Path) -> None:
    shutil.rmtree(path.parent, ignore_errors=True)
