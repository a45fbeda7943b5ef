from typing import Any

import pytest

from gotk.apiserver import strategic
from gotk.apiserver.node import Node

SCHEMA = Node(
    {
        "type": "object",
        "properties": {
            "items": {
                "type": "array",
                "x-kubernetes-patch-strategy": "merge",
                "x-kubernetes-patch-merge-key": "name",
                "items": {"type": "object", "properties": {"name": {"type": "string"}, "map": {"type": "object"}}},
            },
            "words": {"type": "array", "x-kubernetes-patch-strategy": "merge", "items": {"type": "string"}},
            "plain": {"type": "array", "items": {"type": "string"}},
            "map": {"type": "object"},
        },
    }
)


@pytest.mark.parametrize(
    ("target", "patch", "merged"),
    [
        pytest.param({"a": 1, "b": 2}, {"a": None, "c": 3}, {"b": 2, "c": 3}, id="null removes a field"),
        pytest.param(
            {"items": [{"name": "x", "v": 1}, {"name": "y"}]}, {"items": [{"name": "x", "v": 2}, {"name": "z"}]},
            {"items": [{"name": "x", "v": 2}, {"name": "y"}, {"name": "z"}]}, id="items merge by their key",
        ),
        pytest.param(
            {"items": [{"name": "x"}, {"name": "y"}]}, {"items": [{"name": "x", "$patch": "delete"}]},
            {"items": [{"name": "y"}]}, id="an item can be deleted",
        ),
        pytest.param(
            {"items": [{"name": "x"}]}, {"items": [{"name": "z"}, {"$patch": "replace"}]},
            {"items": [{"name": "z"}]}, id="a list can be replaced",
        ),
        pytest.param(
            {"items": [{"name": "x"}, {"name": "y"}]},
            {"$setElementOrder/items": [{"name": "y"}, {"name": "x"}], "items": [{"name": "y", "v": 1}]},
            {"items": [{"name": "y", "v": 1}, {"name": "x"}]}, id="an order can be wished for",
        ),
        pytest.param({"words": ["a", "b"]}, {"words": ["b", "c"]}, {"words": ["a", "b", "c"]}, id="words are a set"),
        pytest.param(
            {"words": ["a", "b"]}, {"$deleteFromPrimitiveList/words": ["a"]}, {"words": ["b"]},
            id="words can be taken out",
        ),
        pytest.param({"plain": ["a"]}, {"plain": ["b"]}, {"plain": ["b"]}, id="other lists are replaced"),
        pytest.param(
            {"map": {"a": 1}}, {"map": {"$patch": "replace", "b": 2}}, {"map": {"b": 2}}, id="a map can be replaced",
        ),
        pytest.param({"map": {"a": 1}, "x": 1}, {"map": {"$patch": "delete"}}, {"x": 1}, id="a map can be deleted"),
        pytest.param(
            {"map": {"a": 1, "b": 2}}, {"map": {"$retainKeys": ["b", "c"], "c": 3}}, {"map": {"b": 2, "c": 3}},
            id="keys can be retained",
        ),
    ],
)  # fmt: skip
def test_a_patch_merges_as_the_schema_says(target: Any, patch: Any, merged: Any) -> None:
    assert strategic.merge(target, patch, SCHEMA) == merged


@pytest.mark.parametrize(
    ("patch", "said"),
    [
        pytest.param({"items": [{"v": 1}]}, "does not contain declared merge key: name", id="an item without its key"),
        pytest.param({"$patch": "shred"}, "unknown patch directive", id="an unknown directive"),
    ],
)
def test_a_patch_that_makes_no_sense_is_refused(patch: Any, said: str) -> None:
    with pytest.raises(strategic.BadPatch, match=said):
        strategic.merge({}, patch, SCHEMA)
