"""Objects as rows: what `kubectl get` prints, watches included.

Answers to `registry/rest/table.go` and the table convertor of custom resources. Built-in kinds have the columns of
`printers`; kinds without any show their name and age.
"""

import datetime as dt
from collections.abc import Iterable
from typing import Any, Final

import orjson

from gotk import elapsed
from gotk.apiserver.resources import jsonpath
from gotk.apiserver.resources.resource import Column, Resource
from gotk.apiserver.wire import cells, printers

Json = dict[str, Any]
NAME_DESCRIPTION: Final = (
    "Name must be unique within a namespace. Is required when creating resources, although some resources may allow a "
    "client to request the generation of an appropriate name automatically. Name is primarily intended for creation "
    "idempotence and configuration definition. Cannot be updated. More info: "
    "https://kubernetes.io/docs/concepts/overview/working-with-objects/names#names"
)


def table(
    resource: Resource,
    objects: Iterable[Json],
    *,
    include_object: str = "Metadata",
    headers: bool = True,
    now: dt.datetime | None = None,
) -> Json:
    """Return a Table. `include_object` is None, Metadata or Object; a watch wants `headers` once only."""
    at = now or dt.datetime.now(dt.UTC)
    return {
        "kind": "Table",
        "apiVersion": "meta.k8s.io/v1",
        "metadata": {},
        "columnDefinitions": columns(resource) if headers else [],
        "rows": [_row(resource, obj, include_object, at) for obj in objects],
    }


def columns(resource: Resource) -> list[Json]:
    """Return the definitions of a kind's columns."""
    name = Column(name="Name", path="", format="name", description=NAME_DESCRIPTION)
    found = [_definition(name)] if _named(resource) else []
    if (printer := _printer(resource)) is not None:
        return found + [_definition(cell.column) for cell in printer]
    return found + [_definition(column) for column in resource.columns]


def metadata_only(obj: Json) -> Json:
    """Return the object as PartialObjectMetadata."""
    return {"kind": "PartialObjectMetadata", "apiVersion": "meta.k8s.io/v1", "metadata": obj["metadata"]}


def _named(resource: Resource) -> bool:
    """Whether a row begins with the object's name."""
    return resource.custom or (resource.group, resource.kind) not in printers.NAMELESS


def _printer(resource: Resource) -> tuple[cells.Cell, ...] | None:
    return None if resource.custom else printers.PRINTERS.get((resource.group, resource.kind))


def _definition(column: Column) -> Json:
    path = column.path
    return {
        "name": column.name,
        "type": column.type,
        "format": column.format,
        "description": column.description or f"Custom resource definition column (in JSONPath format): {path}",
        "priority": column.priority,
    }


def _row(resource: Resource, obj: Json, include_object: str, now: dt.datetime) -> Json:
    found: list[Any] = [obj["metadata"].get("name")] if _named(resource) else []
    if (printer := _printer(resource)) is not None:
        found += [cell.value(obj, now) for cell in printer]
    else:
        found += [_cell(column, obj, now) for column in resource.columns]
    row: Json = {"cells": found}
    if include_object != "None":
        row["object"] = obj if include_object == "Object" else metadata_only(obj)
    return row


def _cell(column: Column, obj: Json, now: dt.datetime) -> Any:
    found = jsonpath.find(column.path, obj)
    if not found or found[0] is None:
        return None
    value = found[0]
    if column.type == "date":
        return elapsed.age(value, now) if isinstance(value, str) else None
    if column.type == "boolean":
        return value if isinstance(value, bool) else None
    if column.type == "string":
        return _printed(value)
    number = value if isinstance(value, (int, float)) and not isinstance(value, bool) else None
    return int(number) if number is not None and column.type == "integer" else number


def _printed(value: Any) -> str:
    if isinstance(value, str):
        return value
    return orjson.dumps(value, option=orjson.OPT_SORT_KEYS).decode()
