"""One lane per provider: its deliveries go one after the other, and a slow one never delays those of another.

A lane is bounded. What no longer fits is refused, so that its alert can be told.
"""

import asyncio
import collections
from collections.abc import Awaitable, Callable, Hashable

import structlog

Job = Callable[[], Awaitable[None]]
_SIZE = 200


class Lanes:
    """Runs jobs per key, in order, for as long as `run` is under way."""

    def __init__(self, *, size: int = _SIZE) -> None:
        self._size = size
        self._waiting: dict[Hashable, collections.deque[Job]] = {}
        self._fresh: asyncio.Queue[Hashable] = asyncio.Queue()
        self._idle = asyncio.Event()
        self._idle.set()
        self._log = structlog.get_logger().bind(logger="notifications")

    def put(self, key: Hashable, job: Job) -> bool:
        """Queue a job; False where its lane is full."""
        lane = self._waiting.get(key)
        if lane is None:
            lane = self._waiting[key] = collections.deque()
            self._fresh.put_nowait(key)
            self._idle.clear()
        if len(lane) >= self._size:
            return False
        lane.append(job)
        return True

    async def run(self) -> None:
        """Work until cancelled."""
        async with asyncio.TaskGroup() as group:
            while True:
                key = await self._fresh.get()
                group.create_task(self._drive(key), name=f"notifications {key}")

    async def drained(self) -> None:
        """Wait until nothing is left to deliver."""
        await self._idle.wait()

    async def _drive(self, key: Hashable) -> None:
        lane = self._waiting[key]
        try:
            while lane:
                await self._work(lane[0])
                lane.popleft()
        finally:
            del self._waiting[key]
            if not self._waiting:
                self._idle.set()

    async def _work(self, job: Job) -> None:
        try:
            await job()
        except Exception:  # noqa: BLE001 - a bug in one delivery must not end the lane
            self._log.exception("unexpected error in a delivery")
