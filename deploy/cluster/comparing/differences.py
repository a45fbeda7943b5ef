"""Two versions of an object beside one another, place by place: what was added, removed, changed or moved.

Answers to the reports of `dyff`, which flux prints. Items of lists are known by their `name`, `key` or `id`, where all
of a list have one and no two the same.
"""

from collections import Counter
from collections.abc import Hashable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from gotk import go_yaml, line_diff

_NUMBERS = ("no", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve")
_IDENTIFIERS = ("name", "key", "id")
Sign = Literal["+", "-", "±", "⇆"]


@dataclass(frozen=True, slots=True)
class Detail:
    """One thing that differs at a place: a sign, what it is, and lines that show it, each with a sign or none."""

    sign: Sign
    what: str
    lines: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Difference:
    """A place and what differs there."""

    path: tuple[str, ...]
    details: tuple[Detail, ...]

    def lines(self) -> Iterator[str]:
        """Print the difference: the place, and under it what differs."""
        yield ".".join(self.path) or "(root level)"
        for detail in self.details:
            yield f"  {detail.sign} {detail.what}"
            yield from (f"    {line}" for line in detail.lines)
            yield ""


def compare(before: Mapping[str, Any], after: Mapping[str, Any]) -> list[Difference]:
    """Return all that differs between two versions of an object, in the order of its fields."""
    return list(_compare(before, after, ()))


def _compare(before: Any, after: Any, path: tuple[str, ...]) -> Iterator[Difference]:
    if isinstance(before, Mapping) and isinstance(after, Mapping):
        yield from _maps(before, after, path)
    elif isinstance(before, list) and isinstance(after, list):
        yield from _lists(before, after, path)
    elif not _same(before, after):
        yield Difference(path, (_change(before, after),))


def _maps(before: Mapping[str, Any], after: Mapping[str, Any], path: tuple[str, ...]) -> Iterator[Difference]:
    removed = {key: value for key, value in before.items() if key not in after}
    added = {key: value for key, value in after.items() if key not in before}
    details = [Detail("-", _counted(len(removed), "map", "removed"), _yaml(removed))] if removed else []
    details += [Detail("+", _counted(len(added), "map", "added"), _yaml(added))] if added else []
    if details:
        yield Difference(path, tuple(details))
    for key, value in before.items():
        if key in after:
            yield from _compare(value, after[key], (*path, str(key)))


def _lists(before: list[Any], after: list[Any], path: tuple[str, ...]) -> Iterator[Difference]:
    identifier = next((each for each in _IDENTIFIERS if _identifies(each, before) and _identifies(each, after)), None)
    if identifier is not None:
        yield from _named(before, after, identifier, path)
    elif len(before) == len(after) == 1:
        yield from _compare(before[0], after[0], (*path, "0"))
    else:
        (common, removed), (kept, added) = _parted(before, after), _parted(after, before)
        yield from _entries(removed, added, path, (common, kept))


def _parted(items: list[Any], others: list[Any]) -> tuple[list[Any], list[Any]]:
    """Part items into those that are among others, each as often as it is there, and the rest."""
    there = Counter(map(_key, others))
    common: list[Any] = []
    rest: list[Any] = []
    for item in items:
        key = _key(item)
        (common if there[key] else rest).append(item)
        there[key] -= bool(there[key])
    return common, rest


def _key(value: Any) -> Hashable:
    """Return what two values have in common that are the same."""
    if isinstance(value, Mapping):
        return frozenset((key, _key(each)) for key, each in value.items())
    if isinstance(value, list):
        return tuple(map(_key, value))
    return isinstance(value, bool), value


def _named(before: list[Any], after: list[Any], identifier: str, path: tuple[str, ...]) -> Iterator[Difference]:
    old, new = ({str(item[identifier]): item for item in items} for items in (before, after))
    removed = [item for name, item in old.items() if name not in new]
    added = [item for name, item in new.items() if name not in old]
    yield from _entries(removed, added, path, ([n for n in old if n in new], [n for n in new if n in old]))
    for name, item in old.items():
        if name in new:
            yield from _compare(item, new[name], (*path, name))


def _entries(
    removed: list[Any], added: list[Any], path: tuple[str, ...], orders: tuple[list[Any], list[Any]]
) -> Iterator[Difference]:
    details = [Detail("-", _counted(len(removed), "list", "removed"), _yaml(removed))] if removed else []
    details += [Detail("+", _counted(len(added), "list", "added"), _yaml(added))] if added else []
    if orders[0] != orders[1]:
        lines = [f"{sign} {', '.join(map(_scalar, order))}" for sign, order in zip("-+", orders, strict=True)]
        details.append(Detail("⇆", "order changed", tuple(lines)))
    if details:
        yield Difference(path, tuple(details))


def _identifies(key: str, items: Sequence[Any]) -> bool:
    names = [item.get(key) if isinstance(item, Mapping) else None for item in items]
    return bool(names) and all(isinstance(name, str) for name in names) and len(set(names)) == len(names)


def _change(before: Any, after: Any) -> Detail:
    if isinstance(before, str) and isinstance(after, str) and "\n" in before + after:
        found = line_diff.hunks(before.splitlines(), after.splitlines(), around=2)
        text = tuple(line if sign == "@" else f"{sign}{line}" for sign, line in found)
        return Detail("±", "value change in multiline text", text)
    lines = (*_signed("-", before), *_signed("+", after))
    if _type(before) != _type(after):
        return Detail("±", f"type change from {_type(before)} to {_type(after)}", lines)
    return Detail("±", "value change", lines)


def _signed(sign: str, value: Any) -> Iterator[str]:
    if isinstance(value, Mapping | list) and value:
        yield from (f"{sign} {line}" for line in _yaml(value))
    else:
        yield f"{sign} {_scalar(value)}"


def _scalar(value: Any) -> str:
    return value if isinstance(value, str) else go_yaml.write(value).removesuffix("\n")


def _yaml(value: Any) -> tuple[str, ...]:
    return tuple(go_yaml.write(value).splitlines())


def _counted(count: int, kind: str, what: str) -> str:
    number = _NUMBERS[count] if count < len(_NUMBERS) else str(count)
    return f"{number} {kind} {'entry' if count == 1 else 'entries'} {what}:"


def _type(value: Any) -> str:
    names = {bool: "bool", int: "int", float: "float", str: "string", type(None): "<nil>", list: "list", dict: "map"}
    return names.get(type(value), type(value).__name__)


def _same(one: Any, other: Any) -> bool:
    """Compare values: JSON knows one kind of number, so 1 is 1.0, but true is not 1."""
    return bool(one == other) and isinstance(one, bool) == isinstance(other, bool)
