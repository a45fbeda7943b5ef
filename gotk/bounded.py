"""A mapping of bounded size: what was used last stays, and the entry unused for longest goes first.

Every memory of the service that strangers can fill (tokens, answers, deliveries, hashes) is one of these. What an entry
weighs is one, so that the bound is a count, or what `weigh` says, so that it is a size in bytes. `get` counts as a use
and `peek` does not: a memory that is only peeked at forgets in the order of writing.
"""

from collections import OrderedDict
from collections.abc import Callable, Iterator, Sequence
from typing import Generic, TypeVar

K = TypeVar("K")
V = TypeVar("V")


class Bounded(Generic[K, V]):
    """The entries used last, up to a capacity. For one thread."""

    __slots__ = ("_capacity", "_entries", "_size", "_weigh")

    def __init__(self, capacity: int, *, weigh: Callable[[V], int] | None = None) -> None:
        """Keep up to `capacity` entries; with `weigh`, entries that weigh up to `capacity` together."""
        self._capacity = capacity
        self._weigh = weigh
        self._size = 0
        self._entries: OrderedDict[K, V] = OrderedDict()

    def __len__(self) -> int:
        return len(self._entries)

    def __contains__(self, key: K) -> bool:
        return key in self._entries

    def __iter__(self) -> Iterator[K]:
        """Yield the keys, the one unused for longest first."""
        return iter(self._entries)

    def values(self) -> Iterator[V]:
        """Yield the values, the one unused for longest first."""
        return iter(self._entries.values())

    def get(self, key: K) -> V | None:
        """Return a value and count it as used, or None."""
        value = self._entries.get(key)
        if value is not None:
            self._entries.move_to_end(key)
        return value

    def peek(self, key: K) -> V | None:
        """Return a value without counting it as used, or None."""
        return self._entries.get(key)

    def put(self, key: K, value: V) -> Sequence[V]:
        """Keep a value as the one used last, and return those that had to go, the one unused for longest first."""
        if self._weigh is not None:
            if key in self._entries:
                self.pop(key)
            self._size += self._weigh(value)
            self._entries[key] = value
            return self._shrink() if self._size > self._capacity else ()
        self._entries[key] = value
        self._entries.move_to_end(key)
        return self._shrink() if len(self._entries) > self._capacity else ()

    def pop(self, key: K) -> V | None:
        """Forget an entry and return its value, or None."""
        value = self._entries.pop(key, None)
        if value is not None and self._weigh is not None:
            self._size -= self._weigh(value)
        return value

    def oldest(self) -> tuple[K, V] | None:
        """Return the entry unused for longest, or None where there is none."""
        return next(iter(self._entries.items()), None)

    def clear(self) -> None:
        """Forget everything."""
        self._entries.clear()
        self._size = 0

    def _shrink(self) -> Sequence[V]:
        gone: list[V] = []
        while self._entries and (self._size if self._weigh else len(self._entries)) > self._capacity:
            _, value = self._entries.popitem(last=False)
            gone.append(value)
            if self._weigh is not None:
                self._size -= self._weigh(value)
        return gone
