"""Events live for an hour after they were last seen, as with the API server's `--event-ttl`, as long as they are few.

Upstream keeps them on etcd's disk. Here every object is in memory, and a fleet that is busy for an hour writes hundreds
of megabytes of them; so beyond a size the oldest go before their time.
"""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from gotk.apiserver.call import Plane
from gotk.apiserver.storage.store import Key, Stored
from gotk.apiserver.wire import options

LIFETIME = timedelta(hours=1)
#: How many bytes of events stay.
BYTES = 32 * 1024 * 1024
_EVERY = 60.0


class EventExpiry:
    """Deletes events whose time is over, or whose place is needed."""

    def __init__(self, plane: Plane, now: Callable[[], datetime]) -> None:
        self._plane = plane
        self._now = now

    async def run(self) -> None:
        """Sweep, forever."""
        while True:
            await self.sweep()
            await asyncio.sleep(_EVERY)

    async def sweep(self) -> None:
        """Delete what is too old, or too much, now."""
        resource = self._plane.registry.lookup("", "v1", "events")
        assert resource is not None
        items = self._plane.store.objects(resource.storage)
        seen = {item.key: _seen(item.object()) for item in items}
        over = doomed(items, seen, dead=self._now() - LIFETIME, most=BYTES)
        await self._plane.writer.delete_all(resource, over, options.Delete())


def doomed(items: Sequence[Stored], seen: Mapping[Key, datetime], *, dead: datetime, most: int) -> list[Stored]:
    """Return the events last seen before a moment, and of the others the oldest that are too much for `most` bytes."""
    found, size = [], 0
    for item in sorted(items, key=lambda item: seen[item.key], reverse=True):
        size += len(item.data)
        if seen[item.key] < dead or size > most:
            found.append(item)
    return found


def _seen(event: dict[str, Any]) -> datetime:
    """Return when an event was last seen."""
    series = event.get("series") or {}
    stamps = (
        event["metadata"]["creationTimestamp"],
        event.get("lastTimestamp"),
        event.get("eventTime"),
        series.get("lastObservedTime"),
    )
    return max(datetime.fromisoformat(stamp) for stamp in stamps if stamp)
