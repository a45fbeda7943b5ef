"""Long decisions, made beside the event loop: parsing, merging and comparing what has tens of thousands of parts.

A thread of its own keeps other requests, watches and probes going meanwhile. Short work stays where it is: to hand it
over would cost more than it takes.
"""

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Final, TypeVar

T = TypeVar("T")

#: From how many bytes of JSON on (the request's and the object's) work counts as long: a tenth of a second or more.
LONG: Final = 64 * 1024


class Offload:
    """One thread for long work, which waits its turn there."""

    def __init__(self) -> None:
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="decide")

    async def run(self, size: int, work: Callable[[], T]) -> T:
        """Do something here when it is short, in the thread when it is long."""
        if size < LONG:
            return work()
        return await asyncio.get_running_loop().run_in_executor(self._thread, work)

    def close(self) -> None:
        """Let go of the thread once it is done."""
        self._thread.shutdown(wait=True, cancel_futures=True)
