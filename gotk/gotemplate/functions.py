"""The functions of a template: gotpl's Sprig, and the few of them that answered otherwise than Go's.

They differed where the commit message's data goes in: structs, typed maps, keys that a map lacks, nil in a list.
"""

import json
from collections.abc import Callable, Mapping
from typing import Any

from gotpl.funcs import sprig
from gotpl.runtime import gofmt
from gotpl.runtime.sync_vm import _equal_pair  # the only way to Go's comparison under an `eq` of our own
from gotpl.runtime.values import INVALID, UNTYPED_NIL

from gotk.gotemplate import structs

#: What `semver` answers has these, and nothing else in a template does.
VERSION_FIELDS = ("Major", "Minor", "Patch")
VERSION_METHODS = ("Compare", "Metadata", "Original", "Prerelease")

_HTML = str.maketrans({each: f"\\u{ord(each):04x}" for each in "<>&\u2028\u2029"})
_EXACT = 1e15


def functions() -> dict[str, Callable[..., Any]]:
    """List every function beyond the engine's own, by name."""
    found: dict[str, Callable[..., Any]] = {**sprig.hermetic_text_func_map()}
    found.update(eq=_equal, ne=_not_equal, printf=_printf, list=_list, tuple=_list)
    text = found["toString"]
    found.update(toString=lambda value: "<nil>" if _nothing(value) else text(value))
    found.update(kindOf=_plainly(found["kindOf"]), kindIs=_plainly(found["kindIs"]))
    for name, function in {"Json": _to_json, "RawJson": _to_raw_json, "PrettyJson": _to_pretty_json}.items():
        found.update({f"to{name}": _or_empty(function), f"mustTo{name}": function})
    return found


def _plainly(function: Callable[..., Any]) -> Callable[..., Any]:
    """Make a function that looks for a dict see one in a typed map."""
    return lambda *values: function(*(dict(each) if isinstance(each, Mapping) else each for each in values))


def _nothing(value: object) -> bool:
    return value is None or value is INVALID or value is UNTYPED_NIL


def _equal(first: object, *others: object) -> bool:
    if not others:
        raise TypeError("missing argument for comparison")
    return any(_same(first, each) for each in others)


def _not_equal(first: object, second: object) -> bool:
    return not _same(first, second)


def _same(first: object, second: object) -> bool:
    if _nothing(first) or _nothing(second):
        return _nothing(first) and _nothing(second)
    return bool(_equal_pair(first, second))


def _printf(template: str, *values: object) -> str:
    return gofmt.sprintf(template, *(structs.Parts(each) if _composite(each) else each for each in values))


def _composite(value: object) -> bool:
    return isinstance(value, list | tuple | Mapping)


def _list(*values: object) -> list[object]:
    return [None if _nothing(each) else each for each in values]


def _or_empty(function: Callable[[object], str]) -> Callable[[object], str]:
    """Make a function write nothing for what JSON does not have, as Sprig does without `must`."""

    def attempt(value: object) -> str:
        try:
            return function(value)
        except (TypeError, ValueError):
            return ""

    return attempt


def _to_json(value: object) -> str:
    return _to_raw_json(value).translate(_HTML)


def _to_raw_json(value: object) -> str:
    return json.dumps(_plain(value), ensure_ascii=False, separators=(",", ":"), allow_nan=False, default=str)


def _to_pretty_json(value: object) -> str:
    return json.dumps(_plain(value), ensure_ascii=False, indent=2, allow_nan=False, default=str).translate(_HTML)


def _plain(value: Any) -> Any:
    """Turn a value into what Go's JSON has: structs keep the order of their fields, maps are sorted."""
    if isinstance(value, structs.Struct):
        return {name: _plain(each) for name, each in value.fields.items()}
    if isinstance(value, Mapping):
        if any(isinstance(key, structs.Struct) for key in value):
            raise TypeError("json: unsupported type: a map whose keys are structs")
        return {str(key): _plain(each) for key, each in structs.ordered(value)}
    if isinstance(value, list | tuple):
        return [_plain(each) for each in value]
    if isinstance(value, float) and value.is_integer() and abs(value) < _EXACT:
        return int(value)
    return None if _nothing(value) else value
