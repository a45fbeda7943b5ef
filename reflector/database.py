"""The file behind the tag store: one SQLite database in WAL mode, opened, read and written with our own errors.

Answers to Badger in image-reflector-controller, which grows without end and cannot start on a file that a crash cut
short; here such a file is set aside and a new one begun. What a power cut takes of the last moments costs a rescan.
"""

import contextlib
import sqlite3
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, TypeAlias

from gotk import sqlite

_SCHEMA = """
CREATE TABLE IF NOT EXISTS tags (
    image TEXT PRIMARY KEY,
    revision TEXT NOT NULL,
    count INTEGER NOT NULL,
    body BLOB NOT NULL,
    doubtful INTEGER NOT NULL
);
CREATE TABLE IF NOT EXISTS sightings (
    image TEXT PRIMARY KEY,
    names BLOB NOT NULL,
    first BLOB NOT NULL,
    missing BLOB NOT NULL,
    began INTEGER NOT NULL,
    counted INTEGER NOT NULL,
    expected INTEGER NOT NULL,
    doubts INTEGER NOT NULL
);
CREATE TABLE IF NOT EXISTS scans (
    image TEXT PRIMARY KEY,
    known BLOB NOT NULL
);
CREATE TABLE IF NOT EXISTS digests (
    image TEXT NOT NULL,
    tag TEXT NOT NULL,
    digest TEXT NOT NULL,
    since INTEGER NOT NULL,
    asked INTEGER NOT NULL,
    PRIMARY KEY (image, tag)
) WITHOUT ROWID;
"""
_VERSION = 2

Execute: TypeAlias = Callable[..., object]


class StoreError(OSError):
    """The database cannot be read or written; the message is SQLite's."""


class Database:
    """A connection whose every failure is a StoreError."""

    def __init__(self, path: Path | None) -> None:
        """Open or create the file at `path`; None keeps everything in memory. Raises StoreError."""
        try:
            self._connection = sqlite.open_or_begin_anew(path, _prepare)
        except sqlite3.OperationalError as error:
            raise StoreError(f"failed to open the tag database {path}: {error}") from error

    def close(self) -> None:
        """Close the file."""
        self._connection.close()

    def one(self, query: str, *values: object) -> tuple[Any, ...] | None:
        """Return the first row, or None. Raises StoreError."""
        try:
            row: tuple[Any, ...] | None = self._connection.execute(query, values).fetchone()
        except sqlite3.Error as error:
            raise StoreError(str(error)) from error
        return row

    def all(self, query: str, *values: object) -> list[tuple[Any, ...]]:
        """Return every row. Raises StoreError."""
        try:
            return self._connection.execute(query, values).fetchall()
        except sqlite3.Error as error:
            raise StoreError(str(error)) from error

    @contextlib.contextmanager
    def transaction(self) -> Iterator[Execute]:
        """Give the way to write; all that is written in the block is kept, or nothing. Raises StoreError."""

        def execute(statement: str, *values: object) -> object:
            return self._connection.execute(statement, values)

        try:
            with self._connection:
                yield execute
        except sqlite3.Error as error:
            raise StoreError(str(error)) from error


def _prepare(database: sqlite3.Connection) -> None:
    if database.execute("PRAGMA user_version").fetchone()[0] not in {0, _VERSION}:
        raise sqlite.Damaged("made by another version")
    database.executescript(_SCHEMA)
    database.execute(f"PRAGMA user_version = {_VERSION}")
    database.execute("SELECT count(*) FROM tags").fetchone()
