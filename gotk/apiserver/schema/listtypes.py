"""Lists that are sets or maps: no two items may be the same.

Answers to `apiserver/schema/listtype`. An update is refused only for what it brings in: lists that were already
ambiguous stay as they are.
"""

from collections.abc import Iterator
from typing import Any

from gotk.apiserver import cause
from gotk.apiserver.cause import Cause
from gotk.apiserver.schema.node import Node


def duplicates(value: Any, node: Node, path: str = "") -> Iterator[Cause]:
    """Yield the second and every later item of a list that was there before."""
    if isinstance(value, dict):
        for name, inner in value.items():
            if (child := node.child(name)) is not None:
                yield from duplicates(inner, child, f"{path}.{name}" if path else name)
    elif isinstance(value, list) and node.items is not None:
        yield from _repeated(value, node, path)
        for index, item in enumerate(value):
            yield from duplicates(item, node.items, f"{path}[{index}]")


def _repeated(items: list[Any], node: Node, path: str) -> Iterator[Cause]:
    kind = node.raw.get("x-kubernetes-list-type")
    if kind not in {"set", "map"}:
        return
    seen: set[str] = set()
    for index, item in enumerate(items):
        identity = item if kind == "set" else _keys(item, node)
        text = cause.shown(identity)
        if text in seen:
            yield cause.duplicate(f"{path}[{index}]", identity)
        seen.add(text)


def _keys(item: Any, node: Node) -> Any:
    return {key: item[key] for key in node.keys if key in item} if isinstance(item, dict) else item
