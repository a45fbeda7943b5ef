import sqlite3
from datetime import UTC, datetime, timedelta
from pathlib import Path

import msgspec
import pytest

from reflector.first_seen import FirstSeen
from reflector.store import DIGESTS, Change, StoreError, TagStore
from tests.reflector import storing


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "deep" / "tags.db"


def test_tags_come_back_in_their_order():
    with TagStore(None) as store:
        storing.write(store, "reg/app", ["b", "a", "a"], "1")
        assert (list(store.tags("reg/app")), store.generation("reg/app").count) == (["b", "a", "a"], 3)


def test_an_image_never_scanned_and_one_without_tags_have_none():
    with TagStore(None) as store:
        storing.write(store, "reg/empty", [], "1")
        for name in ("reg/empty", "reg/unknown"):
            assert (list(store.tags(name)), store.generation(name).count) == ([], 0)


def test_tags_survive_a_restart(path: Path):
    with TagStore(path) as store:
        storing.write(store, "reg/app", ["1"], "1")
    with TagStore(path) as store:
        assert list(store.tags("reg/app")) == ["1"]


def test_a_second_reader_sees_what_was_written(path: Path):
    with TagStore(path) as writer, TagStore(path) as reader:
        storing.write(writer, "reg/app", ["1"], "1")
        assert list(reader.tags("reg/app")) == ["1"]


def test_only_another_list_is_written(path: Path):
    with TagStore(path) as store:
        assert [storing.write(store, "reg/app", ["1"], "1"), storing.write(store, "reg/app", ["1"], "1")] == [
            True,
            False,
        ]
        assert storing.write(store, "reg/app", ["2", "1"], "the same checksum")
        assert storing.write(store, "reg/app", ["2", "0"], "the same checksum")
        assert list(store.tags("reg/app")) == ["2", "0"]


def test_a_forgotten_image_is_gone():
    with TagStore(None) as store:
        storing.write(store, "reg/app", ["1"], "1")
        store.forget("reg/app")
        assert store.generation("reg/app").count == 0


def test_a_damaged_file_is_set_aside_and_a_new_one_begun(path: Path):
    path.parent.mkdir()
    path.write_bytes(b"this is no database" * 1000)
    with TagStore(path) as store:
        storing.write(store, "reg/app", ["1"], "1")
    assert path.with_name("tags.db.damaged").exists()


def test_a_file_of_another_version_is_set_aside(path: Path):
    path.parent.mkdir()
    other = sqlite3.connect(path)
    other.execute("PRAGMA user_version = 99")
    other.close()
    with TagStore(path) as store:
        assert store.generation("reg/app").count == 0


def test_what_sqlite_refuses_is_an_error_of_ours(path: Path):
    with TagStore(path) as store:
        store.close()
        with pytest.raises(StoreError):
            storing.write(store, "reg/app", ["1"], "1")
    path.unlink()
    path.mkdir()
    with pytest.raises(StoreError, match="failed to open the tag database"):
        TagStore(path)


NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)
THEN = int(NOON.timestamp())


def seen(**tags: int) -> FirstSeen:
    """FirstSeen of tags, so many seconds after noon; the first scan was at noon."""
    names = sorted(tags, reverse=True)
    return FirstSeen(names=names, first=[THEN + tags[n] for n in names], missing=bytes(len(names)), began=THEN)


def test_sightings_doubts_and_digests_survive_a_restart(path: Path):
    with TagStore(path) as store:
        storing.write(store, "reg/app", ["b", "a"], "1", first_seen=seen(a=0, b=60), doubtful=True)
        store.witness("reg/app", "a", "sha256:1", NOON)
    with TagStore(path) as store:
        known = store.first_seen("reg/app")
        assert known is not None
        assert (list(known.names), list(known.first)) == (["b", "a"], [THEN + 60, THEN])
        assert store.generation("reg/app").doubtful
        moved = store.witness("reg/app", "a", "sha256:2", NOON + timedelta(days=1))
        assert moved == NOON + timedelta(days=1)


