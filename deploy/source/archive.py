"""The artifact's tarball, written straight from a commit or a folder: equal content gives equal bytes.

Answers to source-controller's `Storage.Archive`: entries in the order of a directory walk behind a first `.`, regular
files and directories only, no owners, no times, modes 0750, 0600 and 0700, directory names without a slash at the end.
"""

import errno
import hashlib
import zlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, Protocol

from deploy.source import links
from deploy.source.ignore import IGNORE_FILE, Ignore
from gotk.git.objects.tree import DIRECTORY, Entry

_LINK = 0o120000
_EXECUTABLE = 0o111
_DIRECTORY_MODE = 0o750
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


def write(
    target: BinaryIO,
    entries: Iterable[Entry],
    read: Callable[[str], Content],
    ignore: str | None,
    *,
    own_rules: bool = True,
) -> Written:
    """Write the tarball of files, and of directories that may be empty; `ignore` is `spec.ignore`.

    The ignore files among them count, unless the artifact has no `own_rules`. `read` gives the content that an entry's
    id stands for. Raises OSError for a file that changes meanwhile, and for an ignore file that is a circle of links.
    """
    files = list(entries)
    ignored = Ignore(_ignore_files(files, read) if own_rules else (), ignore)
    out = Gzip(target)
    out.write(header(b".", mode=_DIRECTORY_MODE, directory=True))
    for parts, entry in _walk(files):
        is_directory = entry is None or entry.mode == DIRECTORY
        if ignored.excludes(parts, directory=is_directory):
            continue
        name = "/".join(parts).encode("utf-8", "surrogateescape")
        if entry is None or is_directory:
            out.write(header(name, mode=_DIRECTORY_MODE, directory=True))
        elif entry.mode & _LINK != _LINK:
            write_file(out, name, read(entry.blob_id), mode=0o700 if entry.mode & _EXECUTABLE else 0o600)
    out.write(END)
    return out.finish()


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


def _ignore_files(files: Sequence[Entry], read: Callable[[str], Content]) -> list[tuple[tuple[str, ...], str]]:
    """Find the ignore files, each with its directory, in the order of a walk; none is looked for below `.git`.

    One that is a link counts where the link stands, if it leads to a file of the tree. Raises OSError for a circle.
    """

    def content(entry: Entry) -> bytes:
        held = read(entry.blob_id)
        return held if isinstance(held, bytes) else held.read_bytes()

    named = [(tuple(entry.path.split("/")), entry) for entry in files if entry.path.split("/")[-1] == IGNORE_FILE]
    linked = any(entry.mode == links.LINK for _, entry in named)
    tree = dict(_walk(files if linked else [entry for _, entry in named]))
    found = []
    for (*directory, name), _ in named:
        file = links.follow((*directory, name), tree, content)
        if file is not None and ".git" not in directory:
            found.append((tuple(directory), content(file).decode("utf-8", "surrogateescape")))
    return sorted(found)


def _walk(files: Iterable[Entry]) -> Iterator[tuple[tuple[str, ...], Entry | None]]:
    """Order files, and the directories above them (without an Entry), as a walk of the tree meets them."""
    met: dict[tuple[str, ...], Entry | None] = {}
    for entry in files:
        parts = tuple(entry.path.split("/"))
        for depth in range(1, len(parts)):
            met.setdefault(parts[:depth])
        met[parts] = entry
    return iter(sorted(met.items(), key=lambda item: [part.encode("utf-8", "surrogateescape") for part in item[0]]))


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
