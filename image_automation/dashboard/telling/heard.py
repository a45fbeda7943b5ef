"""News that no watched object tells: an event was written, a notification went out, somebody called."""

from collections.abc import Callable
from typing import Final

EVENTS: Final = "events"
DELIVERIES: Final = "deliveries"


class Heard:
    """Passes news on to open pages, by their topic."""

    def __init__(self) -> None:
        self._listeners: list[Callable[[str], None]] = []

    def subscribe(self, listener: Callable[[str], None]) -> None:
        """Tell a listener of all news from now on."""
        self._listeners.append(listener)

    def tell(self, topic: str) -> None:
        """Pass on that there is something new."""
        for listener in self._listeners:
            listener(topic)
