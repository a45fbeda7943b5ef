"""The tags that scans found, by canonical image name. Survives a restart, so that nobody has to rescan the world.

Answers to image-reflector-controller's tag database: keyed by image, not by object, so that every ImageRepository of an
image shares one list and the last scan wins. SQLite in WAL mode with one row per image: a scan that found nothing new
writes nothing. A file that is damaged is set aside, and the next scans fill a new one.
"""

import hashlib
import sqlite3
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Self

_SCHEMA = """
CREATE TABLE IF NOT EXISTS tags (
    image TEXT PRIMARY KEY,
    revision TEXT NOT NULL,
    count INTEGER NOT NULL,
    body BLOB NOT NULL
)
"""
_VERSION = 1


class StoreError(OSError):
    """The database cannot be read or written; the message is SQLite's."""


@dataclass(frozen=True, slots=True)
class _Summary:
    """What tells one list from another; the revision, a mere Adler-32, cannot."""

    count: int
    hash: bytes


_NOTHING = _Summary(0, b"")


class TagStore:
    """Tags by image, written by one process. Reading one is tens of microseconds, so nothing here is asynchronous."""

    def __init__(self, path: Path | None) -> None:
        """Open or create the database at `path`; None keeps it in memory."""
        self._summaries: dict[str, _Summary] = {}
        try:
            self._database = _open(path)
        except sqlite3.OperationalError as error:
            # Locked, no space, no permission: not the content's fault.
            raise StoreError(f"failed to open the tag database {path}: {error}") from error
        except sqlite3.DatabaseError:
            if path is None:
                raise
            _set_aside(path)
            self._database = _open(path)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close the database."""
        self._database.close()

    def tags(self, canonical_name: str) -> Sequence[str]:
        """Return an image's tags in descending order; none where it was never scanned. Raises StoreError."""
        row = self._one("SELECT body FROM tags WHERE image = ?", canonical_name)
        return row[0].decode().split("\n") if row and row[0] else ()

    def count(self, name: str) -> int:
        """Return how many tags an image has. Raises StoreError."""
        return self._known(name).count

    def write(self, name: str, tags: Sequence[str], revision: str) -> bool:
        """Replace an image's tags; tell whether they were others before. Raises StoreError."""
        body = "\n".join(tags).encode()
        new = _Summary(len(tags), _hash(body))
        if self._known(name) == new:
            return False
        self._summaries.pop(name, None)
        self._write("INSERT OR REPLACE INTO tags VALUES (?, ?, ?, ?)", name, revision, len(tags), body)
        self._summaries[name] = new
        return True

    def forget(self, name: str) -> None:
        """Remove an image. Raises StoreError."""
        self._summaries.pop(name, None)
        self._write("DELETE FROM tags WHERE image = ?", name)

    def _known(self, name: str) -> _Summary:
        """Return what there is of an image; remembered, for an unchanged scan asks twice and nobody else writes."""
        if (summary := self._summaries.get(name)) is None:
            row = self._one("SELECT count, body FROM tags WHERE image = ?", name)
            summary = self._summaries[name] = _Summary(row[0], _hash(row[1])) if row else _NOTHING
        return summary

    def _one(self, query: str, name: str) -> tuple[Any, ...] | None:
        try:
            row: tuple[Any, ...] | None = self._database.execute(query, (name,)).fetchone()
        except sqlite3.Error as error:
            raise StoreError(str(error)) from error
        return row

    def _write(self, statement: str, *values: object) -> None:
        try:
            with self._database:
                self._database.execute(statement, values)
        except sqlite3.Error as error:
            raise StoreError(str(error)) from error


def _hash(body: bytes) -> bytes:
    return hashlib.blake2b(body, digest_size=16).digest()


def _open(path: Path | None) -> sqlite3.Connection:
    if path is not None:
        path.parent.mkdir(parents=True, exist_ok=True)
    database = sqlite3.connect(path or ":memory:", timeout=5.0)
    try:
        database.execute("PRAGMA journal_mode = WAL")
        # Losing the last moments in a power cut costs a rescan; losing the file would cost more and does not happen.
        database.execute("PRAGMA synchronous = NORMAL")
        if database.execute("PRAGMA user_version").fetchone()[0] not in {0, _VERSION}:
            raise sqlite3.DatabaseError("made by another version")
        database.execute(_SCHEMA)
        database.execute(f"PRAGMA user_version = {_VERSION}")
        database.execute("SELECT count(*) FROM tags").fetchone()
    except sqlite3.Error:
        database.close()
        raise
    return database


def _set_aside(path: Path) -> None:
    for suffix in ("-wal", "-shm"):
        path.with_name(path.name + suffix).unlink(missing_ok=True)
    path.replace(path.with_name(path.name + ".damaged"))
