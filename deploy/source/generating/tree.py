"""An unpacked source as what is copied from: its files and folders, in the order of a walk, found by path."""

import bisect
from collections.abc import Sequence
from pathlib import Path

from deploy.source import folder
from deploy.source.generating import globs
from deploy.source.generating.staging import Staged, clean
from gotk.git.objects.tree import DIRECTORY


class Tree:
    """The files and folders below one folder of this machine. Raises OSError."""

    def __init__(self, root: Path) -> None:
        self._root = root
        found = folder.entries(root)
        self._executable = {entry.path: bool(entry.mode & 0o111) for entry in found if entry.mode != DIRECTORY}
        self._order = sorted((entry.path.split("/") for entry in found), key=_bytes)
        self.paths: Sequence[str] = ["/".join(parts) for parts in self._order]

    def is_file(self, path: str) -> bool:
        """Tell whether a file is there."""
        return path in self._executable

    def is_there(self, path: str) -> bool:
        """Tell whether a file or a folder is there."""
        return path == "." or path in self._executable or bool(self._below(path, self_too=True))

    def folders(self) -> list[str]:
        """Return the folders, but for the root."""
        return [path for path in self.paths if path not in self._executable]

    def below(self, path: str) -> Sequence[str]:
        """Return what is below a folder."""
        return self.paths if path == "." else self._below(path)

    def match(self, pattern: str) -> list[str]:
        """Return what a pattern of one level a name matches. Raises BadPattern."""
        return globs.plain(pattern, self.paths)

    def staged(self, path: str) -> Staged:
        """Return a file as it is put elsewhere."""
        return Staged(self._root / path, self._executable[path])

    def file(self, path: str) -> Path:
        """Return where a file lies."""
        return self._root / clean(path)

    def _below(self, path: str, *, self_too: bool = False) -> Sequence[str]:
        parts = path.split("/")
        start = bisect.bisect_left(self._order, _bytes(parts), key=_bytes)
        end = start
        while end < len(self._order) and self._order[end][: len(parts)] == parts:
            end += 1
        if not self_too and start < end and self._order[start] == parts:
            start += 1
        return self.paths[start:end]


def _bytes(parts: Sequence[str]) -> list[bytes]:
    return [part.encode("utf-8", "surrogateescape") for part in parts]
