"""Checking an object against a schema, with upstream's exact words.

Answers to `k8s.io/kube-openapi/pkg/validation/validate` as apiextensions-apiserver uses it. On an update, what has not
changed is not checked again (ratcheting): an object that was valid under an older schema stays editable.
"""

import functools
import math
import re
from collections.abc import Iterator
from typing import Any, Final

import re2

from gotk.apiserver import cause
from gotk.apiserver.cause import Cause
from gotk.apiserver.schema import formats
from gotk.apiserver.schema.node import Node

#: Where there is no former value to compare with.
ABSENT: Final = object()
_NUMERIC: Final = {"integer", "number"}


def validate(value: Any, node: Node, path: str, old: Any = ABSENT, *, name: str | None = None) -> Iterator[Cause]:
    """Yield what is wrong. `path` names the field; `name` is what messages call it, where that differs."""
    if old is not ABSENT and old == value:
        return
    if value is None and node.nullable:
        return
    called = path if name is None else name
    if not _has_type(value, node):
        expected, actual = _expected(node), _json_type(value)
        yield cause.type_invalid(path, actual, f"{called} in body must be of type {expected}: {cause.shown(actual)}")
        if not isinstance(value, (dict, list)):
            yield from _enumerated(value, node, path)
        return
    yield from _composed(value, node, path, called)
    if isinstance(value, str):
        yield from _text(value, node, path, called)
    elif type(value) in {int, float}:
        yield from _number(value, node, path, called)
    yield from _enumerated(value, node, path)
    if isinstance(value, list):
        yield from _array(value, node, path, called, old)
    elif isinstance(value, dict):
        yield from _object(value, node, path, called, old)


_NAMES: Final = {
    type(None): "null",
    bool: "boolean",
    int: "integer",
    float: "number",
    str: "string",
    list: "array",
    dict: "object",
}


def _json_type(value: Any) -> str:
    return _NAMES[type(value)]


def _has_type(value: Any, node: Node) -> bool:
    actual = _json_type(value)
    if node.int_or_string:
        return actual in {"integer", "string"} or ("quantity" in node.raw.get("format", "") and actual == "number")
    if not node.type or node.type == actual:
        return True
    if node.type == "number":
        return actual == "integer"
    return node.type == "integer" and actual == "number" and float(value).is_integer()


def _expected(node: Node) -> str:
    return "integer,string" if node.int_or_string else node.type


def _enumerated(value: Any, node: Node, path: str) -> Iterator[Cause]:
    choices = node.raw.get("enum")
    if choices and not any(value == choice and type(value) is type(choice) for choice in choices):
        yield cause.not_supported(path, value, choices)


def _text(value: str, node: Node, path: str, called: str) -> Iterator[Cause]:
    raw = node.raw
    if (limit := raw.get("maxLength")) is not None and len(value) > limit:
        yield cause.too_long(path, limit)
    elif (limit := raw.get("minLength")) is not None and len(value) < limit:
        yield cause.invalid(path, value, f"{called} in body should be at least {limit} chars long")
    elif (pattern := raw.get("pattern")) and not _compiled(pattern).search(value):
        yield cause.invalid(path, value, f"{called} in body should match '{pattern}'")
    if (form := raw.get("format")) and not node.int_or_string and not formats.valid(form, value):
        yield cause.type_invalid(path, value, f"{called} in body must be of type {form}: {cause.shown(value)}")


@functools.lru_cache(maxsize=4096)
def _compiled(pattern: str) -> Any:
    """Compile in RE2, which is what upstream runs; a pattern that only Python knows is better than none."""
    try:
        return re2.compile(pattern)
    except re2.error:
        return re.compile(pattern)


