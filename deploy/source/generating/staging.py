"""The files of an artifact before it is written: paths, and where the content of each lies. Nothing is copied.

Answers to the staging folder of source-watcher's builder, which is one on a disk: what a file replaces, what a folder
cannot, and that no path leads out. It is bounded in entries and bytes, which copies of copies would multiply.
"""

import hashlib
import posixpath
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from deploy.source.tarball import Content
from gotk.git.objects.tree import DIRECTORY, Entry

_FILE, _EXECUTABLE = 0o100644, 0o100755
_CHUNK = 1 << 20
MOST_ENTRIES = 200_000
MOST_BYTES = 1 << 30


class StagingError(ValueError):
    """Something does not fit where it should go."""


@dataclass(frozen=True, slots=True)
class Staged:
    """One file: its content and whether it may be run."""

    content: Content
    executable: bool

    @property
    def size(self) -> int:
        """How many bytes it has."""
        return len(self.content) if isinstance(self.content, bytes) else self.content.stat().st_size


@dataclass(slots=True)
class Staging:
    """What one artifact will hold."""

    files: dict[str, Staged] = field(default_factory=dict)
    folders: set[str] = field(default_factory=set)
    _bytes: int = 0

    def is_folder(self, path: str) -> bool:
        """Tell whether a folder is there."""
        return (place := clean(path)) == "." or place in self.folders

    def file(self, path: str) -> Staged | None:
        """Return a file that is there."""
        return self.files.get(clean(path))

    def make(self, path: str) -> None:
        """Make a folder and those above it. Raises StagingError."""
        place = clean(path)
        while place not in {".", ""} and place not in self.folders:
            if place in self.files:
                raise StagingError(f"mkdir {place}: not a directory")
            self.folders.add(place)
            self._count()
            place = posixpath.dirname(place)

    def put(self, path: str, staged: Staged) -> None:
        """Put a file, in place of the one that is there. Raises StagingError."""
        place = clean(path)
        if self.is_folder(place):
            raise StagingError(f"open {place}: is a directory")
        self.make(posixpath.dirname(place))
        if (old := self.files.get(place)) is not None:
            self._bytes -= old.size
        self._bytes += staged.size
        if self._bytes > MOST_BYTES:
            raise StagingError(f"the artifact's files have more than {MOST_BYTES} bytes together")
        self.files[place] = staged
        self._count()

    def entries(self) -> Iterator[Entry]:
        """Give everything as entries of a tree; a file's id is its path."""
        for path in self.folders:
            yield Entry(path, DIRECTORY, "")
        for path, staged in self.files.items():
            yield Entry(path, _EXECUTABLE if staged.executable else _FILE, path)

    def read(self, path: str) -> Content:
        """Return the content that an entry's id stands for."""
        return self.files[path].content

    def digest(self) -> str:
        """Return a hash of all that is here, for a file's name. Reads every file. Raises OSError."""
        whole = hashlib.sha256()
        for path in sorted(self.files):
            staged = self.files[path]
            line = f"{_hashed(staged.content)} {staged.executable:d} {path}\0"
            whole.update(line.encode("utf-8", "surrogateescape"))
        for path in sorted(self.folders):
            whole.update(f"{path}/\0".encode("utf-8", "surrogateescape"))
        return whole.hexdigest()

    def _count(self) -> None:
        if len(self.files) + len(self.folders) > MOST_ENTRIES:
            raise StagingError(f"the artifact has more than {MOST_ENTRIES} files and folders")


def clean(path: str) -> str:
    """Return a path in its shortest form, `.` for the root. Raises StagingError for one that leads out."""
    place = posixpath.normpath(path or ".")
    if place.startswith(("/", "../")) or place == "..":
        raise StagingError(f"'{path}': path escapes from parent")
    return place


def _hashed(content: Content) -> str:
    if isinstance(content, bytes):
        return hashlib.sha256(content).hexdigest()
    whole = hashlib.sha256()
    with Path(content).open("rb") as file:
        while piece := file.read(_CHUNK):
            whole.update(piece)
    return whole.hexdigest()
