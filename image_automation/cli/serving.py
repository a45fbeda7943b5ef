"""How the long-running verbs run: on uvloop where it is installed, a quarter more scans per core, until a signal."""

import asyncio
import contextlib
import ctypes
import signal
from collections.abc import AsyncIterator, Callable, Coroutine
from typing import Any, TypeVar

T = TypeVar("T")

#: malloc.h's numbers for what `mallopt` sets.
_ARENA_MAX, _MMAP_THRESHOLD, _TRIM_THRESHOLD = -8, -3, -1
_ARENAS, _LARGE = 2, 128 << 10


def run(main: Coroutine[Any, Any, T]) -> T:
    """Run an event loop until the coroutine returns."""
    _give_memory_back()
    with asyncio.Runner(loop_factory=_factory()) as runner:
        return runner.run(main)


@contextlib.asynccontextmanager
async def stop_on_signals() -> AsyncIterator[asyncio.Event]:
    """Give an event that SIGINT or SIGTERM sets."""
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    numbers = (signal.SIGINT, signal.SIGTERM)
    for number in numbers:
        loop.add_signal_handler(number, stop.set)
    try:
        yield stop
    finally:
        for number in numbers:
            loop.remove_signal_handler(number)


def _give_memory_back() -> None:
    """Have glibc's malloc return to the system what was freed.

    Git's operations run on threads that come and go, and whatever each of them leaves in an arena of its own, eight for
    each core, keeps that from shrinking. What is large is mapped by itself: left alone malloc raises the size for that
    to the largest block that was ever freed. Other C libraries know none of this, and need not.
    """
    with contextlib.suppress(OSError, AttributeError):
        malloc = ctypes.CDLL(None)
        for option, value in ((_ARENA_MAX, _ARENAS), (_MMAP_THRESHOLD, _LARGE), (_TRIM_THRESHOLD, _LARGE)):
            malloc.mallopt(option, value)


def _factory() -> Callable[[], asyncio.AbstractEventLoop] | None:
    try:
        import uvloop  # noqa: PLC0415 - only where a service is about to run
    except ImportError:
        return None
    return uvloop.new_event_loop