def test_a_doubt_alone_is_written_too(path: Path):
    with TagStore(path) as store:
        storing.write(store, "reg/app", ["a"], "1", first_seen=seen(a=0), doubtful=True)
        assert not storing.write(store, "reg/app", ["a"], "1", first_seen=seen(a=0), doubtful=False)
        assert not store.generation("reg/app").doubtful


def test_tags_seen_after_a_moment_are_young_but_not_those_of_the_first_scan():
    with TagStore(None) as store:
        storing.write(store, "reg/app", ["c", "b", "a"], "1", first_seen=seen(a=0, b=60, c=120))
        long_ago = NOON - timedelta(days=1)
        assert set(store.young("reg/app", long_ago, first_scan_is_old=True)) == {"b", "c"}
        assert set(store.young("reg/app", long_ago, first_scan_is_old=False)) == {"a", "b", "c"}
        found = store.young("reg/app", NOON + timedelta(seconds=60), first_scan_is_old=True)
        assert found == {"c": NOON + timedelta(seconds=120)}
        assert store.young("reg/unknown", long_ago, first_scan_is_old=False) == {}


def test_a_moved_tag_is_young_again_and_a_digest_seen_for_the_first_time_is_not():
    with TagStore(None) as store:
        storing.write(store, "reg/app", ["a"], "1", first_seen=seen(a=0))
        later = NOON + timedelta(days=9)
        assert store.witness("reg/app", "a", "sha256:1", later) is None
        assert store.young("reg/app", NOON, first_scan_is_old=True) == {}
        assert store.witness("reg/app", "a", "sha256:2", later) == later
        assert store.witness("reg/app", "a", "sha256:2", later + timedelta(days=1)) == later
        assert store.young("reg/app", NOON, first_scan_is_old=True) == {"a": later}


def test_the_digest_of_a_tag_that_is_gone_is_forgotten():
    with TagStore(None) as store:
        storing.write(store, "reg/app", ["a"], "1", first_seen=seen(a=0))
        store.witness("reg/app", "a", "sha256:1", NOON)
        storing.write(store, "reg/app", [], "2", first_seen=seen(), change=([], {"a"}))
        assert store.witness("reg/app", "a", "sha256:2", NOON) is None


def test_digests_are_remembered_for_so_many_tags_only():
    with TagStore(None) as store:
        for number in range(DIGESTS + 5):
            store.witness("reg/app", f"t{number}", "sha256:1", NOON + timedelta(seconds=number))
        moved = [store.witness("reg/app", f"t{number}", "sha256:2", NOON) for number in (DIGESTS + 4, 0)]
    assert moved == [NOON, None]


def test_a_change_of_a_few_tags_is_known_to_who_saw_the_list_before():
    with TagStore(None) as store:
        storing.write(store, "reg/app", ["a"], "1", first_seen=seen(a=0), scope=("x",))
        serial = store.generation("reg/app").serial
        assert store.changes("reg/app", serial) == Change(serial)
        storing.write(store, "reg/app", ["b"], "2", first_seen=seen(b=0), scope=("x",), change=(["b"], {"a"}))
        assert store.changes("reg/app", serial) == Change(serial + 1, ["b"], {"a"})
        storing.write(store, "reg/app", ["c"], "3", first_seen=seen(c=0), scope=("other",), change=(["c"], {"b"}))
        assert store.changes("reg/app", serial) is None
        assert store.changes("reg/app", serial + 1) is None


def test_a_change_is_of_one_list_and_who_is_two_behind_reads_anew():
    with TagStore(None) as store:
        storing.write(store, "reg/app", ["a"], "1", first_seen=seen(a=0), scope=("x",))
        serial = store.generation("reg/app").serial
        storing.write(store, "reg/app", ["b", "a"], "2", first_seen=seen(a=0, b=0), scope=("x",), change=(["b"], ()))
        storing.write(store, "reg/app", ["b"], "3", first_seen=seen(b=0), scope=("x",), change=([], {"a"}))
        assert store.changes("reg/app", serial) is None
        assert store.changes("reg/app", serial + 1) == Change(serial + 2, [], {"a"})


