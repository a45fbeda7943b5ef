"""The head of an object (apiVersion, kind, metadata) has to have the right types before anything else looks at it.

Answers to decoding into `ObjectMeta`: what does not fit is a bad request, for custom kinds as for built-in ones.
"""

from typing import Any

from gotk.apiserver import status

_TEXTS = (
    "name",
    "generateName",
    "namespace",
    "uid",
    "resourceVersion",
    "selfLink",
    "creationTimestamp",
    "deletionTimestamp",
)
_NUMBERS = ("generation", "deletionGracePeriodSeconds")
_MAPS = ("labels", "annotations")
_LISTS = {"finalizers": str, "ownerReferences": dict, "managedFields": dict}


def check(obj: Any) -> None:
    """Refuse an object whose head is malformed; metadata that is absent becomes empty. Raises Refusal (400)."""
    if not isinstance(obj, dict):
        raise status.bad_request("the object is not a JSON object")
    for field in ("apiVersion", "kind"):
        _expect(field, obj.get(field, ""), str, "a string")
    metadata = obj["metadata"] = {} if obj.get("metadata") is None else obj["metadata"]
    _expect("metadata", metadata, dict, "an object")
    for field in [field for field, value in metadata.items() if value is None]:
        del metadata[field]
    for field in _TEXTS:
        _expect(f"metadata.{field}", metadata.get(field, ""), str, "a string")
    for field in _NUMBERS:
        _expect(f"metadata.{field}", metadata.get(field, 0), int, "a number")
    for field in _MAPS:
        values = metadata.get(field, {})
        _expect(f"metadata.{field}", values, dict, "an object")
        for key, value in values.items():
            if value is None:  # as Go reads it
                values[key] = ""
                continue
            _expect(f"metadata.{field}.{key}", value, str, "a string")
    for field, kind in _LISTS.items():
        items = metadata.get(field, [])
        _expect(f"metadata.{field}", items, list, "a list")
        for number, item in enumerate(items):
            _expect(f"metadata.{field}[{number}]", item, kind, "a string" if kind is str else "an object")


def _expect(field: str, value: Any, kind: type, called: str) -> None:
    if not isinstance(value, kind) or (kind is int and isinstance(value, bool)):
        raise status.bad_request(f"{field}: expected {called}, got {type(value).__name__}")
