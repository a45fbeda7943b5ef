"""What differs between two versions of an object, place by place."""

from typing import Any

import pytest

from deploy.cluster.comparing import differences

PORTS = [{"name": "http", "port": 80}, {"name": "grpc", "port": 90}]
CASES: dict[str, tuple[dict[str, Any], dict[str, Any], str]] = {
    "nothing": ({"a": [1, {"b": None}]}, {"a": [1, {"b": None}]}, ""),
    "a whole number is a number": ({"a": 1}, {"a": 1.0}, ""),
    "a value": ({"a": {"b": 9899}}, {"a": {"b": 9898}}, "a.b\n  ± value change\n    - 9899\n    + 9898\n"),
    "a type": (
        {"a": "1"}, {"a": 1}, "a\n  ± type change from string to int\n    - 1\n    + 1\n",
    ),
    "true is not one": ({"a": True}, {"a": 1}, "a\n  ± type change from bool to int\n    - true\n    + 1\n"),
    "entries of a map": (
        {"a": {"x": 1, "w": 2}}, {"a": {"z": {"deep": True}}},
        "a\n  - two map entries removed:\n    w: 2\n    x: 1\n\n  + one map entry added:\n    z:\n      deep: true\n",
    ),
    "at the root": ({}, {"data": {}}, "(root level)\n  + one map entry added:\n    data: {}\n"),
    "an item that has a name": (
        {"ports": PORTS}, {"ports": [PORTS[0] | {"port": 81}, PORTS[1]]},
        "ports.http.port\n  ± value change\n    - 80\n    + 81\n",
    ),
    "the order of items": (
        {"ports": PORTS}, {"ports": PORTS[::-1]},
        "ports\n  ⇆ order changed\n    - http, grpc\n    + grpc, http\n",
    ),
    "items of a list": (
        {"a": ["x", "y"]}, {"a": ["y", "z"]},
        "a\n  - one list entry removed:\n    - x\n\n  + one list entry added:\n    - z\n",
    ),
    "the only item": ({"a": [{"b": 16}]}, {"a": [{"b": 15}]}, "a.0.b\n  ± value change\n    - 16\n    + 15\n"),
    "the same item once more": ({"a": ["x", "z"]}, {"a": ["x", "z", "z"]}, "a\n  + one list entry added:\n    - z\n"),
    "the same item twice": ({"a": ["x", "x"]}, {"a": ["x"]}, "a\n  - one list entry removed:\n    - x\n"),
    "text of several lines": (
        {"a": "one\ntwo\n"}, {"a": "one\n2\n"},
        "a\n  ± value change in multiline text\n    @@ -1,2 +1,2 @@\n     one\n    -two\n    +2\n",
    ),
}  # fmt: skip


@pytest.mark.parametrize(("before", "after", "text"), CASES.values(), ids=CASES)
def test_it_is_told_as_dyff_tells_it(before: dict[str, Any], after: dict[str, Any], text: str) -> None:
    lines = [line for each in differences.compare(before, after) for line in each.lines()]
    assert "\n".join(lines) == text


def test_lists_of_many_thousands_are_compared_by_what_they_hold() -> None:
    before = {"a": [{"b": [number, True]} for number in range(20_000)]}
    after = {"a": [{"b": [number, True]} for number in range(19_999, 0, -1)]}
    (found,) = differences.compare(before, after)
    assert [detail.what for detail in found.details] == ["one list entry removed:", "order changed"]
