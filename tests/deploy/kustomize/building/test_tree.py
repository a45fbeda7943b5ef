"""The tree of a plan on disk, and a source as a build reads it."""

import errno
import os
from pathlib import Path

import pytest

from deploy.kustomize.building import source, tree
from deploy.kustomize.building.plan import Plan
from tests.deploy.kustomize import sources

PLAN = Plan(frozenset({".", "a/empty"}), {"a/k.yaml": "text\n"}, {"b/x": "b/x", "a/other": "b/x"})


def test_the_tree_holds_what_was_planned(tmp_path: Path) -> None:
    root = sources.write(tmp_path / "source", {"b/x": "bytes", "b/unused": "", "a/k.yaml": "as it was"})
    tree.lay_out(PLAN, root, tmp_path / "tree", {})
    found = {str(path.relative_to(tmp_path / "tree")): path for path in (tmp_path / "tree").rglob("*")}
    assert found.keys() == {"a", "a/empty", "a/k.yaml", "a/other", "b", "b/x"}
    assert {name: path.read_text() for name, path in found.items() if path.is_file()} == {
        "a/k.yaml": "text\n",
        "a/other": "bytes",
        "b/x": "bytes",
    }
    assert not any(path.is_symlink() for path in found.values())


def test_what_was_decrypted_lies_where_it_was_encrypted(tmp_path: Path) -> None:
    root = sources.write(tmp_path / "source", {"b/x": "encrypted"})
    tree.lay_out(PLAN, root, tmp_path / "tree", {"b/x": b"plain"})
    assert [(tmp_path / "tree" / name).read_text() for name in ("b/x", "a/other")] == ["plain", "plain"]
    assert (root / "b/x").read_text() == "encrypted"


def test_files_are_copied_where_they_cannot_be_linked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise OSError(errno.EXDEV, "Invalid cross-device link")

    monkeypatch.setattr(os, "link", refuse)
    root = sources.write(tmp_path / "source", {"b/x": "bytes"})
    tree.lay_out(PLAN, root, tmp_path / "tree", {})
    assert (tmp_path / "tree/b/x").read_text() == "bytes"
    assert (tmp_path / "tree/b/x").stat().st_ino != (root / "b/x").stat().st_ino


def test_a_source_has_no_links(tmp_path: Path) -> None:
    root = sources.write(tmp_path / "source", {"d/f": "x"})
    (root / "link").symlink_to("/etc/passwd")
    (root / "away").symlink_to(tmp_path)
    os.mkfifo(root / "pipe")
    read = source.Directory(root)
    nothing = ("link", "away", "away/source", "pipe", "no", "d/f/x", "..", "../source", "../source/d")
    assert {name: read.kind(name) for name in (".", "d", "d/f", *nothing)} == {
        **dict.fromkeys(nothing, "none"),
        **dict.fromkeys((".", "d"), "directory"),
        "d/f": "file",
    }


def test_configuration_has_a_largest_size(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(source, "_LARGEST_FILE", 3)
    root = sources.write(tmp_path, {"a": "123", "b": "1234"})
    assert source.Directory(root).read("a") == b"123"
    with pytest.raises(source.TooLarge, match="larger than 3 bytes"):
        source.Directory(root).read("b")


def test_a_build_reads_no_more_than_so_many_bytes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(source, "_MOST_BYTES", 5)
    read = source.Directory(sources.write(tmp_path, {"a": "123"}))
    assert read.read("a") == b"123"
    with pytest.raises(source.TooLarge, match="more than 5 bytes are to be read for one build"):
        read.read("a")


def test_entries_come_in_lexical_order(tmp_path: Path) -> None:
    assert source.Directory(sources.write(tmp_path, {"b": "", "B": "", "a/x": ""})).entries(".") == ["B", "a", "b"]
