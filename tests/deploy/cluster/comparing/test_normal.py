"""The form in which objects are applied: marked as an owner's, and normal."""

import base64
from typing import Any

from deploy.cluster.comparing import normal
from tests.deploy.cluster import owners


def prepared(obj: dict[str, Any], **common: Any) -> dict[str, Any]:
    normal.prepare(obj, owner=owners.APP, labels=common.get("labels", {}), annotations=common.get("annotations", {}))
    return obj


OWNER = {"app.example.com/name": "app", "app.example.com/namespace": "default"}


def test_owner_labels_are_added_and_common_metadata_wins() -> None:
    obj = prepared(
        {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "a", "labels": {"x": "1", "y": "1"}}},
        labels={"y": "2"},
        annotations={"z": "3"},
    )
    assert obj["metadata"]["labels"] == {"x": "1", "y": "2", **OWNER}
    assert obj["metadata"]["annotations"] == {"z": "3"}


def test_string_data_becomes_data() -> None:
    secret = {
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": {"name": "a"},
        "data": {"a": "eA==", "b": "eA=="},
        "stringData": {"b": "ü"},
    }
    assert prepared(secret)["data"] == {"a": "eA==", "b": base64.b64encode("ü".encode()).decode()}
    assert "stringData" not in secret


def test_string_data_that_is_not_text_is_left_for_the_server() -> None:
    secret = {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "a"}, "stringData": {"b": 1}}
    assert prepared(secret)["stringData"] == {"b": 1}


def test_protocols_are_filled_in_and_null_times_dropped() -> None:
    obj = prepared(
        {
            "apiVersion": "apps/v1",
            "kind": "Deployment",
            "metadata": {"name": "a", "creationTimestamp": None},
            "status": {},
            "spec": {
                "template": {
                    "metadata": {"creationTimestamp": None, "labels": {"a": "b"}},
                    "spec": {
                        "containers": [{"ports": [{"containerPort": 80}, {"containerPort": 53, "protocol": "UDP"}]}]
                    },
                }
            },
        }
    )
    assert obj["metadata"] == {"name": "a", "labels": OWNER}
    assert "status" not in obj
    assert obj["spec"]["template"]["metadata"] == {"labels": {"a": "b"}}
    ports = obj["spec"]["template"]["spec"]["containers"][0]["ports"]
    assert [port["protocol"] for port in ports] == ["TCP", "UDP"]


def test_a_service_gets_protocols_and_a_definition_keeps_its_status() -> None:
    service = prepared(
        {"apiVersion": "v1", "kind": "Service", "metadata": {"name": "a"}, "spec": {"ports": [{"port": 1}]}}
    )
    assert service["spec"]["ports"] == [{"port": 1, "protocol": "TCP"}]
    crd = {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": "a"},
        "status": {},
    }
    assert "status" in prepared(crd)


def test_odd_shapes_are_left_for_the_server() -> None:
    odd: list[Any] = [None, [], "text", {"template": []}, {"template": {"spec": {"containers": {"a": 1}}}}]
    for spec in odd:
        obj = {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "a"}, "spec": spec}
        assert prepared(obj)["spec"] == spec
