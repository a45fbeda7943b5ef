"""Objects as plain JSON: how messages name them, their API group, their labels and annotations."""

from collections.abc import Mapping
from typing import Any

Manifest = dict[str, Any]


def subject(obj: Mapping[str, Any]) -> str:
    """Name an object as Flux does: `Deployment/apps/podinfo`, `Namespace/apps`."""
    meta = obj.get("metadata") or {}
    names = (str(obj.get("kind", "")), str(meta.get("namespace") or ""), str(meta.get("name") or ""))
    return "/".join(name for name in names if name)


def group_of(obj: Mapping[str, Any]) -> str:
    """Return the API group of an object, empty for the core group."""
    return str(obj.get("apiVersion", "")).rpartition("/")[0]


def metadata_value(obj: Mapping[str, Any], key: str) -> str | None:
    """Return a control key's value, from the labels or else the annotations, in lower case."""
    meta = obj.get("metadata") or {}
    for place in ("labels", "annotations"):
        value = (meta.get(place) or {}).get(key)
        if value is not None:
            return str(value).lower()
    return None
