"""`/events`: what happened to objects, as their Events say, read as the person; by kind, namespace, reason, object.

Who may not list the Events of all namespaces is shown those of the namespaces where they may.
"""

import asyncio
from collections.abc import Iterable, Mapping
from typing import Any, Final

from gotk.kube import errors
from image_automation.dashboard import watched
from image_automation.dashboard.access import Reads
from image_automation.dashboard.page import Look, Page, Record, titled
from image_automation.dashboard.telling import heard

_MOST: Final = 200
_FILTERS: Final = ("kind", "namespace", "reason", "name", "type")
_NAMES: Final = tuple(kind.__name__ for kind in watched.KINDS)
_AT_ONCE: Final = 8


class Happened(Record, frozen=True, kw_only=True):
    """An Event: of which object, why, what, by whom, how often, and when last."""

    kind: str
    namespace: str
    name: str
    reason: str
    message: str
    time: str
    by: str = ""
    warning: bool = False
    times: int = 1


class Events(Record, frozen=True, kw_only=True):
    """What happened last, of how much that matches; `problem` says why nothing is shown.

    `kinds`, `namespaces` and `reasons` are what one may choose among.
    """

    events: tuple[Happened, ...] = ()
    total: int = 0
    kind: str = ""
    namespace: str = ""
    reason: str = ""
    name: str = ""
    type: str = ""
    kinds: tuple[str, ...] = ()
    namespaces: tuple[str, ...] = ()
    reasons: tuple[str, ...] = ()
    problem: str = ""


async def record(look: Look) -> Events:
    """Make the record. Raises Unauthorized."""
    asked = {name: look.query.get(name, "").strip() for name in _FILTERS}
    spaces = sorted({each.metadata.namespace for kind in watched.KINDS for each in look.objects.list(kind)})
    found, problem = await _read(look.reads, asked["namespace"], spaces) if look.reads is not None else ([], "")
    every = [each for each in map(told, found) if each.kind in _NAMES]
    matching = [each for each in every if _matches(each, asked)]
    matching.sort(key=lambda each: each.time, reverse=True)
    return Events(
        events=tuple(matching[:_MOST]),
        total=len(matching),
        kinds=tuple(name for name in _NAMES if name in {each.kind for each in every} | {asked["kind"]}),
        namespaces=tuple(sorted({*spaces, *(each.namespace for each in every)} - {""})),
        reasons=tuple(sorted({each.reason for each in every})),
        problem=problem,
        **asked,
    )


async def _read(reads: Reads, namespace: str, spaces: Iterable[str]) -> tuple[list[Mapping[str, Any]], str]:
    """Return the Events of a namespace, or of all that one may read, and why there are none. Raises Unauthorized."""
    try:
        return list(await reads.list_objects("v1", "Event", namespace)), ""
    except errors.Unauthorized:
        raise
    except errors.Forbidden as error:
        if namespace:
            return [], error.message
    except errors.APIError as error:
        return [], error.message
    turns = asyncio.Semaphore(_AT_ONCE)
    found = await asyncio.gather(*(_space(reads, space, turns) for space in spaces))
    listed = [each for each in found if each is not None]
    if not listed:
        return [], "you may list the Events of no namespace that you see objects of"
    return [event for each in listed for event in each], ""


async def _space(reads: Reads, namespace: str, turns: asyncio.Semaphore) -> list[dict[str, Any]] | None:
    async with turns:
        try:
            return await reads.list_objects("v1", "Event", namespace)
        except errors.Unauthorized:
            raise
        except errors.APIError:
            return None


def _matches(event: Happened, asked: Mapping[str, str]) -> bool:
    kind = asked["type"] in {"", "warning" if event.warning else "normal"}
    plain = all(asked[name] in {"", getattr(event, name)} for name in ("kind", "namespace", "reason"))
    return kind and plain and asked["name"] in event.name


def told(event: Mapping[str, Any]) -> Happened:
    """Return what an Event tells."""
    about, series = event.get("involvedObject") or {}, event.get("series") or {}
    return Happened(
        kind=str(about.get("kind") or ""),
        namespace=str(about.get("namespace") or (event.get("metadata") or {}).get("namespace") or ""),
        name=str(about.get("name") or ""),
        reason=str(event.get("reason") or ""),
        message=str(event.get("message") or ""),
        time=when(event),
        by=str(event.get("reportingComponent") or (event.get("source") or {}).get("component") or ""),
        warning=event.get("type") == "Warning",
        times=int(series.get("count") or event.get("count") or 1),
    )


def when(event: Mapping[str, Any]) -> str:
    """Return when an Event was last seen, as `kubectl events` has it."""
    series = event.get("series") or {}
    times = (series.get("lastObservedTime"), event.get("lastTimestamp"), event.get("eventTime"))
    return str(next(filter(None, times), None) or (event.get("metadata") or {}).get("creationTimestamp") or "")


PAGE = Page(
    path="/events",
    template="events.html",
    title=titled("Events"),
    kinds=watched.KINDS,
    record=record,
    topics=(heard.EVENTS,),
)
