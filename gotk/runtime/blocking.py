"""Blocking work, named and bounded: Git, tar, hashing and rendering run on a few threads, never on the event loop."""

import asyncio
import contextlib
import functools
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from types import TracebackType
from typing import ParamSpec, Self, TypeVar

P = ParamSpec("P")
R = TypeVar("R")


class Limiter:
    """Runs functions on at most `width` threads of its own; the others wait in line.

    A cancelled waiter stops waiting; a function that has begun runs to its end, so bound it by itself.
    """

    def __init__(self, *, width: int, name: str = "blocking") -> None:
        self._pool = ThreadPoolExecutor(max_workers=width, thread_name_prefix=name)

    async def run(self, function: Callable[P, R], /, *args: P.args, **kwargs: P.kwargs) -> R:
        """Run the function on a thread and return what it returns, or raise what it raises."""
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._pool, functools.partial(function, *args, **kwargs))

    def begin(self, function: Callable[P, object], /, *args: P.args, **kwargs: P.kwargs) -> None:
        """Run the function on a thread, for nobody who waits: what it raises is lost, as is a call that comes too late.

        For what has to be done at some time, such as clearing away what the next start would clear away, too.
        """
        with contextlib.suppress(RuntimeError):  # closed
            self._pool.submit(functools.partial(function, *args, **kwargs))

    def close(self) -> None:
        """Drop what has not begun; what runs ends by itself."""
        self._pool.shutdown(wait=False, cancel_futures=True)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()
