"""How a SQLite file is opened: a write-ahead log, our durability, and a damaged file told from one that is in use.

A file that a crash or a disk cut short must not keep a service from starting. Whoever can make its content again opens
it with `open_or_begin_anew`, which sets a damaged file aside; whoever cannot uses `open_file` and says what to do.
"""

import contextlib
import os
import sqlite3
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final, TypeAlias

#: Makes tables and checks versions. It raises Damaged or sqlite3.DatabaseError for a file that it cannot use.
Prepare: TypeAlias = Callable[[sqlite3.Connection], object]

_TIMEOUT: Final = 5.0


class Damaged(Exception):
    """The file is no database, is a damaged one, or was made by another version. The message is SQLite's."""


def open_file(
    path: Path | None, prepare: Prepare, *, durable: bool = False, autocommit: bool = False, any_thread: bool = False
) -> sqlite3.Connection:
    """Open or create a database, readable by its owner alone; no path keeps it in memory.

    `durable` means that a commit outlives a power cut; without it the last moments may be lost, never the file.
    `autocommit` leaves transactions to the caller's own BEGIN. Raises Damaged, and sqlite3.OperationalError where the
    content is not to blame: locked, no space, no permission.
    """
    if path is not None and not path.exists():
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        os.close(os.open(path, os.O_CREAT | os.O_RDWR, 0o600))
    connection = _connect(path or ":memory:", autocommit=autocommit, any_thread=any_thread)
    try:
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute(f"PRAGMA synchronous = {'FULL' if durable else 'NORMAL'}")
        prepare(connection)
    except BaseException as error:
        connection.close()
        if isinstance(error, sqlite3.DatabaseError) and not isinstance(error, sqlite3.OperationalError):
            raise Damaged(str(error)) from error
        raise
    return connection


def open_or_begin_anew(path: Path | None, prepare: Prepare, *, any_thread: bool = False) -> sqlite3.Connection:
    """Open a database whose content can be made again: a damaged file is set aside and a new one begun.

    Raises sqlite3.OperationalError as `open_file` does.
    """
    try:
        return open_file(path, prepare, any_thread=any_thread)
    except Damaged:
        if path is not None:
            set_aside(path)
        return open_file(path, prepare, any_thread=any_thread)


def set_aside(path: Path) -> Path:
    """Move a file to `NAME.damaged` beside it, in place of one that lies there, and drop its log. Returns where."""
    for suffix in ("-wal", "-shm"):
        path.with_name(path.name + suffix).unlink(missing_ok=True)
    return path.replace(path.with_name(f"{path.name}.damaged"))


@contextlib.contextmanager
def opened(path: Path, *, read_only: bool = False) -> Iterator[sqlite3.Connection]:
    """Open a file as it is for the length of a block, without a transaction. Raises sqlite3.Error."""
    address = f"{path.absolute().as_uri()}?mode={'ro' if read_only else 'rwc'}"
    with contextlib.closing(_connect(address, autocommit=True)) as connection:
        yield connection


def check(connection: sqlite3.Connection) -> None:
    """Look through a whole file for damage. Raises Damaged with what was found first."""
    verdict = str(connection.execute("PRAGMA quick_check(1)").fetchone()[0])
    if verdict != "ok":
        raise Damaged(verdict)


def _connect(where: Path | str, *, autocommit: bool, any_thread: bool = False) -> sqlite3.Connection:
    return sqlite3.connect(
        where,
        timeout=_TIMEOUT,
        isolation_level=None if autocommit else "DEFERRED",
        check_same_thread=not any_thread,
        uri=isinstance(where, str) and where.startswith("file:"),
    )
