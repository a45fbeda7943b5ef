"""The tags that scans found, by canonical image name, and since when; a restart does not have to rescan the world.

Answers to image-reflector-controller's tag database: keyed by image, not by object, so that every ImageRepository of an
image shares one list and the last scan wins. Beyond it the store remembers when tags and digests were first seen and
which tags a list lacked. SQLite in WAL mode with one row per image: a scan that found nothing new writes nothing. A
file that is damaged is set aside, and the next scans fill a new one.

What is known of an image's list without reading it is one record, its `Generation`: the scanner asks it whether an
answer is the one it had last, and the chooser whether a decision still holds (ADR 0053). A clean stop writes these
records down, for the next start: it need not scan what was scanned a moment ago. A crash leaves none.
"""

import contextlib
import hashlib
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType
from typing import Self

import msgspec

from gotk.api.image import ImageRepository, ScanResult
from gotk.runtime.reconciler import Reader
from reflector.database import Database, Execute, StoreError
from reflector.first_seen import FirstSeen

__all__ = ["Change", "Generation", "ScannedList", "StoreError", "TagStore"]

#: What came and went between two writes is remembered up to so many tags.
_FEW = 1000
#: Digests are remembered for so many tags of an image; the last ones asked for stay.
DIGESTS = 1000


@dataclass(frozen=True, slots=True)
class Change:
    """What came and what went since a list of an earlier serial number; `serial` is that of the list now.

    `since` is when all that came was first seen; None where nothing did, or where it cannot be told from what the
    first scan saw.
    """

    serial: int
    added: Sequence[str] = ()
    gone: Collection[str] = ()
    since: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ScannedList:
    """A tag list as a scan leaves it: the `tags` that `exclusions` let through, and the scan's `result`.

    `first_seen` is what is now known of every tag, `added` and `gone` what changed among those that are let through;
    no `first_seen` says that the whole list is the one known, and only the exclusions may be others. `loss` names what
    is kept although the registry does not list it. `answer` is the
    digest of the registry's answer where the same answer again means the same list.
    """

    tags: Sequence[str]
    result: ScanResult
    exclusions: Sequence[str] = ()
    first_seen: FirstSeen | None = None
    added: Sequence[str] = ()
    gone: Collection[str] = ()
    doubtful: bool = False
    loss: str = ""
    answer: bytes = b""


class Generation(msgspec.Struct, frozen=True, kw_only=True):
    """What is known of an image's list without reading it.

    `serial` counts the lists of this process, 0 is none of them; `revision` is what statuses call the list, `digest`
    tells the stored tags from others (the revision, a mere Adler-32, cannot). `settled` is the digest of the whole
    list, excluded tags and all, where it was taken as it was; empty while tags are kept that the registry does not
    list. `answer`, `exclusions`, `loss` and `result` are those of the scan that wrote it, `change` is what that scan
    changed; `restored` tells that the process before made it. Every unchanged scan makes one anew: a struct costs a
    tenth of a dataclass there.
    """

    serial: int = 0
    count: int = 0
    revision: str = ""
    digest: bytes = b""
    doubtful: bool = False
    loss: str = ""
    settled: bytes = b""
    answer: bytes = b""
    exclusions: Sequence[str] | None = None
    result: ScanResult | None = None
    change: Change | None = None
    restored: bool = False

    def is_of(self, answer: bytes, exclusions: Sequence[str]) -> bool:
        """Tell whether a registry's answer is the one that led to this very list, under the same exclusions."""
        return bool(self.settled) and self.answer == answer != b"" and self.exclusions == exclusions

    def is_told_by(self, found: ScanResult | None) -> bool:
        """Tell whether a status speaks of this very list."""
        return found is not None and (found.revision, found.tag_count) == (self.revision, self.count)

    def is_settled_on(self, listed: Sequence[str]) -> bool:
        """Tell whether a whole list is the last one, taken as it was."""
        return bool(self.settled) and self.settled == digest_of(listed)


def digest_of(tags: Sequence[str]) -> bytes:
    """Return what tells one list of tags from another."""
    return _hash("\n".join(tags).encode())


