"""Where objects live: bytes in memory to answer from, SQLite behind them so that nothing acknowledged is ever lost.

Answers to etcd as the API server uses it. One number counts every change of every kind (`resourceVersion`) and never
goes back, not even over a restart. A write is decided on the event loop against the newest staged state, committed with
an fsync by one writer thread (all that waits goes into one transaction), and only then becomes visible to readers and
watchers and is acknowledged. If the commit fails, what was staged is dropped and every waiting writer is told.

Objects are immutable bytes with a little metadata beside them: no reader copies, no writer changes what another reads.
"""

import asyncio
import contextlib
import gc
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import orjson

from gotk.apiserver.storage.database import Database, Row, StoreError, TooLarge
from gotk.apiserver.storage.object_summary import NO_LABELS, Summarizer

__all__ = ["Event", "Key", "Store", "StoreError", "Stored", "dumped", "stored"]

Json = dict[str, Any]

#: How large an object may be, as JSON with its managed fields. etcd takes half of it.
OBJECT = 3 * 1024 * 1024
#: From how many objects on the garbage collector is told to leave them alone.
_FREEZE_FROM = 1000


@dataclass(frozen=True, slots=True)
class Key:
    """Where an object lies: what it is stored as (`Resource.storage`), namespace (empty for cluster scope), name."""

    storage: str
    namespace: str
    name: str


@dataclass(frozen=True, slots=True)
class Stored:
    """One object at one revision: JSON in its storage version, and what selectors and collectors need of it."""

    key: Key
    uid: str
    revision: int
    data: bytes
    labels: Mapping[str, str]
    owners: tuple[str, ...] = ()
    deleting: bool = False

    def object(self) -> Json:
        """Parse the object anew; the caller owns the result."""
        found: Json = orjson.loads(self.data)
        return found


@dataclass(slots=True)
class Event:
    """A committed change. `current` is what is now there, or the last content under the revision of its deletion.

    `encoded` keeps what watchers were sent, so that a thousand of them cost one encoding.
    """

    type: str
    current: Stored
    previous: Stored | None
    encoded: dict[str, bytes] = field(default_factory=dict)


def dumped(obj: Json) -> bytes:
    """Encode an object for keeping: what orjson returns holds on to ten times its length."""
    return bytes(memoryview(orjson.dumps(obj)))


Subscriber = Callable[[Sequence[Event]], None]


def stored(key: Key, obj: Json, revision: int | None) -> Stored:
    """Freeze an object: set its resourceVersion (None: it has none) and note what is asked about often."""
    metadata = obj["metadata"]
    if revision is not None:
        metadata["resourceVersion"] = str(revision)
    return Stored(
        key=key,
        uid=metadata.get("uid", ""),
        revision=revision or 0,
        data=dumped(obj),
        labels=metadata.get("labels") or NO_LABELS,
        owners=tuple(owner.get("uid", "") for owner in metadata.get("ownerReferences") or ()),
        deleting="deletionTimestamp" in metadata,
    )


