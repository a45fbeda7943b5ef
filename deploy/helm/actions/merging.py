"""What a client-side apply writes: the merge patch from what an older manifest, a newer one and the cluster say. Pure.

Answers to the three-way merge of Helm's client-side apply. A field that was in the older manifest and is not in the
newer one is taken out; what others have added stays. Lists are one value, as in Helm's patches of custom resources: one
that differs is written whole.
"""

from collections.abc import Mapping
from typing import Any

#: What identifies an object, and what only the cluster writes.
_FIXED = frozenset({"apiVersion", "kind", "status"})


def patch(old: Mapping[str, Any], new: Mapping[str, Any], live: Mapping[str, Any]) -> dict[str, Any]:
    """Return the merge patch that brings a live object to a new manifest; empty where it is there."""
    metadata = _gentle(_mapping(old, "metadata"), _mapping(new, "metadata"), _mapping(live, "metadata"))
    content = _patch(_content(old), _content(new), _content(live))
    return content | ({"metadata": metadata} if metadata else {})


def replacement(new: Mapping[str, Any], live: Mapping[str, Any], old: Mapping[str, Any]) -> dict[str, Any]:
    """Return the merge patch after which a live object has nothing but what a manifest says, metadata excepted."""
    return patch({**live, "metadata": old.get("metadata")}, new, live)


def _gentle(old: Mapping[str, Any], new: Mapping[str, Any], live: Mapping[str, Any]) -> dict[str, Any]:
    """Return the patch of metadata, whose labels and annotations others use as well."""
    marks = ("labels", "annotations")
    result = {
        place: found
        for place in marks
        if (found := _patch(_mapping(old, place), _mapping(new, place), _mapping(live, place)))
    }
    rest = [{key: value for key, value in each.items() if key not in marks} for each in (old, new, live)]
    return result | _patch(*rest)


def _content(obj: Mapping[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in obj.items() if key not in _FIXED | {"metadata"}}


def _patch(old: Mapping[str, Any], new: Mapping[str, Any], live: Mapping[str, Any]) -> dict[str, Any]:
    result: dict[str, Any] = {key: None for key in old if key not in new and key in live}
    for key, value in new.items():
        there = live.get(key)
        if isinstance(value, Mapping) and isinstance(there, Mapping):
            if inner := _patch(_mapping(old, key), value, there):
                result[key] = inner
        elif _changed(old.get(key), value, there) or not _holds(there, value):
            result[key] = value
    return result


def _changed(old: Any, new: Any, live: Any) -> bool:
    """Tell whether a list was changed by its author, so that what is left of an older one goes."""
    return isinstance(new, list) and old is not None and new not in (old, live)


def _holds(live: Any, value: Any) -> bool:
    """Tell whether a live value is what a manifest says, beside defaults."""
    if isinstance(value, Mapping) and isinstance(live, Mapping):
        return all(_holds(live.get(key), each) for key, each in value.items())
    if isinstance(value, list) and isinstance(live, list):
        return len(value) == len(live) and all(map(_holds, live, value))
    if value is None or (isinstance(value, Mapping | list) and not value):
        return live is None or live == value
    return bool(live == value) and isinstance(live, bool) == isinstance(value, bool)


def _mapping(obj: Mapping[str, Any], key: str) -> Mapping[str, Any]:
    found = obj.get(key)
    return found if isinstance(found, Mapping) else {}
