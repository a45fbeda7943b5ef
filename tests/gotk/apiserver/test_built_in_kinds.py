"""Built-in kinds through the API, as charts and generated manifests send them: nulls, zeros, sizes."""

import json
from typing import Any

import pytest
import yaml

from gotk.apiserver import ControlPlane
from gotk.apiserver.storage.store import Key
from tests.gotk.apiserver.caller import APPLY, JSON_PATCH, MERGE, STRATEGIC, Caller

LABELS = {"matchLabels": {"a": "b"}}
CONTAINER = {"name": "a", "image": "x:1"}
HOW = "fieldManager=test&force=true"


def pods(**spec: Any) -> dict[str, Any]:
    return {"metadata": {"labels": {"a": "b"}}, "spec": {"containers": [CONTAINER], **spec}}


def workload(kind: str, **spec: Any) -> dict[str, Any]:
    filled = {"selector": LABELS, "template": pods(), **spec}
    return {"apiVersion": "apps/v1", "kind": kind, "metadata": {"name": "w"}, "spec": filled}


NULLS = {
    "nodeSelector": ("apps/v1/deployments", workload("Deployment", template=pods(nodeSelector=None))),
    "tolerations": ("apps/v1/deployments", workload("Deployment", template=pods(tolerations=None, affinity=None))),
    "env": ("apps/v1/deployments", workload("Deployment", template=pods(containers=[{**CONTAINER, "env": None}]))),
    "value of a variable": (
        "apps/v1/deployments",
        workload("Deployment", template=pods(containers=[{**CONTAINER, "env": [{"name": "A", "value": None}]}])),
    ),
    "item of args": (
        "apps/v1/deployments",
        workload("Deployment", template=pods(containers=[{**CONTAINER, "args": ["a", None]}])),
    ),
    "limits": (
        "apps/v1/deployments",
        workload("Deployment", template=pods(containers=[{**CONTAINER, "resources": {"limits": {"cpu": None}}}])),
    ),
    "replicas": ("apps/v1/deployments", workload("Deployment", replicas=None, strategy=None)),
    "status": ("apps/v1/deployments", {**workload("Deployment"), "status": None}),
    "creationTimestamp": (
        "apps/v1/statefulsets",
        workload(
            "StatefulSet",
            serviceName="w",
            volumeClaimTemplates=[
                {
                    "metadata": {"name": "d", "creationTimestamp": None},
                    "spec": {
                        "accessModes": ["ReadWriteOnce"],
                        "storageClassName": None,
                        "resources": {"requests": {"storage": "1Gi"}},
                    },
                    "status": None,
                }
            ],
        ),
    ),
    "ingress": (
        "networking.k8s.io/v1/networkpolicies",
        {
            "apiVersion": "networking.k8s.io/v1",
            "kind": "NetworkPolicy",
            "metadata": {"name": "w"},
            "spec": {"podSelector": {"matchLabels": None}, "ingress": None, "egress": [{"to": None}]},
        },
    ),
    "data": ("v1/configmaps", {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "w"}, "data": None}),
    "value of data": (
        "v1/configmaps",
        {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "w"}, "data": {"a": None}},
    ),
    "value of a secret": (
        "v1/secrets",
        {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "w"}, "data": {"a": None}, "type": None},
    ),
    "annotations": (
        "v1/configmaps",
        {
            "apiVersion": "v1",
            "kind": "ConfigMap",
            "metadata": {"name": "w", "annotations": None, "labels": {"a": None}, "creationTimestamp": None},
        },
    ),
    "ports": (
        "v1/services",
        {
            "apiVersion": "v1",
            "kind": "Service",
            "metadata": {"name": "w"},
            "spec": {"ports": [{"port": 80, "name": None, "targetPort": None}], "externalIPs": None, "type": None},
        },
    ),
    "rules": (
        "rbac.authorization.k8s.io/v1/roles",
        {
            "apiVersion": "rbac.authorization.k8s.io/v1",
            "kind": "Role",
            "metadata": {"name": "w"},
            "rules": [{"apiGroups": [""], "resources": ["pods"], "verbs": ["get"], "resourceNames": None}],
        },
    ),
}


def place(kind: str) -> str:
    group, plural = kind.rsplit("/", 1)
    return f"/{'api' if group == 'v1' else 'apis'}/{group}/namespaces/default/{plural}"


def nulls(value: Any) -> bool:
    inner = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    return value is None or any(nulls(each) for each in inner)


@pytest.mark.parametrize("case", NULLS)
async def test_an_applied_null_is_absent(api: Caller, case: str) -> None:
    kind, obj = NULLS[case]
    path = f"{place(kind)}/w"
    made = await api.patch(f"{path}?{HOW}", obj, media=APPLY)
    assert made.status == 201, made.body
    assert not nulls({key: value for key, value in made.body.items() if key != "metadata"})
    again = await api.patch(f"{path}?{HOW}", obj, media=APPLY)
    assert (again.status, again.body["metadata"]["resourceVersion"]) == (200, made.body["metadata"]["resourceVersion"])


@pytest.mark.parametrize("case", NULLS)
async def test_a_null_is_absent_in_every_other_write(api: Caller, case: str) -> None:
    kind, obj = NULLS[case]
    made = await api.post(place(kind), obj)
    assert made.status == 201, made.body
    path = f"{place(kind)}/w"
    assert (await api.put(path, obj)).status == 200
    for media in (MERGE, STRATEGIC):
        assert (await api.patch(path, json.loads(json.dumps(obj)), media=media)).status == 200
    add = [{"op": "add", "path": f"/{name}", "value": obj[name]} for name in obj if name in {"spec", "data", "rules"}]
    assert (await api.patch(path, add, media=JSON_PATCH)).status == 200
    final = (await api.get(path)).body
    assert not nulls({key: value for key, value in final.items() if key != "metadata"})


