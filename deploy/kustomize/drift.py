"""Has an object drifted from what is declared? The live object beside what a dry-run apply would make of it.

Answers to `hasDrifted` of `fluxcd/pkg/ssa`: labels, annotations and every field but metadata and status count; nothing
and an empty list or mapping are the same.
"""

from collections.abc import Mapping
from typing import Any


def drifted(live: Mapping[str, Any], applied: Mapping[str, Any]) -> str | None:
    """Return the first place where they differ (`spec.replicas`), or None where an apply would change nothing."""
    for place in ("labels", "annotations"):
        path = _difference(_metadata(live).get(place), _metadata(applied).get(place), f"metadata.{place}")
        if path:
            return path
    for name in sorted((live.keys() | applied.keys()) - {"metadata", "status", "apiVersion", "kind"}):
        if path := _difference(live.get(name), applied.get(name), name):
            return path
    return None


def _metadata(obj: Mapping[str, Any]) -> Mapping[str, Any]:
    metadata = obj.get("metadata")
    return metadata if isinstance(metadata, Mapping) else {}


def _difference(one: Any, other: Any, path: str) -> str | None:
    if one == other and type(one) is type(other):
        return None
    if _empty(one) and _empty(other):
        return None
    if isinstance(one, Mapping) and isinstance(other, Mapping):
        pairs = ((f"{path}.{key}", one.get(key), other.get(key)) for key in sorted(one.keys() | other.keys()))
    elif isinstance(one, list) and isinstance(other, list) and len(one) == len(other):
        pairs = ((f"{path}[{i}]", left, right) for i, (left, right) in enumerate(zip(one, other, strict=True)))
    else:
        return None if _same_number(one, other) else path
    return next((found for place, left, right in pairs if (found := _difference(left, right, place))), None)


def _empty(value: Any) -> bool:
    return value is None or (isinstance(value, Mapping | list) and not value)


def _same_number(one: Any, other: Any) -> bool:
    """JSON knows one kind of number: 1 is 1.0, but True is not 1."""
    numbers = all(isinstance(value, int | float) and not isinstance(value, bool) for value in (one, other))
    return numbers and one == other