class TagStore:
    """Tags by image, written by one process. Reading one is tens of microseconds, so nothing here is asynchronous."""

    def __init__(self, path: Path | None) -> None:
        """Open or create the database at `path`; None keeps it in memory."""
        self._generations: dict[str, Generation] = {}
        self._database = Database(path)
        self._restored = dict(self._database.all("SELECT image, known FROM scans"))
        if self._restored:
            with self._database.transaction() as execute:
                execute("DELETE FROM scans")

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close the database; what is known of lists goes into it, and costs the next process scans where it cannot."""
        known = {image: each for image, each in self._generations.items() if each.result is not None}
        with contextlib.suppress(StoreError), self._database.transaction() as execute:
            for image, each in known.items():
                kept = msgspec.structs.replace(each, serial=0, change=None, restored=True)
                execute("INSERT OR REPLACE INTO scans VALUES (?, ?)", image, msgspec.msgpack.encode(kept))
        self._database.close()

    def tags(self, canonical_name: str) -> Sequence[str]:
        """Return an image's tags in descending order; none where it was never scanned. Raises StoreError."""
        row = self._database.one("SELECT body FROM tags WHERE image = ?", canonical_name)
        return row[0].decode().split("\n") if row and row[0] else ()

    def generation(self, image: str) -> Generation:
        """Return what is known of an image's list; remembered, because nobody else writes. Raises StoreError."""
        if (known := self._generations.get(image)) is None:
            row = self._database.one("SELECT revision, count, body, doubtful FROM tags WHERE image = ?", image)
            known = Generation()
            if row:
                revision, count, body, doubtful = row
                known = Generation(revision=revision, count=count, digest=_hash(body), doubtful=bool(doubtful))
                known = self._restore(image, known)
            self._generations[image] = known
        return known

    def _restore(self, image: str, stored: Generation) -> Generation:
        """Return what the process before knew of a list, where it is the stored one."""
        with contextlib.suppress(msgspec.MsgspecError):
            kept = msgspec.msgpack.decode(self._restored.pop(image, b""), type=Generation)
            if (kept.digest, kept.count, kept.doubtful) == (stored.digest, stored.count, stored.doubtful):
                return msgspec.structs.replace(kept, exclusions=tuple(kept.exclusions or ()))
        return stored

    def scanned(self, image: str) -> str:
        """Return when an image was scanned last (RFC 3339), nothing where that is not known. Raises StoreError."""
        known = self.generation(image)
        return known.result.scan_time if known.result is not None else ""

    def is_current(self, repository: ImageRepository, objects: Reader) -> bool:
        """Tell whether no newer list than the one here is known of: whether statuses speak of it. Raises StoreError.

        What `repository` tells of its last scan may be another replica's, or of a time before this store was put back.
        Two ImageRepositories of one image may exclude different tags; the one scanned last has its list here.
        """
        known, told = self.generation(repository.status.canonical_image_name), repository.status.last_scan_result
        if told is None or not told.revision or known.is_told_by(told):
            return True
        image, metadata = repository.status.canonical_image_name, repository.metadata
        return any(
            each.status.canonical_image_name == image
            and (last := each.status.last_scan_result) is not None
            and known.is_told_by(last)
            and last.scan_time >= told.scan_time  # in UTC, and so in the order of their texts
            for each in objects.list(ImageRepository)
            if (each.metadata.namespace, each.metadata.name) != (metadata.namespace, metadata.name)
        )

    def first_seen(self, name: str) -> FirstSeen | None:
        """Return when the tags of an image were first seen; None where it was never scanned. Raises StoreError.

        Tags that were written without it, or with one that cannot be read, count as seen for ever.
        """
        row = self._database.one(
            "SELECT names, first, missing, began, counted, expected, doubts FROM sightings WHERE image = ?", name
        )
        if row is not None:
            numbers = dict(zip(("began", "counted", "expected", "doubts"), row[3:], strict=True))
            with contextlib.suppress(ValueError):
                return FirstSeen.unpacked(*row[:3], **numbers)
        tags = self.tags(name)
        return FirstSeen(names=tags, first=[0] * len(tags), missing=bytes(len(tags)), began=0) if tags else None

    def write(self, image: str, scanned: ScannedList) -> bool:
        """Replace an image's tags, and what is known of them; tell whether the tags were others before.

        Raises StoreError.
        """
        before = self.generation(image)
        after = _follow(before, scanned)
        is_other_row = after.serial != before.serial or after.doubtful != before.doubtful
        if is_other_row or scanned.first_seen is not None:
            # Should the disk refuse, the next scan goes the whole way again.
            self._generations[image] = msgspec.structs.replace(before, settled=b"", answer=b"")
            with self._database.transaction() as execute:
                if is_other_row:
                    _write_tags(execute, image, scanned)
                if scanned.first_seen is not None:
                    _write_first_seen(execute, image, scanned.first_seen, scanned.gone)
        self._generations[image] = after
        return after.serial != before.serial

    def confirm(self, image: str, found: ScanResult) -> None:
        """Remember that a scan has found the list that is here again, and when."""
        self._generations[image] = msgspec.structs.replace(self.generation(image), result=found, restored=False)

    def changes(self, image: str, serial: int) -> Change | None:
        """Return what came and went since the list of a serial number; None where that is not known any more.

        Raises StoreError.
        """
        now = self.generation(image)
        if serial == now.serial:
            return Change(serial)
        return now.change if now.change is not None and serial + 1 == now.serial else None

    def young(self, canonical_name: str, since: datetime, *, first_scan_is_old: bool) -> Mapping[str, datetime]:
        """Return the tags that were first seen, or moved to another digest, after a moment; and when.

        With `first_scan_is_old` those of the first scan are none of them. Raises StoreError.
        """
        found: dict[str, float] = {}
        if (known := self.first_seen(canonical_name)) is not None:
            listed = known.since(since)
            found = {tag: seen for tag, seen in listed if not (first_scan_is_old and seen == known.began)}
        young = {tag: datetime.fromtimestamp(seconds, UTC) for tag, seconds in found.items()}
        for tag, moved in self.moved(canonical_name, since).items():
            young[tag] = max(moved, young.get(tag, moved))
        return young

    def moved(self, canonical_name: str, since: datetime) -> Mapping[str, datetime]:
        """Return the tags that moved to another digest after a moment, and when. Raises StoreError."""
        rows = self._database.all(
            "SELECT tag, since FROM digests WHERE image = ? AND since > ?", canonical_name, since.timestamp()
        )
        return {tag: datetime.fromtimestamp(moved, UTC) for tag, moved in rows}

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
        serial = self.generation(name).serial
        self._generations[name] = Generation(serial=serial + 1)
        with self._database.transaction() as execute:
            for table in ("tags", "sightings", "digests"):
                execute(f"DELETE FROM {table} WHERE image = ?", name)  # noqa: S608 - our own three names


