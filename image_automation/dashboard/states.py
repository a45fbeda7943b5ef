"""How one object fares, in one word and the sentence of its condition: what `get` prints as a row, for pages."""

from typing import Any, Literal, TypeAlias

from gotk.api import extensions
from gotk.api.meta import Condition, Object
from gotk.runtime import conditions
from image_automation import acts
from image_automation.dashboard.page import Record

Standing: TypeAlias = Literal["broken", "working", "suspended", "ready"]


class State(Record, frozen=True, kw_only=True):
    """An object and how it fares. `since` is when its condition last changed."""

    kind: str
    namespace: str
    name: str
    standing: Standing
    reason: str = ""
    message: str = ""
    since: str = ""


def condition(obj: Object, type_: str) -> Condition | None:
    """Return a condition of an object, or None where it has none of the type."""
    listed: tuple[Condition, ...] = getattr(getattr(obj, "status", None), "conditions", ())
    return next((each for each in listed if each.type == type_), None)


def is_static(obj: Object) -> bool:
    """Tell whether nothing reconciles an object of this kind: it is in order as it is."""
    return not hasattr(obj, "status")


def of(obj: Object) -> State:
    """Say how an object fares."""
    listed: tuple[Condition, ...] = getattr(getattr(obj, "status", None), "conditions", ())
    said = {each.type: each for each in listed}
    ready, stalled = said.get(conditions.READY), said.get(conditions.STALLED)
    if acts.is_suspended(obj) or is_static(obj):
        return _state(obj, "suspended" if acts.is_suspended(obj) else "ready", ready)
    if stalled is not None and stalled.status == "True":
        return _state(obj, "broken", stalled)
    if ready is not None and ready.status == "False":
        return _state(obj, "broken", ready)
    overdue = said.get(extensions.SCAN_OVERDUE)
    if overdue is not None and overdue.status == "True":
        return _state(obj, "broken", overdue)
    running = said.get(conditions.RECONCILING)
    if running is not None or ready is None or ready.status == "Unknown":
        return _state(obj, "working", running or ready)
    return _state(obj, "ready", ready)


def _state(obj: Object, standing: Standing, said: Condition | None) -> State:
    about: dict[str, Any] = {"kind": obj.kind, "namespace": obj.metadata.namespace, "name": obj.metadata.name}
    if said is None:
        waiting = "waiting to be reconciled" if standing == "working" else ""
        return State(**about, standing=standing, message=waiting, since=obj.metadata.creation_timestamp)
    return State(**about, standing=standing, reason=said.reason, message=said.message, since=said.last_transition_time)
