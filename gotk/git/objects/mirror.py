"""Mirrors: bare repositories in the data directory that stand for a remote, without any work tree.

A mirror is a cache and nothing else. Its name is a link to a repository that was made first, so that a half-made one
never counts; one that is damaged, or that has gathered too many packs, is thrown away and fetched anew, at another path
because libgit2 remembers packs by path. There is one per tenant (namespace), address and depth: what one tenant may
read never comes out of another's mirror.
"""

import contextlib
import hashlib
import os
import shutil
import tempfile
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, NamedTuple

import pygit2
from pygit2.enums import DeltaStatus, FileMode

from gotk.git import errors
from gotk.git import libgit2 as _settings
from gotk.git import url as urls
from gotk.git.auth import ANONYMOUS, Credentials
from gotk.git.objects import commit as commits
from gotk.git.objects import history
from gotk.git.objects.commit import Person, Sign
from gotk.git.objects.lock import exclusive
from gotk.git.transport import libgit2_client, remote
from gotk.git.transport.operation import Fetch, Fetched, ListReferences, Push, References, Remote

assert _settings is not None  # imported for what it sets

#: A file of more bytes is not read: it may be a few kilobytes that unfold.
BLOB_LIMIT = 256 << 20
#: A commit of more files, or of directories nested deeper, is not walked: a few trees can hold each other ten times.
FILES_LIMIT = 500_000
_DEPTH_LIMIT = 200

_SUBMODULE = int(FileMode.COMMIT)
_MOST_PACKS = 50
_MOST_LOOSE = 27  # in one of 256 directories: Git's own rule for when to tidy up


class Entry(NamedTuple):
    """A file of a commit: path from the root, mode (0o120000 is a link) and the blob's id."""

    path: str
    mode: int
    blob_id: str


