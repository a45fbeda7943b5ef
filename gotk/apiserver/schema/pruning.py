"""Taking out what a schema does not know: undeclared fields, and nulls where null is not a value.

Answers to `apiserver/schema/pruning` and to `PruneNonNullableNullsWithoutDefaults`; for built-in kinds to how Go reads
null into its types. Objects are changed in place.
"""

from collections.abc import Callable
from typing import Any, Final

from gotk.apiserver.schema.node import Node


def prune(value: Any, node: Node, path: str = "") -> list[str]:
    """Remove undeclared fields and return their paths, such as `spec.ports[0].zz`."""
    removed: list[str] = []
    _prune(value, node, path, removed)
    return removed


def _prune(value: Any, node: Node, path: str, removed: list[str]) -> None:
    if isinstance(value, dict):
        for name in list(value):
            where = f"{path}.{name}" if path else name
            child = node.child(name)
            if child is not None:
                _prune(value[name], child, where, removed)
            elif not node.preserves:
                del value[name]
                removed.append(where)
    elif isinstance(value, list) and node.items is not None:
        for index, item in enumerate(value):
            _prune(item, node.items, f"{path}[{index}]", removed)


def drop_nulls(value: Any, node: Node) -> None:
    """Remove null fields that the schema knows and does not call nullable."""
    if isinstance(value, dict):
        for name in list(value):
            child = node.child(name)
            if child is None:
                continue
            if value[name] is None:
                if not child.nullable and not _takes_anything(child):
                    del value[name]
            else:
                drop_nulls(value[name], child)
    elif isinstance(value, list) and node.items is not None:
        for item in value:
            drop_nulls(item, node.items)


_ZEROS: Final[dict[str, Callable[[], Any]]] = {
    "string": str,
    "boolean": bool,
    "integer": int,
    "number": int,
    "array": list,
    "object": dict,
}


def zero_nulls(value: Any, node: Node) -> None:
    """Remove null fields of structs; null items of lists and values of maps become the zero of their type."""
    if isinstance(value, dict):
        for name in list(value):
            child = node.child(name)
            if child is None:
                continue
            if value[name] is not None:
                zero_nulls(value[name], child)
            elif name in node.properties and not _takes_anything(child):
                del value[name]
            elif not _takes_anything(child):
                value[name] = _zero(child)
    elif isinstance(value, list) and node.items is not None:
        for index, item in enumerate(value):
            if item is None and not _takes_anything(node.items):
                value[index] = _zero(node.items)
            else:
                zero_nulls(item, node.items)


def _zero(node: Node) -> Any:
    if node.int_or_string:
        return "0" if node.raw.get("format") == "quantity" else 0
    return _ZEROS.get(node.type, dict)()


def _takes_anything(node: Node) -> bool:
    return node.preserves and not node.type
