"""The trees of commits: a directory or file by its path, what a directory holds, and every file below it.

There is one way into a tree, `children`, which refuses the names that are no names; `find` and `files` go by it.
pygit2's errors for a damaged object database pass through: whoever owns the repository knows what to do about them.
"""

from collections.abc import Iterator
from typing import Any, NamedTuple

import pygit2
from pygit2.enums import FileMode

from gotk.git import errors, libgit2
from gotk.git.objects import commit as commits

#: A commit of more files, or of directories nested deeper, is not walked: a few trees can hold each other ten times.
FILES_LIMIT = 500_000
_DEPTH_LIMIT = 200

DIRECTORY, SUBMODULE = int(FileMode.TREE), int(FileMode.COMMIT)


class Entry(NamedTuple):
    """A file of a commit: path from the root, mode (0o120000 is a link) and the blob's id (a submodule's commit)."""

    path: str
    mode: int
    blob_id: str


class Node(NamedTuple):
    """A directory (mode 0o040000) or file by its name and its content's hash."""

    name: str
    mode: int
    id: str


def split(path: str) -> tuple[str, ...]:
    """Split a path below the root into its names; `.` and nothing are the root. Raises InvalidPath."""
    stripped = path.removeprefix("./").strip("/")
    return commits.check_path(stripped) if stripped not in {"", "."} else ()


def find(root: pygit2.Tree, path: str = "") -> Node:
    """Return a directory or file below a root tree. Raises PathNotFound, and InvalidPath for a path that is none."""
    found: Any = root
    for name in map(libgit2.named, split(path)):
        if not isinstance(found, pygit2.Tree) or name not in found:
            raise errors.PathNotFound(f"the repository has no '{path}'")
        found = found[name]
    return Node("", DIRECTORY if isinstance(found, pygit2.Tree) else int(found.filemode), str(found.id))


def children(
    repository: pygit2.Repository, tree_id: str, where: str = "", *, submodules: bool = False
) -> Iterator[Node]:
    """Yield what a directory holds, in the order of Git's trees; submodules are left out where they are not wanted.

    `where` is the directory's own path for messages. Raises InvalidPath for a name that is none.
    """
    tree: Any = repository[tree_id]
    for entry in tree:
        if (mode := int(entry.filemode)) != SUBMODULE or submodules:
            yield Node(_name(entry, where), mode, str(entry.id))


def files(
    repository: pygit2.Repository, root: pygit2.Tree, path: str, url: str, *, submodules: bool = False
) -> Iterator[Entry]:
    """Yield the files of a directory (or the one file) below a root tree, in the order of Git's trees.

    `url` names the repository for messages. With `submodules` they are yielded as entries of their own mode. Raises
    PathNotFound, InvalidPath, and TooLarge beyond `FILES_LIMIT` files.
    """
    start, prefix = find(root, path), "/".join(split(path))
    if start.mode != DIRECTORY:
        yield Entry(prefix, start.mode, start.id)
        return
    for number, entry in enumerate(_walk(repository, start.id, f"{prefix}/" if prefix else "", submodules)):
        if number >= FILES_LIMIT:
            raise errors.TooLarge(f"'{url}' holds more than {FILES_LIMIT} files")
        yield entry


def _walk(repository: pygit2.Repository, tree_id: str, where: str, submodules: bool, depth: int = 0) -> Iterator[Entry]:
    if depth > _DEPTH_LIMIT:
        raise errors.InvalidPath(f"the repository's directories are nested deeper than {_DEPTH_LIMIT} levels")
    for node in children(repository, tree_id, where, submodules=submodules):
        if node.mode == DIRECTORY:
            yield from _walk(repository, node.id, f"{where}{node.name}/", submodules, depth + 1)
        else:
            yield Entry(where + node.name, node.mode, node.id)


def _name(entry: Any, where: str) -> str:
    name: str = entry.raw_name.decode("utf-8", "surrogateescape")
    if name in {"", ".", ".."} or "/" in name or "\0" in name:
        raise errors.InvalidPath(f"the repository holds '{errors.printable(where + name)}', which is no path")
    return name