class Node(NamedTuple):
    """A directory (mode 0o040000) or file by its name and its content's hash."""

    name: str
    mode: int
    id: str


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
    ) -> None:
        self.url = urls.parse(url)
        self._directory = directory
        self._remote = Remote(url=url, credentials=credentials, timeout=timeout)
        self._depth = depth
        self._opened: pygit2.Repository | None = None

    def references(self) -> References:
        """Ask the remote for its references and the commits they lead to."""
        return remote.list_references(ListReferences(remote=self._remote))

    def fetch(self, ref: str) -> str:
        """Bring `HEAD`, a full reference name or a commit id, and return the commit's id.

        Asks the remote every time and transfers only what is not here yet.
        """
        with exclusive(self._lock, timeout=self._remote.timeout):
            os.utime(self._lock)
            self._make_ready()
            try:
                return self._fetch(ref).commit
            except errors.Damaged:
                self._discard()
                self._make_ready()
                return self._fetch(ref).commit

    def resolve(self, name: str) -> str | None:
        """Return the commit of a reference (or commit id) as of the last fetch, without asking the remote."""
        repository = self._repository()
        local = f"refs/mirror/{name.removeprefix('refs/')}" if name.startswith("refs/") else name
        try:
            return str(repository.revparse_single(local).peel(pygit2.Commit).id)
        except (KeyError, pygit2.GitError):
            return None

    def contains(self, tip: str, commit: str) -> bool:
        """Tell whether a commit is in the history of another, or is it."""
        with self._reading():
            repository = self._repository()
            self._commit(tip)
            return tip == commit or (commit in repository and repository.descendant_of(tip, commit))

    def subject(self, commit: str) -> str:
        """Return the first line of a commit's message."""
        with self._reading():
            text: str = self._commit(commit).raw_message.decode("utf-8", "replace")
        return next(iter(text.strip().splitlines()), "")

    def mark(self, commit: str) -> str:
        """Return the mark that a commit was made with, or nothing."""
        with self._reading():
            return commits.mark_of(self._commit(commit).read_raw())

    def changes(self, old: str, new: str) -> dict[str, str]:
        """Return the files that differ between two commits, by path, with the new blob's id; nothing where one went."""
        with self._reading():
            repository: Any = self._repository()
            deltas = repository.diff(self._commit(old).tree, self._commit(new).tree).deltas
            return {
                delta.new_file.raw_path.decode("utf-8", "surrogateescape"): (
                    "" if delta.status == DeltaStatus.DELETED else str(delta.new_file.id)
                )
                for delta in deltas
            }

    def has(self, commit: str) -> bool:
        """Tell whether a commit was fetched, without asking the remote."""
        try:
            return libgit2_client.is_commit(commit) and libgit2_client.is_complete(self._repository(), commit)
        except errors.Damaged:
            return False

    def committed_at(self, commit: str) -> int:
        """Return when a commit was made, in seconds since the epoch."""
        with self._reading():
            return int(self._commit(commit).commit_time)

    def history(self, commit: str, most: int) -> list[history.Past]:
        """Return a commit and its first parents, newest first, as far as they are here."""
        with self._reading():
            self._commit(commit)
            return list(history.walk(self._repository(), commit, most))

    def files(self, commit: str, path_prefix: str = "") -> Iterator[Entry]:
        """Walk the files of a commit, or of one directory (or file) of it, in the order of Git's trees.

        Submodules are left out. Raises PathNotFound for a prefix that is not there.
        """
        with self._reading():
            start = _descend(self._commit(commit).tree, path_prefix)
            prefix = "/".join(_names(path_prefix))
            if isinstance(start, pygit2.Tree):
                for number, entry in enumerate(_walk(start, f"{prefix}/" if prefix else "")):
                    if number >= FILES_LIMIT:
                        raise errors.TooLarge(f"'{self.url.bare}' holds more than {FILES_LIMIT} files")
                    yield entry
            else:
                yield Entry(prefix, int(start.filemode), str(start.id))

    def node(self, commit: str, path: str = "") -> Node:
        """Return a directory or file of a commit. Raises PathNotFound."""
        with self._reading():
            found = _descend(self._commit(commit).tree, path)
            mode = FileMode.TREE if isinstance(found, pygit2.Tree) else found.filemode
            return Node("", int(mode), str(found.id))

    def children(self, tree_id: str) -> tuple[Node, ...]:
        """Return what a directory holds, submodules left out. Raises InvalidPath for a name that is none."""
        with self._reading():
            tree: Any = self._repository()[tree_id]
            entries = ((entry, int(entry.filemode)) for entry in tree)
            return tuple(Node(_name(entry, ""), mode, str(entry.id)) for entry, mode in entries if mode != _SUBMODULE)

    def size(self, blob_id: str) -> int:
        """Return how many bytes a file has, without reading it."""
        with self._reading():
            _, size = self._repository().odb.read_header(blob_id)
            return int(size)

    def read_each(self, blob_ids: Iterable[str], *, limit: int) -> Iterator[tuple[str, bytes | None]]:
        """Yield what many files hold; None for one of more than `limit` bytes, which is not read."""
        with self._reading():
            database = self._repository().odb
            for blob_id in blob_ids:
                _, size = database.read_header(blob_id)
                yield blob_id, database.read(blob_id)[1] if size <= limit else None

    def read(self, blob_id: str) -> bytes:
        """Return the bytes of a file. Raises TooLarge for one that no configuration is."""
        if (size := self.size(blob_id)) > BLOB_LIMIT:
            raise errors.TooLarge(f"'{self.url.bare}' holds a file of {size} bytes, more than {BLOB_LIMIT}")
        with self._reading():
            blob: Any = self._repository()[blob_id]
            if not isinstance(blob, pygit2.Blob):
                raise errors.PathNotFound(f"'{blob_id}' is no file")
            return bytes(blob.data)

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
    ) -> str:
        """Make a commit on top of `base` with these files' new bytes, and return its id; nothing is pushed.

        `mark` is what `mark` says of the commit afterwards.
        """
        with exclusive(self._lock, timeout=self._remote.timeout), self._reading():
            return commits.create(
                self._repository(), base, edits, author=author, message=message, when=when, sign=sign, mark=mark
            )

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
        reference = branch if branch.startswith("refs/") else f"refs/heads/{branch}"
        pairs = tuple(f"{key}={value}" if value else key for key, value in (options or {}).items())
        with exclusive(self._lock, timeout=self._remote.timeout):
            remote.push(
                Push(
                    remote=self._remote,
                    repository=str(self._directory),
                    commit=commit,
                    reference=reference,
                    expected=expected,
                    force=force,
                    options=pairs,
                )
            )

    @property
    def _lock(self) -> Path:
        return self._directory.with_suffix(".lock")

    def _fetch(self, reference: str) -> Fetched:
        request = Fetch(remote=self._remote, repository=str(self._directory), reference=reference, depth=self._depth)
        return remote.fetch(request)

    def _repository(self) -> pygit2.Repository:
        if self._opened is None:
            try:
                self._opened = pygit2.Repository(str(self._directory))
            except pygit2.GitError:
                raise errors.Damaged(f"there is no mirror of '{self.url.bare}' yet, or it is damaged") from None
        return self._opened

    def _commit(self, commit: str) -> pygit2.Commit:
        found: Any = self._repository().get(commit)
        if not isinstance(found, pygit2.Commit):
            raise errors.ReferenceNotFound(f"there is no commit '{commit}' in the mirror of '{self.url.bare}'")
        return found

    def _make_ready(self) -> None:
        """Open the mirror, or make an empty one; clear away what a killed process left behind."""
        packs = self._directory / "objects" / "pack"
        loose = self._directory / "objects" / "17"
        if len(list(packs.glob("*.pack"))) > _MOST_PACKS or len(list(loose.glob("*"))) > _MOST_LOOSE:
            self._discard()
        for leftover in packs.glob("pack_git2_*"):
            leftover.unlink(missing_ok=True)
        try:
            self._repository()
        except errors.Damaged:
            self._discard()
            self._create()

    def _create(self) -> None:
        """Make an empty repository under a new name, and then let the mirror's name lead to it."""
        self._directory.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        made = Path(tempfile.mkdtemp(prefix=f"{self._directory.stem}-", dir=self._directory.parent))
        pygit2.init_repository(str(made), bare=True)
        link = made.with_suffix(".link")
        link.symlink_to(made.name)
        link.replace(self._directory)

    def _discard(self) -> None:
        self._opened = None
        _delete(self._directory)

    @contextmanager
    def _reading(self) -> Iterator[None]:
        """Turn what a broken object database says into Damaged, and make the next fetch start over."""
        try:
            yield
        except (pygit2.GitError, KeyError):
            self._directory.unlink(missing_ok=True)
            self._opened = None
            raise errors.Damaged(f"the mirror of '{self.url.bare}' was damaged; it is fetched anew") from None


