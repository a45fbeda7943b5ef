"""Fields that another controller looks after: what is no drift, and what is written of them."""

from collections.abc import Mapping
from typing import Any

import pytest

from deploy.cluster.comparing import ignored
from gotk.api.meta import IgnoreRule, ObjectSelector

LIVE: dict[str, Any] = {
    "apiVersion": "apps/v1",
    "kind": "Deployment",
    "metadata": {"name": "web", "namespace": "apps", "labels": {"tier": "front"}},
    "spec": {
        "replicas": 5,
        "containers": [{"name": "c", "image": "new"}, {"name": "d", "image": "x"}],
        "set": ["a", "b"],
    },
}


def but(obj: Mapping[str, Any], **spec: Any) -> dict[str, Any]:
    return {**obj, "spec": {**obj["spec"], **spec}}


def rules(*paths: str, **target: Any) -> ignored.Rules:
    return ignored.Rules([IgnoreRule(paths=paths, target=ObjectSelector(**target) if target else None)])


def owning(manager: str, *path: str, **more: Any) -> dict[str, Any]:
    fields: dict[str, Any] = {}
    for element in reversed(path):
        fields = {element: fields}
    return {"manager": manager, "operation": "Apply", "fieldsV1": fields, **more}


TARGETS: dict[str, tuple[dict[str, Any], bool]] = {
    "everything": ({}, True),
    "its kind": ({"kind": "Deployment"}, True),
    "a part of its kind": ({"kind": "Deploy"}, False),
    "a pattern": ({"group": "ap.*", "version": "v1", "name": "w.b", "namespace": "apps"}, True),
    "another namespace": ({"namespace": "prod"}, False),
    "its label": ({"label_selector": "tier in (front,back)"}, True),
    "no annotation": ({"annotation_selector": "look=away"}, False),
}


@pytest.mark.parametrize(("target", "matches"), TARGETS.values(), ids=TARGETS.keys())
def test_a_rule_is_for_the_objects_of_its_target(target: dict[str, Any], matches: bool) -> None:
    drifted = rules("/spec/replicas", **target).drifted(LIVE, but(LIVE, replicas=1))
    assert drifted == (None if matches else "spec.replicas")


def test_what_differs_elsewhere_is_drift() -> None:
    assert rules("/spec/replicas", "/spec/nothing/0", "malformed").drifted(LIVE, but(LIVE, replicas=1, set=["a"])) == (
        "spec.set"
    )


def written(path: str, applied: dict[str, Any], *managers: dict[str, Any]) -> Any:
    payload = rules(path).payload(applied, LIVE, applied, managers=managers, field="us")
    return payload["spec"]


def test_what_another_applier_owns_is_left_out() -> None:
    found = written("/spec/replicas", but(LIVE, replicas=1), owning("hpa", "f:spec", "f:replicas"))
    assert "replicas" not in found


def test_what_we_alone_own_is_written_as_it_is() -> None:
    others = (
        owning("us", "f:spec", "f:replicas"),
        owning("scale", "f:spec", "f:replicas", subresource="scale"),
        owning("kubectl", "f:spec", "f:replicas") | {"operation": "Update"},
    )
    assert written("/spec/replicas", but(LIVE, replicas=1), *others)["replicas"] == 5


def test_items_of_lists_are_owned_by_their_keys() -> None:
    containers = [{"name": "c", "image": "old"}, {"name": "d", "image": "x"}]
    key = ("f:spec", "f:containers", 'k:{"name":"c"}', "f:image")
    left_out = written("/spec/containers/0/image", but(LIVE, containers=containers), owning("policy", *key))
    assert left_out["containers"][0] == {"name": "c"}
    other = ("f:spec", "f:containers", 'k:{"name":"d"}', "f:image")
    kept = written("/spec/containers/0/image", but(LIVE, containers=containers), owning("policy", *other))
    assert kept["containers"][0]["image"] == "new"


def test_a_field_that_is_not_in_the_cluster_is_not_brought_back() -> None:
    assert "paused" not in written("/spec/paused", but(LIVE, paused=True))


def test_what_does_not_differ_is_written_as_declared() -> None:
    applied = but(LIVE, set=["a"])
    assert rules("/spec/replicas").payload(applied, LIVE, applied, managers=(), field="us") is applied
