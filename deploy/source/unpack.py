"""Unpacking of an artifact: regular files and directories, inside the target, within limits.

Answers to `fluxcd/pkg/tar`: links and devices are skipped, a name that would leave the target is an error. Unlike
Flux's it also bounds how much a small archive may unfold to.
"""

import gzip
import io
import posixpath
import tarfile
import zlib
from pathlib import Path

from deploy.source.tar_entries import MOST_OF_HEADERS, entries
from gotk import digest as digests

_CHUNK = 128 << 10
#: What an entry may take besides its file's bytes: a header, one of its own for a long name, what fills blocks up.
_MOST_OF_AN_ENTRY = 8 << 10

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
    for number, member in enumerate(entries(tar, reader), start=1):
        if number > most_entries:
            raise ArchiveError(f"failed to untar archive: more than {most_entries} entries")
        if member.isfile():
            if not 0 <= member.size <= most_bytes:
                raise ArchiveError("failed to untar archive: it unfolds to more bytes than allowed")
            most_bytes -= member.size
            _write_file(tar, member, target / _safe(member.name))
        elif member.isdir():
            (target / _safe(member.name)).mkdir(mode=0o750, parents=True, exist_ok=True)


class _Bounded(io.RawIOBase):
    """What a gzipped tar unfolds to, forward only: `tarfile` would read a header of any length into memory."""

    def __init__(self, packed: gzip.GzipFile, most: int) -> None:
        self._packed = packed
        self._most = most
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
        if self._packed.tell() > self._most:
            raise ArchiveError("failed to untar archive: it unfolds to more bytes than allowed")
        return found

    def tell(self) -> int:
        """Return the position in what was unfolded."""
        return self._packed.tell()

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


def _write_file(tar: tarfile.TarFile, member: tarfile.TarInfo, place: Path) -> None:
    place.parent.mkdir(mode=0o750, parents=True, exist_ok=True)
    place.unlink(missing_ok=True)
    content = tar.extractfile(member)
    with place.open("xb") as file:
        while content is not None and (chunk := content.read(_CHUNK)):
            file.write(chunk)
    place.chmod(0o700 if member.mode & 0o111 else 0o600)


def _plain(error: Exception) -> str:
    """Describe an error without the paths of this machine."""
    return (error.strerror if isinstance(error, OSError) else str(error)) or type(error).__name__
