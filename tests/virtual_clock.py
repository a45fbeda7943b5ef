"""Time in tests: a loop whose clock stands still while anything can run and leaps when every task waits.

`@in_virtual_time` runs an async test on such a loop, so that `asyncio.sleep`, `asyncio.timeout` and `VirtualClock`
all follow it: a test of ten minutes takes milliseconds, and always the same ones. Sockets of this process work, since
whatever they have to deliver is delivered before time moves; threads are waited for in real time.
"""

import asyncio
import functools
import selectors
from collections.abc import Callable, Coroutine
from datetime import UTC, datetime, timedelta
from typing import Any

EPOCH = datetime(2026, 1, 1, 12, tzinfo=UTC)
_GRACE = 0.005


class VirtualLoop(asyncio.SelectorEventLoop):
    """An event loop on virtual time."""

    def __init__(self) -> None:
        self.elapsed = 0.0
        self.threads = 0
        super().__init__(_LeapingSelector(self))

    def time(self) -> float:
        return self.elapsed

    def run_in_executor(self, executor: Any, func: Callable[..., Any], *args: Any) -> asyncio.Future[Any]:
        self.threads += 1
        future = super().run_in_executor(executor, func, *args)
        future.add_done_callback(lambda _: self._returned())
        return future

    def _returned(self) -> None:
        self.threads -= 1


class _LeapingSelector(selectors.DefaultSelector):
    """Lets time leap instead of waiting, unless a thread is at work or a socket has something to deliver."""

    def __init__(self, loop: VirtualLoop) -> None:
        super().__init__()
        self._loop = loop

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        if timeout is not None and timeout <= 0:
            return super().select(0)
        if self._loop.threads:
            return super().select(_GRACE)
        ready = super().select(0 if len(self.get_map()) <= 1 else _GRACE)
        if ready:
            return ready
        if timeout is None:
            return super().select(None)
        self._loop.elapsed += timeout
        return []


class VirtualClock:
    """A `Clock` that shows the loop's virtual time, from noon on New Year's Day of 2026."""

    def now(self) -> datetime:
        return EPOCH + timedelta(seconds=self.monotonic())

    def monotonic(self) -> float:
        loop = asyncio.get_running_loop()
        assert isinstance(loop, VirtualLoop), "mark the test with @in_virtual_time"
        return loop.time()

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(seconds)


def in_virtual_time(test: Callable[..., Coroutine[Any, Any, None]]) -> Callable[..., None]:
    """Run an async test on a loop of its own, in virtual time."""

    @functools.wraps(test)
    def run(*args: Any, **kwargs: Any) -> None:
        with asyncio.Runner(loop_factory=VirtualLoop) as runner:
            runner.run(test(*args, **kwargs))

    return run
