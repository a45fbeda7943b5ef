"""One queue per provider: its deliveries go one after the other, and a slow one never delays those of another.

A queue is bounded, in messages and in memory. What no longer fits is refused, so that its alert can be told.
"""

import asyncio
import collections
from collections.abc import Awaitable, Callable, Hashable

import structlog

Job = Callable[[], Awaitable[None]]
_SIZE = 200
_WEIGHT = 8 << 20


class DispatchQueues:
    """Runs jobs per key, in order, for as long as `run` is under way."""

    def __init__(self, *, size: int = _SIZE, weight: int = _WEIGHT) -> None:
        self._size = size
        self._weight = weight
        self._waiting: dict[Hashable, collections.deque[tuple[Job, int]]] = {}
        self._weights: dict[Hashable, int] = {}
        self._fresh: asyncio.Queue[Hashable] = asyncio.Queue()
        self._idle = asyncio.Event()
        self._idle.set()
        self._log = structlog.get_logger().bind(logger="notifications")

    def put(self, key: Hashable, job: Job, weight: int = 0) -> bool:
        """Add a job that takes so much memory; False where its queue is full. An empty queue takes any job."""
        queue = self._waiting.get(key)
        if queue is None:
            queue = self._waiting[key] = collections.deque()
            self._fresh.put_nowait(key)
            self._idle.clear()
            self._weights[key] = 0
        if len(queue) >= self._size or (queue and self._weights[key] + weight > self._weight):
            return False
        queue.append((job, weight))
        self._weights[key] += weight
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
        queue = self._waiting[key]
        try:
            while queue:
                job, weight = queue[0]
                await self._work(job)
                queue.popleft()
                self._weights[key] -= weight
        finally:
            del self._waiting[key], self._weights[key]
            if not self._waiting:
                self._idle.set()

    async def _work(self, job: Job) -> None:
        try:
            await job()
        except Exception:  # noqa: BLE001 - a bug in one delivery must not end the queue
            self._log.exception("unexpected error in a delivery")
