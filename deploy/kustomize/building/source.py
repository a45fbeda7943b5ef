"""The unpacked source, as a build reads it: regular files and directories below its root, and never through a link.

Unpacking leaves links out, so there is none to follow; this says so again where the files are read.
"""

import os
import stat
from collections.abc import Callable
from pathlib import Path
from typing import Literal, Protocol

Kind = Literal["file", "directory", "none"]
#: Tells of a file by its path whether it stays out.
Excludes = Callable[[str], bool]
_LARGEST_FILE = 16 << 20
_MOST_BYTES = 128 << 20


class TooLarge(ValueError):
    """A file that is too large to be read, or one too many. The message says how large it may be."""


class Source(Protocol):
    """Paths and what lies there; a path is relative to the root, and normal."""

    def kind(self, path: str) -> Kind:
        """Tell what lies at a path."""

    def read(self, path: str) -> bytes:
        """Return the bytes of a file. Raises TooLarge."""

    def entries(self, path: str) -> list[str]:
        """Return the names in a directory, in lexical order."""


def nothing(_: str) -> bool:
    """Leave no file out."""
    return False


class Directory:
    """A source on disk. A file that is excluded is listed nowhere, and empty for who names it."""

    def __init__(self, root: Path, *, most: int | None = None, excludes: Excludes = nothing) -> None:
        """Read from a root, `most` bytes altogether, or as much as one build may."""
        self._root = root
        self.excludes = excludes
        self._most = _MOST_BYTES if most is None else most
        self._kinds: dict[str, Kind] = {".": "directory"}
        self._left = self._most

    def kind(self, path: str) -> Kind:
        """Tell what lies at a path: a link is nothing, and so is all that lies behind one or above the root."""
        known = self._kinds.get(path)
        if known is None:
            known = self._kinds[path] = self._look(path)
        return known

    def read(self, path: str) -> bytes:
        """Return the bytes of a file. Raises TooLarge."""
        if self.excludes(path):
            return b""
        with (self._root / path).open("rb") as file:
            data = file.read(min(_LARGEST_FILE, max(self._left, 0)) + 1)
        if len(data) > _LARGEST_FILE:
            raise TooLarge(f"larger than {_LARGEST_FILE} bytes")
        self._left -= len(data)
        if self._left < 0:
            raise TooLarge(f"more than {self._most} bytes are to be read for one build")
        return data

    def entries(self, path: str) -> list[str]:
        """Return the names in a directory, in lexical order."""
        where = "" if path == "." else f"{path}/"
        return sorted(
            entry.name
            for entry in os.scandir(self._root / path)
            if not (entry.is_file(follow_symlinks=False) and self.excludes(where + entry.name))
        )

    def _look(self, path: str) -> Kind:
        parent = path.rpartition("/")[0] or "."
        if self.kind(parent) != "directory" or path == "..":
            return "none"
        try:
            mode = (self._root / path).lstat().st_mode
        except OSError:
            return "none"
        return "directory" if stat.S_ISDIR(mode) else "file" if stat.S_ISREG(mode) else "none"
