"""What we wrote on a branch and what of it stands, read from its history: nothing else remembers it.

An edit is a marked value that a commit of ours changed. It stands while nobody has changed that value since; what was
taken back stands no more, and the edit before it does again, so that a second rollback goes one version further back.
"""

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Final, NamedTuple, Protocol

from gotk.git import errors as git
from gotk.git.objects.history import Past
from image_automation import ports
from image_automation.update import texts
from image_automation.update.place import Place
from image_automation.writing import authorship, provenance
from image_automation.writing.provenance import TakingBack

_SHORTEST: Final = 7


class Tree(ports.Versions, Protocol):
    """Files as of any commit, and which of them differ between two."""

    def changes(self, old: str, new: str) -> Mapping[str, str]:
        """Return the files that differ between two commits with the new blob's id; nothing where one went."""
        ...


class At(NamedTuple):
    """A marked value of a file."""

    path: str
    place: Place


@dataclass(frozen=True, slots=True)
class Edit:
    """A marked value as a commit of ours changed it; `when` is in seconds since the epoch."""

    at: At
    old: str
    new: str
    commit: str
    when: int

    @property
    def path(self) -> str:
        """The file."""
        return self.at.path

    @property
    def policy(self) -> str:
        """The policy that the value follows."""
        return self.at.place.names.policy


@dataclass(frozen=True, slots=True)
class Commit:
    """A commit of the branch: who made it, whether that was us, what files it changed, what it took back."""

    id: str
    by: str
    when: int
    ours: bool
    paths: frozenset[str]
    takes_back: TakingBack | None = None


@dataclass(frozen=True, slots=True)
class History:
    """A branch as far back as it is looked at, newest first; `edits` are those that stand.

    `strangers` are the commits of others that changed marked values last which we had written before.
    """

    commits: tuple[Commit, ...]
    edits: tuple[Edit, ...]
    strangers: Mapping[At, Commit]

    def index(self, commit: str) -> int | None:
        """Return how many commits back one is; None where it is not among them. Seven letters of it will do."""
        if len(commit) < _SHORTEST:
            return None
        return next((index for index, each in enumerate(self.commits) if each.id.startswith(commit)), None)


def read(tree: Tree, tip: str, author: str) -> History:
    """Read the history of a branch; `author` is the address of our commits. Raises the errors of `gotk.git.errors`."""
    pasts = tree.history(tip, authorship.DEPTH)
    changed = {after.id: tree.changes(before.id, after.id) for after, before in pairwise(pasts)}
    commits = tuple(_commit(tree, past, author, changed.get(past.id, {})) for past in pasts)
    walk = _Walk(tree, commits)
    edits = tuple(walk.edits())
    return History(commits, edits, walk.strangers)


def values_at(tree: ports.Versions, commit: str, path: str) -> Mapping[Place, str]:
    """Return every marked value of a file as of a commit; none where there was no such file."""
    try:
        kind = texts.named(path)
        return texts.values(tree.read(tree.node(commit, path).id), kind.key if kind else "")
    except git.PathNotFound:
        return {}


def _commit(tree: Tree, past: Past, author: str, changed: Iterable[str]) -> Commit:
    brought = _brought(tree, past)
    ours = authorship.is_ours(past, author) or (
        bool(brought) and all(authorship.is_ours(each, author) for each in brought)
    )
    said = (provenance.taking_back(each.message) for each in (past, *brought[:1])) if ours else ()
    taken = next(filter(None, said), None)
    return Commit(past.id, authorship.name(past), past.when, ours, frozenset(changed), taken)


def _brought(tree: Tree, past: Past) -> Sequence[Past]:
    """Return the commits that a merge brings, newest first."""
    if len(past.parents) != 2:
        return ()
    first = {each.id for each in tree.history(past.parents[0], authorship.DEPTH)}
    return [each for each in tree.history(past.parents[1], authorship.DEPTH) if each.id not in first]


class _Walk:
    """From the tip back: each place is settled by the last commit that changed it and was not taken back."""

    def __init__(self, tree: Tree, commits: Collection[Commit]) -> None:
        self._tree = tree
        self._commits = commits
        self._ours = frozenset(path for each in commits if each.ours for path in each.paths)
        self._settled: set[At] = set()
        self._undone: dict[At, frozenset[str]] = {}
        self.strangers: dict[At, Commit] = {}

    def edits(self) -> Iterator[Edit]:
        """Yield the edits that stand, the newest first."""
        for commit, before in pairwise(self._commits):
            for path in sorted(commit.paths & self._ours):
                old, new = (values_at(self._tree, each.id, path) for each in (before, commit))
                changed = [At(path, where) for where in old if where in new and old[where] != new[where]]
                for at in changed:
                    if self._settles(commit, at):
                        yield Edit(at, old[at.place], new[at.place], commit.id, commit.when)

    def _settles(self, commit: Commit, at: At) -> bool:
        """Tell whether a commit that changed a place is the edit of ours that stands there."""
        if at in self._settled or commit.id in self._undone.get(at, ()):
            return False
        if commit.takes_back is not None:
            self._undone[at] = self._undone.get(at, frozenset()) | frozenset(commit.takes_back.commits)
            return False
        self._settled.add(at)
        if not commit.ours:
            self.strangers[at] = commit
        return commit.ours
