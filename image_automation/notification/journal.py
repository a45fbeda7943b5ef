"""The last deliveries to each Provider and the last calls of each Receiver, for who wants to know whether they arrive.

Providers and Alerts have no status, and a call leaves none, so what this process did is kept in its memory: bounded,
and gone with it. No message is kept, since whoever may see a Provider may not see every object that it is told of.
"""

import collections
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final, Generic, TypeVar

from gotk.bounded import Bounded
from gotk.runtime.clock import Clock

E = TypeVar("E")

#: How many entries of each object are kept, and of how many objects.
_EACH: Final = 20
_OBJECTS: Final = 500
_CAUSE: Final = 500


@dataclass(frozen=True, slots=True, kw_only=True)
class Delivery:
    """An event that went to a Provider, or did not and why: for which Alert, about which object, with which reason."""

    time: datetime
    alert: str
    kind: str
    namespace: str
    name: str
    reason: str
    cause: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """A call of a Receiver: the status that it was answered, how many objects it woke, and what was wrong with it."""

    time: datetime
    status: int
    woken: int = 0
    cause: str = ""


class _Last(Generic[E]):
    """The last entries of objects, by namespace and name."""

    def __init__(self) -> None:
        self._entries: Bounded[tuple[str, str], collections.deque[E]] = Bounded(_OBJECTS)

    def add(self, key: tuple[str, str], entry: E) -> None:
        kept = self._entries.pop(key) or collections.deque(maxlen=_EACH)
        kept.appendleft(entry)
        self._entries.put(key, kept)

    def of(self, key: tuple[str, str]) -> Sequence[E]:
        return tuple(self._entries.peek(key) or ())


class Journal:
    """Keeps what is delivered and called. `news` hears that there is something new."""

    def __init__(self, clock: Clock, news: Callable[[], None]) -> None:
        self._clock = clock
        self._news = news
        self._deliveries: _Last[Delivery] = _Last()
        self._calls: _Last[Call] = _Last()
        self.since = clock.now()

    def delivered(
        self, provider: tuple[str, str], *, alert: str, about: tuple[str, str, str], reason: str, cause: str = ""
    ) -> None:
        """Keep that an event about an object, by kind, namespace and name, went to a provider.

        `cause` is why it did not arrive, and holds no secret.
        """
        kind, namespace, name = about
        entry = Delivery(
            time=self._clock.now(),
            alert=alert,
            kind=kind,
            namespace=namespace,
            name=name,
            reason=reason,
            cause=cause[:_CAUSE],
        )
        self._deliveries.add(provider, entry)
        self._news()

    def called(self, receiver: tuple[str, str], status: int, *, woken: int = 0, cause: str = "") -> None:
        """Keep that somebody called a receiver."""
        now = self._clock.now()
        self._calls.add(receiver, Call(time=now, status=status, woken=woken, cause=cause[:_CAUSE]))
        self._news()

    def deliveries(self, namespace: str, provider: str) -> Sequence[Delivery]:
        """Return the last deliveries to a Provider, the last one first."""
        return self._deliveries.of((namespace, provider))

    def calls(self, namespace: str, receiver: str) -> Sequence[Call]:
        """Return the last calls of a Receiver, the last one first."""
        return self._calls.of((namespace, receiver))