def _number(value: Any, node: Node, path: str, called: str) -> Iterator[Cause]:
    raw = node.raw
    if (limit := raw.get("minimum")) is not None:
        exclusive = raw.get("exclusiveMinimum") is True
        if value < limit or (exclusive and value == limit):
            words = "greater than" if exclusive else "greater than or equal to"
            yield cause.invalid(path, value, f"{called} in body should be {words} {_plain(limit)}")
    if (limit := raw.get("maximum")) is not None:
        exclusive = raw.get("exclusiveMaximum") is True
        if value > limit or (exclusive and value == limit):
            words = "less than" if exclusive else "less than or equal to"
            yield cause.invalid(path, value, f"{called} in body should be {words} {_plain(limit)}")
    if (step := raw.get("multipleOf")) and not math.isclose(value / step, round(value / step), rel_tol=1e-12):
        yield cause.invalid(path, value, f"{called} in body should be a multiple of {_plain(step)}")
    bits = {"int32": 31, "int64": 63}.get(raw.get("format", ""))
    if bits and node.type in _NUMERIC and not -(1 << bits) <= value < (1 << bits):
        form = raw["format"]
        yield cause.type_invalid(path, value, f"{called} in body must be of type {form}: {cause.shown(value)}")


def _plain(number: Any) -> str:
    return f"{number:g}" if isinstance(number, float) else str(number)


def _array(value: list[Any], node: Node, path: str, called: str, old: Any) -> Iterator[Cause]:
    if (limit := node.raw.get("maxItems")) is not None and len(value) > limit:
        yield cause.too_many(path, len(value), limit)
    if (limit := node.raw.get("minItems")) is not None and len(value) < limit:
        yield cause.invalid(path, len(value), f"{called} in body should have at least {limit} items")
    if node.items is None:
        return
    former = correlated(value, node, old)
    for index, item in enumerate(value):
        yield from validate(item, node.items, f"{path}[{index}]", former[index], name=f"{called}[{index}]")


def correlated(value: list[Any], node: Node, old: Any) -> list[Any]:
    """Find the former item for each item of a keyed list; other lists have none to compare with."""
    if node.raw.get("x-kubernetes-list-type") != "map" or not isinstance(old, list):
        return [ABSENT] * len(value)
    former = {_key(item, node): item for item in old if isinstance(item, dict)}
    return [former.get(_key(item, node), ABSENT) if isinstance(item, dict) else ABSENT for item in value]


def _key(item: dict[str, Any], node: Node) -> str:
    return cause.shown([item.get(key, node.key_defaults.get(key)) for key in node.keys])


def _object(value: dict[str, Any], node: Node, path: str, called: str, old: Any) -> Iterator[Cause]:
    former = old if isinstance(old, dict) else {}
    for name in sorted(value):
        if (child := node.child(name)) is not None:
            where, what = _below(path, name), _below(called, name)
            yield from validate(value[name], child, where, former.get(name, ABSENT), name=what)
    for name in node.raw.get("required") or ():
        if name not in value:
            yield cause.required(_below(path, name))
    if (limit := node.raw.get("maxProperties")) is not None and len(value) > limit:
        yield cause.too_many(path, len(value), limit)
    if (limit := node.raw.get("minProperties")) is not None and len(value) < limit:
        yield cause.invalid(path, len(value), f"{called} in body should have at least {limit} properties")


def _below(path: str, name: str) -> str:
    return f"{path}.{name}" if path else name


def _composed(value: Any, node: Node, path: str, called: str) -> Iterator[Cause]:
    """Check anyOf, oneOf, allOf and not. The alternatives of int-or-string say nothing new."""
    raw = node.raw
    if "anyOf" in raw and not node.int_or_string and not any(_holds(value, one) for one in raw["anyOf"]):
        yield cause.invalid(path, "", f'"{called}" must validate at least one schema (anyOf)')
    if "oneOf" in raw and (count := sum(_holds(value, one) for one in raw["oneOf"])) != 1:
        found = "Found none valid" if count == 0 else f"Found {count} valid alternatives"
        yield cause.invalid(path, "", f'"{called}" must validate one and only one schema (oneOf). {found}')
    for one in raw.get("allOf") or ():
        yield from validate(value, Node(one), path, name=called)
    if "not" in raw and _holds(value, raw["not"]):
        yield cause.invalid(path, "", f'"{called}" must not validate the schema (not)')


def _holds(value: Any, raw: dict[str, Any]) -> bool:
    return next(validate(value, Node(raw), ""), None) is None
