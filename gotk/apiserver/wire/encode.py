"""From stored objects to what goes over the wire: objects, lists, tables, bare metadata, watch events.

The common case is bytes that are already there; only a Table, bare metadata, YAML or another version costs work.
"""

from collections.abc import Sequence
from typing import Any

import orjson
import yaml

from gotk.apiserver.resources import versions
from gotk.apiserver.resources.resource import Resource
from gotk.apiserver.storage.history import Encodings
from gotk.apiserver.storage.store import Stored
from gotk.apiserver.storage.watch import Notice
from gotk.apiserver.wire import tables
from gotk.apiserver.wire.negotiate import Encoding

Json = dict[str, Any]


def one(item: Stored, resource: Resource, encoding: Encoding, include: str = "") -> bytes:
    """Encode a single object."""
    if encoding.shape == "Table":
        return orjson.dumps(_table([item], resource, encoding, include, item.revision))
    if encoding.shape:
        return orjson.dumps(_partial(item, resource, encoding))
    data = versions.data(item, resource)
    return to_yaml(orjson.loads(data)) if encoding.yaml else data


def many(
    items: Sequence[Stored],
    resource: Resource,
    encoding: Encoding,
    *,
    revision: int,
    proceed: str = "",
    remaining: int | None = None,
    include: str = "",
) -> bytes:
    """Encode a list, as of a revision; `proceed` is the token for the next page, `remaining` how many it leaves."""
    meta: Json = {"resourceVersion": str(revision)}
    if proceed or (resource.custom and not encoding.shape):
        meta["continue"] = proceed
    if remaining is not None:
        meta["remainingItemCount"] = remaining
    if encoding.shape == "Table":
        table = _table(items, resource, encoding, include, revision)
        return orjson.dumps({**table, "metadata": meta})
    if encoding.shape:
        kind, api_version = "PartialObjectMetadataList", f"meta.k8s.io/{encoding.version}"
        entries = [orjson.dumps(_partial(item, resource, encoding)) for item in items]
    else:
        kind, api_version = resource.list_kind, resource.api_version
        entries = [versions.data(item, resource) for item in items]
    head = orjson.dumps({"apiVersion": api_version, "kind": kind, "metadata": meta})
    data = head[:-1] + b',"items":[' + b",".join(entries) + b"]}"
    return to_yaml(orjson.loads(data)) if encoding.yaml else data


class EventEncoder:
    """How one watch is told of events: in which version and shape. What is encoded once is kept with the event."""

    def __init__(self, resource: Resource, encoding: Encoding, include: str, encodings: Encodings) -> None:
        self._resource = resource
        self._encoding = encoding
        self._include = include
        self._encodings = encodings
        self._variant = f" {resource.api_version} {encoding.shape} {encoding.version} {include}"

    def line(self, note: Notice, *, first: bool = False) -> bytes:
        """Encode an event as one line; the first Table of a watch names the columns."""
        if first and self._encoding.shape:
            return initial(note.type, _content(note), self._resource, self._encoding, self._include, first=True)
        key = note.type + self._variant
        found = note.event.encoded.get(key)
        if found is None:
            item = _content(note)
            found = initial(note.type, item, self._resource, self._encoding, self._include, first=False)
            self._encodings.keep(note.event, key, found)
        return found

    def lines(self, notes: Sequence[Notice]) -> bytes:
        """Encode events as a line each."""
        found = self._encodings.joined(notes, self._variant)
        if found is None:
            found = b"".join([self.line(note) for note in notes])
            self._encodings.keep_joined(notes, self._variant, found)
        return found


def initial(kind: str, item: Stored, resource: Resource, encoding: Encoding, include: str, *, first: bool) -> bytes:
    """Encode an event that tells of one object; only the first Table of a watch names the columns."""
    if encoding.shape == "Table":
        body = orjson.dumps(_table([item], resource, encoding, include, item.revision, headers=first))
    elif encoding.shape:
        body = orjson.dumps(_partial(item, resource, encoding))
    else:
        body = versions.data(item, resource)
    return b'{"type":"' + kind.encode() + b'","object":' + body + b"}\n"


def bookmark(resource: Resource, encoding: Encoding, revision: int, *, initial_end: bool = False) -> bytes:
    """Encode a bookmark: how far this watch has come."""
    meta: Json = {"resourceVersion": str(revision), "creationTimestamp": None}
    if initial_end:
        meta["annotations"] = {"k8s.io/initial-events-end": "true"}
    obj: Json = {"kind": resource.kind, "apiVersion": resource.api_version, "metadata": meta}
    if encoding.shape == "Table":
        row = {
            "cells": [],
            "object": {"kind": "PartialObjectMetadata", "apiVersion": "meta.k8s.io/v1", "metadata": meta},
        }
        obj = {
            "kind": "Table",
            "apiVersion": f"meta.k8s.io/{encoding.version}",
            "metadata": {"resourceVersion": str(revision)},
            "columnDefinitions": [],
            "rows": [row],
        }
    elif encoding.shape:
        obj = {"kind": encoding.shape, "apiVersion": f"meta.k8s.io/{encoding.version}", "metadata": meta}
    return line("BOOKMARK", obj)


def line(kind: str, obj: Json) -> bytes:
    """Encode any watch event."""
    return orjson.dumps({"type": kind, "object": obj}) + b"\n"


def to_yaml(obj: Any) -> bytes:
    """Encode as YAML, keys sorted as upstream's are."""
    text: str = yaml.dump(obj, Dumper=yaml.CSafeDumper, default_flow_style=False, allow_unicode=True)
    return text.encode()


def _content(note: Notice) -> Stored:
    """Return what an event shows: when an object ceased to match, the last content that did, under the new revision."""
    previous, current = note.event.previous, note.event.current
    if not note.former or previous is None:
        return current
    obj = previous.object()
    obj["metadata"]["resourceVersion"] = str(current.revision)
    return Stored(previous.key, previous.uid, current.revision, orjson.dumps(obj), previous.labels)


def _table(
    items: Sequence[Stored],
    resource: Resource,
    encoding: Encoding,
    include: str,
    revision: int,
    *,
    headers: bool = True,
) -> Json:
    objects = [versions.convert(item.object(), resource) for item in items]
    made = tables.table(resource, objects, include_object=include or "Metadata", headers=headers)
    made["apiVersion"] = f"meta.k8s.io/{encoding.version}"
    made["metadata"] = {"resourceVersion": str(revision)}
    return made


def _partial(item: Stored, resource: Resource, encoding: Encoding) -> Json:
    found = tables.metadata_only(versions.convert(item.object(), resource))
    found["apiVersion"] = f"meta.k8s.io/{encoding.version}"
    return found
