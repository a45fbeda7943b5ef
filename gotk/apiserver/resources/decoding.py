"""Whether an object has the types that the fields of its kind have, before anything else looks inside.

Answers to decoding into upstream's Go types, where a value of the wrong type is a bad request (400). Of custom kinds
that is the metadata alone: the rest is their schema's matter, and its refusals are of another sort (422).
"""

import re
from collections.abc import Iterator
from typing import Any, Final

from gotk.apiserver import status
from gotk.apiserver.resources.resource import Resource
from gotk.apiserver.schema.node import Node

Json = dict[str, Any]
_TYPES: Final = {"string": (str,), "boolean": (bool,), "integer": (int,), "number": (int, float)}
_QUANTITY: Final = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([numkMGTPE]|[KMGTPE]i|[eE][+-]?\d+)?", re.ASCII)
_NAMES: Final = {str: "string", bool: "bool", int: "number", float: "number", list: "array", dict: "object"}


def check(obj: Json, resource: Resource) -> None:
    """Refuse an object that cannot be one of its kind; name it where it does not say. Raises Refusal (400)."""
    if not (obj.get("kind") and obj.get("apiVersion")):  # a patch took it away
        if resource.custom:
            raise status.bad_request("Object 'Kind' or 'apiVersion' is missing")
        obj |= {"kind": resource.kind, "apiVersion": resource.api_version}
    schema = resource.schema
    if schema is None:
        return
    if resource.custom:
        wrong = next(_mistyped(obj.get("metadata"), schema.node.properties["metadata"], "metadata"), None)
    else:
        wrong = next(_mistyped(obj, schema.node, ""), None)
    if wrong is not None:
        raise status.bad_request(
            f'{resource.kind} in version "{resource.version}" cannot be handled as a {resource.kind}: {wrong}'
        )


def _mistyped(value: Any, node: Node, path: str) -> Iterator[str]:
    """Yield what is of another type than declared; null stands for nothing."""
    if value is None:
        return
    if isinstance(value, dict) and (node.type == "object" or node.properties or not node.type):
        for name, inner in value.items():
            child = node.child(name)
            if child is not None:
                yield from _mistyped(inner, child, f"{path}.{name}" if path else name)
    elif isinstance(value, list) and (node.type == "array" or not node.type):
        for index, item in enumerate(value if node.items is not None else ()):
            assert node.items is not None
            yield from _mistyped(item, node.items, f"{path}[{index}]")
    elif node.raw.get("format") == "quantity" and isinstance(value, str):
        if not _QUANTITY.fullmatch(value):
            yield ("quantities must match the regular expression '^([+-]?[0-9.]+)([eEinumkKMGTP]*[-+]?[0-9]*)$'")
    elif not _fits(value, node):
        expected = "integer or string" if node.int_or_string else node.type or "object"
        yield f"json: cannot unmarshal {_NAMES[type(value)]} into the field {path} of type {expected}"


def _fits(value: Any, node: Node) -> bool:
    if node.int_or_string:
        return isinstance(value, (str, int, float)) and not isinstance(value, bool)
    if not node.type:
        return not node.properties
    expected = _TYPES.get(node.type, ())
    return isinstance(value, expected) and (node.type == "boolean" or not isinstance(value, bool))
