"""What an unpacked source holds, by hash: each file's bytes, each folder's names and what bears them.

It is made once for an artifact, and tells for any number of builds whether another artifact is the same to them.
"""

import functools
import hashlib
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from deploy.kustomize.building.asked import Answered, Asked
from deploy.source.download import ArtifactError
from deploy.source.fetch import Trees
from gotk.api.meta import Artifact
from gotk.bounded import Bounded
from gotk.http.flights import Flights
from gotk.runtime.blocking import Limiter

_BYTES = 16
#: How many paths are remembered, of all artifacts together; what is unpacked has half as many at most.
_PATHS = 400_000
_PIECE = 64 << 10
_FILE, _DIRECTORY, _NOTHING = b"f", b"d", b"-"


_hash = functools.partial(hashlib.blake2b, digest_size=_BYTES)


@dataclass(frozen=True, slots=True)
class Changes:
    """The paths at which two sources differ in anything, and those of them where another kind of thing lies."""

    wholes: frozenset[str]
    kinds: frozenset[str]

    def concern(self, asked: Asked) -> bool:
        """Tell whether any of a build's questions has another answer."""
        return not (self.wholes.isdisjoint(asked.wholes) and self.kinds.isdisjoint(asked.kinds))


class Contents:
    """A mark for each path: what lies there in the first byte, and which in the others. A path without has none."""

    def __init__(self, marks: Mapping[str, bytes]) -> None:
        self._marks = marks

    def __len__(self) -> int:
        return len(self._marks)

    def answer(self, asked: Asked) -> Answered:
        """Answer a build's questions."""
        find = self._marks.get
        told = _hash()
        told.update(b"".join([find(path, _NOTHING)[:1] for path in asked.kinds]))
        told.update(b"".join([find(path, _NOTHING) for path in asked.wholes]))
        return Answered(asked, told.digest())

    def changes(self, before: "Contents") -> Changes:
        """Return how this source differs from an earlier one."""
        now, then = self._marks, before._marks  # noqa: SLF001 - its own kind
        wholes = {path for path, mark in now.items() if then.get(path) != mark}
        wholes.update(then.keys() - now.keys())
        kinds = {path for path in wholes if now.get(path, _NOTHING)[:1] != then.get(path, _NOTHING)[:1]}
        return Changes(frozenset(wholes), frozenset(kinds))


class Index:
    """The contents of artifacts. What was asked for last stays."""

    def __init__(self, *, trees: Trees, limiter: Limiter) -> None:
        self._trees = trees
        self._limiter = limiter
        self._known: Bounded[str, Contents] = Bounded(_PATHS, weigh=len)
        self._flights: Flights[str, Contents] = Flights()

    async def of(self, artifact: Artifact, *, timeout: float) -> Contents:
        """Return what an artifact holds. Raises ArtifactError."""
        known = self._known.get(artifact.digest)
        return known or await self._flights.share(artifact.digest, lambda: self._read(artifact, timeout))

    def known(self, digest: str) -> Contents | None:
        """Return what an artifact holds, None where that is not known any more, or not yet."""
        return self._known.get(digest)

    async def _read(self, artifact: Artifact, timeout: float) -> Contents:
        async with self._trees.open(artifact, timeout=timeout) as root:
            try:
                found = await self._limiter.run(read, root)
            except OSError as error:
                raise ArtifactError(f"failed to read archive: {error.strerror}") from error
        self._known.put(artifact.digest, found)
        return found


def _digest(path: str) -> bytes:
    """Hash a file, most of which are small: a buffer of a size for large ones costs more than what it is for."""
    told = _hash()
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        while piece := os.read(descriptor, _PIECE):
            told.update(piece)
    finally:
        os.close(descriptor)
    return told.digest()


def read(root: Path) -> Contents:
    """Hash all that is below a folder; links and devices are nothing. Raises OSError."""
    marks: dict[str, bytes] = {}
    pending = [""]
    while pending:
        where = pending.pop()
        listing: list[bytes] = []
        with os.scandir(root / where) as inside:
            for each in inside:
                path = f"{where}/{each.name}" if where else each.name
                mark = _NOTHING
                if each.is_dir(follow_symlinks=False):
                    mark = _DIRECTORY
                    pending.append(path)
                elif each.is_file(follow_symlinks=False):
                    mark = _FILE
                    marks[path] = _FILE + _digest(each.path)
                listing.append(mark + os.fsencode(each.name))
        marks[where or "."] = _DIRECTORY + _hash(b"\0".join(sorted(listing))).digest()
    return Contents(marks)
