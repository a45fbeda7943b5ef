"""What is known of files by hash: kept across restarts, bounded, and never in the way of a right answer."""

from datetime import UTC, datetime
from pathlib import Path

import pytest

from gotk.git.mirrors.mirror import Mirrors
from gotk.git.objects.commit import Person
from gotk.git.objects.seed import seed
from image_automation.update.result import FileResult, Problem, Unresolved
from image_automation.writing import marker_cache, tree
from tests.image_automation.writing.reading import Reading

A, B, C, NEVER = (n.to_bytes(20) for n in (10, 11, 12, 13))
UP_TO_DATE = marker_cache.UpToDate(
    {"n:p:tag": "1.0", "n:q": None},
    FileResult(
        "a.yaml",
        problems=(Problem("cause", "next step", line=3),),
        unresolved=(Unresolved("n:q", 2),),
        followed=frozenset({"n:p:tag", "n:q"}),
    ),
)


def test_what_was_learnt_is_known_after_a_restart(tmp_path: Path):
    first = marker_cache.Marks(tmp_path / "marks.db")
    first.learn({A: False, B: True, C: UP_TO_DATE})
    first.save()
    assert marker_cache.Marks(tmp_path / "marks.db").known([A, B, C, NEVER]) == {A: False, B: True, C: UP_TO_DATE}


def test_a_damaged_file_is_begun_anew(tmp_path: Path):
    (tmp_path / "marks.db").write_bytes(b"no database" * 1000)
    index = marker_cache.Marks(tmp_path / "marks.db")
    assert index.known([A]) == {}
    index.learn({A: True})
    index.save()
    assert marker_cache.Marks(tmp_path / "marks.db").known([A]) == {A: True}


def test_what_other_code_learnt_is_forgotten(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    first = marker_cache.Marks(tmp_path / "marks.db")
    first.learn({A: True})
    first.save()
    monkeypatch.setattr(marker_cache, "_rules", lambda: b"other code")
    assert marker_cache.Marks(tmp_path / "marks.db").known([A]) == {}


@pytest.mark.parametrize("path", [None, "marks.db"], ids=["in memory", "on disk"])
def test_no_more_than_so_many_are_kept(tmp_path: Path, path: str | None):
    index = marker_cache.Marks(tmp_path / path if path else None, most=10)
    ids = [n.to_bytes(20) for n in range(35)]
    for id_ in ids:
        index.learn({id_: True})
        index.save()
    assert 1 <= len(index.known(ids)) <= 20


def test_what_memory_has_no_room_for_is_known_from_the_disk(tmp_path: Path):
    ids = [n.to_bytes(20) for n in range(35)]
    for path, kept in ((None, 3), (tmp_path / "marks.db", 35)):
        index = marker_cache.Marks(path, in_memory=40)
        index.learn(dict.fromkeys(ids, UP_TO_DATE))
        index.save()
        assert len(index.known(ids)) == kept


def test_after_a_restart_only_what_is_new_is_read(tmp_path: Path):
    files = {f"d{n % 3}/f{n}.yaml": f'n: {n}\ntag: 1.0 # {{"$imagepolicy": "n:p:tag"}}\n' for n in range(6)}
    files |= {f"d{n % 3}/plain{n}.yaml": f"n: {n}\n" for n in range(30)}
    first = seed(tmp_path / "r.git", files)
    url, setters = f"file://{tmp_path / 'r.git'}", {"n:p:tag": "1.0"}
    mirror = Mirrors(tmp_path / "mirrors").open(url)
    mirror.fetch("refs/heads/main")
    before = tree.apply(mirror, first, "", setters, tree.Known(tmp_path / "marks.db"))
    second = mirror.commit(
        first, {"d0/new.yaml": b"n: new\n"}, Person("a", "a@b"), "m", datetime(2026, 1, 1, tzinfo=UTC)
    )
    again = Reading(tmp_path / "mirrors" / next((tmp_path / "mirrors").glob("*.git")).name, url)
    again.blobs = []
    after = tree.apply(again, second, "", setters, tree.Known(tmp_path / "marks.db"))
    assert (before.edits, after.edits) == ({}, {})
    assert again.blobs == [again.node(second, "d0/new.yaml").id]


def test_of_a_file_about_which_there_is_much_to_say_only_that_it_is_marked_goes_to_the_disk(tmp_path: Path):
    much = tuple(Problem("cause " * 100, "next step", line=n) for n in range(200))
    large = marker_cache.UpToDate({"n:q": "1.0"}, FileResult("a.yaml", problems=much))
    first = marker_cache.Marks(tmp_path / "marks.db")
    first.learn({A: large, B: UP_TO_DATE})
    first.save()
    assert first.known([A]) == {A: large}
    assert marker_cache.Marks(tmp_path / "marks.db").known([A, B]) == {A: True, B: UP_TO_DATE}


def test_more_than_are_kept_learnt_at_once_leave_no_more_than_are_kept(tmp_path: Path):
    index = marker_cache.Marks(tmp_path / "marks.db", most=10)
    index.learn({n.to_bytes(20): True for n in range(35)})
    index.save()
    assert len(marker_cache.Marks(tmp_path / "marks.db").known([n.to_bytes(20) for n in range(35)])) == 10
