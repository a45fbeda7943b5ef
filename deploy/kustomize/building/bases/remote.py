"""Remote bases: what of another repository or server a kustomization names, and how that lies among the source's files.

kustomize never fetches here: a base that the operator allows is fetched by this process, and lies in a folder of its
own, which the walk of `plan` reads like the rest and does not leave.
"""

import hashlib
import posixpath
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol

from yarl import URL

from deploy.kustomize.building.source import Kind, Source
from gotk.git import url as urls

#: No repository may hold a folder of this name where remote bases are used.
FOLDER = ".remote-bases"


@dataclass(frozen=True, slots=True)
class Remote:
    """Where a base is: a repository at a reference (HEAD where none is given), or one file.

    The address of a repository is an https or ssh one without a password, and `timeout` in seconds.
    """

    url: str
    repository: bool
    reference: str = ""
    path: str = ""
    timeout: float | None = None
    submodules: bool = True

    @property
    def host(self) -> str:
        """The host that is asked, as whoever asks it reads the address."""
        return urls.parse(self.url).host if self.repository else URL(self.url).host or ""

    @property
    def over_ssh(self) -> bool:
        """Whether it is fetched over SSH, where a server is known by its key and wants to know ours."""
        return self.url.startswith("ssh://")

    @property
    def place(self) -> str:
        """The folder among the source's files: one for each repository and reference, and for each file."""
        name = hashlib.sha256(
            f"{self.url}\n{self.repository}\n{self.reference}\n{self.submodules}".encode()
        ).hexdigest()[:16]
        return f"{FOLDER}/{name}"

    @property
    def target(self) -> str:
        """What a kustomization means by it, among the source's files."""
        if self.repository:
            return posixpath.normpath(posixpath.join(self.place, self.path))
        return posixpath.join(self.place, posixpath.basename(URL(self.url).path))

    def __str__(self) -> str:
        return f"{self.url}?ref={self.reference}" if self.reference else self.url


class Allows(Protocol):
    """What the operator lets builds fetch."""

    def refusal(self, remote: Remote) -> str:
        """Return why a base is not fetched, empty where it may be."""
        ...


class Fetches(Allows, Protocol):
    """Fetches what may be fetched."""

    async def fetch(self, remote: Remote, *, timeout: float) -> Source:
        """Return the files of a repository, or the one file. Raises FetchError."""
        ...


class FetchError(ValueError):
    """A base that cannot be had. The message names it, and the cause."""


class Mounted:
    """A source, and remote bases in folders of their own."""

    def __init__(self, own: Source, mounts: Mapping[str, Source]) -> None:
        self._own = own
        self._mounts = mounts

    def kind(self, path: str) -> Kind:
        """Tell what lies at a path."""
        if path == FOLDER:
            return "directory" if self._mounts else self._own.kind(path)
        mount, below = self._found(path)
        return mount.kind(below)

    def read(self, path: str) -> bytes:
        """Return the bytes of a file. Raises TooLarge."""
        mount, below = self._found(path)
        return mount.read(below)

    def entries(self, path: str) -> list[str]:
        """Return the names in a directory, in lexical order."""
        mount, below = self._found(path)
        return mount.entries(below)

    def _found(self, path: str) -> tuple[Source, str]:
        mount = self._mounts.get(tree_of(path))
        return (self._own, path) if mount is None else (mount, posixpath.relpath(path, tree_of(path)))


class OneFile:
    """A file that was fetched by itself."""

    def __init__(self, name: str, content: bytes) -> None:
        self._name = name
        self._content = content

    def kind(self, path: str) -> Kind:
        """Tell what lies at a path."""
        return "directory" if path == "." else "file" if path == self._name else "none"

    def read(self, path: str) -> bytes:  # noqa: ARG002 - there is one
        """Return the bytes of the file."""
        return self._content

    def entries(self, path: str) -> list[str]:  # noqa: ARG002 - there is one
        """Return its name."""
        return [self._name]


def tree_of(path: str) -> str:
    """Return the folder of the remote base that a path lies in, empty for the source itself."""
    parts = path.split("/", 2)
    return "/".join(parts[:2]) if parts[0] == FOLDER and len(parts) > 1 else ""
