"""Paths to fields, and sets of them, as `managedFields` holds them.

A path is a tuple of elements spelt as in FieldsV1: `f:name` for a field, `k:{"name":"a"}` for an item of a keyed list,
`v:"x"` for an item of a set, `i:0` where nothing else tells items apart. Answers to structured-merge-diff's
`fieldpath` package.
"""

from collections.abc import Iterable, Iterator
from typing import Any, Final

import orjson

from gotk.apiserver.schema.node import ANYTHING, Node, Shape

Path = tuple[str, ...]
FieldSet = frozenset[Path]

#: What no manager owns: it belongs to the server, or says which object is meant.
_SERVER_OWNED: Final = frozenset(
    [("f:apiVersion",), ("f:kind",), ("f:metadata",)]
    + [
        ("f:metadata", f"f:{name}")
        for name in (
            "name",
            "namespace",
            "creationTimestamp",
            "selfLink",
            "uid",
            "clusterName",
            "generation",
            "managedFields",
            "resourceVersion",
            "deletionTimestamp",
            "deletionGracePeriodSeconds",
        )
    ]
)


def owned(paths: Iterable[Path]) -> FieldSet:
    """Leave out what no manager owns."""
    return frozenset(p for p in paths if p not in _SERVER_OWNED and p[:2] != ("f:metadata", "f:managedFields"))


def parse(fields: dict[str, Any]) -> FieldSet:
    """Read FieldsV1. Raises ValueError when it is something else."""
    return frozenset(_parse(fields, ()))


def _parse(fields: Any, prefix: Path) -> Iterator[Path]:
    if not isinstance(fields, dict):
        raise ValueError("FieldsV1 is made of objects")  # noqa: TRY004 - the caller's data is bad, not its code
    for element, below in fields.items():
        if element == ".":
            yield prefix
            continue
        if element[1:2] != ":" or element[0] not in "fkvi":
            raise ValueError(f"missing colon: {element}")
        path = (*prefix, element)
        if not below:
            yield path
        else:
            yield from _parse(below, path)


def dump(paths: Iterable[Path]) -> dict[str, Any]:
    """Write FieldsV1, keys in order; `.` marks an element that is a member and has members below."""
    root: dict[str, Any] = {}
    members = set(paths)
    for path in sorted(members):
        node = root
        for depth, element in enumerate(path, 1):
            if element not in node:
                node[element] = {}
                if depth < len(path) and path[:depth] in members:
                    node[element]["."] = {}
            elif depth < len(path) and path[:depth] in members:
                node[element].setdefault(".", {})
            node = node[element]
    return root


def order(path: Path) -> tuple[tuple[int, str], ...]:
    """Sort key of upstream's iteration: the members of a level come before what lies below it."""
    return tuple((0 if depth == len(path) else 1, element) for depth, element in enumerate(path, 1))


def text(path: Path) -> str:
    """Print a path as conflicts do: `.spec.ports[name="a"].port`."""
    return "".join(_element(element) for element in path)


def _element(element: str) -> str:
    kind, value = element[0], element[2:]
    if kind == "f":
        return f".{value}"
    if kind == "v":
        return f"[={value}]"
    if kind == "k":
        return f"[{keys_text(orjson.loads(value))}]"
    return f"[{value}]"


def keys_text(keys: dict[str, Any]) -> str:
    """Print the keys of an item: `name="a",port=80`."""
    return ",".join(f"{name}={orjson.dumps(value).decode()}" for name, value in sorted(keys.items()))


def key_of(item: Any, node: Node) -> dict[str, Any] | None:
    """Return the key fields of an item, absent ones defaulted; nothing when there are none."""
    if not isinstance(item, dict):
        return None
    keys = {k: item[k] if k in item else node.key_defaults[k] for k in node.keys if k in item or k in node.key_defaults}
    return keys or None


def elements(items: list[Any], node: Node) -> list[str]:
    """Return the path element of each item of a set or keyed list."""
    found = []
    for index, item in enumerate(items):
        if node.shape is Shape.SET:
            found.append("v:" + orjson.dumps(item, option=orjson.OPT_SORT_KEYS).decode())
        elif keys := key_of(item, node):
            found.append("k:" + orjson.dumps(keys, option=orjson.OPT_SORT_KEYS).decode())
        else:
            found.append(f"i:{index}")
    return found


def below(node: Node, name: str) -> tuple[Node, bool]:
    """Return the node of a field, and whether it is a declared field of a struct."""
    declared = node.properties.get(name)
    if declared is not None:
        return declared, True
    return node.additional or ANYTHING, False


def granular_map(node: Node) -> bool:
    """Whether the fields of an object at this node can be owned separately."""
    return node.shape in {Shape.STRUCT, Shape.MAP, Shape.ANY}


def granular_list(node: Node) -> bool:
    """Whether the items of a list at this node can be owned separately."""
    return node.shape in {Shape.SET, Shape.KEYED}
