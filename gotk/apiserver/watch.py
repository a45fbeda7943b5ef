"""Who is told of changes: per kind a ring of recent events, and the watchers that stand at its end.

Answers to the API server's watch cache. Events reach a watcher in the order of their revisions, each once. A watcher
that begins to match its selector sees ADDED, one that ceases sees DELETED with the last content that matched. A
revision older than the ring is 410 Expired, and a watcher that reads too slowly is dropped: both list anew.
"""

import asyncio
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Protocol

from gotk.apiserver import status
from gotk.apiserver.store import Event, Store, Stored

RING = 5000
PENDING = 10_000


class Filter(Protocol):
    """Decides which objects a watcher cares for."""

    def matches(self, item: Stored) -> bool:
        """Return whether the object is one of them."""
        ...


class Everything:
    """The filter that lets everything pass."""

    def matches(self, item: Stored) -> bool:
        """Return True."""
        del item
        return True


EVERYTHING = Everything()


@dataclass(frozen=True, slots=True)
class Notice:
    """What one watcher is told of an event: with selectors the type may differ from the event's, and the content."""

    type: str
    event: Event

    @property
    def old(self) -> bool:
        """Whether the content is that before the event: the object ceased to match."""
        return self.type == "DELETED" and self.event.type != "DELETED"


@dataclass(eq=False, slots=True)
class Watcher:
    """One open watch. `take` returns what has gathered; `dropped` says that it ended, being too slow for example."""

    namespace: str | None
    only: Filter
    name: str = ""
    dropped: bool = False
    _pending: list[Notice] = field(default_factory=list)
    _ready: asyncio.Event = field(default_factory=asyncio.Event)

    def offer(self, event: Event) -> None:
        """Queue an event if it concerns this watcher."""
        key = event.current.key
        if (self.namespace is not None and key.namespace != self.namespace) or (self.name and key.name != self.name):
            return
        notice = self._notice(event)
        if notice is None or self.dropped:
            return
        if len(self._pending) >= PENDING:
            self.end()
            return
        self._pending.append(notice)
        self._ready.set()

    def end(self) -> None:
        """Stop this watch; its client will list and watch anew."""
        self.dropped = True
        self._pending.clear()
        self._ready.set()

    def _notice(self, event: Event) -> Notice | None:
        if self.only is EVERYTHING:
            return Notice(event.type, event)
        before = event.previous is not None and self.only.matches(event.previous)
        after = event.type != "DELETED" and self.only.matches(event.current)
        if before and after:
            return Notice("MODIFIED", event)
        if after:
            return Notice("ADDED", event)
        return Notice("DELETED", event) if before else None

    async def wait(self) -> None:
        """Return as soon as there is something to take, or the watcher was dropped."""
        await self._ready.wait()

    def take(self) -> list[Notice]:
        """Return what has gathered since the last time."""
        taken, self._pending = self._pending, []
        self._ready.clear()
        return taken


class Hub:
    """All watchers of one store."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._rings: dict[str, deque[Event]] = {}
        self._watchers: dict[str, set[Watcher]] = {}
        store.subscribe(self._publish)

    def _publish(self, events: Sequence[Event]) -> None:
        for event in events:
            storage = event.current.key.storage
            ring = self._rings.get(storage)
            if ring is None:
                ring = self._rings[storage] = deque(maxlen=RING)
            ring.append(event)
            for watcher in self._watchers.get(storage, ()):
                watcher.offer(event)

    def close(self) -> None:
        """End every watch: the control plane stops."""
        for watchers in self._watchers.values():
            for watcher in watchers:
                watcher.end()

    def crowd(self, storage: str) -> int:
        """Return how many watch this kind."""
        return len(self._watchers.get(storage, ()))

    def join(self, storage: str, watcher: Watcher, since: int | None) -> None:
        """Add a watcher; with `since` it is told first of everything after that revision. Raises Refusal (410)."""
        if since is not None:
            for event in self._after(storage, since):
                watcher.offer(event)
        self._watchers.setdefault(storage, set()).add(watcher)

    def leave(self, storage: str, watcher: Watcher) -> None:
        """Remove a watcher."""
        self._watchers.get(storage, set()).discard(watcher)

    def _after(self, storage: str, since: int) -> list[Event]:
        ring = self._rings.get(storage, ())
        oldest = self._store.first_revision
        if len(ring) == RING and ring:
            oldest = max(oldest, ring[0].current.revision)
        if since < oldest:
            raise status.expired(f"too old resource version: {since} ({oldest})")
        if since > self._store.revision:  # of another store than this one: the client must begin anew
            raise status.expired(f"too large resource version: {since} ({self._store.revision})")
        return [event for event in ring if event.current.revision > since]
