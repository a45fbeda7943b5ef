"""Who is told of changes: the watchers, which stand at the end of their kind's history.

Answers to the API server's watch cache. Events reach a watcher in the order of their revisions, each once. A watcher
that begins to match its selector sees ADDED, one that ceases sees DELETED with the last content that matched. A
revision older than the history is 410 Expired, and a watcher that reads too slowly is dropped: both list anew.
"""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Protocol

from gotk.apiserver import status
from gotk.apiserver.storage import history
from gotk.apiserver.storage.store import Event, Store, Stored

#: How many events may wait for a watcher that does not read, and how many bytes of objects; one event always may.
PENDING = 10_000
PENDING_BYTES = 32 * 1024 * 1024
#: From how many watchers on events gather: for as long as it took to tell them last, within these seconds.
CROWD, _SHORTEST_GATHER, _LONGEST_GATHER = 20, 0.002, 0.5
#: How many watchers there may be at once.
WATCHERS = 20_000


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


@dataclass(slots=True)
class Notice:
    """What watchers are told of an event: with selectors the type may differ from the event's, and the content.

    `former` says that the content is that before the event, as the object ceased to match. `size` is what the notice
    holds on to, in bytes.
    """

    type: str
    event: Event
    former: bool = False
    size: int = 0


@dataclass(eq=False, slots=True)
class Watcher:
    """One open watch. `take` returns what has gathered.

    `dropped` says that it ended, being too slow for example; `over` that it ends with what has gathered.
    """

    namespace: str | None
    only: Filter
    name: str = ""
    dropped: bool = False
    over: bool = False
    _pending: list[Notice] = field(default_factory=list)
    _bytes: int = 0
    _ready: asyncio.Event = field(default_factory=asyncio.Event)

    def offer(self, notices: Sequence[Notice]) -> None:
        """Queue what concerns this watcher. The notices say what happened to the objects, selectors aside."""
        if self.namespace is None and not self.name and self.only is EVERYTHING:
            chosen = notices  # the most common watcher by far, and the cheapest
        else:
            chosen = list(filter(None, map(self._chosen, notices)))
        self._pending += chosen
        for notice in chosen:
            self._bytes += notice.size
        if len(self._pending) > PENDING or (self._bytes > PENDING_BYTES and len(self._pending) > 1):
            self.end()
        elif self._pending:
            self._ready.set()

    def _chosen(self, notice: Notice) -> Notice | None:
        event = notice.event
        key = event.current.key
        if (self.namespace is not None and key.namespace != self.namespace) or (self.name and key.name != self.name):
            return None
        if self.only is EVERYTHING:
            return notice
        before = event.previous is not None and self.only.matches(event.previous)
        after = event.type != "DELETED" and self.only.matches(event.current)
        if before and after:
            return notice
        if after:
            return Notice("ADDED", event, size=notice.size)
        return Notice("DELETED", event, former=event.type != "DELETED", size=notice.size) if before else None

    def end(self) -> None:
        """Stop this watch; its client will list and watch anew."""
        self.dropped = True
        self._pending.clear()
        self._bytes = 0
        self._ready.set()

    def finish(self) -> None:
        """Stop this watch once everything that has gathered was told."""
        self.over = True
        self._ready.set()

    def wake(self) -> None:
        """Let whoever waits look around, though there may be nothing to take."""
        self._ready.set()

    async def wait(self) -> None:
        """Return as soon as there is something to take, or the watcher was dropped or woken."""
        await self._ready.wait()

    @property
    def waits(self) -> bool:
        """Whether something can be taken."""
        return bool(self._pending)

    def take(self) -> list[Notice]:
        """Return what has gathered since the last time."""
        taken, self._pending, self._bytes = self._pending, [], 0
        if not self.dropped:
            self._ready.clear()
        return taken


class Hub:
    """All watchers of one store.

    A few watchers are told at once. For a crowd, events gather a little first: one write for many events instead of one
    for each is most of what a crowd costs.
    """

    def __init__(self, store: Store) -> None:
        self._store = store
        self._history = history.History(store.first_revision)
        self.encodings = history.Encodings()
        self._watchers: dict[str, set[Watcher]] = {}
        self._untold: dict[str, list[Event]] = {}
        self._telling_took = 0.0
        self._count = 0
        store.subscribe(self._publish)

    def _publish(self, events: Sequence[Event]) -> None:
        for event in events:
            storage = event.current.key.storage
            self._history.add(event)
            if storage in self._untold:
                self._untold[storage].append(event)
            elif crowd := len(self._watchers.get(storage, ())):
                self._untold[storage] = [event]
                gather = min(max(self._telling_took, _SHORTEST_GATHER), _LONGEST_GATHER)
                asyncio.get_running_loop().call_later(gather if crowd > CROWD else 0.0, self._tell, storage)

    def _tell(self, storage: str) -> None:
        """Pass on what has gathered."""
        notices = [_notice(event) for event in self._untold.pop(storage, ())]
        watchers = self._watchers.get(storage, ())
        if not notices:
            return
        loop = asyncio.get_running_loop()
        began = loop.time()
        for watcher in watchers:
            watcher.offer(notices)
        if len(watchers) > CROWD:
            loop.call_soon(self._told, began)  # its turn comes when each of them has written

    def _told(self, began: float) -> None:
        self._telling_took = asyncio.get_running_loop().time() - began

    def close(self) -> None:
        """End every watch: the control plane stops."""
        for watchers in self._watchers.values():
            for watcher in watchers:
                watcher.end()

    def tell(self, storage: str) -> None:
        """Pass on what has gathered, now."""
        if storage in self._untold:
            self._tell(storage)

    def finish(self, storage: str) -> None:
        """End the watches of a kind that is no longer served, after everything that happened to it."""
        self.tell(storage)
        for watcher in self._watchers.get(storage, ()):
            watcher.finish()

    def join(self, storage: str, watcher: Watcher, since: int | None) -> None:
        """Add a watcher; with `since` it is told first of everything after that revision. Raises Refusal (410, 429)."""
        if self._count >= WATCHERS:
            raise status.too_many(f"{WATCHERS} watches are open")
        self._tell(storage)
        if since is not None:
            watcher.offer([_notice(event) for event in self._history.after(storage, since, self._store.revision)])
        self._watchers.setdefault(storage, set()).add(watcher)
        self._count += 1

    def leave(self, storage: str, watcher: Watcher) -> None:
        """Remove a watcher."""
        watchers = self._watchers.get(storage, set())
        if watcher in watchers:
            watchers.remove(watcher)
            self._count -= 1


def _notice(event: Event) -> Notice:
    return Notice(event.type, event, size=history.held(event))
