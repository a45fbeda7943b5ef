"""The work queue of one controller: which object is next, and when.

Answers to `client-go/util/workqueue` with its exponential rate limiter, and to Flux's retry delays. `WorkQueue` is
plain state over a time that the caller hands in; `Queue` lets one dispatcher wait on it.

The laws: an object is never handed out twice at once; added again while it runs, it is handed out once more after;
many adds are one run; of two delays the earlier stands; what is immediate goes before what was delayed, except that
every eighth turn belongs to the delayed, so that a flood of changes cannot starve the intervals.
"""

import asyncio
import heapq
import math
from collections.abc import Hashable
from dataclasses import dataclass
from typing import Generic, TypeVar

from gotk.runtime.clock import Clock

K = TypeVar("K", bound=Hashable)

_DELAYED_TURN = 8


@dataclass(frozen=True, slots=True, kw_only=True)
class Backoff:
    """The delay after the n-th failure in a row: `base` x 2^(n-1) seconds, at most `limit`. Flux's defaults."""

    base: float = 0.75
    limit: float = 900.0

    def delay(self, failures: int) -> float:
        """Return the seconds to wait after so many failures in a row."""
        return min(self.limit, self.base * 2.0 ** min(failures - 1, 64))


class WorkQueue(Generic[K]):
    """The state of the queue. Times are seconds of any one clock that never goes back."""

    def __init__(self, backoff: Backoff | None = None) -> None:
        self._backoff = backoff or Backoff()
        self._immediate: dict[K, None] = {}
        self._due: dict[K, None] = {}
        self._delayed: dict[K, float] = {}
        self._heap: list[tuple[float, int, K]] = []
        self._running: set[K] = set()
        self._again: set[K] = set()
        self._failures: dict[K, int] = {}
        self._sequence = 0
        self._turns = 0

    def __len__(self) -> int:
        """How many objects could run now."""
        return len(self._immediate) + len(self._due)

    @property
    def running(self) -> frozenset[K]:
        """The objects that are handed out."""
        return frozenset(self._running)

    def add(self, key: K) -> None:
        """Ask for a run now, or right after the one that is going on."""
        self._delayed.pop(key, None)
        self._due.pop(key, None)
        if key in self._running:
            self._again.add(key)
        else:
            self._immediate[key] = None

    def add_at(self, key: K, when: float) -> None:
        """Ask for a run at a time; it counts only if nothing earlier is asked for."""
        if key in self._immediate or key in self._due or key in self._again:
            return
        if key in self._delayed and self._delayed[key] <= when:
            return
        self._delayed[key] = when
        self._sequence += 1
        heapq.heappush(self._heap, (when, self._sequence, key))

    def fail(self, key: K, now: float) -> float:
        """Ask for a run after the object's backoff, which doubles each time. Returns the delay."""
        self._failures[key] = self._failures.get(key, 0) + 1
        delay = self._backoff.delay(self._failures[key])
        self.add_at(key, now + delay)
        return delay

    def conflict(self, key: K, now: float) -> float:
        """Ask for a run at once, but with the backoff from the second time in a row on. Returns the delay."""
        if key in self._failures:
            return self.fail(key, now)
        self._failures[key] = 0
        self.add(key)
        return 0.0

    def succeed(self, key: K) -> None:
        """Forget the failures of an object."""
        self._failures.pop(key, None)

    def forget(self, key: K) -> None:
        """Forget an object that is gone: its failures, and what was asked for it later."""
        self.succeed(key)
        self._delayed.pop(key, None)
        self._due.pop(key, None)

    def is_asked_for(self, key: K) -> bool:
        """Tell whether an object runs, or would run next."""
        return key in self._running or key in self._immediate or key in self._due

    def failures(self, key: K) -> int:
        """Return how many runs of an object failed in a row."""
        return self._failures.get(key, 0)

    def take(self, now: float) -> K | None:
        """Hand out the next object, or None when there is nothing to do now. Give it back with `done`."""
        self._ripen(now)
        self._turns += 1
        delayed_first = self._turns % _DELAYED_TURN == 0
        for lane in (self._due, self._immediate) if delayed_first else (self._immediate, self._due):
            if lane:
                key = next(iter(lane))
                del lane[key]
                self._running.add(key)
                return key
        return None

    def done(self, key: K) -> None:
        """Take an object back after its run."""
        self._running.discard(key)
        if key in self._again:
            self._again.discard(key)
            self.add(key)

    def next_due(self) -> float | None:
        """Return when the first delayed object is due, or None when none is delayed."""
        while self._heap and self._delayed.get(self._heap[0][2]) != self._heap[0][0]:
            heapq.heappop(self._heap)
        return self._heap[0][0] if self._heap else None

    def _ripen(self, now: float) -> None:
        while (when := self.next_due()) is not None and when <= now:
            _, _, key = heapq.heappop(self._heap)
            del self._delayed[key]
            if key in self._running:
                self._again.add(key)
            else:
                self._due[key] = None


