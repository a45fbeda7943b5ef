"""Mirrors: bare repositories in the data directory that stand for a remote, without any work tree.

A mirror is a cache and nothing else (`gotk.git.mirrors.cache`). There is one per tenant (namespace), address and depth:
what one tenant may read never comes out of another's mirror.
"""

import contextlib
import hashlib
import os
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pygit2
from pygit2.enums import DeltaStatus

from gotk import fence
from gotk.git import errors, reference
from gotk.git import url as urls
from gotk.git.auth import ANONYMOUS, Credentials
from gotk.git.mirrors import cache
from gotk.git.mirrors.cache import Cache
from gotk.git.mirrors.lock import exclusive
from gotk.git.mirrors.pushed import Place, Pushed
from gotk.git.objects import blob, history, signature, tree
from gotk.git.objects import commit as commits
from gotk.git.objects.commit import Person, Sign
from gotk.git.objects.signature import Signed, Tag
from gotk.git.objects.tree import Entry, Node
from gotk.git.transport import remote
from gotk.git.transport.operation import Fetch, Fetched, ListReferences, Push, References, Remote


class Mirror:
    """The local copy of one remote repository. Its methods block; one thread uses one instance.

    Every method raises the errors of `gotk.git.errors`.
    """

    def __init__(
        self,
        directory: Path,
        url: str,
        credentials: Credentials = ANONYMOUS,
        *,
        timeout: float = 60.0,
        depth: int = 1,
        write_time: Callable[[], float] | None = None,
        readers: str = "",
        pushed: Pushed | None = None,
    ) -> None:
        """Touch nothing yet. What is `pushed` from here other mirrors of the same `readers` take over, and so back."""
        self.url = urls.parse(url)
        self._write_time = write_time
        self._readers = readers
        self._pushed = pushed if pushed is not None else Pushed()
        self._cache = Cache(directory, self.url.bare)
        self._remote = Remote(url=url, credentials=credentials, timeout=timeout)
        self._depth = depth

    @property
    def remote(self) -> Remote:
        """What is mirrored: its address, and who we are there."""
        return self._remote

    def references(self) -> References:
        """Ask the remote for its references and the commits they lead to."""
        return remote.list_references(ListReferences(remote=self._remote))

    def fetch(self, ref: str) -> str:
        """Bring `HEAD`, a full reference name or a commit id, and return the commit's id.

        Asks the remote every time and transfers only what is not here yet.
        """
        return self.bring(ref).commit

    def bring(self, ref: str, *, tags: bool = False) -> Fetched:
        """Fetch, and tell what came besides the commit, such as the tag object of an annotated tag.

        A commit id is looked for in every branch, and with `tags` in every tag.
        """
        with self._exclusive():
            os.utime(self._cache.lock)
            self._cache.prepare()
            try:
                return self._fetch(ref, tags=tags)
            except errors.Damaged:
                self._cache.discard()
                self._cache.prepare()
                return self._fetch(ref, tags=tags)

    def push(
        self,
        commit: str,
        branch: str,
        expected: str | None,
        *,
        force: bool = False,
        options: Mapping[str, str] | None = None,
    ) -> None:
        """Make the remote's branch (or `refs/...`) point to a commit, if it is still at `expected`.

        `expected` None means that there is no such branch yet. Raises NonFastForward when it moved, and Rejected with
        the remote's words when it refused.
        """
        pairs = tuple(f"{key}={value}" if value else key for key, value in (options or {}).items())
        self._push(commit, branch, expected, force=force, options=pairs)

    def delete(self, branch: str, expected: str) -> None:
        """Delete the remote's branch, if it is still at `expected`. Raises what `push` raises."""
        self._push("", branch, expected)

    def _push(
        self, commit: str, branch: str, expected: str | None, *, force: bool = False, options: tuple[str, ...] = ()
    ) -> None:
        name = branch if branch.startswith("refs/") else f"refs/heads/{branch}"
        with self._exclusive():
            remote.push(
                Push(
                    remote=self._for_push(),
                    repository=str(self._cache.directory),
                    commit=commit,
                    reference=name,
                    expected=expected,
                    force=force,
                    options=options,
                )
            )
        if commit:
            self._pushed.note(self._readers, name, Place(commit, self._cache.directory))

    def _for_push(self) -> Remote:
        """Return the remote with the time that a push may take. Raises Fenced where none may be sent."""
        return replace(self._remote, timeout=self.time_to_write())

    def time_to_write(self) -> float:
        """Return for how many seconds a write to the remote may take. Raises Fenced where none may be sent."""
        try:
            return fence.limit(self._remote.timeout, self._write_time)
        except fence.Closed as error:
            raise errors.Fenced(f"not pushed: {error}") from None

    def commit(
        self,
        base: str | None,
        edits: Mapping[str, bytes],
        author: Person,
        message: str,
        when: datetime,
        *,
        sign: Sign | None = None,
        mark: str = "",
        in_message: bool = False,
    ) -> str:
        """Make a commit on top of `base` (None: the first of all) with these files' new bytes, and return its id.

        Nothing is pushed. `mark` is what `mark` says of the commit afterwards, by a header or `in_message`.
        """
        with self._exclusive(), self._cache.reading() as repository:
            return commits.create(
                repository,
                base,
                edits,
                author=author,
                message=message,
                when=when,
                sign=sign,
                mark=mark,
                in_message=in_message,
            )

    def resolve(self, name: str) -> str | None:
        """Return the commit of a reference (or commit id) as of the last fetch, without asking the remote."""
        local = f"refs/mirror/{name.removeprefix('refs/')}" if name.startswith("refs/") else name
        try:
            return str(self._cache.repository().revparse_single(local).peel(pygit2.Commit).id)
        except (KeyError, pygit2.GitError):
            return None

    def has(self, commit: str) -> bool:
        """Tell whether a commit was fetched, without asking the remote."""
        try:
            return reference.is_commit(commit) and commits.is_complete(self._cache.repository(), commit)
        except errors.Damaged:
            return False

    def contains(self, tip: str, commit: str) -> bool:
        """Tell whether a commit is in the history of another, or is it."""
        with self._cache.reading() as repository:
            self._commit(tip)
            return tip == commit or (commit in repository and repository.descendant_of(tip, commit))

    def subject(self, commit: str) -> str:
        """Return the first line of a commit's message."""
        return next(iter(self.message(commit).strip().splitlines()), "")

    def message(self, commit: str) -> str:
        """Return a commit's message."""
        with self._cache.reading():
            text: str = self._commit(commit).raw_message.decode("utf-8", "replace")
        return text

    def mark(self, commit: str) -> str:
        """Return the mark that a commit was made with, or nothing."""
        with self._cache.reading():
            return commits.mark_of(self._commit(commit).read_raw())

    def signed_commit(self, commit: str) -> Signed:
        """Return a commit's bytes and its signature."""
        with self._cache.reading():
            return signature.of_commit(self._raw(self._commit(commit).id))

    def signed_tag(self, tag: str) -> tuple[Tag, Signed]:
        """Return a tag object, and its bytes and signature."""
        with self._cache.reading() as repository:
            content = self._raw(tag)
            found: Any = repository[tag]
            if not isinstance(found, pygit2.Tag):
                raise errors.ReferenceNotFound(f"there is no tag object '{tag}' in '{self.url.bare}'")
            name = errors.printable(found.raw_name.decode("utf-8", "replace"))
            return Tag(tag, name, str(found.peel(pygit2.Commit).id)), signature.of_tag(content)

    def committed_at(self, commit: str) -> int:
        """Return when a commit was made, in seconds since the epoch."""
        with self._cache.reading():
            return int(self._commit(commit).commit_time)

    def history(self, commit: str, most: int) -> list[history.Past]:
        """Return a commit and its first parents, newest first, as far as they are here."""
        with self._cache.reading() as repository:
            self._commit(commit)
            return list(history.walk(repository, commit, most))

    def changes(self, old: str, new: str) -> dict[str, str]:
        """Return the files that differ between two commits, by path, with the new blob's id; nothing where one went."""
        with self._cache.reading() as opened:
            repository: Any = opened
            deltas = repository.diff(self._commit(old).tree, self._commit(new).tree).deltas
            return {
                delta.new_file.raw_path.decode("utf-8", "surrogateescape"): (
                    "" if delta.status == DeltaStatus.DELETED else str(delta.new_file.id)
                )
                for delta in deltas
            }

    def files(self, commit: str, path_prefix: str = "", *, submodules: bool = False) -> Iterator[Entry]:
        """Walk the files of a commit, or of one directory (or file) of it, in the order of Git's trees.

        Submodules are left out unless they are wanted. Raises PathNotFound for a prefix that is not there.
        """
        with self._cache.reading() as repository:
            root = self._commit(commit).tree
            yield from tree.files(repository, root, path_prefix, self.url.bare, submodules=submodules)

    def node(self, commit: str, path: str = "") -> Node:
        """Return a directory or file of a commit. Raises PathNotFound."""
        with self._cache.reading():
            return tree.find(self._commit(commit).tree, path)

    def children(self, tree_id: str) -> tuple[Node, ...]:
        """Return what a directory holds, submodules left out. Raises InvalidPath for a name that is none."""
        with self._cache.reading() as repository:
            return tuple(tree.children(repository, tree_id))

    def size(self, blob_id: str) -> int:
        """Return how many bytes a file has, without reading it."""
        with self._cache.reading() as repository:
            return blob.size(repository, blob_id)

    def read(self, blob_id: str) -> bytes:
        """Return the bytes of a file. Raises TooLarge for one that no configuration is."""
        with self._cache.reading() as repository:
            return blob.read(repository, blob_id, f"'{self.url.bare}'")

    def read_each(self, blob_ids: Iterable[str], *, limit: int) -> Iterator[tuple[str, bytes | None]]:
        """Yield what many files hold; None for one of more than `limit` bytes, not read, and for what is no file."""
        with self._cache.reading() as repository:
            yield from blob.read_each(repository, blob_ids, limit=limit)

    def _exclusive(self) -> contextlib.AbstractContextManager[None]:
        return exclusive(self._cache.lock, timeout=self._remote.timeout)

    def _fetch(self, ref: str, *, tags: bool) -> Fetched:
        directory = self._cache.directory
        self._pushed.bring(self._readers, ref, directory)
        return remote.fetch(
            Fetch(remote=self._remote, repository=str(directory), reference=ref, depth=self._depth, tags=tags)
        )

    def _raw(self, object_id: str | pygit2.Oid) -> bytes:
        """Return a commit's or tag's own bytes. Raises TooLarge."""
        repository = self._cache.repository()
        if (found := blob.size(repository, str(object_id))) > signature.OBJECT_LIMIT:
            limit = signature.OBJECT_LIMIT
            raise errors.TooLarge(f"'{self.url.bare}' holds a commit or tag of {found} bytes, more than {limit}")
        raw: Any = repository.odb.read(object_id)
        return bytes(raw[1])

    def _commit(self, commit: str) -> pygit2.Commit:
        return commits.find(self._cache.repository(), commit, f"the mirror of '{self.url.bare}'")


