"""Filling in what a schema says an absent field stands for.

Answers to `apiserver/schema/defaulting`. Runs on requests and on what is read from the store, so that a new default
shows on old objects. Objects are changed in place.
"""

from typing import Any

import orjson

from gotk.apiserver.schema.node import Node


def default(value: Any, node: Node) -> None:
    """Set absent fields that have a default, then go into every field that is there."""
    if not has_defaults(node):
        return
    if isinstance(value, dict):
        for name, child in node.properties.items():
            if name not in value and "default" in child.raw:
                value[name] = orjson.loads(orjson.dumps(child.raw["default"]))
        for name, inner in value.items():
            if (below := node.child(name)) is not None:
                default(inner, below)
    elif isinstance(value, list) and node.items is not None:
        for item in value:
            default(item, node.items)


def has_defaults(node: Node, above: frozenset[int] = frozenset()) -> bool:
    """Whether there is a default anywhere below; remembered with the node."""
    known: bool | None = node.__dict__.get("has_defaults")
    if known is None:
        if id(node.origin) in above:
            return False
        inside = above | {id(node.origin)}
        children = [*node.properties.values(), *filter(None, (node.items, node.additional))]
        known = any("default" in child.raw or has_defaults(child, inside) for child in children)
        if known or not above:
            node.__dict__["has_defaults"] = known
    return known
