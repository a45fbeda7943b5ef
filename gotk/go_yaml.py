"""Values as go-yaml, version 2, writes them, to the byte: what kustomize prints, and what Flux makes digests of.

Text that would read as something else stands in double quotes, text of several lines as a block, and the rest plain
where YAML allows it. The emitter is libyaml's, of which go-yaml's is a translation; which text needs quotes and how
keys are ordered is here. Answers to `AsYAML` of kustomize's resources, and to `Encode` of `fluxcd/pkg/chartutil`.
"""

import functools
import math
import re
from collections.abc import Callable
from datetime import datetime
from decimal import Decimal
from typing import Any

import yaml

_WIDTH = 80
_END = "\n...\n"
_STR = "tag:yaml.org,2002:str"
#: What go-yaml takes for something else than text when it stands plain.
_WORDS = frozenset(
    {"", "~", "null", "Null", "NULL", ".nan", ".NaN", ".NAN"}
    | {"y", "Y", "yes", "Yes", "YES", "n", "N", "no", "No", "NO", "on", "On", "ON", "off", "Off", "OFF"}
    | {"true", "True", "TRUE", "false", "False", "FALSE"}
    | {sign + word for sign in ("", "+", "-") for word in (".inf", ".Inf", ".INF")}
)
_INT = re.compile(r"[-+]?(?:0[xX][0-9a-fA-F]+|0[bB][01]+|0[oO]?[0-7]+|0|[1-9][0-9]*)", re.ASCII)
_LONGEST_INT = 20  # digits of the largest one; Python reads thousands of them slowly, and no more than that
_FLOAT = re.compile(r"[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?", re.ASCII)
_BASE_60 = re.compile(r"[-+]?[0-9][0-9_]*(?::[0-5]?[0-9])+(?:\.[0-9_]*)?", re.ASCII)
_TIME = re.compile(
    r"""([0-9]{4})-([0-9]{1,2})-([0-9]{1,2})
        (?:[Tt]([0-9]{1,2}):([0-9]{1,2}):([0-9]{1,2})(?:[.,][0-9]+)?(?:Z|[-+][0-9]{2}:[0-9]{2})
          |\ ([0-9]{1,2}):([0-9]{1,2}):([0-9]{1,2})(?:[.,][0-9]+)?)?""",
    re.ASCII | re.VERBOSE,
)


class _Dumper(yaml.CSafeDumper):
    """libyaml's emitter, which takes every plain scalar as it is."""

    yaml_implicit_resolvers: dict[str, Any] = {}  # noqa: RUF012 - PyYAML's own way: nothing is resolved by text

    def ignore_aliases(self, data: Any) -> bool:  # noqa: ARG002 - kustomize writes out what an alias stands for
        """Write every value where it stands."""
        return True


def write(value: Any, *, numbers_in_order: bool = True) -> str:
    """Write a value, its keys sorted as go-yaml does (`a2` before `a10`), or else by their characters alone."""
    text: str = yaml.dump(
        _sorted(value, functools.cmp_to_key(_compare) if numbers_in_order else str),
        Dumper=_Dumper,
        default_flow_style=False,
        sort_keys=False,
        allow_unicode=True,
        width=_WIDTH,
    )
    return text.removesuffix("...\n") if text.endswith(_END) else text  # libyaml's mark behind a block that ends empty


def _sorted(value: Any, order: Callable[[str], Any]) -> Any:
    match value:
        case dict():
            return {key: _sorted(value[key], order) for key in sorted(value, key=order)}
        case list():
            return [_sorted(inner, order) for inner in value]
    return value


def _compare(first: str, second: str) -> int:
    """Order keys as go-yaml does: letters behind all else, digits in a row by their number."""
    at = next((i for i, (a, b) in enumerate(zip(first, second, strict=False)) if a != b), -1)
    if at < 0:
        return len(first) - len(second)
    a, b = first[at], second[at]
    if a.isalpha() and b.isalpha():
        return ord(a) - ord(b)
    if a.isalpha() or b.isalpha():
        return -1 if b.isalpha() else 1
    begin = 1 if "0" in (a, b) and _follows_a_number(first, at) else 0
    one, two = _digits(first, at), _digits(second, at)
    numbers = _wrapped(f"{begin}{one}"), _wrapped(f"{begin}{two}")
    for x, y in (numbers, (len(one), len(two)), (ord(a), ord(b))):
        if x != y:
            return x - y
    return 0


def _wrapped(digits: str) -> int:
    """Return a number as 64 bits hold it: go-yaml adds digits up until they overflow, so the last 64 of them count."""
    return (int(digits[-64:]) + (1 << 63)) % (1 << 64) - (1 << 63)


def _follows_a_number(text: str, at: int) -> bool:
    before = re.search("[0-9]*$", text[:at])
    return bool(before and before[0].strip("0"))


def _digits(text: str, at: int) -> str:
    found = re.match("[0-9]*", text[at:])
    return found[0] if found else ""


def _text(dumper: _Dumper, text: str) -> yaml.ScalarNode:
    style = "|" if "\n" in text else '"' if _is_something_else(text) else None
    return dumper.represent_scalar(_STR, text, style=style)


def _is_something_else(text: str) -> bool:
    if text in _WORDS:
        return True
    if text[0] not in "+-.0123456789":
        return False
    if text[0] == ".":
        return _is_float(text)
    plain = text.replace("_", "")
    return _is_time(text) or _is_int(plain) or _is_float(plain) or bool(_BASE_60.fullmatch(text))


def _is_int(text: str) -> bool:
    if not _INT.fullmatch(text):
        return False
    digits = text.lstrip("+-").lower()
    base = next((base for mark, base in (("0x", 16), ("0b", 2), ("0o", 8), ("0", 8)) if digits.startswith(mark)), 10)
    if base == 10 and len(digits) > _LONGEST_INT:
        return False
    value = int(digits.removeprefix("0o") or "0", base)
    return value < 1 << 63 or (value < 1 << 64 and text[0] not in "+-") or (text[0] == "-" and value == 1 << 63)


def _is_float(text: str) -> bool:
    return bool(_FLOAT.fullmatch(text)) and math.isfinite(float(text))


def _is_time(text: str) -> bool:
    found = _TIME.fullmatch(text)
    if found is None:
        return False
    parts = [int(part) for part in found.groups() if part is not None]
    try:
        datetime(*parts)  # type: ignore[arg-type] # noqa: DTZ001 - only whether there is such a day and hour
    except ValueError:
        return False
    return True


def _plain(dumper: _Dumper, text: str) -> yaml.ScalarNode:
    return dumper.represent_scalar(_STR, text)


def _float(number: float) -> str:
    """Write a number as Go's shortest form does: with an exponent from a million on."""
    sign, digits, exponent = Decimal(repr(number)).normalize().as_tuple()
    if not isinstance(exponent, int):
        return repr(number)
    text = "".join(map(str, digits))
    power = len(text) + exponent - 1
    if -4 <= power < 6:
        return format(Decimal(repr(number)).normalize(), "f")
    point = f".{text[1:]}" if len(text) > 1 else ""
    return f"{'-' if sign else ''}{text[0]}{point}e{'-' if power < 0 else '+'}{abs(power):02d}"


_Dumper.add_representer(str, _text)
_Dumper.add_representer(float, lambda dumper, number: _plain(dumper, _float(number)))
_Dumper.add_representer(bool, lambda dumper, flag: _plain(dumper, "true" if flag else "false"))
_Dumper.add_representer(int, lambda dumper, number: _plain(dumper, str(number)))
_Dumper.add_representer(type(None), lambda dumper, _: _plain(dumper, "null"))
