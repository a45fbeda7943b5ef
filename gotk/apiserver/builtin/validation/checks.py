"""Checks of single fields, from which the tables of the other modules are made; the wording is upstream's.

A check takes an object and the path to it. Fields of the wrong type are the schema's matter and are passed over.
"""

from collections.abc import Callable, Iterator
from typing import Any, Final

from gotk import selectors
from gotk.apiserver import cause
from gotk.apiserver.cause import Cause
from gotk.apiserver.schema import names

Json = dict[str, Any]
Check = Callable[[Json, str], Iterator[Cause]]
Rules = dict[str, tuple[Check, ...]]

_OPERATORS: Final = {"In": "in", "NotIn": "notin", "Exists": "exists", "DoesNotExist": "!"}
PROTOCOLS: Final = ("SCTP", "TCP", "UDP")


def at(path: str, name: str) -> str:
    """Return the path to a field."""
    return f"{path}.{name}" if path else name


def number(value: Any) -> int | None:
    """Return a whole number, or nothing."""
    return value if isinstance(value, int) and not isinstance(value, bool) else None


def objects(obj: Json, name: str) -> list[Json]:
    """Return the objects in a list that may be absent."""
    found = obj.get(name)
    return [item for item in found if isinstance(item, dict)] if isinstance(found, list) else []


def inner(obj: Json, *path: str) -> Json:
    """Return the object at a path, an empty one where there is none."""
    for name in path:
        found = obj.get(name)
        obj = found if isinstance(found, dict) else {}
    return obj


def required(*fields: str, detail: str = "") -> Check:
    """Refuse empty fields."""

    def check(obj: Json, path: str) -> Iterator[Cause]:
        for name in fields:
            if obj.get(name) in (None, "", [], {}):
                yield cause.required(at(path, name), detail)

    return check


def one_of(name: str, *choices: str) -> Check:
    """Refuse other values of a field that has one by default: an empty one is missing."""

    def check(obj: Json, path: str) -> Iterator[Cause]:
        value = obj.get(name)
        if value in (None, ""):
            yield cause.required(at(path, name))
        elif value not in choices:
            yield cause.not_supported(at(path, name), value, choices)

    return check


def may_be(name: str, *choices: str) -> Check:
    """Refuse other values of a field that may be absent: an empty one is none of them."""

    def check(obj: Json, path: str) -> Iterator[Cause]:
        value = obj.get(name)
        if value is not None and value not in choices:
            yield cause.not_supported(at(path, name), value, choices)

    return check


def each_of(name: str, *choices: str, indexed: bool = True) -> Check:
    """Refuse other items of a list."""

    def check(obj: Json, path: str) -> Iterator[Cause]:
        for index, value in enumerate(obj.get(name) or ()):
            if value not in choices:
                where = at(path, name)
                yield cause.not_supported(f"{where}[{index}]" if indexed else where, value, choices)

    return check


def not_negative(*fields: str) -> Check:
    """Refuse numbers below zero."""

    def check(obj: Json, path: str) -> Iterator[Cause]:
        for name in fields:
            value = number(obj.get(name))
            if value is not None and value < 0:
                yield cause.invalid(at(path, name), value, "must be greater than or equal to 0")

    return check


def positive(*fields: str) -> Check:
    """Refuse zero and numbers below."""

    def check(obj: Json, path: str) -> Iterator[Cause]:
        for name in fields:
            value = number(obj.get(name))
            if value is not None and value <= 0:
                yield cause.invalid(at(path, name), value, "must be greater than 0")

    return check


def between(name: str, low: int, high: int) -> Check:
    """Refuse numbers out of a range."""

    def check(obj: Json, path: str) -> Iterator[Cause]:
        value = number(obj.get(name))
        if value is not None and not low <= value <= high:
            yield cause.invalid(at(path, name), value, f"must be between {low} and {high}, inclusive")

    return check


def port(name: str) -> Check:
    """Refuse what is no port number; an absent one is none of this check's business."""
    return between(name, 1, 65535)


def port_or_name(name: str) -> Check:
    """Refuse what is neither the number nor the name of a port."""

    def check(obj: Json, path: str) -> Iterator[Cause]:
        value = obj.get(name)
        if (n := number(value)) is not None:
            if why := names.port_number(n):
                yield cause.invalid(at(path, name), n, why)
        elif isinstance(value, str):
            for why in names.port_name(value):
                yield cause.invalid(at(path, name), value, why)

    return check


def label(name: str) -> Check:
    """Refuse what is no DNS label; an empty one is none of this check's business."""
    return _spelt(name, names.dns_label)


def subdomain(name: str) -> Check:
    """Refuse what is no DNS subdomain; an empty one is none of this check's business."""
    return _spelt(name, names.dns_subdomain)


def _spelt(name: str, why: Callable[[str], str]) -> Check:
    def check(obj: Json, path: str) -> Iterator[Cause]:
        value = obj.get(name)
        if value and isinstance(value, str) and (wrong := why(value)):
            yield cause.invalid(at(path, name), value, wrong)

    return check


def unique(name: str, key: str) -> Check:
    """Refuse items of a list that have a key in common; an empty one counts not."""

    def check(obj: Json, path: str) -> Iterator[Cause]:
        seen: set[Any] = set()
        for index, item in enumerate(objects(obj, name)):
            value = item.get(key)
            if value and isinstance(value, str):
                if value in seen:
                    yield cause.duplicate(f"{at(path, name)}[{index}].{key}", value)
                seen.add(value)

    return check


def selector(obj: Json, path: str) -> Iterator[Cause]:
    """Refuse label selectors that say nothing that labels could fulfil."""
    for key, value in inner(obj, "matchLabels").items():
        for why in names.qualified(key):
            yield cause.invalid(f"{path}.matchLabels", key, why)
        for why in names.label_value(value) if isinstance(value, str) else ():
            yield cause.invalid(f"{path}.matchLabels", value, why)
    for index, each in enumerate(objects(obj, "matchExpressions")):
        where = f"{path}.matchExpressions[{index}]"
        operator = each.get("operator")
        if operator in {"In", "NotIn"} and not each.get("values"):
            yield cause.required(f"{where}.values", "must be specified when `operator` is 'In' or 'NotIn'")
        elif operator in {"Exists", "DoesNotExist"} and each.get("values"):
            why = "may not be specified when `operator` is 'Exists' or 'DoesNotExist'"
            yield cause.forbidden(f"{where}.values", why)
        elif operator not in {"In", "NotIn", "Exists", "DoesNotExist"}:
            yield cause.invalid(f"{where}.operator", operator or "", "not a valid selector operator")
        for why in names.qualified(str(each.get("key") or "")):
            yield cause.invalid(f"{where}.key", each.get("key") or "", why)


def selects(wanted: Json, labels: Json) -> bool:
    """Whether labels fulfil a label selector; an empty one selects everything."""
    pairs = [selectors.Requirement(key, "in", (value,)) for key, value in inner(wanted, "matchLabels").items()]
    return all(requirement.matches(labels) for requirement in (*pairs, *map(_requirement, _expressions(wanted))))


def _expressions(wanted: Json) -> list[Json]:
    return [each for each in objects(wanted, "matchExpressions") if each.get("operator") in _OPERATORS]


def _requirement(each: Json) -> selectors.Requirement:
    return selectors.Requirement(str(each.get("key")), _OPERATORS[each["operator"]], tuple(each.get("values") or ()))