class Store:
    """All objects of one control plane. Lives on one event loop; `commit_forever` must run beside it."""

    def __init__(self, directory: Path) -> None:
        self._database = Database(directory)
        self._objects: dict[str, dict[str, dict[str, Stored]]] = {}
        self._sorted: dict[tuple[str, str | None], list[Stored]] = {}
        self._staged: dict[Key, Event] = {}
        self._queue: list[Event] = []
        self._waiting: asyncio.Future[None] | None = None
        self._wake = asyncio.Event()
        self._subscribers: list[Subscriber] = []
        self._refreshed: list[Row] = []
        self._noted: dict[str, str] = {}
        self._writer = ThreadPoolExecutor(max_workers=1, thread_name_prefix="store")
        self._load()
        self.marks = self._database.marks()
        self.revision = self.first_revision = self._assigned = self._database.revision()

    # -- reading: committed state only ------------------------------------------------------------------------------

    def get(self, key: Key) -> Stored | None:
        """Return a committed object."""
        return self._objects.get(key.storage, {}).get(key.namespace, {}).get(key.name)

    def objects(self, storage: str, namespace: str | None = None) -> list[Stored]:
        """Return committed objects of one kind in the order of namespace and name; do not change the list."""
        cached = self._sorted.get((storage, namespace))
        if cached is None:
            cached = list(self._walk(storage, namespace))
            self._sorted[storage, namespace] = cached
        return cached

    def _walk(self, storage: str, namespace: str | None) -> Iterator[Stored]:
        spaces = self._objects.get(storage, {})
        for space in sorted(spaces) if namespace is None else [namespace]:
            names = spaces.get(space, {})
            yield from (names[name] for name in sorted(names))

    def storages(self) -> list[str]:
        """Return under which names anything is stored."""
        return [storage for storage, spaces in self._objects.items() if any(spaces.values())]

    # -- writing: decide against `latest`, then put or remove, without an await in between ---------------------------

    def latest(self, key: Key) -> Stored | None:
        """Return the newest state including writes that are on their way to disk; what a writer must decide upon."""
        staged = self._staged.get(key)
        if staged is None:
            return self.get(key)
        return None if staged.type == "DELETED" else staged.current

    async def put(self, key: Key, obj: Json) -> Stored:
        """Create or replace an object and return it once it is durable. `obj` belongs to the store from now on.

        Raises TooLarge.
        """
        previous = self.latest(key)
        current = stored(key, obj, self._assigned + 1)
        if len(current.data) > OBJECT:
            raise TooLarge(f"the object would have {len(current.data)} bytes, more than {OBJECT}")
        self._assigned += 1
        await self._commit(Event("MODIFIED" if previous else "ADDED", current, previous))
        return current

    async def remove(self, key: Key, obj: Json | None = None) -> Stored | None:
        """Delete an object and return its last content (or `obj`) under the deletion's revision; None if it is gone."""
        previous = self.latest(key)
        if previous is None:
            return None
        self._assigned += 1
        last = stored(key, previous.object() if obj is None else obj, self._assigned)
        await self._commit(Event("DELETED", last, previous))
        return last

    async def _commit(self, event: Event) -> None:
        self._staged[event.current.key] = event
        self._queue.append(event)
        if self._waiting is None:
            self._waiting = asyncio.get_running_loop().create_future()
        self._wake.set()
        await asyncio.shield(self._waiting)

    def subscribe(self, subscriber: Subscriber) -> None:
        """Call back with every batch of committed changes, in order, right after they became visible."""
        self._subscribers.append(subscriber)

    def refresh(self, items: Iterable[tuple[Key, bytes]], mark: tuple[str, str]) -> None:
        """Replace the bytes of objects without new revisions (defaults of a schema that changed), and note that."""
        for key, data in items:
            old = self.get(key)
            if old is not None:
                self._place(replace(old, data=data))
                self._refreshed.append(Row(key.storage, key.namespace, key.name, old.uid, old.revision, data))
        self.marks[mark[0]] = mark[1]
        self._noted[mark[0]] = mark[1]
        self._wake.set()

    async def commit_forever(self) -> None:
        """Make staged writes durable, a transaction for all that wait. Runs until cancelled; then flushes."""
        try:
            while True:
                await self._wake.wait()
                await self._flush()
        finally:
            while self._queue or self._noted:
                await asyncio.shield(self._flush())

    async def _flush(self) -> None:
        self._wake.clear()
        await self._flush_refreshed()
        batch, self._queue = self._queue, []
        waiting, self._waiting = self._waiting, None
        if not batch or waiting is None:
            return
        rows = [_row(event) for event in batch]
        writing = asyncio.get_running_loop().run_in_executor(self._writer, self._database.write, rows)
        stop = await _ended(writing)
        if error := writing.exception():
            self._drop(waiting, error)
        else:
            self._publish(batch, waiting)
        if stop is not None:
            raise stop

    def _publish(self, batch: list[Event], waiting: asyncio.Future[None]) -> None:
        """Let everybody see what is durable now."""
        for event in batch:
            self._apply(event)
        for subscriber in self._subscribers:
            subscriber(batch)
        if not waiting.done():
            waiting.set_result(None)

    async def _flush_refreshed(self) -> None:
        """Write what was refreshed; where that fails it is done again at the next start."""
        if not self._noted:
            return
        rows, self._refreshed = self._refreshed, []
        noted, self._noted = self._noted, {}
        with contextlib.suppress(StoreError):
            loop = asyncio.get_running_loop()
            await loop.run_in_executor(self._writer, self._database.refresh, rows, noted)

    def _drop(self, waiting: asyncio.Future[None], error: BaseException) -> None:
        """Forget all that is staged: later writes may have been decided upon the one that failed."""
        self._staged.clear()
        self._queue.clear()
        for future in (waiting, self._waiting):
            if future is not None and not future.done():
                future.set_exception(error)
        self._waiting = None

    def _apply(self, event: Event) -> None:
        current = event.current
        if event.type == "DELETED":
            self._objects[current.key.storage][current.key.namespace].pop(current.key.name, None)
            self._forget_order(current.key)
        else:
            self._place(current)
        if self._staged.get(current.key) is event:
            del self._staged[current.key]
        self.revision = current.revision

    def _place(self, item: Stored) -> None:
        self._objects.setdefault(item.key.storage, {}).setdefault(item.key.namespace, {})[item.key.name] = item
        self._forget_order(item.key)

    def _forget_order(self, key: Key) -> None:
        self._sorted.pop((key.storage, None), None)
        self._sorted.pop((key.storage, key.namespace), None)

    # -- disk -------------------------------------------------------------------------------------------------------

    def _load(self) -> None:
        gc.disable()  # half of the time of a large start, for nothing: what is loaded stays
        try:
            summarize, count = Summarizer(), 0
            for count, row in enumerate(self._database.load(), 1):  # noqa: B007 - the last one is how many there are
                key = Key(sys.intern(row.storage), sys.intern(row.namespace), row.name)
                space = self._objects.setdefault(key.storage, {}).setdefault(key.namespace, {})
                space[key.name] = _loaded(key, row, summarize)
        finally:
            gc.enable()
        if count > _FREEZE_FROM:
            gc.freeze()

    def close(self) -> None:
        """Finish what is being written, close the database and let another process have the directory."""
        self._writer.shutdown(wait=True)
        self._database.close()


async def _ended(work: asyncio.Future[None]) -> asyncio.CancelledError | None:
    """Wait until something has ended that nothing can stop; return the cancellation that came meanwhile, if any."""
    stop: asyncio.CancelledError | None = None
    while not work.done():
        try:
            await asyncio.wait([work])
        except asyncio.CancelledError as error:
            stop = error
    return stop


def _loaded(key: Key, row: Row, summarize: Summarizer) -> Stored:
    """Return an object as it lies on disk. Raises StoreError."""
    data = row.data or b""
    try:
        seen = summarize(data)
    except ValueError as error:
        what = f"{key.storage} {key.namespace}/{key.name}"
        raise StoreError(f"{what} cannot be read ({error}): restore the data directory from a backup") from error
    return Stored(key, seen.uid, row.revision, data, seen.labels, seen.owners, seen.deleting)


def _row(event: Event) -> Row:
    item = event.current
    data = None if event.type == "DELETED" else item.data
    return Row(item.key.storage, item.key.namespace, item.key.name, item.uid, item.revision, data)
