"""Copies of commits are whole or do not look as if they were."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pygit2
import pytest

from gotk.git.objects import commit, copying
from gotk.git.objects.seed import seed

NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)


@pytest.fixture
def pair(tmp_path: Path) -> tuple[pygit2.Repository, pygit2.Repository, str]:
    """Two repositories of one history; the first has one commit more."""
    files = {f"apps/{name}/a.yaml": name for name in "abc"}
    for name in ("source", "target"):
        seed(tmp_path / name, files)
    source, target = (pygit2.Repository(str(tmp_path / name)) for name in ("source", "target"))
    base = source.branches["main"].target
    edits = {"apps/a/a.yaml": b"2", "apps/d/e/f.yaml": b"3"}
    who = commit.Person("a", "a@b")
    made = commit.create(source, str(base), edits, author=who, message="m", when=NOON)
    if base not in target:  # two commits of one content, made at another second
        for each in source.walk(base):
            target.write(pygit2.enums.ObjectType.COMMIT, each.read_raw())
    return source, target, made


def test_a_copied_commit_reads_as_the_one_that_was_copied(pair: tuple[Any, Any, str]) -> None:
    source, target, made = pair
    assert copying.copy(source, target, made)
    assert target[target[made].tree["apps/d/e/f.yaml"].id].data == b"3"
    assert not target.diff(target[made].tree, target[made].parents[0].tree).stats.files_changed - 2


def test_nothing_is_copied_where_the_parent_is_missing(pair: tuple[Any, Any, str], tmp_path: Path) -> None:
    source, _, made = pair
    empty = pygit2.init_repository(str(tmp_path / "empty"), bare=True)
    assert not copying.copy(source, empty, made)
    assert made not in empty


def test_much_is_left_to_a_fetch(pair: tuple[Any, Any, str], monkeypatch: pytest.MonkeyPatch) -> None:
    source, target, made = pair
    monkeypatch.setattr(copying, "_MOST", 3)
    assert not copying.copy(source, target, made)
    assert made not in target


def test_a_copy_that_breaks_off_leaves_no_tree_that_lacks_something(pair: tuple[Any, Any, str]) -> None:
    source, target, made = pair

    class Full:
        """A target whose disk has room for so many objects more."""

        def __init__(self, room: int) -> None:
            self.room = room

        def __contains__(self, key: object) -> bool:
            return key in target

        def write(self, kind: int, content: bytes) -> None:
            if not self.room:
                raise pygit2.GitError("no space left")
            self.room -= 1
            target.write(kind, content)

    for _ in range(8):
        with pytest.raises(pygit2.GitError):
            copying.copy(source, Full(1), made)  # type: ignore[arg-type]
        held = [each for each in target if isinstance(target[each], pygit2.Tree)]
        assert all(entry.id in target for each in held for entry in target[each])
        if source[made].tree_id in target:
            break
    assert copying.copy(source, target, made)
