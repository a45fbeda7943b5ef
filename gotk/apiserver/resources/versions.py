"""One stored object, several versions in which it is served.

Kinds convert by renaming: strategy `None` of custom resources, and the built-in kinds, of which we serve one version
each. The exception is Event, whose two homes (core and events.k8s.io) spell the same object differently.
"""

from typing import Any

import orjson

from gotk.apiserver.resources.resource import Resource
from gotk.apiserver.storage.store import Stored

Json = dict[str, Any]

EVENTS = "events.k8s.io"
#: Fields of Event: name in the core group, name in events.k8s.io.
_EVENT_FIELDS = (
    ("involvedObject", "regarding"),
    ("message", "note"),
    ("reportingComponent", "reportingController"),
    ("source", "deprecatedSource"),
    ("firstTimestamp", "deprecatedFirstTimestamp"),
    ("lastTimestamp", "deprecatedLastTimestamp"),
    ("count", "deprecatedCount"),
)


def convert(obj: Json, resource: Resource) -> Json:
    """Turn a stored object into the given version of its kind; changes `obj`."""
    if resource.group == EVENTS and obj["apiVersion"] == "v1":
        for core, new in _EVENT_FIELDS:
            if core in obj:
                obj[new] = obj.pop(core)
        obj.setdefault("eventTime", None)
    obj["apiVersion"] = resource.api_version
    return obj


def store_form(obj: Json, resource: Resource) -> Json:
    """Turn an object of any served version into the form in which it is stored; changes `obj`."""
    if resource.group == EVENTS:
        for core, new in _EVENT_FIELDS:
            if new in obj:
                obj[core] = obj.pop(new)
        obj["apiVersion"] = "v1"
    else:
        obj["apiVersion"] = resource.storage_api_version
    return obj


def data(item: Stored, resource: Resource) -> bytes:
    """Return an object's JSON in the given version, without parsing it where the name of the version is all."""
    head = b'{"apiVersion":"' + resource.api_version.encode() + b'"'
    if item.data.startswith(head):
        return item.data
    if resource.group == EVENTS:
        return orjson.dumps(convert(item.object(), resource))
    return head + item.data[item.data.index(b'"', 15) + 1 :]
