"""Somebody's own clone, with a work tree: read at its HEAD, and given a commit that changes named files and no others.

For a CI job, which has the repository checked out already. Nothing of the clone's configuration is run, neither hooks
nor filter programs. A file with changes that are not committed, as Git understands it, is never overwritten.
"""

import os
import stat
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import Any

import pygit2
from pygit2.enums import FileMode, RepositoryState

from gotk.git import errors
from gotk.git import libgit2 as _settings
from gotk.git.objects import blob, configuration, conversion, history, tree
from gotk.git.objects import commit as commits
from gotk.git.objects.commit import Person
from gotk.git.objects.tree import Node

assert _settings is not None  # imported for what it sets

_NO_ENVIRONMENT: Mapping[str, str] = {}


class Clone:
    """A clone on this machine. Methods block and raise the errors of `gotk.git.errors`."""

    def __init__(self, repository: pygit2.Repository, root: Path, environment: Mapping[str, str]) -> None:
        self._repository: Any = repository
        self._environment = environment
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
        """Commit these files' new bytes on top of HEAD, write them to the work tree, and return the commit's id.

        Both mappings hold bytes as they are in the work tree; the commit holds what Git makes of them. Raises
        InvalidPath for a file whose bytes `before` are not what is committed, or that Git would convert by a program.
        """
        with self._translated():
            self._refuse_operations()
            blobs = {path: self._blob(path, before[path], content) for path, content in edits.items()}
            made = commits.create(self._repository, self.head, blobs, author=author, message=message, when=when)
            self._stage(made, edits)
            self._move_head(made, f"commit: {message.splitlines()[0]}")
        return made

    def _refuse_operations(self) -> None:
        if (state := self._repository.state()) != RepositoryState.NONE:
            raise errors.InvalidPath(f"{state.name.lower().replace('_', ' ')} is under way in the clone: end it first")

    def _blob(self, path: str, before: bytes, content: bytes) -> bytes:
        """Return what Git commits for a file's new bytes."""
        name = errors.printable(path)
        try:
            node = self.node(self.head or "", path)
        except errors.PathNotFound:
            raise errors.InvalidPath(f"'{name}' is not committed yet: add and commit it first") from None
        if not self._is_as_staged(path, node) or (self.root / path).read_bytes() != before:
            raise errors.InvalidPath(f"'{name}' has changes that are not committed")
        convert = conversion.to_blob(self._repository, self._environment, path, before, self.read(node.id))
        if convert is None:
            raise errors.InvalidPath(f"'{name}' has changes that are not committed")
        return convert(content)

    def _is_as_staged(self, path: str, node: Node) -> bool:
        """Tell whether HEAD, the index and the file's kind and mode agree; its bytes are looked at by themselves."""
        index = self._repository.index
        if path not in index or (str(index[path].id), int(index[path].mode)) != (node.id, node.mode):
            return False
        file = self.root / path
        status = file.lstat()
        if not stat.S_ISREG(status.st_mode) or file.parent.resolve() != self.root.resolve() / Path(path).parent:
            return False
        heeded = configuration.value(self._repository, self._environment, "core.filemode").lower() != "false"
        return not heeded or bool(status.st_mode & stat.S_IXUSR) == (node.mode == FileMode.BLOB_EXECUTABLE)

    def _stage(self, made: str, edits: Mapping[str, bytes]) -> None:
        """Write the files and their index entries; where the index is locked nothing is written."""
        index = self._repository.index
        for path in edits:
            node = self.node(made, path)
            index.add(pygit2.IndexEntry(path, pygit2.Oid(hex=node.id), FileMode(node.mode)))
        index.write()
        for path, content in edits.items():
            _replace(self.root / path, content)

    def _move_head(self, made: str, reason: str) -> None:
        if self.branch:
            self._repository.references[self._repository.head.name].set_target(made, reason)
        else:
            self._repository.set_head(pygit2.Oid(hex=made))

    @contextmanager
    def _translated(self) -> Iterator[None]:
        """Say what libgit2 cannot do in a clone, such as write an index that is locked or sparse."""
        try:
            yield
        except pygit2.GitError as error:
            raise errors.InvalidPath(f"the clone '{self.root}' cannot be committed to: {error}") from None

    def _commit(self, commit: str) -> pygit2.Commit:
        return commits.find(self._repository, commit, f"the clone '{self.root}'")


def _replace(file: Path, content: bytes) -> None:
    """Replace a file's bytes at once, and keep its mode."""
    with tempfile.NamedTemporaryFile(prefix=f".{file.name}.", dir=file.parent, delete=False) as made:
        new = Path(made.name)
        try:
            made.write(content)
            os.fchmod(made.fileno(), stat.S_IMODE(file.stat().st_mode))
            made.flush()
            new.replace(file)
        except BaseException:
            new.unlink(missing_ok=True)
            raise


def discover(path: Path, environment: Mapping[str, str] = _NO_ENVIRONMENT) -> Clone | None:
    """Find the clone that a folder or file is in; None where it is in none.

    `environment` says where the configuration of the clone's owner lies.
    """
    try:
        found = pygit2.discover_repository(str(path.resolve()))
        if found is None:
            return None
        repository = pygit2.Repository(found)
    except (pygit2.GitError, KeyError):
        return None
    if repository.is_bare or repository.workdir is None:
        return None
    return Clone(repository, Path(repository.workdir), environment)
