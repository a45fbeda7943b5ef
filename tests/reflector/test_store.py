import sqlite3
from pathlib import Path

import pytest

from reflector.store import StoreError, TagStore


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "deep" / "tags.db"


def test_tags_come_back_in_their_order():
    with TagStore(None) as store:
        store.write("reg/app", ["b", "a", "a"], "1")
        assert (list(store.tags("reg/app")), store.count("reg/app")) == (["b", "a", "a"], 3)


def test_an_image_never_scanned_and_one_without_tags_have_none():
    with TagStore(None) as store:
        store.write("reg/empty", [], "1")
        for name in ("reg/empty", "reg/unknown"):
            assert (list(store.tags(name)), store.count(name)) == ([], 0)


def test_tags_survive_a_restart(path: Path):
    with TagStore(path) as store:
        store.write("reg/app", ["1"], "1")
    with TagStore(path) as store:
        assert list(store.tags("reg/app")) == ["1"]


def test_a_second_reader_sees_what_was_written(path: Path):
    with TagStore(path) as writer, TagStore(path) as reader:
        writer.write("reg/app", ["1"], "1")
        assert list(reader.tags("reg/app")) == ["1"]


def test_only_another_list_is_written(path: Path):
    with TagStore(path) as store:
        assert [store.write("reg/app", ["1"], "1"), store.write("reg/app", ["1"], "1")] == [True, False]
        assert store.write("reg/app", ["2", "1"], "the same checksum")
        assert store.write("reg/app", ["2", "0"], "the same checksum")
        assert list(store.tags("reg/app")) == ["2", "0"]


def test_a_forgotten_image_is_gone():
    with TagStore(None) as store:
        store.write("reg/app", ["1"], "1")
        store.forget("reg/app")
        assert store.count("reg/app") == 0


def test_a_damaged_file_is_set_aside_and_a_new_one_begun(path: Path):
    path.parent.mkdir()
    path.write_bytes(b"this is no database" * 1000)
    with TagStore(path) as store:
        store.write("reg/app", ["1"], "1")
    assert path.with_name("tags.db.damaged").exists()


def test_a_file_of_another_version_is_set_aside(path: Path):
    path.parent.mkdir()
    other = sqlite3.connect(path)
    other.execute("PRAGMA user_version = 99")
    other.close()
    with TagStore(path) as store:
        assert store.count("reg/app") == 0


def test_what_sqlite_refuses_is_an_error_of_ours(path: Path):
    with TagStore(path) as store:
        store.close()
        with pytest.raises(StoreError):
            store.write("reg/app", ["1"], "1")
    path.unlink()
    path.mkdir()
    with pytest.raises(StoreError, match="failed to open the tag database"):
        TagStore(path)
