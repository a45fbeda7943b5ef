"""What keeps an applied object from being understood at all: undeclared fields, wrong types, ambiguous lists.

Answers to structured-merge-diff's `typed.AsTyped`, whose errors the API reports as a failure of its own (500).
"""

from collections.abc import Iterator
from typing import Any

import orjson

from gotk.apiserver.apply import fieldpath
from gotk.apiserver.apply.fieldpath import Path
from gotk.apiserver.schema.node import Node, Shape


def problems(value: Any, node: Node, path: Path = ()) -> Iterator[str]:
    """Yield what is wrong, each with the path to it."""
    if value is None or node.shape is Shape.ANY:
        return
    where = fieldpath.text(path)
    prefix = f"{where}: " if where else ""
    if node.type == "array":
        yield from _list(value, node, path, prefix)
    elif node.type == "object" or node.properties:
        yield from _map(value, node, path, prefix)
    elif (expected := _scalar(value, node)) is not None:
        yield f"{prefix}{expected}"


def _scalar(value: Any, node: Node) -> str | None:
    if node.int_or_string:
        return "expected scalar, got list or map" if isinstance(value, (list, dict)) else None
    shown = f"&value.valueUnstructured{{Value:{_go(value)}}}"
    match node.type:
        case "string" if not isinstance(value, str):
            return f"expected string, got {shown}"
        case "boolean" if not isinstance(value, bool):
            return f"expected boolean, got {shown}"
        case "integer" | "number" if isinstance(value, bool) or not isinstance(value, (int, float)):
            return f"expected numeric (int or float), got {shown}"
    return None


def _go(value: Any) -> str:
    return orjson.dumps(value).decode()


def _map(value: Any, node: Node, path: Path, prefix: str) -> Iterator[str]:
    if not isinstance(value, dict):
        yield f"{prefix}expected map, got &{{{value}}}"
        return
    for name, inner in value.items():
        child = node.child(name)
        where = (*path, f"f:{name}")
        if child is not None:
            yield from problems(inner, child, where)
        elif not node.preserves:
            yield f"{fieldpath.text(where)}: field not declared in schema"


def _list(value: Any, node: Node, path: Path, prefix: str) -> Iterator[str]:
    if not isinstance(value, list):
        yield f"{prefix}expected list, got &{{{value}}}"
        return
    assert node.items is not None
    if node.shape is Shape.KEYED:
        yield from _keyless(value, node, prefix)
    seen: set[str] = set()
    granular = fieldpath.granular_list(node)
    named = fieldpath.elements(value, node) if granular else [f"i:{index}" for index in range(len(value))]
    for element, item in zip(named, value, strict=True):
        if granular and element in seen:
            yield f"{prefix}duplicate entries for key {fieldpath.text((element,))}"
        seen.add(element)
        yield from problems(item, node.items, (*path, element))


def _keyless(items: list[Any], node: Node, prefix: str) -> Iterator[str]:
    for index, item in enumerate(items):
        if not isinstance(item, dict):
            yield f"{prefix}element {index}: associative list with keys may not have non-map elements"
        elif fieldpath.key_of(item, node) is None:
            keys = " ".join(f'"{key}"' for key in node.keys)
            yield (
                f"{prefix}element {index}: associative list with keys has an element that omits all key fields "
                f"[{keys}] (and doesn't have default values for any key fields)"
            )
