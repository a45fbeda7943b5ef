"""What was learnt of files by their hash, kept across restarts: no file that has not changed is ever read again.

A hash stands for what a file holds, whatever the repository, branch or run. Of each candidate it is known whether it
holds a marker, and of a marked one what its setters were when there was nothing to do. All of this is a cache: bounded,
thrown away when the rewriter's own code changes or the file is damaged, and never needed for a right answer.
"""

import contextlib
import hashlib
import itertools
import sqlite3
import threading
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final, TypeAlias

import msgspec

from gotk import sqlite
from gotk.bounded import Bounded
from image_automation.update.result import FileResult

#: The most files that are remembered; beyond it all are forgotten at once on disk, and learnt again.
MOST: Final = 1_000_000
#: What is kept in memory, those used last, in entries of 170 bytes: every commit of ours brings contents that take the
#: place of others, and what goes from here is on disk still.
IN_MEMORY: Final = 500_000
#: The most bytes that are kept on disk of one file.
LARGEST: Final = 64 << 10

_TABLES = """
CREATE TABLE IF NOT EXISTS rules (version BLOB);
CREATE TABLE IF NOT EXISTS files (id BLOB PRIMARY KEY, learnt BLOB NOT NULL) WITHOUT ROWID;
"""
_AT_ONCE = 500


@dataclass(frozen=True, slots=True)
class UpToDate:
    """A content that needed no change when its setters had these values, and what was said about it."""

    values: Mapping[str, str | None]
    result: FileResult


#: False: no marker. True: a marker, and nothing else is known.
Learnt: TypeAlias = bool | UpToDate


class Marks:
    """What is known of files by hash, in memory and, where a path is given, in a database. For any thread."""

    def __init__(self, path: Path | None = None, *, most: int = MOST, in_memory: int = IN_MEMORY) -> None:
        self._most = most
        self._memory: Bounded[bytes, Learnt] = Bounded(min(most, in_memory), weigh=_weight)
        self._unsaved: dict[bytes, Learnt] = {}
        self._gone: set[bytes] = set()
        self._lock = threading.Lock()
        self._database = sqlite.open_or_begin_anew(path, _prepare, any_thread=True) if path else None
        self._stored = self._database is not None and _holds_any(self._database)

    def __len__(self) -> int:
        """How many files are known in memory."""
        return len(self._memory)

    def known(self, keys: Collection[bytes]) -> dict[bytes, Learnt]:
        """Return what is known of these files."""
        with self._lock:
            recall = self._memory.get
            found = {key: each for key in keys if (each := recall(key)) is not None}
            if self._stored and len(found) < len(keys):
                missing = [key for key in keys if key not in found]
                for start in range(0, len(missing), _AT_ONCE):
                    found.update(self._read(missing[start : start + _AT_ONCE]))
            return found

    def learn(self, news: Mapping[bytes, Learnt]) -> None:
        """Remember something of files."""
        with self._lock:
            self._keep(news)
            self._unsaved.update(news)
            self._gone.difference_update(news)

    def forget(self, names: Iterable[bytes]) -> None:
        """Let go of contents that others have taken the place of."""
        with self._lock:
            for key in names:
                self._memory.pop(key)
                self._unsaved.pop(key, None)
                self._gone.add(key)

    def save(self) -> None:
        """Write what was learnt since the last time. A disk that cannot take it costs time later, nothing else."""
        with self._lock:
            rows = [(key, _encode(learnt)) for key, learnt in self._unsaved.items()][-self._most :]
            gone = [(key,) for key in self._gone]
            self._unsaved.clear()
            self._gone.clear()
            if self._database is None or not (rows or gone):
                return
            self._stored = True
            with contextlib.suppress(sqlite3.Error), self._database:
                self._database.executemany("DELETE FROM files WHERE id = ?", gone)
                (count,) = self._database.execute("SELECT count(*) FROM files").fetchone()
                if count + len(rows) > self._most:
                    self._database.execute("DELETE FROM files")
                for start in range(0, len(rows), _AT_ONCE):
                    self._write(rows[start : start + _AT_ONCE])

    def _write(self, rows: list[tuple[bytes, bytes]]) -> None:
        assert self._database is not None
        places = ",".join(["(?,?)"] * len(rows))
        values = list(itertools.chain.from_iterable(rows))
        self._database.execute(f"INSERT OR REPLACE INTO files VALUES {places}", values)  # noqa: S608 - `?`s

    def _read(self, keys: list[bytes]) -> dict[bytes, Learnt]:
        assert self._database is not None
        places = ",".join("?" * len(keys))
        try:
            rows = self._database.execute(f"SELECT id, learnt FROM files WHERE id IN ({places})", keys)  # noqa: S608 - `?`s
            found = {key: _decode(learnt) for key, learnt in rows}
        except (sqlite3.Error, msgspec.DecodeError):
            return {}
        self._keep(found)
        return found

    def _keep(self, learnt: Mapping[bytes, Learnt]) -> None:
        for key, each in learnt.items():
            self._memory.put(key, each)


def _weight(learnt: Learnt) -> int:
    """Return what an entry weighs in memory: a content without a setter is one."""
    if isinstance(learnt, bool):
        return 1
    told = learnt.result
    return 4 + 2 * (len(learnt.values) + len(told.problems) + len(told.unresolved))


def _prepare(database: sqlite3.Connection) -> None:
    """Make the tables; what was learnt under other rules is forgotten."""
    with database:
        database.executescript(_TABLES)
        rules = _rules()
        if database.execute("SELECT version FROM rules").fetchone() != (rules,):
            database.execute("DELETE FROM rules")
            database.execute("DELETE FROM files")
            database.execute("INSERT INTO rules VALUES (?)", (rules,))


def _holds_any(database: sqlite3.Connection) -> bool:
    """Tell whether anything was learnt before: of an empty database nothing need be asked."""
    return database.execute("SELECT 1 FROM files LIMIT 1").fetchone() is not None


def _rules() -> bytes:
    """Name the rewriter's code: what an older one learnt may be wrong for this one."""
    found = hashlib.sha256()
    for source in sorted((Path(__file__).parents[1] / "update").rglob("*.py")):
        found.update(source.read_bytes())
    return found.digest()


def _encode(learnt: Learnt) -> bytes:
    """Return a row; of a file about which there is much to say no more than that it holds a marker."""
    if isinstance(learnt, bool):
        return _PLAIN[learnt]
    row = msgspec.msgpack.encode(learnt)
    return row if len(row) <= LARGEST else _PLAIN[True]


def _decode(data: bytes) -> Learnt:
    decoded: Learnt = _DECODER.decode(data)
    return decoded


_PLAIN: Final = {learnt: msgspec.msgpack.encode(learnt) for learnt in (False, True)}
_DECODER = msgspec.msgpack.Decoder(bool | UpToDate)
