"""What an Alert asks to be told of beyond Flux's events: where a version that was chosen runs.

Ours: the annotation `image-automation.dev/tell`. An Alert without it never hears of that, so one written for Flux says
what it said there.
"""

from typing import Final

from gotk.api import extensions
from gotk.api.notification import Alert
from image_automation.notification.notice import Notice

REACHED: Final = "reached"
#: The reason of the events that only an Alert that asks for them is told of.
REASON: Final = "TagReached"


def asks(alert: Alert) -> bool:
    """Tell whether an Alert asks for more than Flux's events."""
    return REACHED in _words(alert)


def complaint(alert: Alert) -> str:
    """Say which word of an Alert asks for nothing; empty where all do."""
    unknown = next((word for word in _words(alert) if word != REACHED), "")
    return f"{extensions.TELL}: expected {REACHED}, not '{unknown[:64]}'" if unknown else ""


def covers(alert: Alert, notice: Notice) -> bool:
    """Tell whether an event is one of Flux's, or one that the Alert asks for."""
    return notice.reason != REASON or asks(alert)


def _words(alert: Alert) -> list[str]:
    return alert.metadata.annotations.get(extensions.TELL, "").replace(",", " ").split()