def _follow(before: Generation, scanned: ScannedList) -> Generation:
    """Return the generation that a scan makes of the one before."""
    seen, digest = scanned.first_seen, digest_of(scanned.tags)
    settled, serial, change = before.settled, before.serial, before.change
    if seen is not None:
        settled = digest_of(seen.names) if seen.settled else b""
    if (digest, len(scanned.tags)) != (before.digest, before.count):
        serial += 1
        is_known = seen is not None and before.exclusions == scanned.exclusions
        few = is_known and len(scanned.added) + len(scanned.gone) <= _FEW
        change = Change(serial, scanned.added, scanned.gone, _since(seen, scanned.added)) if few else None
    return Generation(
        serial=serial,
        count=len(scanned.tags),
        revision=scanned.result.revision,
        digest=digest,
        doubtful=scanned.doubtful,
        loss=scanned.loss,
        settled=settled,
        answer=scanned.answer,
        exclusions=scanned.exclusions,
        result=scanned.result,
        change=change,
    )


def _since(seen: FirstSeen | None, added: Sequence[str]) -> datetime | None:
    """Return when what one scan added was first seen: by that scan, all of it."""
    if seen is None or not added or (first := seen.first[seen.names.index(added[0])]) == seen.began:
        return None
    return datetime.fromtimestamp(first, UTC)


def _write_tags(execute: Execute, image: str, scanned: ScannedList) -> None:
    body, count = "\n".join(scanned.tags).encode(), len(scanned.tags)
    row = (image, scanned.result.revision, count, body, scanned.doubtful)
    execute("INSERT OR REPLACE INTO tags VALUES (?, ?, ?, ?, ?)", *row)


def _write_first_seen(execute: Execute, image: str, seen: FirstSeen, gone: Collection[str]) -> None:
    row = (image, *seen.packed(), seen.began, seen.counted, seen.expected, seen.doubts)
    execute("INSERT OR REPLACE INTO sightings VALUES (?, ?, ?, ?, ?, ?, ?, ?)", *row)
    for tag in gone:
        execute("DELETE FROM digests WHERE image = ? AND tag = ?", image, tag)


def _hash(body: bytes) -> bytes:
    return hashlib.blake2b(body, digest_size=16).digest()
