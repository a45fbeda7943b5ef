"""Unpacking of an artifact: regular files and directories, inside the target, within limits.

Answers to `fluxcd/pkg/tar`: links and devices are skipped, a name that would leave the target is an error. Unlike
Flux's it also bounds how much a small archive may unfold to.
"""

import gzip
import hashlib
import io
import os
import posixpath
import tarfile
import zlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from deploy.source.tar_entries import MOST_OF_HEADERS, entries
from gotk import digest as digests

_CHUNK = 128 << 10
#: What an entry may take besides its file's bytes: a header, one of its own for a long name, what fills blocks up.
_MOST_OF_AN_ENTRY = 8 << 10

#: How a file is made where there is none of its name.
_NEW = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC

#: The mark of a directory: no file has it.
_DIRECTORY = b"directory"

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


@dataclass(slots=True)
class Laid:
    """What lies in a directory that one archive was unpacked into, so that the next one writes only what differs.

    `marks` tell of each path which bytes a file has, and whether it may be run; a directory has the mark of none.
    """

    marks: dict[str, bytes] = field(default_factory=dict)


def unpack(
    path: Path, target: Path, *, most_bytes: int = 1 << 30, most_entries: int = 200_000, laid: Laid | None = None
) -> None:
    """Unpack a gzipped tar into a directory that is empty, or as it was `laid`. Raises ArchiveError.

    What is laid there is noted. After an error the directory holds some of both, and is of no use.
    """
    unfolded = most_bytes + most_entries * _MOST_OF_AN_ENTRY
    try:
        with gzip.open(path) as packed, tarfile.open(fileobj=(reader := _Bounded(packed, unfolded)), mode="r:") as tar:
            laying = _Laying(target, laid if laid is not None else Laid())
            _unpack(tar, reader, laying, most_bytes, most_entries)
            laying.end()
    except ArchiveError:
        raise
    except (tarfile.TarError, zlib.error, EOFError, OSError, RecursionError, ValueError) as error:
        raise ArchiveError(f"failed to untar archive: {_plain(error)}") from error


def _unpack(tar: tarfile.TarFile, reader: "_Bounded", laying: "_Laying", most_bytes: int, most_entries: int) -> None:
    for number, member in enumerate(entries(tar, reader), start=1):
        if number > most_entries:
            raise ArchiveError(f"failed to untar archive: more than {most_entries} entries")
        if member.isfile():
            if not 0 <= member.size <= most_bytes:
                raise ArchiveError("failed to untar archive: it unfolds to more bytes than allowed")
            most_bytes -= member.size
            content, executable = _content(tar, reader, member), bool(member.mode & 0o111)
            laying.file(_safe(member.name), content, executable=executable, small=member.size <= _CHUNK)
        elif member.isdir():
            laying.directory(_safe(member.name))


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


class _Laying:
    """Lays files and directories into a target, where they do not lie there yet."""

    def __init__(self, target: Path, laid: Laid) -> None:
        self._target = target
        self._marks = laid.marks
        self._files: set[str] = set()
        self._directories: set[str] = set()

    def directory(self, place: str) -> None:
        """Have a directory, and those above it. Raises OSError."""
        place, news = place if place != "." else "", list[str]()
        while place not in self._directories:
            self._directories.add(place)
            news.append(place)
            place = posixpath.dirname(place)
        for each in reversed(news):
            if self._marks.get(each) != _DIRECTORY:
                self._clear(each)
                (self._target / each).mkdir(mode=0o750, parents=True, exist_ok=True)
                self._marks[each] = _DIRECTORY

    def file(self, place: str, content: Iterable[bytes], *, executable: bool, small: bool) -> None:
        """Have a file; of a `small` one it is seen first whether it is there. Raises OSError."""
        self.directory(posixpath.dirname(place))
        mark = b""
        if small:
            whole = b"".join(content)
            mark = hashlib.blake2b(whole, digest_size=16, person=b"executable" if executable else b"").digest()
            content = (whole,)
        self._files.add(place)
        if not mark or self._marks.get(place) != mark:
            _write_file(f"{self._target}/{place}", content, executable=executable)
            self._marks[place] = mark

    def end(self) -> None:
        """Take away what lay there before, and does not any more. Raises OSError."""
        gone = self._marks.keys() - self._files - self._directories - {""}
        for place in sorted(gone, reverse=True):  # what is in a directory goes before it
            if self._marks.pop(place) == _DIRECTORY:
                (self._target / place).rmdir()
            else:
                (self._target / place).unlink()

    def _clear(self, place: str) -> None:
        """Take a file away that lay before where there is to be a directory. Raises OSError."""
        if place in self._marks and place not in self._files:
            (self._target / place).unlink()
            del self._marks[place]


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


def _write_file(place: str, content: Iterable[bytes], *, executable: bool) -> None:
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
