"""Somebody's own clone: what a commit in it touches, and what it never does."""

from pathlib import Path

import pygit2
import pytest

from gotk.git import errors
from gotk.git.objects import clone
from gotk.git.objects.commit import Person
from gotk.git.objects.seed import seed
from tests.running import NOON

BOT = Person("Bot", "bot@example.com")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    seed(tmp_path / "remote.git", {"a.yaml": "a: 1\n", "[b].yaml": "b: 1\n", "b.yaml": "b: 1\n"})
    pygit2.clone_repository(str(tmp_path / "remote.git"), str(tmp_path / "clone"))
    return tmp_path / "clone"


def opened(folder: Path) -> clone.Clone:
    found = clone.discover(folder)
    assert found is not None
    return found


def test_a_commit_changes_the_named_files_in_tree_and_folder(folder: Path):
    made = opened(folder)
    (folder / "b.yaml").write_text("b: mine\n")
    made.commit({"[b].yaml": b"b: 2\n"}, {"[b].yaml": b"b: 1\n"}, BOT, "Update", NOON)
    assert (folder / "[b].yaml").read_text() == "b: 2\n"
    assert (folder / "b.yaml").read_text() == "b: mine\n"
    repo = pygit2.Repository(str(folder))
    assert repo.status() == {"b.yaml": pygit2.enums.FileStatus.WT_MODIFIED}
    assert repo.head.peel().tree["b.yaml"].data == b"b: 1\n"
    assert [past.message for past in made.history(made.head or "", 5)] == ["Update", "Begin"]


@pytest.mark.parametrize("staged", [True, False])
def test_a_file_with_changes_is_never_overwritten(folder: Path, staged: bool):
    (folder / "a.yaml").write_text("a: mine\n")
    if staged:
        repo = pygit2.Repository(str(folder))
        repo.index.add("a.yaml")
        repo.index.write()
    head = opened(folder).head
    with pytest.raises(errors.InvalidPath, match=r"'a\.yaml' has changes that are not committed"):
        opened(folder).commit({"a.yaml": b"a: 2\n"}, {"a.yaml": b"a: 1\n"}, BOT, "Update", NOON)
    assert opened(folder).head == head
    assert (folder / "a.yaml").read_text() == "a: mine\n"


def test_no_program_of_the_repository_runs(folder: Path):
    hook = folder / ".git" / "hooks" / "post-commit"
    hook.parent.mkdir(exist_ok=True)
    hook.write_text(f"#!/bin/sh\ntouch {folder}/ran\n")
    hook.chmod(0o755)
    for name in ("pre-commit", "post-checkout", "reference-transaction"):
        (hook.parent / name).write_text(hook.read_text())
        (hook.parent / name).chmod(0o755)
    config = pygit2.Repository(str(folder)).config
    config["filter.evil.clean"] = config["filter.evil.smudge"] = f"touch {folder}/ran"
    config["core.fsmonitor"] = f"touch {folder}/ran"
    (folder / ".git" / "info" / "attributes").write_text("* filter=evil\n")
    with pytest.raises(errors.InvalidPath, match=r"the filter 'evil' of \.gitattributes, a program"):
        opened(folder).commit({"a.yaml": b"a: 2\n"}, {"a.yaml": b"a: 1\n"}, BOT, "Update", NOON)
    (folder / ".git" / "info" / "attributes").write_text("")
    opened(folder).commit({"a.yaml": b"a: 2\n"}, {"a.yaml": b"a: 1\n"}, BOT, "Update", NOON)
    assert (folder / "a.yaml").read_text() == "a: 2\n"
    assert not (folder / "ran").exists()


def test_what_is_no_clone_is_none(tmp_path: Path):
    assert clone.discover(tmp_path) is None
    pygit2.init_repository(str(tmp_path / "bare.git"), bare=True)
    assert clone.discover(tmp_path / "bare.git") is None
    pygit2.init_repository(str(tmp_path / "empty"))
    assert opened(tmp_path / "empty").head is None
