"""What an Alert asks to be told of beyond Flux's events: where a chosen version runs, and what waits.

Ours: the annotation `image-automation.dev/tell`. An Alert without it never hears of either, so one written for Flux
says what it said there.
"""

from typing import Final

from gotk.api import extensions
from gotk.api.notification import Alert
from image_automation.notification.notice import Notice

PENDING: Final = "pending"
REACHED: Final = "reached"
TAG_REACHED: Final = "TagReached"
UPDATES_PENDING: Final = "UpdatesPending"
#: The reasons of what only an Alert that asks is told of, and the word that asks for each.
_ASKED: Final = {TAG_REACHED: REACHED, UPDATES_PENDING: PENDING}


def of(alert: Alert) -> frozenset[str]:
    """Return what an Alert asks for; words that are not known ask for nothing."""
    return frozenset(_words(alert)) & frozenset(_ASKED.values())


def complaint(alert: Alert) -> str:
    """Say which word of an Alert asks for nothing; empty where all do."""
    unknown = next((word for word in _words(alert) if word not in _ASKED.values()), "")
    return f"{extensions.TELL}: expected {PENDING} or {REACHED}, not '{unknown[:64]}'" if unknown else ""


def covers(alert: Alert, notice: Notice) -> bool:
    """Tell whether an event is one of Flux's, or one that the Alert asks for."""
    wanted = _ASKED.get(notice.reason)
    return wanted is None or wanted in of(alert)


def _words(alert: Alert) -> list[str]:
    return alert.metadata.annotations.get(extensions.TELL, "").replace(",", " ").split()