def test_a_list_after_a_forgotten_one_has_a_number_of_its_own():
    with TagStore(None) as store:
        storing.write(store, "reg/app", ["a"], "1", first_seen=seen(a=0))
        serial = store.generation("reg/app").serial
        store.forget("reg/app")
        storing.write(store, "reg/app", ["b"], "2", first_seen=seen(b=0))
        assert store.generation("reg/app").serial > serial + 1
        assert store.changes("reg/app", serial) is None


def test_a_tag_that_came_back_after_its_digest_moved_is_as_young_as_its_coming_back():
    with TagStore(None) as store:
        storing.write(store, "reg/app", ["a"], "1", first_seen=seen(a=0))
        moved, back = NOON + timedelta(seconds=60), NOON + timedelta(seconds=120)
        store.witness("reg/app", "a", "sha256:1", NOON)
        store.witness("reg/app", "a", "sha256:2", moved)
        storing.write(store, "reg/app", ["a"], "2", first_seen=seen(a=120))
        assert store.young("reg/app", NOON, first_scan_is_old=True) == {"a": back}


def test_a_forgotten_image_is_another_list():
    with TagStore(None) as store:
        storing.write(store, "reg/app", ["a"], "1")
        serial = store.generation("reg/app").serial
        store.forget("reg/app")
        assert store.changes("reg/app", serial) is None


def test_tags_without_sightings_were_there_for_ever():
    with TagStore(None) as store:
        storing.write(store, "reg/app", ["b", "a"], "1")
        known = store.first_seen("reg/app")
        assert known is not None
        assert (list(known.names), list(known.first)) == (["b", "a"], [0, 0])


def test_sightings_that_cannot_be_read_are_none(path: Path):
    with TagStore(path) as store:
        storing.write(store, "reg/app", ["a"], "1", first_seen=seen(a=0))
    broken = sqlite3.connect(path)
    with broken:
        broken.execute("UPDATE sightings SET first = x'00'")
    broken.close()
    with TagStore(path) as store:
        known = store.first_seen("reg/app")
        assert known is not None
        assert list(known.first) == [0]


def test_what_is_known_of_a_list_outlives_a_clean_stop_but_not_a_second_one(path: Path):
    with TagStore(path) as store:
        storing.write(store, "reg/app", ["2", "1"], "7")
        before = store.generation("reg/app")
    with TagStore(path) as store:
        after = store.generation("reg/app")
        assert after == msgspec.structs.replace(before, serial=0, change=None, restored=True)
        store.confirm("reg/app", msgspec.structs.replace(after.result, scan_time="2026-01-01T00:05:00Z"))
        assert not store.generation("reg/app").restored
    with TagStore(path) as store:
        assert store.scanned("reg/app") == "2026-01-01T00:05:00Z"


def test_after_a_crash_nothing_is_known_of_a_list_but_its_tags(path: Path):
    with TagStore(path) as store:
        storing.write(store, "reg/app", ["1"], "7")
    killed = TagStore(path)
    killed.generation("reg/app")
    with TagStore(path) as store:
        assert (store.scanned("reg/app"), list(store.tags("reg/app"))) == ("", ["1"])


def test_what_is_known_of_another_list_than_the_stored_one_does_not_count(path: Path):
    with TagStore(path) as store:
        storing.write(store, "reg/app", ["1"], "7")
    with sqlite3.connect(path) as database:
        database.execute("UPDATE tags SET body = ?", (b"other",))
    with TagStore(path) as store:
        assert (store.scanned("reg/app"), store.generation("reg/app").restored) == ("", False)
