"""Sources on disk: an artifact is downloaded once, then shared by all who build or release it.

What lies there is only ever read; what nobody reads goes when there is too much of it.
"""

import asyncio
import contextlib
import os
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

#: Of a tree with more paths it is not remembered what lies in it.
_MOST_REMEMBERED = 50_000
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

    def _take_idle(self, wanted: Callable[[Path], bool]) -> Path | None:
        """Take one of those that nobody reads out of what is kept, the last that was read."""
        for digest in reversed(list(self._idle)):
            place = self._idle.peek(digest)
            if place is not None and place.path is not None and wanted(place.path):
                self._idle.pop(digest)
                return place.path
        return None

    async def _leave(self, digest: str, place: _Place) -> None:
        """Keep what nobody reads any more, and delete what there is no room for."""
        surplus = self._idle.put(digest, place) if place.path is not None else ()
        for each in surplus:
            if each.path is not None:
                await self._limiter.run(self._remove, each.path)


class Trees(_Shared):
    """The unpacked artifacts: directories.

    Where nobody reads the last one of a source any more, it becomes the next one: most of what lies there stays.
    """

    def __init__(self, *, downloads: Downloads, limiter: Limiter, scratch: Path, capacity: int) -> None:
        """Take what it works with; `capacity` is how many trees stay that nobody reads."""
        super().__init__(limiter=limiter, capacity=capacity, fetch=self._unpacked, remove=self._remove_known)
        self._laid: dict[Path, tuple[str, unpack.Laid]] = {}
        self._downloads = downloads
        self._blocking = limiter
        self._scratch = scratch

    async def _unpacked(self, artifact: Artifact, timeout: float) -> Path:
        descriptor, name = tempfile.mkstemp(prefix="source-", suffix=".tar.gz", dir=self._scratch)
        os.close(descriptor)
        packed = Path(name)
        try:
            await self._downloads.fetch(artifact, packed, timeout=timeout)
            source = artifact.url.rpartition("/")[0]
            last = self._take_idle(lambda path: path in self._laid and self._laid[path][0] == source)
            if last is not None:
                with contextlib.suppress(unpack.ArchiveError):  # anew, then
                    return await self._unpack(packed, last, source)
            return await self._unpack(packed, Path(tempfile.mkdtemp(prefix="source-", dir=self._scratch)), source)
        except unpack.ArchiveError as error:
            raise ArtifactError(str(error)) from error
        except OSError as error:
            raise ArtifactError(f"failed to keep archive: {error.strerror}") from error
        finally:
            _drop(packed)

    async def _unpack(self, packed: Path, target: Path, source: str) -> Path:
        """Unpack into a directory, which is gone after any error."""
        _, laid = self._laid.pop(target, (source, unpack.Laid()))
        try:
            await self._blocking.run(unpack.unpack, packed, target, laid=laid)
        except BaseException:
            await asyncio.shield(self._blocking.run(_remove_tree, target))
            raise
        if len(laid.marks) <= _MOST_REMEMBERED:
            self._laid[target] = source, laid
        return target

    def _remove_known(self, path: Path) -> None:
        self._laid.pop(path, None)
        _remove_tree(path)


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


def _drop(packed: Path) -> None:
    packed.unlink(missing_ok=True)


def _remove_tree(path: Path) -> None:
    shutil.rmtree(path, ignore_errors=True)


def _remove_file(path: Path) -> None:
    shutil.rmtree(path.parent, ignore_errors=True)
