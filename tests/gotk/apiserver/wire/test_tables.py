"""Tables hold what kubectl prints."""

import datetime as dt
from typing import Any

import pytest

from deploy import crds as ours
from gotk.apiserver.builtin import served
from gotk.apiserver.resources import crds, jsonpath
from gotk.apiserver.wire import tables
from tests.gotk.apiserver import answers

(POLICY,) = crds.resources(answers.CRD)
NOW = dt.datetime(2026, 11, 21, 2, 24, 2, tzinfo=dt.UTC)


def test_a_custom_table_is_the_one_that_upstream_answers() -> None:
    expected = answers.answer("table")
    live = answers.answer("get status")
    found = tables.table(POLICY, [live], now=NOW)
    assert found["columnDefinitions"] == expected["columnDefinitions"]
    assert found["rows"][0]["cells"] == expected["rows"][0]["cells"]
    assert found["rows"][0]["object"]["kind"] == "PartialObjectMetadata"
    assert found["rows"][0]["object"]["metadata"] == live["metadata"]


@pytest.mark.parametrize(("include", "keys"), [("None", {"cells"}), ("Object", {"cells", "object"})])
def test_a_row_holds_as_much_of_the_object_as_was_asked_for(include: str, keys: set[str]) -> None:
    live = answers.answer("get status")
    (row,) = tables.table(POLICY, [live], include_object=include, headers=False, now=NOW)["rows"]
    assert set(row) == keys
    assert row.get("object", live) is live


def test_a_watch_sends_its_columns_once() -> None:
    assert tables.table(POLICY, [], headers=False, now=NOW)["columnDefinitions"] == []


OBJECT = {
    "a": {"b.c": 1, "d": [{"type": "Ready", "status": "True"}, {"type": "Stalled", "n": 3}]},
    "list": ["x", "y"],
}
PATHS: dict[str, tuple[str, list[Any]]] = {
    "an escaped dot": (r".a.b\.c", [1]),
    "a quoted key": (".a['b.c']", [1]),
    "a filter": ('.a.d[?(@.type=="Ready")].status', ["True"]),
    "a filter with single quotes": (".a.d[?(@.type=='Stalled')].n", [3]),
    "a filter by number": (".a.d[?(@.n>2)].type", ["Stalled"]),
    "every item": (".a.d[*].type", ["Ready", "Stalled"]),
    "an index": (".list[1]", ["y"]),
    "the last": (".list[-1]", ["y"]),
    "braces": ("{.list[0]}", ["x"]),
    "nothing there": (".a.nope.deeper", []),
}


@pytest.mark.parametrize(("path", "expected"), PATHS.values(), ids=PATHS.keys())
def test_paths_lead_where_upstreams_do(path: str, expected: list[Any]) -> None:
    assert jsonpath.find(path, OBJECT) == expected


def test_a_path_that_is_none_is_refused() -> None:
    with pytest.raises(ValueError, match="unexpected character"):
        jsonpath.parse(".a[")


@pytest.mark.parametrize("resource", served.RESOURCES, ids=lambda r: f"{r.group}-{r.kind}")
def test_a_bare_object_of_every_kind_has_a_row(resource: Any) -> None:
    obj = {"metadata": {"name": "x", "creationTimestamp": "2026-11-21T02:14:02Z"}}
    made = tables.table(resource, [obj], now=NOW)
    assert len(made["rows"][0]["cells"]) == len(made["columnDefinitions"])
    assert "x" in made["rows"][0]["cells"]


def test_a_pod_shows_its_containers_and_why_they_wait() -> None:
    pods = next(r for r in served.RESOURCES if r.kind == "Pod")
    pod = {
        "metadata": {"name": "p", "creationTimestamp": "2026-11-21T02:14:02Z"},
        "spec": {"containers": [{"name": "a"}, {"name": "b"}]},
        "status": {
            "phase": "Running",
            "containerStatuses": [
                {"ready": True, "restartCount": 2, "state": {"running": {}}},
                {"ready": False, "restartCount": 1, "state": {"waiting": {"reason": "CrashLoopBackOff"}}},
            ],
        },
    }
    (row,) = tables.table(pods, [pod], now=NOW)["rows"]
    assert row["cells"] == ["p", "1/2", "CrashLoopBackOff", "3", "10m", "<none>", "<none>", "<none>", "<none>"]


