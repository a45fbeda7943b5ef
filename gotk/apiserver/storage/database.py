"""The file behind the store: SQLite with a write-ahead log, an fsync per transaction, one process at a time.

`synchronous=FULL` because acknowledged means kept, through a power cut as well as a kill; many changes share one
transaction, so that costs a write little. One thread writes; nobody reads after the start.
"""

import contextlib
import fcntl
import sqlite3
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import IO, NamedTuple

from gotk import sqlite

#: The name of the file within a data directory.
FILE = "objects.db"
_SCHEMA = """
CREATE TABLE IF NOT EXISTS obj (
    id INTEGER PRIMARY KEY, res TEXT NOT NULL, ns TEXT NOT NULL, name TEXT NOT NULL, uid TEXT NOT NULL,
    rv INTEGER NOT NULL, data BLOB NOT NULL, UNIQUE (res, ns, name));
CREATE TABLE IF NOT EXISTS meta (k TEXT PRIMARY KEY, v TEXT NOT NULL);
"""
_UPSERT = """
INSERT INTO obj (res, ns, name, uid, rv, data) VALUES (?, ?, ?, ?, ?, ?)
ON CONFLICT (res, ns, name) DO UPDATE SET uid = excluded.uid, rv = excluded.rv, data = excluded.data
"""
_DELETE = "DELETE FROM obj WHERE res = ? AND ns = ? AND name = ?"
_REFRESH = "UPDATE obj SET data = ? WHERE res = ? AND ns = ? AND name = ? AND rv = ?"
_META = "INSERT INTO meta (k, v) VALUES (?, ?) ON CONFLICT (k) DO UPDATE SET v = excluded.v"
_SELECT = "SELECT res, ns, name, uid, rv, data FROM obj"


class StoreError(Exception):
    """The data directory cannot be used, or a write could not be made durable."""


class DiskFull(StoreError):
    """There is no room for a write; nothing was changed, and reads go on."""


class TooLarge(StoreError):
    """An object would be larger than any may be; nothing was changed."""


class Row(NamedTuple):
    """An object as it lies on disk. No data: it is to be deleted."""

    storage: str
    namespace: str
    name: str
    uid: str
    revision: int
    data: bytes | None


class Database:
    """One data directory, held until closed. Raises StoreError when another process has it, or when it is damaged."""

    def __init__(self, directory: Path) -> None:
        directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._lock = lock(directory / "lock")
        try:
            self._path = directory / FILE
            self._connection = _open(self._path)
        except BaseException:
            self._lock.close()
            raise

    def load(self) -> Iterator[Row]:
        """Yield every object, in no order. Raises StoreError."""
        try:
            yield from map(Row._make, self._connection.execute(_SELECT))
        except sqlite3.Error as error:
            raise StoreError(_damaged(self._path, str(error))) from error

    def revision(self) -> int:
        """Return the number of the last change ever made, 1 at the beginning."""
        found = self._connection.execute("SELECT v FROM meta WHERE k = 'revision'").fetchone()
        return int(found[0]) if found else 1

    def marks(self) -> dict[str, str]:
        """Return what was noted beside the objects."""
        return dict(self._connection.execute("SELECT k, v FROM meta WHERE k != 'revision'"))

    def refresh(self, rows: Iterable[Row], marks: Mapping[str, str]) -> None:
        """Replace the bytes of objects that are still at their revision, and note something. Raises StoreError."""
        try:
            with _transaction(self._connection) as database:
                database.executemany(_REFRESH, ((row.data, *row[:3], row.revision) for row in rows))
                database.executemany(_META, marks.items())
        except sqlite3.Error as error:
            raise StoreError(f"the write could not be made durable: {error}") from error

    def write(self, rows: Iterable[Row]) -> None:
        """Make changes durable, all or none. Raises StoreError."""
        try:
            with _transaction(self._connection) as database:
                revision = 0
                for row in rows:
                    if row.data is None:
                        database.execute(_DELETE, row[:3])
                    else:
                        database.execute(_UPSERT, row)
                    revision = row.revision
                database.execute(_META, ("revision", str(revision)))
        except sqlite3.Error as error:
            kind = DiskFull if error.sqlite_errorcode == sqlite3.SQLITE_FULL else StoreError
            raise kind(f"the write could not be made durable: {error}") from error

    def close(self) -> None:
        """Close the file and let another process have the directory."""
        self._connection.close()
        self._lock.close()


@contextlib.contextmanager
def _transaction(database: sqlite3.Connection) -> Iterator[sqlite3.Connection]:
    database.execute("BEGIN IMMEDIATE")
    try:
        yield database
        database.execute("COMMIT")
    except BaseException:
        if database.in_transaction:
            database.execute("ROLLBACK")
        raise


def _open(path: Path) -> sqlite3.Connection:
    fresh = not path.exists()

    def prepare(connection: sqlite3.Connection) -> None:
        if not fresh:
            sqlite.check(connection)
        connection.executescript(_SCHEMA)

    try:
        return sqlite.open_file(path, prepare, durable=True, autocommit=True, any_thread=True)
    except sqlite.Damaged as error:
        raise StoreError(_damaged(path, str(error))) from error
    except sqlite3.OperationalError as error:
        raise StoreError(f"{path} cannot be opened: {error}") from error


def _damaged(path: Path, why: str) -> str:
    restore = f"control-plane restore FILE --data-dir {path.parent} --force"
    why = " ".join(why.split())
    return f"{path} is damaged ({why}): restore a backup (`{restore}`), or move the directory away to begin empty"


def lock(path: Path) -> IO[bytes]:
    """Take hold of a data directory until the file is closed. Raises StoreError."""
    file = path.open("ab")
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        file.close()
        where = path.parent
        raise StoreError(f"{where} is in use by another control plane: stop it, or use another directory") from error
    return file
