"""Time as an input: the real clock, and the names of the two things that are read from one."""

import asyncio
import time
from datetime import UTC, datetime
from typing import Protocol


class Clock(Protocol):
    """Where time comes from. Tests have one that they move by hand."""

    def now(self) -> datetime:
        """Return the current time, in UTC."""
        ...

    def monotonic(self) -> float:
        """Return seconds that never go back, from an arbitrary start."""
        ...

    async def sleep(self, seconds: float) -> None:
        """Wait."""
        ...


class SystemClock:
    """The machine's clock."""

    def now(self) -> datetime:
        """Return the current time, in UTC."""
        return datetime.now(UTC)

    def monotonic(self) -> float:
        """Return the event loop's kind of seconds."""
        return time.monotonic()

    async def sleep(self, seconds: float) -> None:
        """Wait."""
        await asyncio.sleep(seconds)


def rfc3339(moment: datetime) -> str:
    """Print a time as the API does: UTC, whole seconds, `Z`."""
    at = moment if moment.tzinfo is UTC else moment.astimezone(UTC)
    return f"{at.year:04}-{at.month:02}-{at.day:02}T{at.hour:02}:{at.minute:02}:{at.second:02}Z"


def parse_rfc3339(text: str) -> datetime:
    """Read a time as the API writes it. Raises ValueError."""
    return datetime.fromisoformat(text).astimezone(UTC)


async def wait(event: asyncio.Event, seconds: float, clock: Clock) -> bool:
    """Wait for an event, but no longer than so many of the clock's seconds. Tells whether the event is set."""
    if event.is_set() or seconds <= 0:
        return event.is_set()
    async with asyncio.TaskGroup() as group:
        tasks = (group.create_task(event.wait()), group.create_task(clock.sleep(seconds)))
        await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        for task in tasks:
            task.cancel()
    return event.is_set()
