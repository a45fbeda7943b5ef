"""The steps from a live object to the applied one."""

from typing import Any

import pytest

from deploy.cluster.comparing import steps

LONG = "x" * 60
CASES: dict[str, tuple[dict[str, Any], dict[str, Any], list[str]]] = {
    "nothing": ({"spec": {"a": 1}}, {"spec": {"a": 1.0}}, []),
    "a changed value": ({"spec": {"a": 1, "b": LONG}}, {"spec": {"a": 2, "b": LONG}}, ["replace /spec/a"]),
    "a bool is no number": ({"spec": {"a": 1, "b": LONG}}, {"spec": {"a": True, "b": LONG}}, ["replace /spec/a"]),
    "an added value": ({"spec": {"b": LONG}}, {"spec": {"a": 2, "b": LONG}}, ["add /spec/a"]),
    "a removed value": ({"spec": {"a": 1, "b": LONG}}, {"spec": {"b": LONG}}, ["remove /spec/a"]),
    "null and empty are nothing": ({"spec": {"a": None, "b": {}}}, {"spec": {"c": []}}, []),
    "a shorter replacement": (
        {"spec": {"a": 1, "b": 1, "c": 1}},
        {"spec": {"a": 2, "b": 2, "c": 2}},
        ["replace /spec"],
    ),
    "lists from the front": (
        {"spec": {"a": [1, LONG], "b": LONG}},
        {"spec": {"a": [2, LONG, 3], "b": LONG}},
        ["replace /spec/a/0", "add /spec/a/-"],
    ),
    "a shorter list": ({"spec": {"a": [LONG, 2, 3]}}, {"spec": {"a": [LONG]}}, ["remove /spec/a/1"] * 2),
    "escaped names": (
        {"data": {"a/b~c": "1", "b": LONG}},
        {"data": {"a/b~c": "2", "b": LONG}},
        ["replace /data/a~1b~0c"],
    ),
    "status and other metadata do not count": (
        {"metadata": {"uid": "1", "generation": 1}, "status": {"a": 1}},
        {"metadata": {"uid": "1", "generation": 2}, "status": {"a": 2}},
        [],
    ),
    "labels of others do not count": (
        {"metadata": {"name": LONG, "labels": {"a": "1", "theirs": LONG}}},
        {"metadata": {"name": LONG, "labels": {"a": "1"}}},
        [],
    ),
    "a changed label": (
        {"metadata": {"name": LONG, "labels": {"a": "1", "b": LONG}}},
        {"metadata": {"name": LONG, "labels": {"a": "2", "b": LONG}}},
        ["replace /metadata/labels/a"],
    ),
}


@pytest.mark.parametrize(("live", "applied", "expected"), CASES.values(), ids=CASES)
def test_steps(live: dict[str, Any], applied: dict[str, Any], expected: list[str]) -> None:
    assert [f"{step.op} {step.path}" for step in steps.between(live, applied)] == expected
