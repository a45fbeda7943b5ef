"""Which objects one side of a transfer lacks: sets of ids, found by walking commits and comparing trees."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

import pygit2
from pygit2.enums import FileMode, ObjectType

_MOST_KNOWN_TREES = 16
WHOLE_HISTORY = 0x7FFFFFFF


class Missing(Exception):
    """An object that another one refers to is not there."""


@dataclass(frozen=True, slots=True)
class Client:
    """What the other side says it has: commits, and where its history is cut off."""

    haves: frozenset[str] = frozenset()
    shallow: frozenset[str] = frozenset()


@dataclass(slots=True)
class Plan:
    """What to send for some wishes: objects, and how the cut of the other side's history moves."""

    objects: list[str] = field(default_factory=list)
    shallow: list[str] = field(default_factory=list)
    unshallow: list[str] = field(default_factory=list)


def plan(repository: pygit2.Repository, wants: Iterable[str], client: Client, *, depth: int = 0) -> Plan:
    """Say what the client lacks of the wanted objects' history, `depth` commits deep (0: all).

    Raises Missing where the repository itself is not complete.
    """
    tips, tags = _peel(repository, wants)
    owned = _owned(repository, client)
    result = Plan(objects=list(tags))
    wanted, boundary = _within(repository, tips, depth) if depth else (_beyond(repository, tips, owned), set())
    if depth:
        result.shallow = sorted(boundary - client.shallow)
        result.unshallow = sorted(wanted.keys() & client.shallow - boundary)
    new = [commit for name, commit in wanted.items() if name not in owned]
    known = _known_trees(repository, new, owned, client)
    for commit in new:
        result.objects.append(str(commit.id))
        result.objects.extend(_tree(repository, str(commit.tree_id), known))
    return result


def _peel(repository: pygit2.Repository, wants: Iterable[str]) -> tuple[list[str], list[str]]:
    """Follow tags to their commits; a tag on anything else is sent alone."""
    tips, tags = [], []
    for want in wants:
        found = _get(repository, want)
        while isinstance(found, pygit2.Tag):
            tags.append(str(found.id))
            found = _get(repository, str(found.target))
        if isinstance(found, pygit2.Commit):
            tips.append(str(found.id))
    return tips, tags


def _get(repository: pygit2.Repository, name: str) -> Any:
    found: Any = repository.get(name)
    if found is None:
        raise Missing(name)
    return found


def _commit(repository: pygit2.Repository, name: str) -> pygit2.Commit:
    found = _get(repository, name)
    if not isinstance(found, pygit2.Commit):
        raise Missing(name)
    return found


def _owned(repository: pygit2.Repository, client: Client) -> set[str]:
    """Every commit that the client has: from its haves back to where its history is cut."""
    owned: set[str] = set()
    pending = [name for name in client.haves if isinstance(repository.get(name), pygit2.Commit)]
    while pending:
        name = pending.pop()
        if name not in owned:
            owned.add(name)
            if name not in client.shallow:
                pending.extend(str(parent) for parent in _commit(repository, name).parent_ids)
    return owned


def _beyond(repository: pygit2.Repository, tips: list[str], owned: set[str]) -> dict[str, pygit2.Commit]:
    """The commits from the tips back to those that are owned."""
    found: dict[str, pygit2.Commit] = {}
    pending = list(tips)
    while pending:
        name = pending.pop()
        if name not in found and name not in owned:
            found[name] = commit = _commit(repository, name)
            pending.extend(str(parent) for parent in commit.parent_ids)
    return found


def _within(repository: pygit2.Repository, tips: list[str], depth: int) -> tuple[dict[str, pygit2.Commit], set[str]]:
    """The commits at most so deep, and those among them whose parents are cut off."""
    found: dict[str, pygit2.Commit] = {}
    boundary: set[str] = set()
    level = list(dict.fromkeys(tips))
    for step in range(min(depth, WHOLE_HISTORY)):
        below: list[str] = []
        for name in level:
            if name in found:
                continue
            found[name] = commit = _commit(repository, name)
            if step == depth - 1 and commit.parent_ids:
                boundary.add(name)
            below.extend(str(parent) for parent in commit.parent_ids)
        if not below:
            break
        level = below
    return found, boundary


def _known_trees(repository: pygit2.Repository, new: list[pygit2.Commit], owned: set[str], client: Client) -> set[str]:
    """The objects of the trees next to what is new: the client has them, so they need not travel."""
    edges = {str(parent) for commit in new for parent in commit.parent_ids} & owned
    nearest = [*edges, *(client.haves & owned - edges)][:_MOST_KNOWN_TREES]
    known: set[str] = set()
    for name in nearest:
        for _ in _tree(repository, str(_commit(repository, name).tree_id), known):
            pass
    return known


def _tree(repository: pygit2.Repository, name: str, known: set[str]) -> Iterator[str]:
    """Name a tree and all below it that is not known yet, and make it known."""
    if name in known:
        return
    known.add(name)
    yield name
    found = _get(repository, name)
    if not isinstance(found, pygit2.Tree):
        raise Missing(name)
    for entry in found:
        child = str(entry.id)
        if entry.filemode == FileMode.TREE:
            yield from _tree(repository, child, known)
        elif entry.filemode != FileMode.COMMIT and child not in known:
            known.add(child)
            yield child


def complete(repository: pygit2.Repository, tip: str, haves: Iterable[str]) -> bool:
    """Tell whether everything that a new tip leads to is there, given that all of `haves` is."""
    try:
        objects = plan(repository, [tip], Client(frozenset(haves))).objects
    except (Missing, pygit2.GitError):
        return False
    return all(name in repository for name in objects)


def is_commit(repository: pygit2.Repository, name: str) -> bool:
    """Tell whether an id is a commit's, as a branch's must be."""
    found = repository.get(name)
    return found is not None and found.type == ObjectType.COMMIT
