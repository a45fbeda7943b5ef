"""The history of a branch as it was lived there: from its tip along first parents, as far as it is here and no further.

A merge counts as the moment when what it brings arrived; where that came from is its other parents' story. A shallow
repository ends where its commits do, which is no error: what lies beyond is not known.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pygit2

from gotk.git.objects import commit as commits
from gotk.git.objects.commit import Person


@dataclass(frozen=True, slots=True)
class Past:
    """A commit that was made: `when` is in seconds since the epoch, `known` says whether its first parent is here."""

    id: str
    author: Person
    committer: Person
    message: str
    when: int
    parents: tuple[str, ...]
    known: bool


def walk(repository: pygit2.Repository, tip: str, most: int) -> Iterator[Past]:
    """Yield a commit and its first parents, newest first."""
    found: Any = repository.get(tip)
    for _ in range(most):
        if not isinstance(found, pygit2.Commit):
            return
        parents = tuple(str(parent) for parent in found.parent_ids)
        before: Any = repository.get(parents[0]) if parents else None
        known = bool(parents) and commits.is_complete(repository, parents[0])
        yield Past(
            id=str(found.id),
            author=_person(found.author),
            committer=_person(found.committer),
            message=found.raw_message.decode("utf-8", "replace"),
            when=int(found.commit_time),
            parents=parents,
            known=known,
        )
        if not known:
            return
        found = before


def _person(signature: Any) -> Person:
    name, email = (raw.decode("utf-8", "replace") for raw in (signature.raw_name, signature.raw_email))
    return Person(name, email)