class Mirrors:
    """The mirrors below one directory."""

    def __init__(self, root: Path) -> None:
        self._root = root

    def open(
        self, url: str, credentials: Credentials = ANONYMOUS, *, tenant: str = "", timeout: float = 60.0, depth: int = 1
    ) -> Mirror:
        """Return the tenant's mirror of this address; nothing is touched before the first call on it."""
        key = f"{tenant}\n{urls.parse(url).connect}\n{depth}"
        name = hashlib.sha256(key.encode()).hexdigest()[:32]
        return Mirror(self._root / f"{name}.git", url, credentials, timeout=timeout, depth=depth)

    def sweep(self, *, now: datetime, unused: timedelta = timedelta(days=7)) -> int:
        """Delete the mirrors that nobody has fetched into for so long; returns how many went."""
        swept = 0
        for lock in self._root.glob("*.lock"):
            if lock.stat().st_mtime < (now - unused).timestamp():
                with contextlib.suppress(errors.TimedOut), exclusive(lock, timeout=0):
                    _delete(lock.with_suffix(".git"))
                    lock.unlink()
                    swept += 1
        return swept


def _delete(mirror: Path) -> None:
    """Delete a mirror, and what was left of earlier ones of the same name."""
    mirror.unlink(missing_ok=True)
    for left in mirror.parent.glob(f"{mirror.stem}-*"):
        if left.is_symlink():
            left.unlink()
        else:
            shutil.rmtree(left, ignore_errors=True)


def _names(path: str) -> tuple[str, ...]:
    stripped = path.removeprefix("./").strip("/")
    return commits.check_path(stripped) if stripped not in {"", "."} else ()


def _descend(tree: pygit2.Tree, path: str) -> Any:
    found: Any = tree
    for name in _names(path):
        if not isinstance(found, pygit2.Tree) or name not in found:
            raise errors.PathNotFound(f"the repository has no '{path}'")
        found = found[name]
    return found


def _name(entry: Any, where: str) -> str:
    name: str = entry.raw_name.decode("utf-8", "surrogateescape")
    if name in {"", ".", ".."} or "/" in name or "\0" in name:
        raise errors.InvalidPath(f"the repository holds '{errors.printable(where + name)}', which is no path")
    return name


def _walk(tree: Any, where: str, depth: int = 0) -> Iterator[Entry]:
    if depth > _DEPTH_LIMIT:
        raise errors.InvalidPath(f"the repository's directories are nested deeper than {_DEPTH_LIMIT} levels")
    for entry in tree:
        name = _name(entry, where)
        if entry.filemode == FileMode.TREE:
            yield from _walk(entry, f"{where}{name}/", depth + 1)
        elif entry.filemode != FileMode.COMMIT:
            yield Entry(where + name, int(entry.filemode), str(entry.id))
