"""Unpacking of an artifact: regular files and directories, inside the target, within limits.

Answers to `fluxcd/pkg/tar`: links and devices are skipped, a name that would leave the target is an error. Unlike
Flux's it also bounds how much a small archive may unfold to.
"""

import gzip
import io
import os
import posixpath
import tarfile
import zlib
from collections.abc import Iterator
from pathlib import Path

from deploy.source.tar_entries import MOST_OF_HEADERS, entries
from gotk import digest as digests

_CHUNK = 128 << 10
#: What an entry may take besides its file's bytes: a header, one of its own for a long name, what fills blocks up.
_MOST_OF_AN_ENTRY = 8 << 10

#: How a file is made where there is none of its name.
_NEW = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC

_HINT = "(check whether file size exceeds max download size)"


class ArchiveError(ValueError):
    """An archive that is damaged, too large or hostile."""


def verify(path: Path, digest: str) -> None:
    """Check a file against `<algorithm>:<hex>`; bare hex is SHA-256. Raises ArchiveError."""
    algorithm, _, expected = digest.rpartition(":")
    try:
        with path.open("rb") as file:
            computed = digests.of(file, algorithm or digests.CANONICAL)
    except ValueError as error:
        raise ArchiveError(f"failed to verify archive: {error}") from None
    if computed.rpartition(":")[2] != expected.lower():
        raise ArchiveError(f"failed to verify archive: computed digest doesn't match provided '{digest}' {_HINT}")


def unpack(path: Path, target: Path, *, most_bytes: int = 1 << 30, most_entries: int = 200_000) -> None:
    """Unpack a gzipped tar into an empty directory. Raises ArchiveError."""
    unfolded = most_bytes + most_entries * _MOST_OF_AN_ENTRY
    try:
        with gzip.open(path) as packed, tarfile.open(fileobj=(reader := _Bounded(packed, unfolded)), mode="r:") as tar:
            _unpack(tar, reader, target, most_bytes, most_entries)
    except ArchiveError:
        raise
    except (tarfile.TarError, zlib.error, EOFError, OSError, RecursionError, ValueError) as error:
        raise ArchiveError(f"failed to untar archive: {_plain(error)}") from error


def _unpack(tar: tarfile.TarFile, reader: "_Bounded", target: Path, most_bytes: int, most_entries: int) -> None:
    made: set[str] = set()
    for number, member in enumerate(entries(tar, reader), start=1):
        if number > most_entries:
            raise ArchiveError(f"failed to untar archive: more than {most_entries} entries")
        if member.isfile():
            if not 0 <= member.size <= most_bytes:
                raise ArchiveError("failed to untar archive: it unfolds to more bytes than allowed")
            most_bytes -= member.size
            place = _safe(member.name)
            _make_directory(target, posixpath.dirname(place), made)
            _write_file(f"{target}/{place}", _content(tar, reader, member), executable=bool(member.mode & 0o111))
        elif member.isdir():
            _make_directory(target, _safe(member.name), made)


class _Bounded(io.RawIOBase):
    """What a gzipped tar unfolds to, forward only: `tarfile` would read a header of any length into memory."""

    def __init__(self, packed: gzip.GzipFile, most: int) -> None:
        self._packed = packed
        self._most = most
        self._position = 0
        self.headers: int | None = MOST_OF_HEADERS

    def read(self, size: int = -1) -> bytes:
        """Read what a header or a piece of a file may have at most. Raises ArchiveError."""
        if not 0 <= size <= _CHUNK:
            raise ArchiveError(f"failed to untar archive: a header of more than {_CHUNK} bytes")
        if self.headers is not None:
            self.headers -= size
            if self.headers < 0:
                raise ArchiveError(f"failed to untar archive: headers of more than {MOST_OF_HEADERS} bytes")
        return self._take(size)

    def _take(self, size: int) -> bytes:
        found = self._packed.read(size)
        self._position += len(found)
        if self._position > self._most:
            raise ArchiveError("failed to untar archive: it unfolds to more bytes than allowed")
        return found

    def tell(self) -> int:
        """Return the position in what was unfolded."""
        return self._position

    def seek(self, position: int, whence: int = 0, /) -> int:
        """Skip forward to a position."""
        if whence or position < self.tell():
            raise tarfile.ReadError("it leads backwards")
        while (left := position - self.tell()) and self._take(min(left, _CHUNK)):
            continue
        return self.tell()


def _safe(name: str) -> str:
    """Return the place inside the target that a name means. Raises ArchiveError for one that is outside of it."""
    if "\\" in name or "\0" in name or posixpath.isabs(name) or ".." in name.split("/"):
        raise ArchiveError(f"failed to untar archive: tar contained invalid name {name[:200]!r}")
    return posixpath.normpath(name)


def _make_directory(target: Path, place: str, made: set[str]) -> None:
    if place not in made:
        (target / place).mkdir(mode=0o750, parents=True, exist_ok=True)
        made.add(place)


def _content(tar: tarfile.TarFile, reader: "_Bounded", member: tarfile.TarInfo) -> Iterator[bytes]:
    """Yield a file's bytes. Raises ReadError where the archive ends before they do."""
    if member.issparse():
        holed = tar.extractfile(member)
        while holed is not None and (chunk := holed.read(_CHUNK)):
            yield chunk
        return
    reader.seek(member.offset_data)
    left = member.size
    while left:
        chunk = reader.read(min(left, _CHUNK))
        if not chunk:
            raise tarfile.ReadError("unexpected end of data")
        left -= len(chunk)
        yield chunk


def _write_file(place: str, content: Iterator[bytes], *, executable: bool) -> None:
    """Write a file that its owner alone may read; one that is there already is replaced."""
    mode = 0o700 if executable else 0o600
    try:
        made = os.open(place, _NEW, mode)
    except FileExistsError:
        os.remove(place)  # noqa: PTH107 - a path of its own for each file costs as much as the file
        made = os.open(place, _NEW, mode)
    with os.fdopen(made, "wb") as file:
        file.writelines(content)


def _plain(error: Exception) -> str:
    """Describe an error without the paths of this machine."""
    return (error.strerror if isinstance(error, OSError) else str(error)) or type(error).__name__
