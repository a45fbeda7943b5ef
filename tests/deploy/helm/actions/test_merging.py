"""The merge patch of a client-side apply."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from deploy.helm.actions import merging
from tests.memory_cluster import merged

CASES: dict[str, tuple[dict[str, Any], dict[str, Any], dict[str, Any], dict[str, Any]]] = {
    "nothing differs": ({"spec": {"a": 1}}, {"spec": {"a": 1}}, {"spec": {"a": 1, "default": 2}}, {}),
    "a changed value": ({"spec": {"a": 1}}, {"spec": {"a": 2}}, {"spec": {"a": 1}}, {"spec": {"a": 2}}),
    "somebody changed it": ({"spec": {"a": 1}}, {"spec": {"a": 1}}, {"spec": {"a": 2}}, {"spec": {"a": 1}}),
    "what others have added stays": ({"data": {}}, {"data": {"a": "1"}}, {"data": {"a": "1", "b": "2"}}, {}),
    "what the older manifest had goes": (
        {"data": {"a": "1", "b": "2"}},
        {"data": {"a": "1"}},
        {"data": {"a": "1", "b": "3"}},
        {"data": {"b": None}},
    ),
    "a mapping goes whole": (
        {"spec": {"rolling": {"surge": 1}}},
        {"spec": {"type": "Recreate"}},
        {"spec": {"type": "Rolling", "rolling": {"surge": 1, "unavailable": 1}}},
        {"spec": {"type": "Recreate", "rolling": None}},
    ),
    "labels go one by one": (
        {"metadata": {"name": "a", "labels": {"ours": "1"}}},
        {"metadata": {"name": "a"}},
        {"metadata": {"name": "a", "uid": "u", "labels": {"ours": "1", "theirs": "2"}}},
        {"metadata": {"labels": {"ours": None}}},
    ),
    "a list beside its defaults": (
        {"spec": {"ports": [{"port": 80}]}},
        {"spec": {"ports": [{"port": 80}]}},
        {"spec": {"ports": [{"port": 80, "protocol": "TCP"}]}},
        {},
    ),
    "a field in a list goes": (
        {"spec": {"ports": [{"port": 80, "name": "http"}]}},
        {"spec": {"ports": [{"port": 80}]}},
        {"spec": {"ports": [{"port": 80, "name": "http", "protocol": "TCP"}]}},
        {"spec": {"ports": [{"port": 80}]}},
    ),
    "a longer list": ({}, {"spec": {"a": [1, 2]}}, {"spec": {"a": [1]}}, {"spec": {"a": [1, 2]}}),
    "null and empty": ({}, {"spec": {"a": None, "b": {}, "c": []}}, {"spec": {}}, {}),
    "a bool is no number": ({}, {"spec": {"a": True}}, {"spec": {"a": 1}}, {"spec": {"a": True}}),
    "the status and the version do not count": (
        {},
        {"apiVersion": "v2", "status": {"a": 1}},
        {"apiVersion": "v1", "status": {}},
        {},
    ),
}


@pytest.mark.parametrize(("old", "new", "live", "expected"), CASES.values(), ids=CASES)
def test_patches(old: dict[str, Any], new: dict[str, Any], live: dict[str, Any], expected: dict[str, Any]) -> None:
    assert merging.patch(old, new, live) == expected


def test_a_replacement_leaves_nothing_of_others_but_metadata() -> None:
    live = {"metadata": {"labels": {"theirs": "x"}}, "spec": {"a": 1, "theirs": 2}, "status": {"b": 1}}
    new = {"metadata": {}, "spec": {"a": 1}}
    assert merging.replacement(new, live, {}) == {"spec": {"theirs": None}}


TREES: st.SearchStrategy[Any] = st.dictionaries(
    st.sampled_from("abc"),
    st.recursive(
        st.integers(0, 2) | st.booleans() | st.text("xy", max_size=1),
        lambda inner: st.dictionaries(st.sampled_from("abc"), inner, max_size=3) | st.lists(inner, max_size=2),
        max_leaves=6,
    ),
)


@given(old=TREES, new=TREES, live=TREES)
def test_patching_twice_is_patching_once(old: Any, new: Any, live: Any) -> None:
    objs = [{"spec": each} for each in (old, new, live)]
    after = merged(objs[2], merging.patch(*objs))
    assert merging.patch(objs[1], objs[1], after) == {}
