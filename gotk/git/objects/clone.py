"""Somebody's own clone, with a work tree: read at its HEAD, and given a commit that changes named files and no others.

For a CI job, which has the repository checked out already. Nothing of the clone's configuration is run: libgit2 knows
neither hooks nor filter programs. A file with changes that are not committed is never overwritten.
"""

from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from typing import Any

import pygit2
from pygit2.enums import CheckoutStrategy, FileStatus

from gotk.git import errors
from gotk.git import libgit2 as _settings
from gotk.git.objects import blob, history, tree
from gotk.git.objects import commit as commits
from gotk.git.objects.commit import Person
from gotk.git.objects.tree import Node

assert _settings is not None  # imported for what it sets

_CLEAN = FileStatus.CURRENT
#: The files named and no others, whatever pattern their names would be.
_REPLACE = CheckoutStrategy.FORCE | CheckoutStrategy.DISABLE_PATHSPEC_MATCH


class Clone:
    """A clone on this machine. Methods block and raise the errors of `gotk.git.errors`."""

    def __init__(self, repository: pygit2.Repository, root: Path) -> None:
        self._repository: Any = repository
        #: The folder of the work tree.
        self.root = root

    @property
    def head(self) -> str | None:
        """The commit checked out; None before the first."""
        return None if self._repository.head_is_unborn else str(self._repository.head.target)

    @property
    def branch(self) -> str:
        """The branch checked out; empty where HEAD is a commit, as CI systems like it."""
        if self._repository.head_is_detached or self._repository.head_is_unborn:
            return ""
        name: str = self._repository.head.shorthand
        return name

    @property
    def remotes(self) -> list[str]:
        """The addresses of the remotes."""
        return [remote.url for remote in self._repository.remotes if remote.url]

    def node(self, commit: str, path: str = "") -> Node:
        """Return a directory or file of a commit. Raises PathNotFound."""
        return tree.find(self._commit(commit).tree, path)

    def read(self, blob_id: str) -> bytes:
        """Return the bytes of a file."""
        return blob.read(self._repository, blob_id, f"the clone '{self.root}'")

    def history(self, commit: str, most: int) -> list[history.Past]:
        """Return a commit and its first parents, newest first, as far as they are here."""
        return list(history.walk(self._repository, commit, most))

    def commit(
        self,
        edits: Mapping[str, bytes],
        before: Mapping[str, bytes],
        author: Person,
        message: str,
        when: datetime,
    ) -> str:
        """Commit these files' new bytes on top of HEAD, move HEAD and check the files out; return the commit's id.

        Raises InvalidPath for a file that is not, clean and byte for byte, what HEAD and `before` say.
        """
        for path in edits:
            if self._repository.status_file(path) != _CLEAN or self._at_head(path) != before[path]:
                raise errors.InvalidPath(f"'{errors.printable(path)}' has changes that are not committed")
        made = commits.create(self._repository, self.head, edits, author=author, message=message, when=when)
        target = self._repository.head.name if self.branch else "HEAD"
        if target == "HEAD":
            self._repository.set_head(pygit2.Oid(hex=made))
        else:
            self._repository.references[target].set_target(made, f"commit: {message.splitlines()[0]}")
        self._repository.checkout_head(strategy=_REPLACE, paths=sorted(edits))
        return made

    def _at_head(self, path: str) -> bytes:
        return self.read(self.node(self.head or "", path).id)

    def _commit(self, commit: str) -> pygit2.Commit:
        return commits.find(self._repository, commit, f"the clone '{self.root}'")


def discover(path: Path) -> Clone | None:
    """Find the clone that a folder or file is in; None where it is in none."""
    try:
        found = pygit2.discover_repository(str(path.resolve()))
        if found is None:
            return None
        repository = pygit2.Repository(found)
    except (pygit2.GitError, KeyError):
        return None
    if repository.is_bare or repository.workdir is None:
        return None
    return Clone(repository, Path(repository.workdir))
