"""Has an object drifted from what is declared? The live object beside what a dry-run apply would make of it.

Answers to `hasDrifted` of `fluxcd/pkg/ssa`: labels, annotations and every field but metadata and status count. A null
and an empty list or mapping are the same; a field that is missing is not (`emptyDir: {}` says something).
"""

from collections.abc import Mapping
from typing import Any

_MISSING = object()


def drifted(live: Mapping[str, Any], applied: Mapping[str, Any]) -> str | None:
    """Return the first place where they differ (`spec.replicas`), or None where an apply would change nothing."""
    for place in ("labels", "annotations"):
        path = _difference(_metadata(live).get(place) or {}, _metadata(applied).get(place) or {}, f"metadata.{place}")
        if path:
            return path
    return _difference(_content(live), _content(applied), "")


def _content(obj: Mapping[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in obj.items() if key not in {"metadata", "status", "apiVersion", "kind"}}


def _metadata(obj: Mapping[str, Any]) -> Mapping[str, Any]:
    metadata = obj.get("metadata")
    return metadata if isinstance(metadata, Mapping) else {}


def _difference(one: Any, other: Any, path: str) -> str | None:
    if _empty(one) and _empty(other):
        return None
    if isinstance(one, Mapping) and isinstance(other, Mapping):
        prefix = f"{path}." if path else ""
        keys = sorted(one.keys() | other.keys())
        pairs = ((f"{prefix}{key}", one.get(key, _MISSING), other.get(key, _MISSING)) for key in keys)
    elif isinstance(one, list) and isinstance(other, list) and len(one) == len(other):
        pairs = ((f"{path}[{i}]", left, right) for i, (left, right) in enumerate(zip(one, other, strict=True)))
    else:
        return None if _same(one, other) else path
    return next((found for place, left, right in pairs if (found := _difference(left, right, place))), None)


def _empty(value: Any) -> bool:
    return value is None or (isinstance(value, Mapping | list) and not value)


def _same(one: Any, other: Any) -> bool:
    """Compare plain values: JSON knows one kind of number, so 1 is 1.0, but True is not 1."""
    return bool(one == other) and isinstance(one, bool) == isinstance(other, bool)
