"""The tags that scans found, by canonical image name, and since when; a restart does not have to rescan the world.

Answers to image-reflector-controller's tag database: keyed by image, not by object, so that every ImageRepository of an
image shares one list and the last scan wins. Beyond it the store remembers when tags and digests were first seen and
which tags a list lacked. SQLite in WAL mode with one row per image: a scan that found nothing new writes nothing. A
file that is damaged is set aside, and the next scans fill a new one.
"""

import contextlib
import hashlib
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType
from typing import Self

from reflector.database import Database, Execute, StoreError
from reflector.first_seen import Sightings

__all__ = ["Change", "StoreError", "TagStore"]

#: What came and went between two writes is remembered up to so many tags.
_FEW = 1000
#: Digests are remembered for so many tags of an image; the last ones asked for stay.
DIGESTS = 1000


@dataclass(frozen=True, slots=True)
class Change:
    """What came and what went since a list of an earlier serial number; `serial` is that of the list now."""

    serial: int
    added: Sequence[str] = ()
    gone: Collection[str] = ()


@dataclass(frozen=True, slots=True)
class _Summary:
    """What tells one list from another; the revision, a mere Adler-32, cannot."""

    count: int
    hash: bytes
    doubtful: bool = False


@dataclass(slots=True)
class _Latest:
    """How the list of an image came about: its number in this process, and what the last write changed."""

    serial: int = 0
    scope: Sequence[str] | None = None
    change: Change | None = None
    settled: bytes = b""


_NOTHING = _Summary(0, b"")