@pytest.mark.parametrize("crd", ours.load(), ids=lambda crd: crd["spec"]["names"]["kind"])
def test_our_columns_are_those_of_flux(crd: dict[str, Any]) -> None:
    names = [c["name"] for c in tables.columns(crds.resources(crd)[0])]
    assert (
        names
        == {
            "ImageRepository": ["Name", "Image", "Tags", "Ready", "Status", "Last scan", "Age"],
            "ImagePolicy": ["Name", "Image", "Tag", "Ready", "Status", "Age"],
            "ImageUpdateAutomation": ["Name", "Ready", "Status", "Last run", "Age"],
            "GitRepository": ["Name", "URL", "Age", "Ready", "Status"],
            "ExternalArtifact": ["Name", "Age", "Ready", "Status", "Source"],
            "HelmRepository": ["Name", "URL", "Age", "Ready", "Status"],
            "HelmChart": ["Name", "Chart", "Version", "Source Kind", "Source Name", "Age", "Ready", "Status"],
            "Bucket": ["Name", "Endpoint", "Age", "Ready", "Status"],
            "OCIRepository": ["Name", "URL", "Ready", "Status", "Age"],
            "Kustomization": ["Name", "Age", "Ready", "Status"],
            "HelmRelease": ["Name", "Age", "Ready", "Status"],
            "ArtifactGenerator": ["Name", "Age", "Ready", "Status"],
            "Receiver": ["Name", "Age", "Ready", "Status"],
            "Provider": ["Name", "Age"],
            "Alert": ["Name", "Age"],
        }[crd["spec"]["names"]["kind"]]
    )


OLD = {
    "metadata": {"name": "e.1"},
    "involvedObject": {"kind": "Pod", "name": "p", "fieldPath": "spec.containers{a}"},
    "type": "Warning",
    "reason": "BackOff",
    "message": " restarting \n",
    "source": {"component": "kubelet", "host": "n1"},
    "firstTimestamp": "2026-11-21T01:24:02Z",
    "lastTimestamp": "2026-11-21T02:23:52Z",
    "count": 7,
}
NEW = {
    "metadata": {"name": "e.2"},
    "regarding": {"kind": "Node"},
    "type": "Normal",
    "reason": "Ready",
    "note": "it is",
    "reportingController": "example.org/c",
    "eventTime": "2026-11-21T02:24:00.000000Z",
}
SERIES = {**NEW, "series": {"count": 3, "lastObservedTime": "2026-11-21T02:24:01.000000Z"}}


@pytest.mark.parametrize(
    ("event", "cells"),
    [
        (
            OLD,
            ["10s", "Warning", "BackOff", "pod/p", "spec.containers{a}", "kubelet, n1", "restarting", "60m", 7, "e.1"],
        ),
        (NEW, ["2s", "Normal", "Ready", "node", "", "example.org/c", "it is", "2s", 1, "e.2"]),
        (SERIES, ["1s", "Normal", "Ready", "node", "", "example.org/c", "it is", "2s", 3, "e.2"]),
        ({"metadata": {"name": "e"}}, ["<unknown>", "", "", "", "", "", "", "<unknown>", 1, "e"]),
    ],
    ids=["old", "new", "series", "empty"],
)
@pytest.mark.parametrize("group", ["", "events.k8s.io"])
def test_an_event_begins_with_when_it_was_seen_last(group: str, event: Any, cells: list[Any]) -> None:
    (kind,) = (r for r in served.RESOURCES if (r.group, r.kind) == (group, "Event"))
    table = tables.table(kind, [event], now=NOW)
    assert [column["name"] for column in table["columnDefinitions"] if not column["priority"]] == [
        "Last Seen",
        "Type",
        "Reason",
        "Object",
        "Message",
    ]
    assert [column["name"] for column in table["columnDefinitions"]][4::2] == ["Subobject", "Message", "Count"]
    assert table["rows"][0]["cells"] == cells


