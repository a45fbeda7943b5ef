"""The steps from a live object to what a dry run makes of it, as a JSON patch has them: how much differs, and where.

Answers to `wI2L/jsondiff` with its option to rationalise, through which helm-controller counts additions, changes and
removals: where one replacement is shorter than the steps below it, it stands for them. As elsewhere in this room, null
and an empty list or mapping are the same.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import msgspec

#: The length of `{"op":"","path":""}` and of `,"value":`.
_FRAME, _VALUE = 19, 9


@dataclass(frozen=True, slots=True)
class Step:
    """One operation of a patch. `length` is that of its JSON."""

    op: Literal["add", "replace", "remove"]
    path: str
    length: int


def between(live: Mapping[str, Any], applied: Mapping[str, Any]) -> list[Step]:
    """Return the steps from a live object to the applied one.

    Labels and annotations count where they are added or changed, metadata beside them and the status do not.
    """
    steps = [step for step in _compare("", _marks(live), _marks(applied)) if step.op != "remove"]
    return steps + _compare("", _content(live), _content(applied))


def _marks(obj: Mapping[str, Any]) -> Mapping[str, Any]:
    metadata = obj.get("metadata")
    found = metadata if isinstance(metadata, Mapping) else {}
    return {"metadata": {key: found[key] for key in ("name", "annotations", "labels") if key in found}}


def _content(obj: Mapping[str, Any]) -> Mapping[str, Any]:
    return {key: value for key, value in obj.items() if key not in {"metadata", "status"}}


def _compare(path: str, old: Any, new: Any) -> list[Step]:
    if _same(old, new):
        return []
    if isinstance(old, Mapping) and isinstance(new, Mapping):
        steps = _mappings(path, old, new)
    elif isinstance(old, list) and isinstance(new, list):
        steps = _lists(path, old, new)
    else:
        return [_step("replace", path, new)]
    whole = _step("replace", path, new)
    return [whole] if steps and _length(steps) > whole.length else steps


def _mappings(path: str, old: Mapping[str, Any], new: Mapping[str, Any]) -> list[Step]:
    steps: list[Step] = []
    for key in sorted(old.keys() | new.keys()):
        below = f"{path}/{str(key).replace('~', '~0').replace('/', '~1')}"
        if key not in old:
            steps += [] if _empty(new[key]) else [_step("add", below, new[key])]
        elif key not in new:
            steps += [] if _empty(old[key]) else [_step("remove", below)]
        else:
            steps += _compare(below, old[key], new[key])
    return steps


def _lists(path: str, old: Sequence[Any], new: Sequence[Any]) -> list[Step]:
    both = min(len(old), len(new))
    steps = [_step("remove", f"{path}/{both}") for _ in old[both:]]
    for index in range(both):
        steps += _compare(f"{path}/{index}", old[index], new[index])
    return steps + [_step("add", f"{path}/-", value) for value in new[both:]]


def _step(op: Literal["add", "replace", "remove"], path: str, *value: Any) -> Step:
    length = _FRAME + len(op) + len(path) + sum(_VALUE + len(msgspec.json.encode(each)) for each in value)
    return Step(op, path, length)


def _length(steps: Sequence[Step]) -> int:
    return sum(step.length for step in steps) + len(steps) - 1


def _empty(value: Any) -> bool:
    return value is None or (isinstance(value, Mapping | list) and not value)


def _same(one: Any, other: Any) -> bool:
    """Compare plain values: JSON knows one kind of number, so 1 is 1.0, but True is not 1."""
    if _empty(one) and _empty(other):
        return True
    if isinstance(one, Mapping | list) or isinstance(other, Mapping | list):
        return False
    return bool(one == other) and isinstance(one, bool) == isinstance(other, bool)
