"""What pygit2 keeps of what it is asked, which this code must not let grow."""

import gc
import sys
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import pygit2
import pytest

from gotk.git.objects import commit as commits
from gotk.git.objects import seed, tree
from gotk.git.objects.commit import Person
from gotk.git.serving import receive_pack

TIMES = 300


@pytest.fixture
def repository(tmp_path: Path) -> pygit2.Repository:
    seed.seed(tmp_path / "r.git", {"apps/images.yaml": "a: 1\n"})
    return pygit2.Repository(str(tmp_path / "r.git"))


def kept(work: Callable[[], object]) -> int:
    """Return how many blocks of memory stay taken after many times of work."""
    work()
    gc.collect()
    before = sys.getallocatedblocks()
    for _ in range(TIMES):
        work()
    gc.collect()
    return sys.getallocatedblocks() - before


def test_nothing_stays_of_a_look_for_a_path(repository: pygit2.Repository):
    root = repository.references["refs/heads/main"].peel(pygit2.Tree)
    assert kept(lambda: tree.find(root, "apps/images.yaml")) < TIMES


def test_nothing_stays_of_a_commit(repository: pygit2.Repository):
    base = str(repository.references["refs/heads/main"].target)
    who, when = Person("a", "a@example.com"), datetime(2026, 1, 1, tzinfo=UTC)

    def work() -> str:
        return commits.create(repository, base, {"apps/images.yaml": b"a: 2\n"}, author=who, message="m", when=when)

    assert kept(work) < TIMES


def test_nothing_stays_of_a_list_of_references(repository: pygit2.Repository):
    assert kept(lambda: list(receive_pack.advertise(repository))) < TIMES
