"""The rewriter on the tree of a commit: marked files are read from the object database, nothing is checked out.

Flux clones into a temporary directory and reads every file on every run. Here what was learnt of a directory or file
is kept by its hash, which stands for what it holds: after the first run only changed directories are walked, and only
files whose content, or whose policies' choice, is new are parsed.
"""

import itertools
import posixpath
import stat
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from threading import Lock
from typing import NamedTuple

from gotk.bounded import Bounded
from gotk.git import errors as git
from gotk.git.objects import commit as commits
from image_automation import ports
from image_automation.update import rewrite, screening
from image_automation.update.place import Place
from image_automation.update.proposal import Proposal
from image_automation.update.result import FileResult, Problem
from image_automation.writing import marker_cache

_DEPTH_LIMIT = 200
NONE_HELD: Mapping[str, Collection[Place]] = {}
_LEAVES_LIMIT = 100_000
_LINKS_LIMIT, _LINK_LIMIT = 40, 4096


class _Leaves:
    """The leaves of directories by hash, up to so many in all. For any thread."""

    def __init__(self, most: int) -> None:
        self._leaves: Bounded[bytes, tuple[_Leaf, ...]] = Bounded(most, weigh=lambda leaves: 1 + len(leaves))
        self._lock = Lock()

    def get(self, tree_id: str) -> "tuple[_Leaf, ...] | None":
        return self._leaves.peek(bytes.fromhex(tree_id))

    def put(self, tree_id: str, leaves: "tuple[_Leaf, ...]") -> "tuple[_Leaf, ...]":
        with self._lock:
            self._leaves.put(bytes.fromhex(tree_id), leaves)
        return leaves


class _File(NamedTuple):
    """A file that was asked for by its path, with its name."""

    name: str
    mode: int
    id: str


@dataclass(frozen=True, slots=True)
class _Leaf:
    """A file worth parsing, or a link to one: its path below some directory, and its content's hash."""

    path: str
    id: str
    link: bool = False


class Known:
    """What was learnt of directories and files by hash; true whatever the repository and the run.

    Of files it outlives the process where `path` says in which file.
    """

    def __init__(self, path: Path | None = None) -> None:
        self.leaves = _Leaves(1_000_000)
        self.files = marker_cache.Marks(path)


def below(path: str) -> str:
    """Write `update.path` as a path from the repository's root; `..` cannot climb above it."""
    return posixpath.normpath(f"/{path}").lstrip("/")


def resolved(repository: ports.Repository, commit: str, path: str, *, strict: bool = False) -> str:
    """Follow the links on a path, as in a checkout that none of them leads out of. Raises PathNotFound, InvalidPath.

    What would lead out ends at the root; with `strict` it is an InvalidPath.
    """
    pending, done, links = path.split("/")[::-1], list[str](), 0
    while pending:
        name = pending.pop()
        if name in {"", "."}:
            continue
        if name == "..":
            if strict and not done:
                raise git.InvalidPath(f"'{git.printable(path)}' leads out of the repository")
            del done[-1:]
            continue
        node = repository.node(commit, "/".join([*done, name]))
        if not stat.S_ISLNK(node.mode):
            done.append(name)
            continue
        links += 1
        if links > _LINKS_LIMIT or repository.size(node.id) > _LINK_LIMIT:
            raise git.InvalidPath(f"'{git.printable(path)}' leads over too many links")
        target = repository.read(node.id).decode("utf-8", "surrogateescape")
        if strict and target.startswith("/"):
            raise git.InvalidPath(f"'{git.printable(path)}' leads out of the repository")
        done = [] if target.startswith("/") else done
        pending += target.split("/")[::-1]
    return "/".join(done)


def apply(
    repository: ports.Repository,
    commit: str,
    path: str,
    setters: Mapping[str, str],
    known: Known,
    *,
    held: Mapping[str, Collection[Place]] = NONE_HELD,
) -> Proposal:
    """Rewrite the marked files of a commit below a path, held places excepted. Raises the errors of `gotk.git`."""
    try:
        return _apply(repository, commit, path, setters, known, held=held)
    finally:
        known.files.save()


