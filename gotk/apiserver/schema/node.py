"""One node of a schema: references followed, Kubernetes' markers read, children made when they are asked for.

Every walk over objects (prune, default, validate, field sets, merges) walks these nodes beside the object. Built-in
definitions refer to each other, some in circles, so children are made lazily and kept.
"""

from collections.abc import Mapping
from enum import Enum
from functools import cached_property
from typing import Any, Final

from gotk.apiserver.schema import builtin_definitions

_EMBEDDED: Final = {
    "apiVersion": {"type": "string"},
    "kind": {"type": "string"},
    "metadata": builtin_definitions.reference(builtin_definitions.OBJECT_META),
}


class Shape(Enum):
    """How apply sees a node: what of it can be owned separately."""

    SCALAR = "scalar"
    ATOMIC = "atomic"
    STRUCT = "struct"
    MAP = "map"
    SET = "set"
    KEYED = "keyed"
    ANY = "any"


class Node:
    """A schema and, through it, the schemas of everything inside."""

    def __init__(self, raw: Mapping[str, Any]) -> None:
        self.origin = raw
        self.raw: Mapping[str, Any] = _resolve(raw)

    @cached_property
    def type(self) -> str:
        """The JSON type, or nothing when any will do."""
        return str(self.raw.get("type", ""))

    @cached_property
    def properties(self) -> dict[str, "Node"]:
        """The declared fields; an embedded object always has its three."""
        declared: dict[str, Any] = dict(self.raw.get("properties") or {})
        if self.embedded:
            declared |= _EMBEDDED
        return {name: Node(schema) for name, schema in declared.items()}

    @cached_property
    def items(self) -> "Node | None":
        """What the items of an array are."""
        return Node(self.raw["items"]) if isinstance(self.raw.get("items"), dict) else None

    @cached_property
    def additional(self) -> "Node | None":
        """What the values of a map are."""
        inner = self.raw.get("additionalProperties")
        return Node(inner) if isinstance(inner, dict) else None

    @cached_property
    def embedded(self) -> bool:
        """Whether the node is an API object of its own."""
        return bool(self.raw.get("x-kubernetes-embedded-resource"))

    @cached_property
    def preserves(self) -> bool:
        """Whether fields that nobody declared are kept."""
        return bool(self.raw.get("x-kubernetes-preserve-unknown-fields")) or (
            self.raw.get("additionalProperties") is True
        )

    @cached_property
    def int_or_string(self) -> bool:
        """Whether both integers and strings will do."""
        return bool(self.raw.get("x-kubernetes-int-or-string"))

    @cached_property
    def nullable(self) -> bool:
        """Whether null is a value and not the absence of one."""
        return bool(self.raw.get("nullable"))

    @cached_property
    def keys(self) -> tuple[str, ...]:
        """The fields that tell the items of a list apart."""
        keys = self.raw.get("x-kubernetes-list-map-keys")
        return tuple(keys) if keys else ((self.merge_key,) if self.merge_key else ())

    @cached_property
    def merge_key(self) -> str:
        """The key of strategic merge."""
        return str(self.raw.get("x-kubernetes-patch-merge-key", ""))

    @cached_property
    def strategies(self) -> frozenset[str]:
        """The strategies of strategic merge: merge, replace, retainKeys."""
        return frozenset(filter(None, str(self.raw.get("x-kubernetes-patch-strategy", "")).split(",")))

    @cached_property
    def key_defaults(self) -> dict[str, Any]:
        """What absent key fields of an item stand for."""
        fields = self.items.properties if self.items else {}
        return {k: fields[k].raw["default"] for k in self.keys if k in fields and "default" in fields[k].raw}

    @cached_property
    def shape(self) -> Shape:
        """How apply sees the node."""
        if self.type == "array":
            return self._list_shape()
        if self.type == "object" or self.properties or self.embedded:
            return self._object_shape()
        if not self.type and not self.int_or_string and "format" not in self.raw:
            return Shape.ANY
        return Shape.SCALAR

    def _list_shape(self) -> Shape:
        kind = self.raw.get("x-kubernetes-list-type")
        if kind is None and "merge" in self.strategies:
            kind = "map" if self.merge_key else "set"
        return {"map": Shape.KEYED, "set": Shape.SET}.get(kind or "atomic", Shape.ATOMIC)

    def _object_shape(self) -> Shape:
        if self.raw.get("x-kubernetes-map-type") == "atomic":
            return Shape.ATOMIC
        if self.properties:
            return Shape.STRUCT
        if self.additional:
            return Shape.MAP
        return Shape.ANY if self.preserves else Shape.STRUCT

    def child(self, name: str) -> "Node | None":
        """The node of a field or of a map's value; nothing when it is not declared."""
        return self.properties.get(name) or self.additional


def _resolve(raw: Mapping[str, Any]) -> Mapping[str, Any]:
    """Follow references; what stands beside a reference wins over what it refers to."""
    while isinstance(raw.get("$ref"), str):
        target = builtin_definitions.load()[raw["$ref"].removeprefix(builtin_definitions.PREFIX)]
        beside = {key: value for key, value in raw.items() if key != "$ref"}
        raw = {**target, **beside} if beside else target
    return raw


#: What an undeclared field of a node that keeps such fields is: anything.
ANYTHING = Node({"x-kubernetes-preserve-unknown-fields": True})
