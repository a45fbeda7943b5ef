"""Connections that wait for their next use: for whom each is, for how long, and how many.

A key holds whole credentials, so that nothing that one secret opened is ever used for another: a rotated key or another
`known_hosts` is another key, and what it replaces goes unused and is closed. One who takes a connection has it alone.
"""

import threading
import time
from collections import OrderedDict, deque
from collections.abc import Callable, Hashable
from typing import Generic, Protocol, TypeVar

#: How many wait, and how many seconds. Servers close what is idle after one to ten minutes.
_MOST, _IDLE = 256, 300.0
#: A connection is this old at most, in seconds, so that a right taken away at the server is missed no longer.
_AGE = 1800.0


class Connection(Protocol):
    """What is kept."""

    @property
    def made(self) -> float:
        """When it was made, on the monotonic clock."""

    def usable(self) -> bool:
        """Tell whether the other side is there still, as far as can be told without asking."""

    def close(self) -> None:
        """End it; nothing is raised."""


C = TypeVar("C", bound=Connection)


class Kept(Generic[C]):
    """Lends connections. Any thread may ask."""

    def __init__(self, *, most: int = _MOST, clock: Callable[[], float] = time.monotonic) -> None:
        self._most, self._clock = most, clock
        self._lock = threading.Lock()
        self._waiting: OrderedDict[Hashable, deque[tuple[float, C]]] = OrderedDict()
        self._count = 0

    def take(self, key: Hashable) -> C | None:
        """Return a connection for this key that waits, if there is one that can be used."""
        while (found := self._last(key)) is not None:
            since, connection = found
            now = self._clock()
            if now < min(since + _IDLE, connection.made + _AGE) and connection.usable():
                return connection
            connection.close()
        return None

    def give(self, key: Hashable, connection: C) -> None:
        """Let a connection wait; those go that have waited too long or are too many."""
        with self._lock:
            self._waiting.setdefault(key, deque()).append((self._clock(), connection))
            self._waiting.move_to_end(key)
            self._count += 1
            surplus = self._surplus()
        for each in surplus:
            each.close()

    def close(self) -> list[C]:
        """Close whatever waits, and return it."""
        with self._lock:
            waiting = [connection for each in self._waiting.values() for _, connection in each]
            self._waiting.clear()
            self._count = 0
        for each in waiting:
            each.close()
        return waiting

    def _last(self, key: Hashable) -> tuple[float, C] | None:
        """Take what came last: those before it grow old together and go, where fewer are needed than once."""
        with self._lock:
            if (waiting := self._waiting.get(key)) is None:
                return None
            found = waiting.pop()
            self._forget(key, waiting)
            return found

    def _surplus(self) -> list[C]:
        """Take away what is to be closed, the longest unused first."""
        surplus = []
        while self._waiting:
            key, waiting = next(iter(self._waiting.items()))
            since, connection = waiting[0]
            if self._count <= self._most and self._clock() < since + _IDLE:
                break
            waiting.popleft()
            self._forget(key, waiting)
            surplus.append(connection)
        return surplus

    def _forget(self, key: Hashable, waiting: "deque[tuple[float, C]]") -> None:
        self._count -= 1
        if not waiting:
            del self._waiting[key]
