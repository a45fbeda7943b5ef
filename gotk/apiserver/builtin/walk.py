"""Every value of certain types inside an object of a built-in kind, wherever it lies.

Upstream generates, for each kind, calls of the rules of every type within it. Here the packaged definitions say where
the types are: a walk beside the object finds them, and goes nowhere else.
"""

from collections.abc import Container, Iterator
from typing import Any

from gotk.apiserver.schema import builtin_definitions
from gotk.apiserver.schema.node import Node

Json = dict[str, Any]
_PREFIX = f"{builtin_definitions.PREFIX}io.k8s.api."


class Types:
    """A set of types by the ends of their definitions' names, such as `core.v1.Container`."""

    def __init__(self, names: Container[str]) -> None:
        self._names = names
        self._known: dict[int, tuple[Node, bool]] = {}

    def find(self, value: Any, node: Node, path: str = "") -> Iterator[tuple[str, Json, str]]:
        """Yield type, value and path, outer ones first: what is done to one is seen by the walk into it."""
        if isinstance(value, dict):
            if (name := type_of(node)) in self._names:
                yield name, value, path
            for key, inner in list(value.items()):
                child = node.child(key)
                if isinstance(inner, dict | list) and child is not None and self._leads(child):
                    yield from self.find(inner, child, f"{path}.{key}" if path else key)
        elif isinstance(value, list) and node.items is not None and self._leads(node.items):
            for index, item in enumerate(value):
                yield from self.find(item, node.items, f"{path}[{index}]")

    def _leads(self, node: Node, above: frozenset[int] = frozenset()) -> bool:
        """Whether a value of one of the types may be here or anywhere below; remembered for each node."""
        known = self._known.get(id(node))
        if known is not None:
            return known[1]
        if id(node.raw) in above:
            return False
        inside = above | {id(node.raw)}
        children = [*node.properties.values(), *filter(None, (node.items, node.additional))]
        found = type_of(node) in self._names or any(self._leads(child, inside) for child in children)
        if found or not above:
            self._known[id(node)] = (node, found)
        return found


def type_of(node: Node) -> str:
    """Return the name of the type that a node refers to, without what all built-in types begin with."""
    return str(node.origin.get("$ref", "")).removeprefix(_PREFIX)
