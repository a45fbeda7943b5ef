"""Strategic merge patch: JSON merge patch that knows which lists have keys.

Answers to `apimachinery/pkg/util/strategicpatch` with the merge keys and strategies of the schema. Custom kinds
have none of these, and upstream does not take such patches for them.
"""

from typing import Any, Final

import orjson

from gotk.apiserver.apply import fieldpath
from gotk.apiserver.schema.node import ANYTHING, Node

Json = dict[str, Any]
_PATCH: Final = "$patch"
_RETAIN: Final = "$retainKeys"
_ORDER: Final = "$setElementOrder/"
_DELETE_FROM: Final = "$deleteFromPrimitiveList/"
_REMOVED: Final = object()


class BadPatch(ValueError):
    """A patch that makes no sense for the kind (400)."""


def merge(target: Json, patch: Json, node: Node | None) -> Json:
    """Return the target with the patch merged into it. Neither is changed. Raises BadPatch."""
    merged = _map(target, patch, node or ANYTHING)
    if merged is _REMOVED:
        return {}
    result: Json = merged
    return result


def _map(target: Json, patch: Json, node: Node) -> Any:
    directive = patch.get(_PATCH)
    if directive == "delete":
        return _REMOVED
    if directive == "replace":
        return {key: value for key, value in patch.items() if key != _PATCH}
    if directive not in (None, "merge"):
        raise BadPatch(f"unknown $patch type: {directive}")
    merged = _retained(target, patch)
    for key, value in patch.items():
        if key.startswith(_DELETE_FROM):
            name = key.removeprefix(_DELETE_FROM)
            _check_list(value, key)
            merged[name] = [item for item in merged.get(name) or [] if item not in value]
    for key, value in patch.items():
        if not key.startswith("$"):
            _field(merged, key, value, node)
    for key, value in patch.items():
        if key.startswith(_ORDER):
            name = key.removeprefix(_ORDER)
            _check_list(value, key)
            child, _ = fieldpath.below(node, name)
            if isinstance(merged.get(name), list) and "merge" in child.strategies:
                before = target.get(name) if isinstance(target.get(name), list) else []
                merged[name] = _ordered(merged[name], value, before or [], child)
    return merged


def _retained(target: Json, patch: Json) -> Json:
    keep = patch.get(_RETAIN)
    if keep is None:
        return dict(target)
    _check_list(keep, _RETAIN)
    return {key: value for key, value in target.items() if key in keep}


def _check_list(value: Any, key: str) -> None:
    if not isinstance(value, list):
        raise BadPatch(f"invalid patch format of {key.partition('/')[0]}: expected a list")


def _field(merged: Json, name: str, value: Any, node: Node) -> None:
    child, _ = fieldpath.below(node, name)
    found: Any
    if value is None:
        found = _REMOVED
    elif isinstance(value, dict):
        old = merged.get(name)
        found = _map(old if isinstance(old, dict) else {}, value, child if not _replaces(child) else ANYTHING)
        if isinstance(old, dict) and _replaces(child):
            found = _plain(value)
    elif isinstance(value, list) and "merge" in child.strategies:
        old = merged.get(name)
        found = _list(old if isinstance(old, list) else [], value, child, name)
    else:
        found = _plain(value)
    if found is _REMOVED:
        merged.pop(name, None)
    else:
        merged[name] = found


def _replaces(node: Node) -> bool:
    return "replace" in node.strategies


def _plain(value: Any) -> Any:
    """Leave the directives out of what is taken over as it is."""
    if isinstance(value, dict):
        return {key: _plain(inner) for key, inner in value.items() if not key.startswith("$") and inner is not None}
    if isinstance(value, list):
        return [_plain(item) for item in value if not (isinstance(item, dict) and item.get(_PATCH) == "delete")]
    return value


def _list(old: list[Any], patch: list[Any], node: Node, name: str) -> list[Any]:
    if any(isinstance(item, dict) and item.get(_PATCH) == "replace" for item in patch):
        return [_plain(item) for item in patch if not (isinstance(item, dict) and _PATCH in item and len(item) == 1)]
    if not node.merge_key:
        return old + [item for index, item in enumerate(patch) if item not in old and item not in patch[:index]]
    merged = list(old)
    for item in patch:
        key = _key(item, node, name)
        at = next((i for i, one in enumerate(merged) if isinstance(one, dict) and _same(one, key, node)), None)
        if item.get(_PATCH) == "delete":
            merged = [one for one in merged if not (isinstance(one, dict) and _same(one, key, node))]
        elif at is None:
            merged.append(_map({}, item, node.items or ANYTHING))
        else:
            merged[at] = _map(merged[at], item, node.items or ANYTHING)
    return merged


def _key(item: Any, node: Node, name: str) -> Any:
    if not isinstance(item, dict) or node.merge_key not in item:
        shown = orjson.dumps(item).decode()
        raise BadPatch(f"{name}: {shown} does not contain declared merge key: {node.merge_key}")
    return item[node.merge_key]


def _same(item: Json, key: Any, node: Node) -> bool:
    return node.merge_key in item and item[node.merge_key] == key


def _ordered(items: list[Any], order: list[Any], before: list[Any], node: Node) -> list[Any]:
    """Put items into the order given; those that only the server has stay beside their neighbours."""

    def key(item: Any) -> Any:
        return item.get(node.merge_key) if node.merge_key and isinstance(item, dict) else item

    wanted = [key(item) for item in order]
    server = [key(item) for item in before]
    right = sorted((item for item in items if key(item) in wanted), key=lambda item: wanted.index(key(item)))
    left = [item for item in items if key(item) not in wanted]
    out: list[Any] = []
    while left and right:
        here, there = key(left[0]), key(right[0])
        known = here in server and there in server
        out.append((left if known and server.index(here) < server.index(there) else right).pop(0))
    return out + left + right
