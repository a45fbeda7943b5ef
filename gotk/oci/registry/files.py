"""Where the registry keeps bytes: in memory, or in a directory that survives a restart."""

import os
from pathlib import Path
from typing import Protocol


class Files(Protocol):
    """Named byte strings in folders, such as `blobs` or `repositories/team/app/_tags`."""

    def get(self, folder: str, name: str) -> bytes | None:
        """Return a file's content, or None."""
        ...

    def put(self, folder: str, name: str, content: bytes) -> None:
        """Write a file, whole or not at all."""
        ...

    def remove(self, folder: str, name: str) -> bool:
        """Remove a file; tell whether there was one."""
        ...

    def names(self, folder: str) -> list[str]:
        """Return the names of a folder's files, unordered."""
        ...

    def folders(self) -> list[str]:
        """Return every folder that holds a file or once did, unordered."""
        ...


class MemoryFiles:
    """Gone with the process."""

    def __init__(self) -> None:
        self._folders: dict[str, dict[str, bytes]] = {}

    def get(self, folder: str, name: str) -> bytes | None:
        """Return a file's content, or None."""
        return self._folders.get(folder, {}).get(name)

    def put(self, folder: str, name: str, content: bytes) -> None:
        """Write a file."""
        self._folders.setdefault(folder, {})[name] = content

    def remove(self, folder: str, name: str) -> bool:
        """Remove a file; tell whether there was one."""
        return self._folders.get(folder, {}).pop(name, None) is not None

    def names(self, folder: str) -> list[str]:
        """Return the names of a folder's files."""
        return list(self._folders.get(folder, ()))

    def folders(self) -> list[str]:
        """Return every folder."""
        return list(self._folders)


class DirectoryFiles:
    """Under a directory. Names come from the registry's grammar, which has no `..` and no leading dot."""

    def __init__(self, root: Path) -> None:
        self._root = root
        root.mkdir(parents=True, exist_ok=True)

    def get(self, folder: str, name: str) -> bytes | None:
        """Return a file's content, or None."""
        try:
            return (self._root / folder / name).read_bytes()
        except (FileNotFoundError, NotADirectoryError):
            return None

    def put(self, folder: str, name: str, content: bytes) -> None:
        """Write a file: under another name first, so that nobody reads a part."""
        path = self._root / folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        partial = path.with_name(f".{name}.partial")
        partial.write_bytes(content)
        partial.replace(path)

    def remove(self, folder: str, name: str) -> bool:
        """Remove a file; tell whether there was one."""
        try:
            (self._root / folder / name).unlink()
        except FileNotFoundError:
            return False
        return True

    def names(self, folder: str) -> list[str]:
        """Return the names of a folder's files."""
        path = self._root / folder
        return [entry.name for entry in path.iterdir() if not entry.name.startswith(".")] if path.is_dir() else []

    def folders(self) -> list[str]:
        """Return every folder."""
        return [str(Path(folder).relative_to(self._root)) for folder, _, _ in os.walk(self._root)]