class Queue(Generic[K]):
    """A WorkQueue on a clock, for one dispatcher."""

    def __init__(self, *, clock: Clock, backoff: Backoff | None = None) -> None:
        self._clock = clock
        self._work: WorkQueue[K] = WorkQueue(backoff)
        self._changed = asyncio.Event()
        self._closed = False

    def __len__(self) -> int:
        """How many objects could run now."""
        return len(self._work)

    @property
    def running(self) -> frozenset[K]:
        """The objects that are handed out."""
        return self._work.running

    def is_asked_for(self, key: K) -> bool:
        """Tell whether an object runs, or would run next."""
        return self._work.is_asked_for(key)

    def add(self, key: K) -> None:
        """Ask for a run now, or right after the one that is going on."""
        self._work.add(key)
        self._changed.set()

    def add_after(self, key: K, seconds: float, *, beside: float = 0.0) -> None:
        """Ask for a run after so many seconds; an earlier one stands.

        It may come up to `beside` seconds later than that, together with others of which the same was said.
        """
        awaited = self._work.next_due()
        when = self._clock.monotonic() + seconds
        self._work.add_at(key, math.ceil(when / beside) * beside if beside else when)
        if self._work.next_due() != awaited:  # else whoever waits is woken in time as it is
            self._changed.set()

    def fail(self, key: K) -> float:
        """Ask for a run after the object's backoff. Returns the delay in seconds."""
        delay = self._work.fail(key, self._clock.monotonic())
        self._changed.set()
        return delay

    def conflict(self, key: K) -> float:
        """Ask for a run at once, from the second time in a row on after the backoff. Returns the delay in seconds."""
        delay = self._work.conflict(key, self._clock.monotonic())
        self._changed.set()
        return delay

    def succeed(self, key: K) -> None:
        """Forget the failures of an object."""
        self._work.succeed(key)

    def forget(self, key: K) -> None:
        """Forget an object that is gone."""
        self._work.forget(key)

    def done(self, key: K) -> None:
        """Take an object back after its run."""
        self._work.done(key)
        if len(self._work):
            self._changed.set()

    def close(self) -> None:
        """Hand out nothing more."""
        self._closed = True
        self._changed.set()

    async def get(self) -> K | None:
        """Wait for the next object; None once the queue is closed."""
        while not self._closed:
            key = self._work.take(self._clock.monotonic())
            if key is not None:
                return key
            self._changed.clear()
            due = self._work.next_due()
            if due is None:
                await self._changed.wait()
            else:
                await self._wait_until(due)
        return None

    async def _wait_until(self, due: float) -> None:
        """Wait for a change, or until something is due, which is told as one."""
        async with asyncio.TaskGroup() as group:
            timer = group.create_task(self._ring(due - self._clock.monotonic()))
            await self._changed.wait()
            timer.cancel()

    async def _ring(self, seconds: float) -> None:
        await self._clock.sleep(seconds)
        self._changed.set()
