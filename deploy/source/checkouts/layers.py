"""The files of an artifact, laid over each other from several origins: a commit, its submodules, included artifacts.

What Flux does in a work tree happens here on lists of entries: a submodule is an empty directory until its files are
there, an included folder takes a place that nothing stands at, and a place below a link is the one that the link leads
to. Pure, but for reading what a key stands for.
"""

import posixpath
from collections.abc import Callable, Iterable, Sequence

from gotk.git.objects.tree import DIRECTORY, FILES_LIMIT, SUBMODULE, Entry

_LINK = 0o120000
_MOST_LINKS = 40

Read = Callable[[str], bytes]


class Conflict(Exception):
    """Files that cannot be where they are to go; the message says why."""


class Layers:
    """Entries by path; `read` gives the bytes of any of them."""

    def __init__(self) -> None:
        self._readers: list[Read] = []
        self._entries: dict[str, Entry] = {}

    @property
    def entries(self) -> Iterable[Entry]:
        """All of them, directories that would be empty among them."""
        return self._entries.values()

    def read(self, key: str) -> bytes:
        """Return the bytes of an entry by its key, which stands where a blob's id does."""
        number, _, own = key.partition(":")
        return self._readers[int(number)](own)

    def lay(self, entries: Iterable[Entry], read: Read, *, at: str = "") -> None:
        """Lay files below a path, as they are. Raises Conflict beyond `FILES_LIMIT` files."""
        prefix, number = f"{at}/" if at else "", len(self._readers)
        self._readers.append(read)
        for path, mode, key in entries:
            whole, kind = prefix + path, DIRECTORY if mode == SUBMODULE else mode
            self._entries[whole] = Entry(whole, kind, f"{number}:{key}")
        if len(self._entries) > FILES_LIMIT:
            raise Conflict(f"there are more than {FILES_LIMIT} files")

    def include(self, entries: Sequence[Entry], read: Read, *, at: str) -> None:
        """Lay files at a place that is free or gives way; one entry without a path is the place itself.

        Raises Conflict.
        """
        place = self.place(at)
        if not place:
            raise Conflict("the root of the repository is no place to copy to")
        if entries and not entries[0].path:
            self._clear(place, for_file=True)
            (_, mode, key), number = entries[0], len(self._readers)
            self._readers.append(read)
            self._entries[place] = Entry(place, mode, f"{number}:{key}")
            return
        self._clear(place)
        self._entries[place] = Entry(place, DIRECTORY, "")
        self.lay(entries, read, at=place)

    def place(self, path: str) -> str:
        """Return where a path leads within the root: `..` stops there, and links are followed. Raises Conflict."""
        rest, found, links = [part for part in path.split("/") if part not in {"", "."}][::-1], "", 0
        while rest:
            part = rest.pop()
            if part == ".":
                continue
            if part == "..":
                found = posixpath.dirname(found)
                continue
            entry = self._entries.get(below := posixpath.join(found, part))
            if entry is None or entry.mode != _LINK:
                found = below
                continue
            links += 1
            target = self.read(entry.blob_id).decode("utf-8", "surrogateescape")
            if links > _MOST_LINKS:
                raise Conflict(f"'{path}' goes through too many links")
            found = "" if target.startswith("/") else found
            rest += [part for part in target.split("/") if part not in {"", "."}][::-1]
        return found

    def _clear(self, place: str, *, for_file: bool = False) -> None:
        """Make sure that nothing stands at a place that could not be renamed over, nor a file above it.

        An empty directory gives way to a directory, and a file to a file. Raises Conflict.
        """
        above = posixpath.dirname(place)
        while above:
            entry = self._entries.get(above)
            if entry is not None and entry.mode != DIRECTORY:
                raise Conflict(f"'{above}' is no directory")
            above = posixpath.dirname(above)
        held = self._entries.pop(place, None)
        gives_way = held is None or (held.mode != DIRECTORY) == for_file
        if not gives_way or any(path.startswith(f"{place}/") for path in self._entries):
            raise Conflict(f"'{place}' exists already")


def sparse(entries: Iterable[Entry], directories: Sequence[str]) -> list[Entry]:
    """Keep what is below the directories, or begins as they are spelt: so go-git checks out.

    Raises Conflict for a directory that is not there.
    """
    prefixes = tuple(directory.removeprefix("./") for directory in directories)
    kept = [entry for entry in entries if entry.path.startswith(prefixes)]
    there = {entry.path for entry in kept}
    for directory in directories:
        path = posixpath.normpath(f"/{directory}").lstrip("/")
        if path and path not in there and not any(each.startswith(f"{path}/") for each in there):
            cause = f"lstat {path}: no such file or directory"
            raise Conflict(f"sparse checkout dir '{directory}' does not exist in repository: {cause}")
    return kept