async def test_an_applied_null_leaves_what_others_own_in_a_map_that_is_shared(api: Caller) -> None:
    path = f"{place('v1/configmaps')}/w?fieldManager="
    config = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "w"}}
    await api.patch(f"{path}one", {**config, "data": {"a": "1"}}, media=APPLY)
    answer = await api.patch(f"{path}two", {**config, "data": None}, media=APPLY)
    assert (answer.status, answer.body["data"]) == (200, {"a": "1"})


async def test_zero_values_are_answered_with_defaults(api: Caller) -> None:
    spec = {"type": "", "sessionAffinity": "", "ports": [{"port": 80, "targetPort": 0, "protocol": ""}]}
    service = {"apiVersion": "v1", "kind": "Service", "metadata": {"name": "w"}, "spec": spec}
    for answer in (
        await api.post(place("v1/services"), service),
        await api.patch(f"{place('v1/services')}/v?{HOW}", {**service, "metadata": {"name": "v"}}, media=APPLY),
    ):
        assert answer.status in {200, 201}, answer.body
        seen = answer.body["spec"]
        assert (seen["type"], seen["sessionAffinity"]) == ("ClusterIP", "None")
        assert seen["ports"] == [{"port": 80, "targetPort": 80, "protocol": "TCP"}]


OLD = {
    "pods": {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": "w"},
        "spec": {"containers": [CONTAINER], "nodeName": "n", "volumes": [{"name": "v", "configMap": {"name": "c"}}]},
    },
    "jobs.batch": {
        "apiVersion": "batch/v1",
        "kind": "Job",
        "metadata": {"name": "w"},
        "spec": {
            "template": {"spec": {"containers": [CONTAINER], "restartPolicy": "Never", "volumes": [{"name": "v"}]}}
        },
    },
    "statefulsets.apps": workload(
        "StatefulSet",
        serviceName="w",
        volumeClaimTemplates=[
            {
                "metadata": {"name": "d"},
                "spec": {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Gi"}}},
            }
        ],
    ),
}


@pytest.mark.parametrize("kind", OLD)
async def test_defaults_that_came_later_change_nothing_of_what_is_stored(
    plane: ControlPlane, api: Caller, kind: str
) -> None:
    """An object of an older control plane lacks them; that is neither a change nor a new generation."""
    plural, _, group = kind.partition(".")
    path = f"{place(f'{group}/v1/{plural}' if group else f'v1/{plural}')}/w"
    metadata = {"name": "w", "namespace": "default", "uid": "u", "generation": 3}
    await plane.store.put(Key(kind, "default", "w"), {**OLD[kind], "metadata": metadata})
    before = (await api.get(path)).body["metadata"]
    labelled = await api.patch(path, {"metadata": {"labels": {"a": "b"}}})
    assert labelled.status == 200, labelled.body
    assert labelled.body["metadata"]["generation"] == before["generation"]
    revision = labelled.body["metadata"]["resourceVersion"]
    again = await api.patch(path, {"metadata": {"labels": {"a": "b"}}})
    assert again.body["metadata"]["resourceVersion"] == revision


async def test_a_pod_that_has_its_place_changes_its_images_and_little_else(api: Caller) -> None:
    path = f"{place('v1/pods')}/w"
    await api.post(place("v1/pods"), OLD["pods"])
    image = await api.patch(path, {"spec": {"containers": [{"name": "a", "image": "x:2"}]}}, media=STRATEGIC)
    assert (image.status, image.body["spec"]["containers"][0]["image"]) == (200, "x:2")
    other = await api.patch(path, {"spec": {"dnsPolicy": "Default"}})
    assert other.status == 422
    assert "Forbidden: pod updates may not change fields other than `spec.containers[*].image`" in other.body["message"]


@pytest.mark.parametrize(
    ("quantity", "status"),
    [
        *[(good, 201) for good in ("1", "0.5", ".5", "100m", "1Gi", "128Mi", "1e3", "5E", "2k", "+1", "1.", 2, 0.5)],
        *[(bad, 400) for bad in ("", "1 Gi", "1gb", "1GiB", "lots", "1Mi ", "0x10", "1e", "1K", True)],
    ],
    ids=repr,
)
async def test_a_quantity_is_a_number_with_a_unit_that_there_is(api: Caller, quantity: Any, status: int) -> None:
    resources = {"limits": {"memory": quantity}}
    obj = workload("Deployment", template=pods(containers=[{**CONTAINER, "resources": resources}]))
    assert (await api.post(place("apps/v1/deployments"), obj)).status == status


async def test_a_large_answer_in_another_form_is_the_small_ones_put_together(api: Caller) -> None:
    for number in range(3):
        obj = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": f"w{number}"}, "data": {"a": "x" * 70_000}}
        await api.post(place("v1/configmaps"), obj)
    table = "application/json;as=Table;v=v1;g=meta.k8s.io"
    rows = (await api.get(place("v1/configmaps"), accept=table)).body["rows"]
    names = [f"w{number}" for number in range(3)]
    assert [row["cells"][0] for row in rows if row["cells"][0] in names] == names
    one = await api.get(f"{place('v1/configmaps')}/w0", accept="application/yaml")
    assert (one.status, yaml.safe_load(one.body)["data"]) == (200, {"a": "x" * 70_000})
