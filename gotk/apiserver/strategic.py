"""Strategic merge patch: a merge patch that knows which lists are sets of things with a key.

Answers to `k8s.io/apimachinery/pkg/util/strategicpatch`. The schema says how a list merges
(`x-kubernetes-patch-strategy` and `-merge-key`); the patch may say otherwise: `$patch` (replace, delete, merge),
`$retainKeys`, `$deleteFromPrimitiveList/FIELD` and `$setElementOrder/FIELD`.
"""

from typing import Any

from gotk.apiserver.node import Node

Json = dict[str, Any]

_DIRECTIVE = "$patch"
_RETAIN = "$retainKeys"
_DROP = "$deleteFromPrimitiveList/"
_ORDER = "$setElementOrder/"


class BadPatch(ValueError):
    """The patch contradicts itself or the kind's schema."""


def merge(target: Any, patch: Json, node: Node | None) -> Json:
    """Return the target with the patch merged into it; neither is changed. Raises BadPatch."""
    directive = patch.get(_DIRECTIVE)
    if directive == "replace":
        return {key: value for key, value in patch.items() if key != _DIRECTIVE}
    if directive == "delete":
        return {}
    if directive not in {None, "merge"}:
        raise BadPatch(f"unknown patch directive {directive!r}")
    merged: Json = dict(target) if isinstance(target, dict) else {}
    if _RETAIN in patch:
        merged = {key: value for key, value in merged.items() if key in patch[_RETAIN]}
    for key, value in patch.items():
        if not key.startswith("$"):
            _merge_field(merged, key, value, node.child(key) if node is not None else None)
    _special_lists(merged, patch, node)
    return merged


def _merge_field(merged: Json, key: str, value: Any, node: Node | None) -> None:
    if value is None:
        merged.pop(key, None)
    elif isinstance(value, dict):
        result = merge(merged.get(key), value, node)
        if value.get(_DIRECTIVE) == "delete":
            merged.pop(key, None)
        else:
            merged[key] = result
    elif isinstance(value, list) and node is not None and "merge" in node.strategies:
        merged[key] = _merge_list(merged.get(key) or [], value, node)
    else:
        merged[key] = value


def _merge_list(target: list[Any], patch: list[Any], node: Node) -> list[Any]:
    if not node.merge_key:
        return target + [item for item in patch if item not in target]
    if any(isinstance(item, dict) and item.get(_DIRECTIVE) == "replace" for item in patch):
        return [item for item in patch if item.get(_DIRECTIVE) != "replace"]
    result = list(target)
    for item in patch:
        _merge_item(result, item, node)
    return result


def _merge_item(result: list[Any], item: Any, node: Node) -> None:
    key = node.merge_key
    if not isinstance(item, dict) or key not in item:
        raise BadPatch(f"map: {item} does not contain declared merge key: {key}")
    place = next((at for at, old in enumerate(result) if isinstance(old, dict) and old.get(key) == item[key]), None)
    if item.get(_DIRECTIVE) == "delete":
        if place is not None:
            del result[place]
    elif place is None:
        result.append(merge({}, item, node.items))
    else:
        result[place] = merge(result[place], item, node.items)


def _special_lists(merged: Json, patch: Json, node: Node | None) -> None:
    for key, value in patch.items():
        if key.startswith(_DROP):
            field = key.removeprefix(_DROP)
            if isinstance(merged.get(field), list):
                merged[field] = [item for item in merged[field] if item not in value]
    for key, value in patch.items():
        if key.startswith(_ORDER):
            field = key.removeprefix(_ORDER)
            inner = node.child(field) if node is not None else None
            if isinstance(merged.get(field), list):
                merged[field] = _ordered(merged[field], value, inner.merge_key if inner is not None else "")


def _ordered(items: list[Any], order: list[Any], merge_key: str) -> list[Any]:
    """Sort what the patch names as it says; what it does not name keeps its place among its neighbours."""

    def identity(item: Any) -> Any:
        return item.get(merge_key) if merge_key and isinstance(item, dict) else item

    wanted = [identity(each) for each in order]
    named = sorted((item for item in items if identity(item) in wanted), key=lambda item: wanted.index(identity(item)))
    others = [(at, item) for at, item in enumerate(items) if identity(item) not in wanted]
    for at, item in others:
        named.insert(min(at, len(named)), item)
    return named
