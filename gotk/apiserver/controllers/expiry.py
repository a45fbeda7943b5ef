"""Events live for an hour after they were last seen. Answers to the API server's `--event-ttl`."""

import asyncio
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

from gotk.apiserver.call import Plane
from gotk.apiserver.wire import options

LIFETIME = timedelta(hours=1)
_EVERY = 60.0


class EventExpiry:
    """Deletes events whose time is over."""

    def __init__(self, plane: Plane, now: Callable[[], datetime]) -> None:
        self._plane = plane
        self._now = now

    async def run(self) -> None:
        """Sweep, forever."""
        while True:
            await self.sweep()
            await asyncio.sleep(_EVERY)

    async def sweep(self) -> None:
        """Delete what is too old now."""
        resource = self._plane.registry.lookup("", "v1", "events")
        assert resource is not None
        dead = self._now() - LIFETIME
        doomed = [item for item in self._plane.store.objects(resource.storage) if _seen(item.object()) < dead]
        await self._plane.writer.delete_all(resource, doomed, options.Delete())


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