COLUMNS = {
    "PersistentVolume": (
        {
            "spec": {
                "capacity": {"storage": "1Gi"},
                "accessModes": ["ReadWriteMany", "ReadWriteOnce"],
                "persistentVolumeReclaimPolicy": "Retain",
                "claimRef": {"namespace": "d", "name": "c"},
                "volumeMode": "Block",
            },
            "status": {"phase": "Bound"},
        },
        ["1Gi", "RWO,RWX", "Retain", "Bound", "d/c", "", "<unset>", "", "<unknown>", "Block"],
    ),
    "HorizontalPodAutoscaler": (
        {
            "spec": {
                "scaleTargetRef": {"kind": "Deployment", "name": "w"},
                "minReplicas": 1,
                "maxReplicas": 3,
                "metrics": [
                    {
                        "type": "Resource",
                        "resource": {"name": "cpu", "target": {"type": "Utilization", "averageUtilization": 80}},
                    },
                    {"type": "Pods", "pods": {"target": {"averageValue": "10"}}},
                    {"type": "External", "external": {"target": {"value": "5"}}},
                ],
            },
            "status": {
                "currentReplicas": 2,
                "currentMetrics": [{"type": "Resource", "resource": {"current": {"averageUtilization": 20}}}],
            },
        },
        ["Deployment/w", "cpu: 20%/80%,<unknown>/10 + 1 more...", "1", 3, 2, "<unknown>"],
    ),
    "PodDisruptionBudget": (
        {"spec": {"maxUnavailable": "50%"}, "status": {"disruptionsAllowed": 1}},
        ["N/A", "50%", 1, "<unknown>"],
    ),
    "EndpointSlice": (
        {
            "addressType": "IPv4",
            "ports": [{"port": 80}, {"name": "x"}],
            "endpoints": [{"addresses": [f"10.0.0.{n}"]} for n in range(5)],
        },
        ["IPv4", "80,x", "10.0.0.0,10.0.0.1,10.0.0.2 + 2 more...", "<unknown>"],
    ),
    "IngressClass": (
        {"spec": {"controller": "e.org/c", "parameters": {"kind": "P", "apiGroup": "e.org", "name": "p"}}},
        ["e.org/c", "P.e.org/p", "<unknown>"],
    ),
    "PriorityClass": ({"value": 7}, [7, False, "<unknown>", ""]),
    "ServiceAccount": ({}, ["<unknown>"]),
    "Job": (
        {
            "spec": {"parallelism": 3},
            "status": {
                "succeeded": 1,
                "startTime": "2026-11-21T02:20:00Z",
                "completionTime": "2026-11-21T02:21:30Z",
                "conditions": [{"type": "SuccessCriteriaMet", "status": "True"}],
            },
        },
        ["SuccessCriteriaMet", "1/1 of 3", "90s", "<unknown>", "<none>", "<none>", "<none>"],
    ),
    "StorageClass": (
        {"provisioner": "p", "volumeBindingMode": "Immediate", "allowVolumeExpansion": True},
        ["p", "Delete", "Immediate", True, "<unknown>"],
    ),
}


@pytest.mark.parametrize("kind", COLUMNS)
def test_a_built_in_kind_has_upstreams_columns(kind: str) -> None:
    obj, found = COLUMNS[kind]
    (resource,) = (r for r in served.RESOURCES if r.kind == kind)
    made = tables.table(resource, [{"metadata": {"name": "n"}, **obj}], now=NOW)
    assert made["rows"][0]["cells"] == ["n", *found]
    assert len(made["columnDefinitions"]) == len(found) + 1
