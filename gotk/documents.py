"""YAML as Kubernetes reads it: which plain scalars are numbers, booleans or text.

Answers to `sigs.k8s.io/yaml`, through which both kustomize and the Flux controllers read manifests: YAML 1.1 booleans
(`yes`, `on`), Go's integers (`0x1f`, `0o17`, `017`) and floats (`1e3`), but neither base 60 (`22:22` stays text) nor
dates. PyYAML's own resolver differs in all of these, hence this loader. It also refuses what could hurt the process:
tags that make objects, duplicate keys, nesting without end, millions of nodes and aliases that unfold to them.
"""

import math
import re
from collections.abc import Hashable, Iterator
from typing import Any

import yaml

from gotk import nesting

_INT = re.compile(r"^[-+]?(0[xX][0-9a-fA-F]+|0[bB][01]+|0[oO][0-7]+|0[0-7]*|[1-9][0-9]*)$", re.ASCII)
_FLOAT = re.compile(r"^[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?$", re.ASCII)
_TRUE = frozenset({"y", "Y", "yes", "Yes", "YES", "on", "On", "ON", "true", "True", "TRUE"})
_FALSE = frozenset({"n", "N", "no", "No", "NO", "off", "Off", "OFF", "false", "False", "FALSE"})
_TAG = "tag:yaml.org,2002:"
#: The most nodes of one document: an API server takes 3 MiB of JSON, which is a fraction of them.
_LARGEST_DOCUMENT = 300_000
#: The most nodes of one text, whatever its documents.
_LARGEST_TEXT = 2_000_000


class DocumentError(ValueError):
    """Text that is not YAML as Kubernetes reads it. The message names the line and never quotes a value."""


class _Loader(nesting.Loader):
    """libyaml's parser under Kubernetes' rules."""

    #: Whether a key may come twice.
    later_wins = False

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Hashable, Any]:
        """Make a dict with text keys; a key that comes twice is an error, as it is for kustomize."""
        self.flatten_mapping(node)
        merged = len(node.value) - len(_own_pairs(node))
        mapping: dict[Hashable, Any] = {}
        for place, (key_node, value_node) in enumerate(node.value):
            key = _key(self.construct_object(key_node, deep=True))
            if key in mapping and place > merged and not self.later_wins:
                raise DocumentError(f'line {_line(key_node.start_mark)}: key "{key}" already set')
            mapping[key] = self.construct_object(value_node, deep=deep)
        return mapping


class _Lenient(_Loader):
    """The same, for what helm has taken: a key may come twice."""

    later_wins = True


def _own_pairs(node: yaml.MappingNode) -> list[Any]:
    """Return the pairs that stand in the mapping itself: merged ones come first and lie outside of it."""
    start, end = node.start_mark.index, node.end_mark.index
    return [pair for pair in node.value if start <= pair[0].start_mark.index < end]


def _line(mark: Any) -> int:
    return mark.line + 1 if mark else 1


