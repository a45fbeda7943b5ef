"""What commits leave behind of what was learnt: nothing that no view is of any more, and all that one is of."""

import sqlite3
from collections.abc import Iterable, Iterator
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path

import pytest

from gotk.git.mirrors.mirror import Mirror, Mirrors
from gotk.git.objects.commit import Person
from gotk.git.objects.seed import seed
from image_automation.update import texts
from image_automation.writing import tree
from image_automation.writing.views import View, Views

MARKED = '# {}\ntag: {} # {{"$imagepolicy": "n:p:tag"}}\n'
FILES = ("apps/0/a.env", *(f"apps/{team}/{n}.yaml" for team in range(3) for n in range(3)))
TEXT = texts.of(["*.env"])


class World:
    """A repository that commits come into, and what is known of it."""

    def __init__(self, folder: Path) -> None:
        self.marks = folder / "marks.db"
        self.commit = seed(folder / "r.git", {path: MARKED.format(path, 0) for path in FILES})
        mirror = Mirrors(folder / "mirrors").open(f"file://{folder / 'r.git'}")
        mirror.fetch("refs/heads/main")
        self.mirror = Reading(next((folder / "mirrors").glob("*.git")), mirror.remote.url)
        self.known = tree.Known(self.marks)

    def change(self, path: str, value: object) -> str:
        edits = {path: MARKED.format(path, value).encode()}
        when = datetime(2026, 1, 1, tzinfo=UTC)
        self.commit = self.mirror.commit(self.commit, edits, Person("a", "a@b"), "m", when)
        return self.commit

    def look(self, view: View | None, *commits: str) -> list[str]:
        """Look at commits in one run, and return which files were read for it."""
        self.mirror.blobs = []
        for commit in commits or (self.commit,):
            tree.apply(self.mirror, commit, "", {"n:p:tag": "9"}, self.known, text_files=TEXT, view=view)
        return self.mirror.blobs

    def size(self) -> tuple[int, int, int]:
        """Return how many directories and files are known, and how many of these on disk."""
        with closing(sqlite3.connect(self.marks)) as database:
            (rows,) = database.execute("SELECT count(*) FROM files").fetchone()
        return len(self.known.leaves), len(self.known.files), rows


class Reading(Mirror):
    """A mirror that writes down which files were read to find out whether they hold a marker."""

    blobs: list[str]

    def read_each(self, blob_ids: Iterable[str], *, limit: int) -> Iterator[tuple[str, bytes | None]]:
        for id_, content in super().read_each(blob_ids, limit=limit):
            self.blobs.append(id_)
            yield id_, content


@pytest.fixture
def world(tmp_path: Path) -> World:
    return World(tmp_path)


def test_many_commits_leave_no_more_known_than_two_do(world: World):
    sizes = []
    for n in range(1, 12):
        world.look(View("n/a", object()))
        sizes.append(world.size())
        world.change(f"apps/{n % 3}/0.yaml", n)
    assert set(sizes[2:]) == {sizes[1]}


def test_files_of_text_that_are_superseded_go_as_well(world: World):
    sizes = []
    for n in range(1, 12):
        world.look(View("n/a", object()))
        sizes.append(world.size())
        world.change("apps/0/a.env", n)
    assert set(sizes[2:]) == {sizes[1]}


def test_of_several_commits_that_each_run_looks_at_only_what_is_new_is_read(world: World):
    base, other = world.commit, world.change("apps/0/0.yaml", 1)
    world.look(View("n/a", object()), base, other)
    for n in range(2, 6):
        newest = world.change("apps/1/0.yaml", n)
        assert world.look(View("n/a", object()), base, other, newest) == [world.mirror.node(newest, "apps/1/0.yaml").id]


def test_what_another_looks_at_stays_known_but_for_what_changed(world: World):
    first = world.commit
    for who in ("n/a", "n/other"):
        world.look(View(who, object()), first)
    for n in range(1, 6):
        world.change("apps/0/0.yaml", n)
        world.look(View("n/a", object()))
    assert world.look(View("n/other", object()), first) == [world.mirror.node(first, "apps/0/0.yaml").id]


def test_nothing_stays_known_of_what_one_looked_at_who_is_gone(world: World):
    world.look(View("n/a", object()))
    world.known.leave("n/a")
    world.known.files.save()
    assert world.size() == (0, 0, 0)


def test_nothing_goes_for_who_looks_once(world: World):
    world.look(None)
    before = world.size()
    world.change("apps/0/0.yaml", 1)
    world.look(None)
    assert all(now > then for now, then in zip(world.size(), before, strict=True))


def test_those_who_looked_longest_ago_are_forgotten_where_there_are_too_many():
    views = Views(most=2)
    run = object()
    for n in (1, 2):
        assert list(views.look(View(str(n), run), bytes([n]))) == []
    assert [gone.old for gone in views.look(View("3", run), b"3")] == [(b"\1",)]
