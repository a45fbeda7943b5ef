"""What this room needs of the outside: a repository to edit without a work tree, and single objects by name.

`gotk.git.mirrors.mirror` and `gotk.kube.client` happen to fit.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from typing import Protocol, TypeVar

from gotk.api.meta import Object
from gotk.git.auth import Credentials
from gotk.git.objects.commit import Person, Sign
from gotk.git.objects.history import Past
from gotk.git.transport.operation import References
from gotk.kube.ports import Getter

O = TypeVar("O", bound=Object)  # noqa: E741 - the object's type


class Node(Protocol):
    """A directory or file of a commit."""

    @property
    def name(self) -> str:
        """The name within its directory."""
        ...

    @property
    def mode(self) -> int:
        """Git's mode: a directory, an ordinary file, an executable one, or a link."""
        ...

    @property
    def id(self) -> str:
        """What it holds, by hash."""
        ...


class Versions(Protocol):
    """Files as of any commit, and the commits before it. Methods block and raise the errors of `gotk.git.errors`."""

    def node(self, commit: str, path: str = "") -> Node:
        """Return a directory or file of a commit."""
        ...

    def read(self, blob_id: str) -> bytes:
        """Return what a file holds."""
        ...

    def history(self, commit: str, most: int) -> Sequence[Past]:
        """Return a commit and its first parents, newest first, as far as they are here."""
        ...


class Repository(Versions, Protocol):
    """A remote repository through its local mirror. Methods block and raise the errors of `gotk.git.errors`."""

    def references(self) -> References:
        """Ask the remote for its references and the commits they lead to."""
        ...

    def fetch(self, ref: str) -> str:
        """Bring a reference or commit from the remote and return the commit's id."""
        ...

    def children(self, tree_id: str) -> Sequence[Node]:
        """Return what a directory holds."""
        ...

    def size(self, blob_id: str) -> int:
        """Return how many bytes a file holds, without reading it."""
        ...

    def read_each(self, blob_ids: Iterable[str], *, limit: int) -> Iterator[tuple[str, bytes | None]]:
        """Yield what many files hold; None for one of more than `limit` bytes, not read, and for what is no file."""
        ...

    def has(self, commit: str) -> bool:
        """Tell whether a commit was fetched, without asking the remote."""
        ...

    def contains(self, tip: str, commit: str) -> bool:
        """Tell whether a commit is in the history of another, or is it."""
        ...

    def committed_at(self, commit: str) -> int:
        """Return when a commit was made, in seconds since the epoch."""
        ...

    def changes(self, old: str, new: str) -> Mapping[str, str]:
        """Return the files that differ between two commits with the new blob's id; nothing where one went."""
        ...

    def message(self, commit: str) -> str:
        """Return a commit's message."""
        ...

    def mark(self, commit: str) -> str:
        """Return the mark that a commit was made with, or nothing."""
        ...

    def commit(
        self,
        base: str,
        edits: Mapping[str, bytes],
        author: Person,
        message: str,
        when: datetime,
        *,
        sign: Sign | None = None,
        mark: str = "",
        in_message: bool = False,
    ) -> str:
        """Make a commit on top of another, without a work tree, and return its id."""
        ...

    def time_to_write(self) -> float:
        """Return for how many seconds a write to the remote may take. Raises Fenced where none may be sent."""
        ...

    def push(
        self,
        commit: str,
        branch: str,
        expected: str | None,
        *,
        force: bool = False,
        options: Mapping[str, str] | None = None,
    ) -> None:
        """Move the remote's branch to a commit, if it is still where we believe it to be."""
        ...

    def delete(self, branch: str, expected: str) -> None:
        """Delete the remote's branch, if it is still where we believe it to be."""
        ...


class Policies(Getter, Protocol):
    """Reads objects from the API, one by name or all of a namespace."""

    async def list(self, kind: type[O], namespace: str) -> Sequence[O]:
        """Return the objects of a namespace. Raises the errors of `gotk.kube.errors`."""
        ...


class Repositories(Protocol):
    """Where repositories are found by address."""

    def open(
        self, url: str, credentials: Credentials = ..., *, tenant: str = ..., timeout: float = ..., depth: int = ...
    ) -> Repository:
        """Return a tenant's repository at an address; nothing is asked of the remote yet."""
        ...
