"""A damaged file is told from one that is in use, and kept."""

import sqlite3
import stat
from pathlib import Path

import pytest

from gotk import sqlite


def table(connection: sqlite3.Connection) -> None:
    connection.execute("CREATE TABLE IF NOT EXISTS words (word TEXT)")


def words(connection: sqlite3.Connection) -> list[str]:
    return [row[0] for row in connection.execute("SELECT word FROM words")]


def write(path: Path, word: str) -> None:
    connection = sqlite.open_file(path, table)
    with connection:
        connection.execute("INSERT INTO words VALUES (?)", (word,))
    connection.close()


def test_what_is_written_is_there_again(tmp_path: Path):
    write(tmp_path / "new" / "a.db", "hello")
    assert words(sqlite.open_or_begin_anew(tmp_path / "new" / "a.db", table)) == ["hello"]
    assert stat.S_IMODE((tmp_path / "new" / "a.db").stat().st_mode) == 0o600


@pytest.mark.parametrize("durable", [True, False])
def test_durability_is_what_was_asked_for(tmp_path: Path, durable: bool):
    connection = sqlite.open_file(tmp_path / "a.db", table, durable=durable)
    assert connection.execute("PRAGMA synchronous").fetchone() == ((2,) if durable else (1,))
    assert connection.execute("PRAGMA journal_mode").fetchone() == ("wal",)


@pytest.mark.parametrize("content", [b"no database" * 100, b"SQLite format 3\0" + bytes(4080)], ids=["text", "zeros"])
def test_a_damaged_file_is_set_aside_and_kept(tmp_path: Path, content: bytes):
    path = tmp_path / "a.db"
    path.write_bytes(content)
    path.with_name("a.db-wal").write_bytes(b"log")
    with pytest.raises(sqlite.Damaged):
        sqlite.open_file(path, table)
    assert words(sqlite.open_or_begin_anew(path, table)) == []
    assert path.with_name("a.db.damaged").read_bytes() == content


def test_a_file_that_its_user_cannot_use_is_set_aside(tmp_path: Path):
    write(tmp_path / "a.db", "old")

    def picky(connection: sqlite3.Connection) -> None:
        table(connection)
        if words(connection):
            raise sqlite.Damaged("made by another version")

    assert words(sqlite.open_or_begin_anew(tmp_path / "a.db", picky)) == []


def test_a_file_in_use_is_left_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(sqlite, "_TIMEOUT", 0.01)
    path = tmp_path / "a.db"
    holder = sqlite.open_file(path, table, autocommit=True)
    holder.execute("BEGIN EXCLUSIVE")
    with pytest.raises(sqlite3.OperationalError, match="locked"):
        sqlite.open_or_begin_anew(path, lambda connection: connection.execute("CREATE TABLE more (x)"))
    assert not path.with_name("a.db.damaged").exists()


def test_damage_in_the_middle_is_found(tmp_path: Path):
    path = tmp_path / "a.db"
    for n in range(30):
        write(path, f"word {n}" * 200)
    content = bytearray(path.read_bytes())
    content[4096 * 2 : 4096 * 3] = b"\xff" * 4096
    path.write_bytes(content)
    with pytest.raises((sqlite.Damaged, sqlite3.DatabaseError)), sqlite.opened(path, read_only=True) as connection:
        sqlite.check(connection)
