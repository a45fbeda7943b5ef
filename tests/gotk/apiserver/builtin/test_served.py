"""Built-in kinds have schemas that fit ordinary manifests, and the defaults that clients rely on."""

import base64
import datetime as dt
from typing import Any

import pytest

from gotk.apiserver.apply import server_side
from gotk.apiserver.builtin import defaults, served
from gotk.apiserver.schema import builtin_definitions, validation
from gotk.apiserver.schema.node import Node, Shape

BY_KIND = {(r.group, r.kind): r for r in served.RESOURCES}


def filled(obj: dict[str, Any]) -> dict[str, Any]:
    group = str(obj["apiVersion"]).rpartition("/")[0]
    defaults.apply_defaults(obj, BY_KIND[group, obj["kind"]].schema.node)
    return obj


@pytest.mark.parametrize("resource", served.RESOURCES, ids=lambda r: f"{r.group}-{r.kind}")
def test_every_kind_has_a_schema_with_metadata(resource: Any) -> None:
    assert resource.schema is not None
    assert {"apiVersion", "kind"} <= set(resource.schema.node.properties)
    assert not resource.custom


def test_events_of_both_groups_are_kept_in_one_place() -> None:
    assert BY_KIND["", "Event"].storage == BY_KIND["events.k8s.io", "Event"].storage


def test_a_secret_holds_its_texts_encoded() -> None:
    obj = filled({"apiVersion": "v1", "kind": "Secret", "stringData": {"a": "b"}})
    assert obj == {
        "apiVersion": "v1",
        "kind": "Secret",
        "type": "Opaque",
        "data": {"a": base64.b64encode(b"b").decode()},
    }


def test_a_namespace_names_itself_in_a_label() -> None:
    obj = filled({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "x"}})
    assert obj["metadata"]["labels"] == {"kubernetes.io/metadata.name": "x"}
    assert obj["status"] == {"phase": "Active"}


def test_a_deployment_gets_replicas_a_strategy_and_a_filled_pod() -> None:
    pod = {"spec": {"containers": [{"name": "a", "image": "x/y", "ports": [{"containerPort": 80}]}]}}
    obj = filled({"apiVersion": "apps/v1", "kind": "Deployment", "spec": {"template": pod}})
    assert obj["spec"]["replicas"] == 1
    assert obj["spec"]["strategy"]["rollingUpdate"] == {"maxUnavailable": "25%", "maxSurge": "25%"}
    container = obj["spec"]["template"]["spec"]["containers"][0]
    assert (container["imagePullPolicy"], container["ports"][0]["protocol"]) == ("Always", "TCP")


def test_defaults_never_change_what_was_said() -> None:
    spec = {"replicas": 0, "strategy": {"type": "Recreate"}}
    obj = filled({"apiVersion": "apps/v1", "kind": "Deployment", "spec": dict(spec)})
    assert obj["spec"]["replicas"] == 0
    assert obj["spec"]["strategy"] == {"type": "Recreate"}


def test_filling_twice_is_filling_once() -> None:
    pod = {"spec": {"containers": [{"name": "a", "image": "x:1"}]}}
    for kind in ("Deployment", "StatefulSet", "DaemonSet", "ReplicaSet"):
        once = filled({"apiVersion": "apps/v1", "kind": kind, "spec": {"template": pod}})
        text = repr(once)
        assert repr(filled(once)) == text


def test_items_are_told_apart_by_keys_with_their_defaults() -> None:
    ports = BY_KIND["", "Service"].schema
    assert ports is not None
    node = ports.node.properties["spec"].properties["ports"]
    assert (node.shape, node.keys, node.key_defaults) == (Shape.KEYED, ("port", "protocol"), {"protocol": "TCP"})


def test_a_bare_deployment_passes_its_schema() -> None:
    schema = BY_KIND["apps", "Deployment"].schema
    assert schema is not None
    obj = {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": "a", "creationTimestamp": None, "labels": {"a": "b"}},
        "spec": {
            "selector": {"matchLabels": {"a": "b"}},
            "template": {
                "metadata": {"labels": {"a": "b"}},
                "spec": {"containers": [{"name": "a", "resources": {"limits": {"cpu": 1, "memory": "1Gi"}}}]},
            },
        },
    }
    assert schema.prune(obj) == []
    schema.drop_nulls(obj)
    assert "creationTimestamp" not in obj["metadata"]
    assert schema.validate(obj) == []
    obj["spec"]["template"]["spec"]["containers"][0]["imagee"] = "x"  # type: ignore[index]  # nested literal
    assert schema.prune(obj) == ["spec.template.spec.containers[0].imagee"]


def test_two_managers_share_the_ports_of_a_service() -> None:
    service = BY_KIND["", "Service"]
    head = {"apiVersion": "v1", "kind": "Service", "metadata": {"name": "s"}}
    now = dt.datetime(2026, 1, 1, tzinfo=dt.UTC).isoformat()
    live: dict[str, Any] | None = None
    for manager, port in (("a", 80), ("b", 443)):
        config = {**head, "spec": {"ports": [{"port": port}]}}
        live = server_side.apply(live, config, manager=manager, force=False, resource=service, subresource="", now=now)
    assert live is not None
    assert [p["port"] for p in live["spec"]["ports"]] == [80, 443]
    fields = [e["fieldsV1"]["f:spec"]["f:ports"] for e in live["metadata"]["managedFields"]]
    assert 'k:{"port":443,"protocol":"TCP"}' in fields[1]


def test_a_definition_that_refers_to_itself_is_walked_to_the_end() -> None:
    node = Node(
        builtin_definitions.reference("io.k8s.apiextensions-apiserver.pkg.apis.apiextensions.v1.JSONSchemaProps")
    )
    deep: dict[str, Any] = {"type": "object"}
    for _ in range(30):
        deep = {"type": "object", "properties": {"a": deep}}
    assert list(validation.validate(deep, node, "")) == []
