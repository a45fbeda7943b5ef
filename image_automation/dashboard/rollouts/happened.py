"""What happened to one object: its Events, read as the person, the last one first."""

from typing import Final

from gotk.api import scheme
from gotk.kube import errors
from image_automation.dashboard.access import Reads, Subject
from image_automation.dashboard.telling import events
from image_automation.dashboard.telling.events import Happened

_MOST: Final = 30


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
    return tuple(sorted(map(events.told, found), key=lambda each: each.time, reverse=True)[:_MOST]), ""
