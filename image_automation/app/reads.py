"""What the build of a Kustomization reads of a commit, for whoever has to tell whose change a failure may be."""

import stat

from deploy.kustomize.building import reading
from deploy.kustomize.building.source import Kind, TooLarge
from gotk.api.kustomize import Kustomization
from gotk.git import errors as git
from image_automation import ports
from image_automation.recovering.deployments import Reads

_LARGEST: int = 16 << 20


class Commit:
    """The files of a commit as a build's source; links are nothing, as in an artifact."""

    def __init__(self, repository: ports.Repository, commit: str) -> None:
        self._repository = repository
        self._commit = commit

    def kind(self, path: str) -> Kind:
        """Tell what lies at a path."""
        try:
            mode = self._node(path).mode
        except (git.PathNotFound, git.InvalidPath):
            return "none"
        return "directory" if stat.S_ISDIR(mode) else "file" if stat.S_ISREG(mode) else "none"

    def read(self, path: str) -> bytes:
        """Return the bytes of a file. Raises TooLarge."""
        node = self._node(path)
        if self._repository.size(node.id) > _LARGEST:
            raise TooLarge(f"larger than {_LARGEST} bytes")
        return self._repository.read(node.id)

    def entries(self, path: str) -> list[str]:
        """Return the names in a directory, in lexical order."""
        return sorted(node.name for node in self._repository.children(self._node(path).id))

    def _node(self, path: str) -> ports.Node:
        return self._repository.node(self._commit, "" if path == "." else path)


def reads(repository: ports.Repository, commit: str, obj: Kustomization) -> Reads | None:
    """Return what a build reads; None where it does not get as far as that. Blocks."""
    try:
        asked = reading.of(Commit(repository, commit), obj.spec)
    except (ValueError, git.Error, OSError):
        return None  # what does not build, or whose commit is not here
    return Reads(frozenset(asked.kinds) | frozenset(asked.wholes), frozenset(asked.wholes))
