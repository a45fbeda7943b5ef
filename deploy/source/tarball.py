"""A gzipped tarball, piece by piece: headers as Go's `archive/tar` writes them, without owners and times."""

import errno
import hashlib
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, Protocol

_BLOCK = 512
#: What ends a tarball.
END = bytes(2 * _BLOCK)
_NAME_SIZE, _PREFIX_SIZE = 100, 155
_GZIP_HEADER = bytes((0x1F, 0x8B, 8, 0, 0, 0, 0, 0, 0, 0xFF))  # no name, no time, no system
_LEVEL = 6
_CHUNK = 1 << 20

#: A file's content, or where it lies on this machine.
Content = bytes | Path


@dataclass(frozen=True, slots=True)
class Written:
    """The digest (`sha256:...`) and size of a tarball."""

    digest: str
    size: int


class Output(Protocol):
    """Takes a tarball piece by piece."""

    def write(self, data: bytes, /) -> object:
        """Take a piece."""


class Gzip:
    """Compresses into a file, and hashes what reaches it."""

    def __init__(self, target: BinaryIO) -> None:
        self._target = target
        self._hash = hashlib.sha256()
        self._deflate = zlib.compressobj(_LEVEL, zlib.DEFLATED, -zlib.MAX_WBITS)
        self._crc = self._length = self._size = 0
        self._emit(_GZIP_HEADER)

    def write(self, data: bytes) -> None:
        """Take what is to be compressed."""
        self._crc = zlib.crc32(data, self._crc)
        self._length += len(data)
        self._emit(self._deflate.compress(data))

    def finish(self) -> Written:
        """End the file."""
        self._emit(self._deflate.flush())
        self._emit(self._crc.to_bytes(4, "little") + (self._length & 0xFFFFFFFF).to_bytes(4, "little"))
        return Written(f"sha256:{self._hash.hexdigest()}", self._size)

    def _emit(self, data: bytes) -> None:
        self._hash.update(data)
        self._size += len(data)
        self._target.write(data)


def write_file(out: Output, name: bytes, content: Content, *, mode: int) -> None:
    """Write a file's entry. Raises OSError where it changes meanwhile."""
    size = len(content) if isinstance(content, bytes) else content.stat().st_size
    out.write(header(name, mode=mode, size=size))
    left = size
    for piece in (content,) if isinstance(content, bytes) else _pieces(content):
        left -= len(piece)
        out.write(piece)
    if left:
        raise OSError(errno.EIO, f"'{name.decode(errors='replace')}' changed while it was read")
    out.write(bytes(-size % _BLOCK))


def _pieces(path: Path) -> Iterator[bytes]:
    with path.open("rb") as file:
        while piece := file.read(_CHUNK):
            yield piece


def header(name: bytes, *, mode: int, size: int = 0, directory: bool = False) -> bytes:
    """Make a USTAR header, with a PAX one before it where the name does not fit, as Go's `archive/tar` makes them."""
    kind = b"5" if directory else b"0"
    split = _split(name)
    if split is not None:
        return _ustar(*split, mode=mode, size=size, kind=kind)
    record = _record(b"path", name)
    head, _, tail = name.rpartition(b"/")
    named = _ascii(b"%b/PaxHeaders.0/%b" % (head, tail) if head else b"PaxHeaders.0/%b" % tail)[:_NAME_SIZE]
    extension = _ustar(b"", named.rstrip(b"/"), mode=0, size=len(record), kind=b"x", device=b"")
    body = record + bytes(-len(record) % _BLOCK)
    short = _ascii(name)
    if len(short) > _NAME_SIZE and short[_NAME_SIZE - 1] == ord("/"):
        short = short[:_NAME_SIZE].rstrip(b"/")
    return extension + body + _ustar(b"", short[:_NAME_SIZE], mode=mode, size=size, kind=kind)


def _ascii(name: bytes) -> bytes:
    return bytes(char for char in name if char < 0x80)


def _split(name: bytes) -> tuple[bytes, bytes] | None:
    """Split a name into USTAR's prefix and name; None where only PAX can hold it."""
    if not name.isascii():
        return None
    if len(name) <= _NAME_SIZE:
        return b"", name
    slash = name.rfind(b"/", 0, _PREFIX_SIZE + 1)
    if slash <= 0 or len(name) - slash - 1 > _NAME_SIZE:
        return None
    return name[:slash], name[slash + 1 :]


def _record(key: bytes, value: bytes) -> bytes:
    """Make a PAX record, whose length counts itself."""
    rest = b" %b=%b\n" % (key, value)
    length = len(rest) + 1
    while len(str(length)) + len(rest) != length:
        length = len(str(length)) + len(rest)
    return str(length).encode() + rest


def _ustar(prefix: bytes, name: bytes, *, mode: int, size: int, kind: bytes, device: bytes = b"%07o\0" % 0) -> bytes:
    fields = (
        name.ljust(_NAME_SIZE, b"\0"),
        b"%07o\0" % mode,
        b"%07o\0" % 0 * 2,  # owner and group
        b"%011o\0" % size,
        b"%011o\0" % 0,  # time
        b" " * 8,  # the checksum, as it is counted
        kind,
        bytes(100),
        b"ustar\x0000",
        bytes(64),  # names of owner and group
        device.ljust(8, b"\0") * 2,
        prefix.ljust(_PREFIX_SIZE, b"\0"),
        bytes(12),
    )
    block = b"".join(fields)
    return block[:148] + b"%06o\0 " % sum(block) + block[156:]