def _key(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if value is None:
        return "null"
    if isinstance(value, str | int | float):
        return str(value)
    raise DocumentError("a key is neither text nor a number")


def _number(text: str) -> int | float:
    plain = text.replace("_", "")
    if _INT.match(plain):
        sign, digits = (-1, plain[1:]) if plain[0] == "-" else (1, plain.lstrip("+"))
        octal = len(digits) > 1 and digits[0] == "0" and digits[1].isdigit()
        value = sign * int(digits, 8 if octal else 0)
        if -(1 << 63) <= value < 1 << 64:
            return value
        if digits[:2].isalnum() and not digits.isdigit():
            raise ValueError(text)  # only decimals may be floats instead, and what was octal is one then
        return _finite(plain)
    value_f = _finite(plain)
    return int(value_f) if value_f.is_integer() and abs(value_f) < 1e21 else value_f


def _finite(plain: str) -> float:
    number = float(plain)
    if not math.isfinite(number):
        raise ValueError(plain)
    return number


def _construct_number(loader: Any, node: Any) -> int | float | str:
    text = loader.construct_scalar(node)
    try:
        return _number(text)
    except ValueError:
        if text.lstrip("+-").lower() in {".inf", ".nan"}:
            raise DocumentError(f"line {_line(node.start_mark)}: not a finite number") from None
        return str(text)  # too large for a float, hence text for Go as well


def _construct_bool(loader: Any, node: Any) -> bool:
    return loader.construct_scalar(node) in _TRUE


def _construct_null(loader: Any, node: Any) -> None:
    loader.construct_scalar(node)


def _construct_binary(loader: Any, node: Any) -> str:
    return str(loader.construct_yaml_binary(node), "utf-8", "replace")


def _rules() -> Iterator[tuple[str, re.Pattern[str], list[str]]]:
    words = "|".join(sorted(_TRUE | _FALSE))
    yield "bool", re.compile(f"^(?:{words})$"), list("yYnNtTfFoO")
    named = r"^[-+]?\.(?:inf|Inf|INF)$|^\.(?:nan|NaN|NAN)$"
    number = re.compile(rf"(?:{_INT.pattern})|(?:{_FLOAT.pattern})|^[-+]?[0-9][0-9_]*$|{named}")
    yield "float", number, list("-+.0123456789")
    yield "null", re.compile(r"^(?:~|null|Null|NULL|)$"), ["~", "n", "N", ""]
    yield "merge", re.compile("^<<$"), ["<"]


_Loader.yaml_implicit_resolvers = {}
for _name, _pattern, _first in _rules():
    _Loader.add_implicit_resolver(_TAG + _name, _pattern, _first)
_Loader.yaml_constructors = {
    f"{_TAG}map": _Loader.construct_yaml_map,
    f"{_TAG}seq": _Loader.construct_yaml_seq,
    f"{_TAG}str": _Loader.construct_yaml_str,
    f"{_TAG}int": _construct_number,
    f"{_TAG}float": _construct_number,
    f"{_TAG}bool": _construct_bool,
    f"{_TAG}null": _construct_null,
    f"{_TAG}binary": _construct_binary,
}


def scalar(text: str) -> Any:
    """Return what an unquoted scalar stands for. Raises DocumentError for what JSON cannot hold."""
    if not text:
        return None
    tag = next((tag for tag, pattern in _Loader.yaml_implicit_resolvers.get(text[0], ()) if pattern.match(text)), "")
    if tag == f"{_TAG}bool":
        return text in _TRUE
    if tag == f"{_TAG}null":
        return None
    if tag != f"{_TAG}float":
        return text
    try:
        return _number(text)
    except ValueError:
        if text.lstrip("+-").lower() in {".inf", ".nan"}:
            raise DocumentError("not a finite number") from None
        return text


def load(text: str, *, later_wins: bool = False) -> list[Any]:
    """Read every document of a text; empty ones are left out. Raises DocumentError.

    With `later_wins` a key may come twice, as it may for helm: its last value counts.
    """
    try:
        nesting.check_text(text)
        check_size(text)
        values = [
            value for value in yaml.load_all(text, Loader=_Lenient if later_wins else _Loader) if value is not None
        ]
    except nesting.TooDeep as error:
        raise DocumentError(str(error)) from None
    except yaml.MarkedYAMLError as error:
        line = _line(error.problem_mark)
        raise DocumentError(f"line {line}: {error.problem or 'not YAML'}") from None
    except (yaml.YAMLError, RecursionError) as error:
        raise DocumentError(f"not YAML: {type(error).__name__}") from None
    if "*" in text and "&" in text:
        _check_unfolded(values)
    return values


def check_size(text: str, *, most: int = _LARGEST_TEXT, document: int = _LARGEST_DOCUMENT) -> None:
    """Count the nodes of a text that could have too many: each takes hundreds of bytes. Raises DocumentError."""
    if len(text) < 2 * min(most, document):
        return  # a node takes two characters
    total = here = 0
    for event in yaml.parse(text, Loader=yaml.CSafeLoader):
        if isinstance(event, yaml.DocumentStartEvent):
            here = 0
        elif isinstance(event, yaml.NodeEvent):
            total, here = total + 1, here + 1
        if here > document:
            raise DocumentError(f"line {_line(event.start_mark)}: one object has more than {document} entries")
        if total > most:
            raise DocumentError(f"line {_line(event.start_mark)}: the objects have more than {most} entries")


def _check_unfolded(values: list[Any]) -> None:
    try:
        nesting.check_value(values, levels=nesting.LEVELS + 1)
    except nesting.TooDeep:
        raise DocumentError(f"aliases unfold to more than {nesting.NODES} nodes") from None
