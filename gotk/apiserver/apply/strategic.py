"""Strategic merge patch: JSON merge patch that knows which lists have keys.

Answers to `apimachinery/pkg/util/strategicpatch` with the merge keys and strategies of the schema. Custom kinds
have none of these, and upstream does not take such patches for them.
"""

from collections import deque
from collections.abc import Iterable
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
            gone = {_identity(item) for item in value}
            merged[name] = [item for item in merged.get(name) or [] if _identity(item) not in gone]
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
    kept = {key for key in keep if isinstance(key, str)}
    return {key: value for key, value in target.items() if key in kept}


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
    return _keyed(old, patch, node, name) if node.merge_key else _united(old, patch)


def _united(old: list[Any], patch: list[Any]) -> list[Any]:
    """Add what is not there yet."""
    seen = {_identity(item) for item in old}
    united = list(old)
    for item in patch:
        if (identity := _identity(item)) not in seen:
            seen.add(identity)
            united.append(item)
    return united


def _keyed(old: list[Any], patch: list[Any], node: Node, name: str) -> list[Any]:
    """Merge item by item; where each key stands is kept beside the list, so that long lists take no longer an item."""
    merged = list(old)
    places: dict[bytes, list[int]] = {}
    for index, item in enumerate(old):
        if isinstance(item, dict) and node.merge_key in item:
            places.setdefault(_identity(item[node.merge_key]), []).append(index)
    for item in patch:
        key = _identity(_key(item, node, name))
        if item.get(_PATCH) == "delete":
            for index in places.pop(key, ()):
                merged[index] = _REMOVED
        elif key in places:
            index = places[key][0]
            merged[index] = _map(merged[index], item, node.items or ANYTHING)
        else:
            places[key] = [len(merged)]
            merged.append(_map({}, item, node.items or ANYTHING))
    return [item for item in merged if item is not _REMOVED]


def _identity(value: Any) -> bytes:
    """Return what tells values apart, quick to look up."""
    return orjson.dumps(value, option=orjson.OPT_SORT_KEYS)


def _key(item: Any, node: Node, name: str) -> Any:
    if not isinstance(item, dict) or node.merge_key not in item:
        shown = orjson.dumps(item).decode()
        raise BadPatch(f"{name}: {shown} does not contain declared merge key: {node.merge_key}")
    return item[node.merge_key]


def _ordered(items: list[Any], order: list[Any], before: list[Any], node: Node) -> list[Any]:
    """Put items into the order given; those that only the server has stay beside their neighbours."""

    def key(item: Any) -> bytes:
        return _identity(item.get(node.merge_key) if node.merge_key and isinstance(item, dict) else item)

    wanted, server = _ranks(map(key, order)), _ranks(map(key, before))
    named = [(key(item), item) for item in items]
    right = deque(sorted((each for each in named if each[0] in wanted), key=lambda each: wanted[each[0]]))
    left = deque(each for each in named if each[0] not in wanted)
    out: list[Any] = []
    while left and right:
        here, there = server.get(left[0][0], len(before)), server.get(right[0][0], -1)
        out.append((left if here < there else right).popleft()[1])
    return out + [item for _, item in (*left, *right)]


def _ranks(keys: Iterable[bytes]) -> dict[bytes, int]:
    """Return where each key stands first."""
    ranks: dict[bytes, int] = {}
    for index, key in enumerate(keys):
        ranks.setdefault(key, index)
    return ranks
