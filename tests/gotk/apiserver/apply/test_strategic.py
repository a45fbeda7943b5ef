"""Strategic merge patches do to built-in kinds what kubectl means them to do."""

import json
from typing import Any

import pytest

from gotk.apiserver.apply import strategic
from gotk.apiserver.builtin import served
from gotk.apiserver.schema.node import Node


def node_of(kind: str) -> Node:
    schema = next(r for r in served.RESOURCES if r.kind == kind).schema
    assert schema is not None
    return schema.node


DEPLOYMENT, SERVICE = node_of("Deployment"), node_of("Service")


def deployment(*containers: dict[str, Any], **pod: Any) -> dict[str, Any]:
    return {"spec": {"template": {"spec": {"containers": list(containers), **pod}}}}


def containers(obj: dict[str, Any]) -> Any:
    return obj["spec"]["template"]["spec"]["containers"]


A = {"name": "a", "image": "a:1", "env": [{"name": "X", "value": "1"}, {"name": "Y", "value": "2"}]}
B = {"name": "b", "image": "b:1"}
PATCHES: dict[str, tuple[list[dict[str, Any]], list[dict[str, Any]]]] = {
    "an image": ([{"name": "a", "image": "a:2"}], [{**A, "image": "a:2"}, B]),
    "a new container": ([{"name": "c", "image": "c:1"}], [A, B, {"name": "c", "image": "c:1"}]),
    "a container less": ([{"name": "a", "$patch": "delete"}], [B]),
    "a variable less": (
        [{"name": "a", "env": [{"name": "X", "$patch": "delete"}]}],
        [{**A, "env": [{"name": "Y", "value": "2"}]}, B],
    ),
    "all replaced": ([{"name": "c"}, {"$patch": "replace"}], [{"name": "c"}]),
    "a field less": ([{"name": "a", "image": None}], [{"name": "a", "env": A["env"]}, B]),
}


@pytest.mark.parametrize(("patch", "expected"), PATCHES.values(), ids=PATCHES.keys())
def test_lists_merge_by_their_key(patch: list[dict[str, Any]], expected: list[dict[str, Any]]) -> None:
    live = deployment(A, B)
    before = json.dumps(live)
    assert containers(strategic.merge(live, deployment(*patch), DEPLOYMENT)) == expected
    assert json.dumps(live) == before


def test_the_order_given_is_the_order_got() -> None:
    patch = deployment({"name": "c", "image": "c:1"})
    patch["spec"]["template"]["spec"]["$setElementOrder/containers"] = [{"name": "c"}, {"name": "a"}]
    merged = containers(strategic.merge(deployment(A, B), patch, DEPLOYMENT))
    assert [c["name"] for c in merged] == ["c", "a", "b"]


def test_values_of_a_plain_list_are_added_and_taken_out() -> None:
    live = {"metadata": {"finalizers": ["a/a", "b/b"]}}
    patch = {"metadata": {"finalizers": ["c/c"], "$deleteFromPrimitiveList/finalizers": ["a/a"]}}
    assert strategic.merge(live, patch, SERVICE) == {"metadata": {"finalizers": ["b/b", "c/c"]}}


def test_keys_that_are_not_retained_go() -> None:
    live = {"spec": {"strategy": {"type": "RollingUpdate", "rollingUpdate": {"maxSurge": 1}}}}
    patch = {"spec": {"strategy": {"$retainKeys": ["type"], "type": "Recreate"}}}
    assert strategic.merge(live, patch, DEPLOYMENT) == {"spec": {"strategy": {"type": "Recreate"}}}


def test_a_list_without_a_key_is_replaced() -> None:
    live = deployment({"name": "a", "args": ["1", "2"]})
    merged = strategic.merge(live, deployment({"name": "a", "args": ["3"]}), DEPLOYMENT)
    assert containers(merged) == [{"name": "a", "args": ["3"]}]


def test_a_map_can_be_replaced_or_deleted() -> None:
    live = {"spec": {"selector": {"a": "b"}, "ports": [{"port": 80, "name": "x"}]}}
    patch = {"spec": {"selector": {"$patch": "replace", "c": "d"}, "ports": [{"port": 80, "name": "y"}]}}
    assert strategic.merge(live, patch, SERVICE) == {
        "spec": {"selector": {"c": "d"}, "ports": [{"port": 80, "name": "y"}]}
    }
    gone = strategic.merge(live, {"spec": {"selector": {"$patch": "delete"}}}, SERVICE)
    assert "selector" not in gone["spec"]


def test_an_item_without_its_key_is_refused() -> None:
    with pytest.raises(strategic.BadPatch, match="does not contain declared merge key: name"):
        strategic.merge(deployment(A), deployment({"image": "x"}), DEPLOYMENT)


def test_an_unknown_directive_is_refused() -> None:
    with pytest.raises(strategic.BadPatch, match=r"unknown \$patch type: drop"):
        strategic.merge({}, {"spec": {"$patch": "drop"}}, DEPLOYMENT)