class TagStore:
    """Tags by image, written by one process. Reading one is tens of microseconds, so nothing here is asynchronous."""

    def __init__(self, path: Path | None) -> None:
        """Open or create the database at `path`; None keeps it in memory."""
        self._summaries: dict[str, _Summary] = {}
        self._latest: dict[str, _Latest] = {}
        self._database = Database(path)

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
        row = self._database.one("SELECT body FROM tags WHERE image = ?", canonical_name)
        return row[0].decode().split("\n") if row and row[0] else ()

    def count(self, name: str) -> int:
        """Return how many tags an image has. Raises StoreError."""
        return self._known(name).count

    def is_doubtful(self, canonical_name: str) -> bool:
        """Tell whether the last list of an image is not believed yet. Raises StoreError."""
        return self._known(canonical_name).doubtful

    def sightings(self, name: str) -> Sightings | None:
        """Return when the tags of an image were first seen; None where it was never scanned. Raises StoreError.

        Tags that were written without any sightings, or with some that cannot be read, count as seen for ever.
        """
        row = self._database.one(
            "SELECT names, first, missing, began, counted, expected, doubts FROM sightings WHERE image = ?", name
        )
        if row is not None:
            numbers = dict(zip(("began", "counted", "expected", "doubts"), row[3:], strict=True))
            with contextlib.suppress(ValueError):
                return Sightings.unpacked(*row[:3], **numbers)
        tags = self.tags(name)
        return Sightings(names=tags, first=[0] * len(tags), missing=bytes(len(tags)), began=0) if tags else None

    def is_settled(self, name: str, listed: Sequence[str]) -> bool:
        """Tell whether this very list was the last one of the image, and was taken as it is."""
        latest = self._latest.get(name)
        return latest is not None and latest.settled == _hash("\n".join(listed).encode())

    def state(self, name: str) -> tuple[int, bytes]:
        """Return what changes with the stored list, and while one is not taken as it is."""
        latest = self._latest.get(name)
        return (latest.serial, latest.settled) if latest is not None else (0, b"")

    def write(
        self,
        name: str,
        tags: Sequence[str],
        revision: str,
        *,
        sightings: Sightings | None = None,
        doubtful: bool = False,
        change: tuple[Sequence[str], Collection[str]] | None = None,
        scope: Sequence[str] = (),
    ) -> bool:
        """Replace an image's tags, and what is known of them; tell whether the tags were others before.

        `change` is what came and what went among the tags under the exclusions of `scope`. Raises StoreError.
        """
        body = "\n".join(tags).encode()
        before, new = self._known(name), _Summary(len(tags), _hash(body), doubtful)
        if before == new and sightings is None:
            return False
        self._summaries.pop(name, None)
        with self._database.transaction() as execute:
            if before != new:
                execute("INSERT OR REPLACE INTO tags VALUES (?, ?, ?, ?, ?)", name, revision, len(tags), body, doubtful)
            if sightings is not None:
                numbers = (sightings.began, sightings.counted, sightings.expected, sightings.doubts)
                execute(
                    "INSERT OR REPLACE INTO sightings VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
                    name, *sightings.packed(), *numbers,
                )  # fmt: skip
                _forget_digests(execute, name, change[1] if change else ())
        self._summaries[name] = new
        other = (before.count, before.hash) != (new.count, new.hash)
        self._follow(name, sightings, scope, change, other=other)
        return other

    def changes(self, canonical_name: str, serial: int) -> Change | None:
        """Return what came and went since the list of a serial number; None where that is not known any more.

        The number counts this process's writes of the image's list; 0 is none of them.
        """
        latest = self._latest.setdefault(canonical_name, _Latest())
        if serial == latest.serial:
            return Change(serial)
        return latest.change if latest.change is not None and serial + 1 == latest.serial else None

    def serial(self, canonical_name: str) -> int:
        """Return the number of an image's list now."""
        return self._latest.setdefault(canonical_name, _Latest()).serial

    def young(self, canonical_name: str, since: datetime, *, first_scan_is_old: bool) -> Mapping[str, datetime]:
        """Return the tags that were first seen, or moved to another digest, after a moment; and when.

        With `first_scan_is_old` those of the first scan are none of them. Raises StoreError.
        """
        found: dict[str, float] = {}
        if (known := self.sightings(canonical_name)) is not None:
            listed = known.since(since)
            found = {tag: seen for tag, seen in listed if not (first_scan_is_old and seen == known.began)}
        for tag, moved in self._database.all(
            "SELECT tag, since FROM digests WHERE image = ? AND since > ?", canonical_name, since.timestamp()
        ):
            found[tag] = max(moved, found.get(tag, 0))
        return {tag: datetime.fromtimestamp(seconds, UTC) for tag, seconds in found.items()}

    def witness(self, canonical_name: str, tag: str, digest: str, now: datetime) -> datetime | None:
        """Remember the digest behind a tag; return when it became this one, None where it always was, as far as known.

        Raises StoreError.
        """
        row = self._database.one("SELECT digest, since FROM digests WHERE image = ? AND tag = ?", canonical_name, tag)
        if row is not None and row[0] == digest:
            return datetime.fromtimestamp(row[1], UTC) if row[1] else None
        since = int(now.timestamp()) if row is not None else 0
        with self._database.transaction() as execute:
            execute("INSERT OR REPLACE INTO digests VALUES (?, ?, ?, ?, ?)", canonical_name, tag, digest, since,
                    int(now.timestamp()))  # fmt: skip
            execute(
                "DELETE FROM digests WHERE image = ? AND tag NOT IN"
                " (SELECT tag FROM digests WHERE image = ? ORDER BY asked DESC LIMIT ?)",
                canonical_name, canonical_name, DIGESTS,
            )  # fmt: skip
        return datetime.fromtimestamp(since, UTC) if since else None

    def forget(self, name: str) -> None:
        """Remove an image. Raises StoreError."""
        self._summaries.pop(name, None)
        if (latest := self._latest.get(name)) is not None:
            self._latest[name] = _Latest(serial=latest.serial + 1)
        with self._database.transaction() as execute:
            for table in ("tags", "sightings", "digests"):
                execute(f"DELETE FROM {table} WHERE image = ?", name)  # noqa: S608 - our own three names

    def _known(self, name: str) -> _Summary:
        """Return what there is of an image; remembered, for an unchanged scan asks twice and nobody else writes."""
        if (summary := self._summaries.get(name)) is None:
            row = self._database.one("SELECT count, body, doubtful FROM tags WHERE image = ?", name)
            summary = self._summaries[name] = _Summary(row[0], _hash(row[1]), bool(row[2])) if row else _NOTHING
        return summary

    def _follow(
        self,
        name: str,
        sightings: Sightings | None,
        scope: Sequence[str],
        change: tuple[Sequence[str], Collection[str]] | None,
        *,
        other: bool,
    ) -> None:
        """Remember what the write changed, for those who chose from the list before."""
        latest = self._latest.setdefault(name, _Latest())
        if sightings is not None:
            latest.settled = _hash("\n".join(sightings.names).encode()) if sightings.settled else b""
        if other:
            latest.serial += 1
            few = change is not None and latest.scope == scope and len(change[0]) + len(change[1]) <= _FEW
            latest.change = Change(latest.serial, change[0], change[1]) if few and change else None
        latest.scope = scope


def _forget_digests(execute: Execute, name: str, gone: Collection[str]) -> None:
    for tag in gone:
        execute("DELETE FROM digests WHERE image = ? AND tag = ?", name, tag)


def _hash(body: bytes) -> bytes:
    return hashlib.blake2b(body, digest_size=16).digest()
