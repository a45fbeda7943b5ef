"""The two ways in which a field can be absent, and the object at a path."""

from collections.abc import Callable
from typing import Any

Json = dict[str, Any]
Rule = Callable[[Json], None]
Rules = dict[str, Rule]


def absent(obj: Json, **values: Any) -> None:
    """Set fields that are null or not there: Go keeps them by pointer."""
    for name, value in values.items():
        if obj.get(name) is None:
            obj[name] = value


def zero(obj: Json, **values: Any) -> None:
    """Set fields that are null, not there, or the zero of their type: Go keeps them by value."""
    for name, value in values.items():
        if value is not None and obj.get(name) in (None, "", 0):
            obj[name] = value


def inside(obj: Json, *path: str) -> Json:
    """Return the object at a path, made where it is absent."""
    for name in path:
        value = obj.get(name)
        if not isinstance(value, dict):
            value = obj[name] = {}
        obj = value
    return obj


def items(obj: Json, name: str) -> list[Json]:
    """Return the objects in a list that may be absent."""
    found = obj.get(name)
    return [item for item in found if isinstance(item, dict)] if isinstance(found, list) else []


def with_absent(**values: Any) -> Rule:
    """Return a rule that sets fields kept by pointer; values must not be changeable."""
    return lambda obj: absent(obj, **values)


def with_zero(**values: Any) -> Rule:
    """Return a rule that sets fields kept by value; values must not be changeable."""
    return lambda obj: zero(obj, **values)
