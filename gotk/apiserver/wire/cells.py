"""What columns are made of: a name, and a function of the object, because most cells are no field.

Answers to `k8s.io/cli-runtime/pkg/printers` and `k8s.io/apimachinery/pkg/util/duration`.
"""

import datetime as dt
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

from gotk.apiserver.resources import jsonpath
from gotk.apiserver.resources.resource import Column

Json = dict[str, Any]
Value = Callable[[Json, dt.datetime], Any]


@dataclass(frozen=True, slots=True)
class Cell:
    """A column and what stands in it."""

    column: Column
    value: Value


def age(time: Any, now: dt.datetime) -> str:
    """Say how long ago a time was: `5m3s`, `12d`, `2y40d`."""
    if not time:
        return "<unknown>"
    try:
        then = dt.datetime.fromisoformat(time)
    except (ValueError, TypeError):
        return "<invalid>"
    return human(int((now - then).total_seconds()) if then.tzinfo else 0)


def human(seconds: int) -> str:
    """Print a span with at most two units, as `duration.HumanDuration` does."""
    minutes, hours, days = seconds // 60, seconds // 3600, seconds // 86400
    steps: tuple[tuple[bool, str, str], ...] = (
        (seconds < -1, "<invalid>", ""),
        (seconds < 0, "0s", ""),
        (seconds < 120, f"{seconds}s", ""),
        (minutes < 10, f"{minutes}m", _rest(seconds % 60, "s")),
        (minutes < 180, f"{minutes}m", ""),
        (hours < 8, f"{hours}h", _rest(minutes % 60, "m")),
        (hours < 48, f"{hours}h", ""),
        (hours < 192, f"{days}d", _rest(hours % 24, "h")),
        (days < 730, f"{days}d", ""),
        (days < 2920, f"{days // 365}y", _rest(days % 365, "d")),
        (True, f"{days // 365}y", ""),
    )
    return next(large + small for fits, large, small in steps if fits)


def _rest(count: int, unit: str) -> str:
    return f"{count}{unit}" if count else ""


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
    return age(obj["metadata"].get("creationTimestamp"), now)


def cell(name: str, value: Value, kind: str = "string", priority: int = 0) -> Cell:
    """Make a column."""
    return Cell(Column(name=name, path="", type=kind, description=name, priority=priority), value)


def number(name: str, path: str) -> Cell:
    """Make a column with a number."""
    return cell(name, first(path, 0), "integer")


AGE: Final = cell("Age", age_of)
