"""The rewriter on the tree of a commit: marked files are read from the object database, nothing is checked out.

Flux clones into a temporary directory and reads every file on every run. Here what was learnt of a directory or file
is kept by its hash, which stands for what it holds: after the first run only changed directories are walked, and only
files whose content, or whose policies' choice, is new are parsed.
"""

import posixpath
import stat
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Generic, TypeVar

from gotk.git import commit as commits
from gotk.git import errors as git
from image_automation import ports
from image_automation.update import rewrite, screening
from image_automation.update.place import Place
from image_automation.update.proposal import Proposal
from image_automation.update.result import FileResult, Problem

V = TypeVar("V")

_DEPTH_LIMIT = 200
NONE_HELD: Mapping[str, Collection[Place]] = {}


class _ByHash(Generic[V]):
    """Values by hash, forgotten all at once when there are too many."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._values: dict[bytes, V] = {}

    def get(self, key: str) -> V | None:
        return self._values.get(bytes.fromhex(key))

    def put(self, key: str, value: V) -> V:
        if len(self._values) >= self._most:
            self._values.clear()
        self._values[bytes.fromhex(key)] = value
        return value


@dataclass(frozen=True, slots=True)
class _Leaf:
    """A file worth parsing: its path below some directory, and its content's hash."""

    path: str
    id: str


@dataclass(frozen=True, slots=True)
class _Settled:
    """A content that needed no change when its setters had these values, and what was said about it."""

    values: Mapping[str, str | None]
    result: FileResult


class Known:
    """What was learnt of directories and files by hash; true whatever the repository and the run."""

    def __init__(self) -> None:
        self.leaves: _ByHash[tuple[_Leaf, ...]] = _ByHash(100_000)
        self.marked: _ByHash[bool] = _ByHash(1_000_000)
        self.settled: _ByHash[_Settled] = _ByHash(100_000)


def below(path: str) -> str:
    """Write `update.path` as a path from the repository's root; `..` cannot climb above it."""
    return posixpath.normpath(f"/{path}").lstrip("/")


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
    node = repository.node(commit, path)
    if stat.S_ISDIR(node.mode):
        leaves = [(posixpath.join(path, leaf.path), leaf.id) for leaf in _leaves(repository, node.id, known)]
    else:
        leaves = [(path, node.id)] if _worth_parsing(repository, node, posixpath.basename(path), known) else []
    results = (_rewritten(repository, where, blob, setters, known, held=held.get(where, ())) for where, blob in leaves)
    return Proposal(tuple(each for each in results if each.followed or each.problems))


def _leaves(repository: ports.Repository, tree_id: str, known: Known, depth: int = 0) -> tuple[_Leaf, ...]:
    """Return the files below a directory that are worth parsing."""
    if (found := known.leaves.get(tree_id)) is not None:
        return found
    if depth > _DEPTH_LIMIT:
        raise git.InvalidPath(f"the repository's directories are nested deeper than {_DEPTH_LIMIT} levels")
    return known.leaves.put(tree_id, tuple(_walk(repository, tree_id, known, depth)))


def _walk(repository: ports.Repository, tree_id: str, known: Known, depth: int) -> Iterator[_Leaf]:
    for node in repository.children(tree_id):
        if stat.S_ISDIR(node.mode):
            for leaf in _leaves(repository, node.id, known, depth + 1):
                yield _Leaf(f"{node.name}/{leaf.path}", leaf.id)
        elif _worth_parsing(repository, node, node.name, known):
            yield _Leaf(node.name, node.id)


def _worth_parsing(repository: ports.Repository, node: ports.Node, name: str, known: Known) -> bool:
    if not (stat.S_ISREG(node.mode) and screening.is_candidate(name)):
        return False
    if (marked := known.marked.get(node.id)) is None:
        too_large = screening.refuse_size(repository.size(node.id)) is not None
        marked = known.marked.put(node.id, too_large or screening.has_marker(repository.read(node.id)))
    return marked


def _rewritten(
    repository: ports.Repository,
    path: str,
    blob: str,
    setters: Mapping[str, str],
    known: Known,
    *,
    held: Collection[Place],
) -> FileResult:
    settled = known.settled.get(blob)
    if settled is not None and all(setters.get(setter) == value for setter, value in settled.values.items()):
        return replace(settled.result, path=path)
    problem = screening.refuse_size(repository.size(blob)) or _refuse_path(path)
    if problem is not None:
        return FileResult(git.printable(path), problems=(problem,))
    result = rewrite.rewrite(path, repository.read(blob), setters, held)
    if not (result.changes or held):
        known.settled.put(blob, _Settled({setter: setters.get(setter) for setter in result.followed}, result))
    return result


def _refuse_path(path: str) -> Problem | None:
    """Say why a file cannot be written under its name, as some names in a hostile repository cannot."""
    try:
        path.encode()
        commits.check_path(path)
    except (UnicodeEncodeError, git.InvalidPath):
        return Problem("the file's name is none that may be written", "rename it", level="error")
    return None
