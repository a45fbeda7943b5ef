"""The files of a remote base's commit, read out of a mirror: nothing is checked out.

A submodule is a commit of another mirror, in its folder. A link is the regular file that it leads to in the same
repository, and nothing where it leads elsewhere; one to a directory is nothing, as all links are in an artifact.
"""

import contextlib
import posixpath
from collections.abc import Iterator, Mapping

from deploy.kustomize.building.bases.remote import FetchError
from deploy.kustomize.building.source import Kind, TooLarge
from gotk.git import errors
from gotk.git.mirrors.mirror import Mirror
from gotk.git.objects.tree import DIRECTORY, Node

LARGEST_FILE = 16 << 20
_REGULAR = frozenset({0o100644, 0o100755, 0o100664})
_LINK = 0o120000
_MOST_LINKS, _LONGEST_LINK = 40, 4096


class Commit:
    """A commit with those of its submodules by their folders. What a mirror does not have is a FetchError."""

    def __init__(self, mirror: Mirror, commit: str, modules: Mapping[str, "Commit"] | None = None) -> None:
        self._mirror = mirror
        self._commit = commit
        self._modules = modules or {}
        self._nodes: dict[str, Node | None] = {}

    def kind(self, path: str) -> Kind:
        """Tell what lies at a path."""
        if (within := self._module(path)) is not None:
            return within[0].kind(within[1])
        node = self._node(path)
        if node is None:
            return "none"
        return "directory" if node.mode == DIRECTORY else "file"

    def read(self, path: str, *, most: int = LARGEST_FILE) -> bytes:
        """Return the bytes of a file, `most` at most. Raises TooLarge."""
        if (within := self._module(path)) is not None:
            return within[0].read(within[1], most=most)
        node = self._node(path)
        if node is None:
            raise TooLarge("not there")
        with _reading(path):
            if self._mirror.size(node.id) > most:
                raise TooLarge(f"larger than {most} bytes")
            return self._mirror.read(node.id)

    def entries(self, path: str) -> list[str]:
        """Return the names in a directory, in lexical order."""
        if (within := self._module(path)) is not None:
            return within[0].entries(within[1])
        node = self._node(path)
        modules = {posixpath.basename(each) for each in self._modules if (posixpath.dirname(each) or ".") == path}
        with _reading(path):
            found = {child.name for child in self._mirror.children(node.id)} if node else set()
            return sorted(found | modules)

    def _module(self, path: str) -> tuple["Commit", str] | None:
        """Return the submodule that a path lies in, and the path in it."""
        for place, module in self._modules.items():
            if path == place or path.startswith(f"{place}/"):
                return module, posixpath.relpath(path, place)
        return None

    def _node(self, path: str) -> Node | None:
        if path not in self._nodes:
            with _reading(path):
                self._nodes[path] = self._found(path)
        return self._nodes[path]

    def _found(self, path: str) -> Node | None:
        """Return a directory, or a file that a path leads to through links."""
        node = self._looked(path)
        if node is None or node.mode == DIRECTORY:
            return node
        for _ in range(_MOST_LINKS):
            if node is None or node.mode != _LINK:
                return node if node is not None and node.mode in _REGULAR else None
            if self._mirror.size(node.id) > _LONGEST_LINK:
                return None
            target = self._mirror.read(node.id).decode("utf-8", "surrogateescape")
            path = posixpath.normpath(posixpath.join(posixpath.dirname(path), target))
            node = None if posixpath.isabs(path) else self._looked(path)
        return None

    def _looked(self, path: str) -> Node | None:
        try:
            return self._mirror.node(self._commit, path)
        except (errors.PathNotFound, errors.InvalidPath):
            return None


@contextlib.contextmanager
def _reading(path: str) -> Iterator[None]:
    try:
        yield
    except errors.Error as error:
        raise FetchError(f"failed to read '{path}' of a remote base: {error}") from error
