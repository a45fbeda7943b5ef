"""Drift, and taking over fields of other managers."""

from typing import Any

import pytest

from deploy.cluster import managers
from deploy.cluster.comparing import drift
from tests.deploy.cluster import owners

LIVE: dict[str, Any] = {
    "apiVersion": "apps/v1",
    "kind": "Deployment",
    "metadata": {"name": "a", "labels": {"x": "1"}, "resourceVersion": "1", "managedFields": []},
    "spec": {"replicas": 1, "list": [{"a": 1}], "empty": {}},
    "status": {"replicas": 1},
}
CHANGES: dict[str, tuple[dict[str, Any], str | None]] = {
    "nothing": ({}, None),
    "status": ({"status": {"replicas": 5}}, None),
    "resource version": ({"metadata": {"name": "a", "labels": {"x": "1"}, "resourceVersion": "2"}}, None),
    "no annotations and empty ones": ({"metadata": {"labels": {"x": "1"}, "annotations": {}}}, None),
    "null and empty": ({"spec": {"replicas": 1, "list": [{"a": 1}], "empty": None}}, None),
    "an empty field that is missing": ({"spec": {"replicas": 1, "list": [{"a": 1}]}}, "spec.empty"),
    "a float that is the same": ({"spec": {"replicas": 1.0, "list": [{"a": 1}], "empty": {}}}, None),
    "label": ({"metadata": {"labels": {"x": "2"}}}, "metadata.labels.x"),
    "annotation": ({"metadata": {"labels": {"x": "1"}, "annotations": {"a": ""}}}, "metadata.annotations.a"),
    "field": ({"spec": {"replicas": 2, "list": [{"a": 1}], "empty": {}}}, "spec.replicas"),
    "a boolean is no number": ({"spec": {"replicas": True, "list": [{"a": 1}], "empty": {}}}, "spec.replicas"),
    "in a list": ({"spec": {"replicas": 1, "list": [{"a": 2}], "empty": {}}}, "spec.list[0].a"),
    "length of a list": ({"spec": {"replicas": 1, "list": [], "empty": {}}}, "spec.list"),
    "another field": ({"data": {"a": "b"}}, "data"),
}


@pytest.mark.parametrize(("change", "expected"), CHANGES.values(), ids=CHANGES.keys())
def test_drift(change: dict[str, Any], expected: str | None) -> None:
    assert drift.drifted(LIVE, LIVE | change) == expected
    assert (drift.drifted(LIVE | change, LIVE) is None) == (expected is None)


def entry(manager: str, operation: str, fields: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {"manager": manager, "operation": operation, "fieldsV1": fields, **more}


def live(*entries: dict[str, Any], **metadata: Any) -> dict[str, Any]:
    return {"metadata": {"name": "a", "resourceVersion": "7", "managedFields": list(entries), **metadata}}


DESIRED: dict[str, Any] = {"metadata": {"name": "a"}}


def test_fields_of_kubectl_become_ours() -> None:
    ours = entry("app-controller", "Apply", {"f:spec": {"f:a": {}}})
    edit = entry("kubectl-edit", "Update", {"f:spec": {"f:b": {}}})
    other = entry("hpa", "Update", {"f:spec": {"f:c": {}}})
    status = entry("kubectl", "Update", {"f:status": {}}, subresource="status")
    patch = managers.cleanup(live(ours, edit, other, status), DESIRED, owners.APP)
    merged = entry("app-controller", "Apply", {"f:spec": {"f:a": {}, "f:b": {}}})
    assert patch == [
        {"op": "replace", "path": "/metadata/managedFields", "value": [other, status, merged]},
        {"op": "replace", "path": "/metadata/resourceVersion", "value": "7"},
    ]


def test_the_first_foreign_entry_becomes_ours_where_we_have_none() -> None:
    patch = managers.cleanup(live(entry("before-first-apply", "Update", {"f:data": {}})), DESIRED, owners.APP)
    assert patch[0]["value"] == [entry("app-controller", "Apply", {"f:data": {}})]


def test_old_annotations_go() -> None:
    key = "kubectl.kubernetes.io/last-applied-configuration"
    patch = managers.cleanup(live(annotations={key: "{}", "mine": "1"}), DESIRED, owners.APP)
    assert patch[0] == {
        "op": "remove",
        "path": "/metadata/annotations/kubectl.kubernetes.io~1last-applied-configuration",
    }


def test_nothing_to_take_over_is_no_patch() -> None:
    assert (
        managers.cleanup(live(entry("hpa", "Update", {}), entry("app-controller", "Apply", {})), DESIRED, owners.APP)
        == []
    )


def test_an_object_may_ask_to_keep_other_managers() -> None:
    desired = {"metadata": {"name": "a", "annotations": {"app.example.com/ssa": "Merge"}}}
    assert managers.cleanup(live(entry("kubectl", "Apply", {})), desired, owners.APP) == []
