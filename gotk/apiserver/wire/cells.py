"""What columns are made of: a name, and a function of the object, because most cells are no field.

Answers to `k8s.io/cli-runtime/pkg/printers`.
"""

import datetime as dt
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

from gotk import elapsed
from gotk.apiserver.resources import jsonpath
from gotk.apiserver.resources.resource import Column

Json = dict[str, Any]
Value = Callable[[Json, dt.datetime], Any]


@dataclass(frozen=True, slots=True)
class Cell:
    """A column and what stands in it."""

    column: Column
    value: Value


def first(path: str, default: Any = None) -> Value:
    """Return what a path leads to first."""

    def value(obj: Json, _now: dt.datetime) -> Any:
        found = jsonpath.find(path, obj)
        return found[0] if found and found[0] not in (None, "") else default

    return value


def count(path: str) -> Value:
    """Return how many members what a path leads to has."""

    def value(obj: Json, _now: dt.datetime) -> Any:
        found = jsonpath.find(path, obj)
        return len(found[0]) if found and found[0] else 0

    return value


def joined(path: str, default: str = "<none>") -> Value:
    """Return everything that a path leads to."""

    def value(obj: Json, _now: dt.datetime) -> Any:
        return ",".join(str(found) for found in jsonpath.find(path, obj)) or default

    return value


def pairs(path: str) -> Value:
    """Return the keys and values of a map, as selectors are written."""

    def value(obj: Json, _now: dt.datetime) -> Any:
        found = jsonpath.find(path, obj)
        pairs = found[0] if found and isinstance(found[0], dict) else {}
        return ",".join(f"{key}={value}" for key, value in sorted(pairs.items())) or "<none>"

    return value


def of(ready: str, wanted: str) -> Value:
    """Return how many of how many."""

    def value(obj: Json, now: dt.datetime) -> Any:
        return f"{first(ready, 0)(obj, now)}/{first(wanted, 0)(obj, now)}"

    return value


def age_of(obj: Json, now: dt.datetime) -> Any:
    """Return the age of an object."""
    return elapsed.age(obj["metadata"].get("creationTimestamp"), now)


def cell(name: str, value: Value, kind: str = "string", priority: int = 0) -> Cell:
    """Make a column."""
    return Cell(Column(name=name, path="", type=kind, description=name, priority=priority), value)


def number(name: str, path: str) -> Cell:
    """Make a column with a number."""
    return cell(name, first(path, 0), "integer")


AGE: Final = cell("Age", age_of)
