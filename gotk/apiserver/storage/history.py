"""The recent changes of every kind, for watches that go on where they stopped; bounded in number and in bytes.

Answers to the ring of the API server's watch cache. What is forgotten is forgotten from the old end, and whoever asks
for it is told to list anew (410 Expired), as upstream's clients do by themselves.
"""

from collections import deque
from collections.abc import Sequence
from typing import Final

from gotk.apiserver import status
from gotk.apiserver.storage.store import Event

#: How many events of a kind are remembered, and how many bytes of objects: of one kind, and of all.
EVENTS: Final = 5000
KIND_BYTES: Final = 16 * 1024 * 1024
BYTES: Final = 64 * 1024 * 1024
#: How many bytes of encoded events are kept for watchers that are yet to be sent the same.
ENCODED: Final = 8 * 1024 * 1024
#: How many bytes are kept of what a watcher was sent last, for the next one.
JOINED: Final = 1024 * 1024


class History:
    """What happened, kind by kind."""

    def __init__(self, first_revision: int) -> None:
        self._first_revision = first_revision
        self._events: dict[str, deque[Event]] = {}
        self._bytes: dict[str, int] = {}
        self._forgotten: dict[str, int] = {}

    @property
    def size(self) -> int:
        """How many bytes of objects are remembered."""
        return sum(self._bytes.values())

    def add(self, event: Event) -> None:
        """Remember an event, and forget old ones that are too many then."""
        storage = event.current.key.storage
        events = self._events.setdefault(storage, deque())
        events.append(event)
        self._bytes[storage] = self._bytes.get(storage, 0) + held(event)
        while len(events) > EVENTS or self._bytes[storage] > KIND_BYTES:
            self._forget(storage)
        while self.size > BYTES:
            self._forget(max(self._bytes, key=self._bytes.__getitem__))

    def _forget(self, storage: str) -> None:
        event = self._events[storage].popleft()
        self._bytes[storage] -= held(event)
        self._forgotten[storage] = event.current.revision

    def after(self, storage: str, since: int, newest: int) -> list[Event]:
        """Return the events of a kind after a revision; `newest` is the store's. Raises Refusal (410)."""
        oldest = max(self._first_revision, self._forgotten.get(storage, 0))
        if since < oldest:
            raise status.expired(f"too old resource version: {since} ({oldest})")
        if since > newest:  # of another store than this one: the client must begin anew
            raise status.expired(f"too large resource version: {since} ({newest})")
        return [event for event in self._events.get(storage, ()) if event.current.revision > since]


class Encodings:
    """Events as they were sent, so that a thousand watchers cost one encoding; the oldest go first."""

    def __init__(self) -> None:
        self._kept: deque[tuple[Event, str]] = deque()
        self._bytes = 0
        self._joined: tuple[str, Sequence[object], bytes] = "", (), b""

    def joined(self, notices: Sequence[object], variant: str) -> bytes | None:
        """Return how just these were sent to the watcher before, if they were the last."""
        before, what, lines = self._joined
        return lines if before == variant and what == notices else None

    def keep_joined(self, notices: Sequence[object], variant: str, lines: bytes) -> None:
        """Remember how these are sent, for the next watcher of a crowd."""
        if len(lines) <= JOINED:
            self._joined = variant, notices, lines

    def keep(self, event: Event, variant: str, line: bytes) -> None:
        """Remember how an event is sent to those who want it in one variant."""
        event.encoded[variant] = line
        self._kept.append((event, variant))
        self._bytes += len(line)
        while self._bytes > ENCODED:
            old, gone = self._kept.popleft()
            self._bytes -= len(old.encoded.pop(gone))


def held(event: Event) -> int:
    """Return how many bytes of objects an event holds on to."""
    return len(event.current.data) + (len(event.previous.data) if event.previous is not None else 0)
