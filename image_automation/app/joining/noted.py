"""A sink of events that passes on that one has arrived: pages that show them are made anew then, and not before."""

from collections.abc import Callable

from gotk.runtime.events import Event, Sink


class Noted:
    """Another sink, of which somebody hears."""

    def __init__(self, sink: Sink, arrived: Callable[[], None]) -> None:
        self.name = sink.name
        self._sink = sink
        self._arrived = arrived

    def wants(self, event: Event) -> bool:
        """Take what the other one takes."""
        return self._sink.wants(event)

    async def send(self, event: Event) -> None:
        """Deliver the event there, and pass it on. Raises what the other one raises."""
        await self._sink.send(event)
        self._arrived()