def _apply(
    repository: ports.Repository,
    commit: str,
    path: str,
    setters: Mapping[str, str],
    known: Known,
    *,
    held: Mapping[str, Collection[Place]],
) -> Proposal:
    path = resolved(repository, commit, path)
    node = repository.node(commit, path)
    if stat.S_ISDIR(node.mode):
        leaves = dict(_files(repository, commit, path, _leaves(repository, node.id, known), known))
    else:
        named = _File(posixpath.basename(path), node.mode, node.id)
        leaves = {path: node.id} if _marked(repository, [named], known) else {}
    results = (
        _rewritten(repository, where, blob, setters, known, held=held.get(where, ())) for where, blob in leaves.items()
    )
    return Proposal(tuple(each for each in results if each.followed or each.problems))


def _files(
    repository: ports.Repository, commit: str, path: str, leaves: Iterable[_Leaf], known: Known
) -> Iterator[tuple[str, str]]:
    """Yield the path and the content's hash of each file; for a link those of the file that it leads to, as Flux does.

    Passed over are links that lead nowhere, to a directory or out of the repository.
    """
    for leaf in leaves:
        where = posixpath.join(path, leaf.path)
        if not leaf.link:
            yield where, leaf.id
            continue
        try:
            target = resolved(repository, commit, where, strict=True)
            node = repository.node(commit, target)
        except (git.PathNotFound, git.InvalidPath):
            continue
        if _marked(repository, [_File(posixpath.basename(where), node.mode, node.id)], known):
            yield target, node.id


def _leaves(repository: ports.Repository, tree_id: str, known: Known, depth: int = 0) -> tuple[_Leaf, ...]:
    """Return the files below a directory that are worth parsing."""
    if (found := known.leaves.get(tree_id)) is not None:
        return found
    if depth > _DEPTH_LIMIT:
        raise git.InvalidPath(f"the repository's directories are nested deeper than {_DEPTH_LIMIT} levels")
    leaves = tuple(itertools.islice(_walk(repository, tree_id, known, depth), _LEAVES_LIMIT + 1))
    if len(leaves) > _LEAVES_LIMIT:
        raise git.TooLarge(f"the repository holds more than {_LEAVES_LIMIT} files with markers")
    return known.leaves.put(tree_id, leaves)


def _walk(repository: ports.Repository, tree_id: str, known: Known, depth: int) -> Iterator[_Leaf]:
    nodes = repository.children(tree_id)
    marked = _marked(repository, nodes, known)
    for node in nodes:
        if stat.S_ISDIR(node.mode):
            for leaf in _leaves(repository, node.id, known, depth + 1):
                yield _Leaf(f"{node.name}/{leaf.path}", leaf.id, leaf.link)
        elif stat.S_ISLNK(node.mode) and screening.is_candidate(node.name):
            yield _Leaf(node.name, node.id, link=True)
        elif node.name in marked:
            yield _Leaf(node.name, node.id)


def _marked(repository: ports.Repository, nodes: Iterable[ports.Node], known: Known) -> set[str]:
    """Return the names of the files worth parsing; only those whose content is new are read."""
    candidates = [
        (node.name, node.id) for node in nodes if stat.S_ISREG(node.mode) and screening.is_candidate(node.name)
    ]
    learnt = known.files.known(id_ for _, id_ in candidates)
    unknown = {id_ for _, id_ in candidates if id_ not in learnt}
    contents = repository.read_each(unknown, limit=screening.SIZE_LIMIT)
    news = {id_: content is None or screening.has_marker(content) for id_, content in contents}
    known.files.learn(news)
    learnt.update(news)
    return {name for name, id_ in candidates if learnt[id_]}


def _rewritten(
    repository: ports.Repository,
    path: str,
    blob: str,
    setters: Mapping[str, str],
    known: Known,
    *,
    held: Collection[Place],
) -> FileResult:
    learnt = known.files.known([blob]).get(blob)
    if isinstance(learnt, marker_cache.UpToDate) and all(
        setters.get(setter) == value for setter, value in learnt.values.items()
    ):
        return replace(learnt.result, path=path)
    problem = screening.refuse_size(repository.size(blob)) or _refuse_path(path)
    if problem is not None:
        return FileResult(git.printable(path), problems=(problem,))
    result = rewrite.rewrite(path, repository.read(blob), setters, held)
    if not (result.changes or held):
        known.files.learn({blob: marker_cache.UpToDate({each: setters.get(each) for each in result.followed}, result)})
    return result


def _refuse_path(path: str) -> Problem | None:
    """Say why a file cannot be written under its name, as some names in a hostile repository cannot."""
    try:
        path.encode()
        commits.check_path(path)
    except (UnicodeEncodeError, git.InvalidPath):
        return Problem("the file's name is none that may be written", "rename it", level="error")
    return None