class Mirrors:
    """The mirrors below one directory."""

    def __init__(self, root: Path, *, write_time: Callable[[], float] | None = None) -> None:
        """Look after the mirrors in `root`. `write_time` tells for how many seconds this process may push still."""
        self._root = root
        self._write_time = write_time
        self._pushed = Pushed()

    def open(
        self, url: str, credentials: Credentials = ANONYMOUS, *, tenant: str = "", timeout: float = 60.0, depth: int = 1
    ) -> Mirror:
        """Return the tenant's mirror of this address; nothing is touched before the first call on it."""
        readers = f"{tenant}\n{urls.parse(url).connect}"
        name = hashlib.sha256(f"{readers}\n{depth}".encode()).hexdigest()[:32]
        return Mirror(
            self._root / f"{name}.git",
            url,
            credentials,
            timeout=timeout,
            depth=depth,
            write_time=self._write_time,
            readers=readers,
            pushed=self._pushed,
        )

    def sweep(self, *, now: datetime, unused: timedelta = timedelta(days=7)) -> int:
        """Delete the mirrors that nobody has fetched into for so long; returns how many went."""
        swept = 0
        for lock in self._root.glob("*.lock"):
            if lock.stat().st_mtime < (now - unused).timestamp():
                with contextlib.suppress(errors.TimedOut), exclusive(lock, timeout=0):
                    cache.delete(lock.with_suffix(".git"))
                    lock.unlink()
                    swept += 1
        return swept
