"""What happened to one object: its Events, read as the person, the last one first."""

from collections.abc import Mapping
from typing import Any, Final

from gotk.api import scheme
from gotk.kube import errors
from image_automation.dashboard.access import Reads, Subject
from image_automation.dashboard.page import Record

_MOST: Final = 30


class Happened(Record, frozen=True, kw_only=True):
    """An Event: `warning` or not, why, what, how often, and when last."""

    reason: str
    message: str
    time: str
    warning: bool = False
    times: int = 1


async def to(reads: Reads, about: Subject) -> tuple[tuple[Happened, ...], str]:
    """Return an object's events, or why they are not to be seen. Raises Unauthorized."""
    kind = scheme.resource_of(about.kind).kind
    fields = f"involvedObject.kind={kind},involvedObject.name={about.name}"
    try:
        found = await reads.list_objects("v1", "Event", about.namespace, fields=fields)
    except errors.Unauthorized:
        raise
    except errors.APIError as error:
        return (), error.message
    return tuple(sorted(map(_happened, found), key=lambda each: each.time, reverse=True)[:_MOST]), ""


def _happened(event: Mapping[str, Any]) -> Happened:
    series = event.get("series") or {}
    return Happened(
        reason=str(event.get("reason") or ""),
        message=str(event.get("message") or ""),
        time=_when(event),
        warning=event.get("type") == "Warning",
        times=int(series.get("count") or event.get("count") or 1),
    )


def _when(event: Mapping[str, Any]) -> str:
    """Return when an event was last seen, as `kubectl events` has it."""
    series = event.get("series") or {}
    times = (series.get("lastObservedTime"), event.get("lastTimestamp"), event.get("eventTime"))
    return str(next(filter(None, times), None) or event["metadata"].get("creationTimestamp") or "")
