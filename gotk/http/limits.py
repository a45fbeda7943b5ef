"""How many conversations with one host run at once, and how fast they begin: fewer and slower when it pushes back.

Additive increase, multiplicative decrease, as TCP does it: a 429 or 503 halves the number, every success adds a little
of one more; pauses between beginnings double and melt away the same way. In order of arrival. No clock of its own.
"""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable
from types import TracebackType
from typing import Self

_CALM = 1.0
_FIRST_PAUSE = 0.05
_LONGEST_PAUSE = 2.0
_MELTING = 0.9


class Gate:
    """One host's gate: `async with` is one conversation."""

    def __init__(
        self,
        most: int,
        *,
        monotonic: Callable[[], float],
        sleep: Callable[[float], Awaitable[None]],
        jitter: Callable[[float, float], float],
    ) -> None:
        self.most = most
        self.limit = float(most)
        self.pause = 0.0
        self._monotonic = monotonic
        self._sleep = sleep
        self._jitter = jitter
        self._inside = 0
        self._waiting: deque[asyncio.Future[None]] = deque()
        self._next = 0.0
        self._pushed = float("-inf")

    async def __aenter__(self) -> Self:
        if self._waiting or self._inside >= int(self.limit):
            await self._queue()
        else:
            self._inside += 1
        if self.pause:
            try:
                await self._hold_back()
            except BaseException:
                self._leave()
                raise
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._leave()

    @property
    def inside(self) -> int:
        """How many conversations there are now."""
        return self._inside

    @property
    def waiting(self) -> int:
        """How many wait for one to end."""
        return len(self._waiting)

    def succeeded(self) -> None:
        """The host answered: let it have a little more."""
        if self.limit < self.most:
            self.limit = min(float(self.most), self.limit + 1 / self.limit)
            self._wake()
        if self.pause:
            self.pause = self.pause * _MELTING if self.pause > _FIRST_PAUSE / 10 else 0.0

    def pushed_back(self) -> None:
        """The host has too much to do: let it have half. Answers of one moment count once."""
        now = self._monotonic()
        if now - self._pushed < _CALM:
            return
        self._pushed = now
        self.limit = max(1.0, self.limit / 2)
        self.pause = min(max(2 * self.pause, _FIRST_PAUSE), _LONGEST_PAUSE)

    async def _queue(self) -> None:
        place = asyncio.get_running_loop().create_future()
        self._waiting.append(place)
        try:
            await place
        except asyncio.CancelledError:
            if place.done() and not place.cancelled():
                self._leave()
            elif place in self._waiting:
                self._waiting.remove(place)
            raise

    async def _hold_back(self) -> None:
        now = self._monotonic()
        begin = max(now, self._next)
        self._next = begin + self.pause * self._jitter(0.5, 1.5)
        if begin > now:
            await self._sleep(begin - now)

    def _leave(self) -> None:
        self._inside -= 1
        self._wake()

    def _wake(self) -> None:
        while self._waiting and self._inside < int(self.limit):
            place = self._waiting.popleft()
            if not place.done():
                self._inside += 1
                place.set_result(None)
