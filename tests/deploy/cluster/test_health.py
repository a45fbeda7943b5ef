"""How an object is doing: kstatus' rules, kind by kind."""

from datetime import UTC, datetime
from typing import Any

import pytest

from deploy.cluster import health

NOW = datetime(2026, 1, 1, 12, tzinfo=UTC)


def obj(api_version: str, kind: str, status: Any = None, spec: Any = None, **metadata: Any) -> dict[str, Any]:
    return {"apiVersion": api_version, "kind": kind, "metadata": metadata, "spec": spec or {}, "status": status or {}}


def condition(type_: str, status: str, reason: str = "", message: str = "") -> dict[str, str]:
    return {"type": type_, "status": status, "reason": reason, "message": message}


GOOD: dict[str, Any] = {"replicas": 2, "updatedReplicas": 2, "readyReplicas": 2, "availableReplicas": 2}
AVAILABLE = [condition("Progressing", "True", "NewReplicaSetAvailable"), condition("Available", "True")]


def deployment(**status: Any) -> dict[str, Any]:
    return obj("apps/v1", "Deployment", {**GOOD, "conditions": AVAILABLE, **status}, {"replicas": 2})


def stateful_set(spec: Any = None, **status: Any) -> dict[str, Any]:
    good = {"replicas": 2, "readyReplicas": 2, "currentReplicas": 2, "updatedReplicas": 2}
    return obj("apps/v1", "StatefulSet", good | status, {"replicas": 2, **(spec or {})})


def daemon_set(**status: Any) -> dict[str, Any]:
    names = (
        "desiredNumberScheduled",
        "currentNumberScheduled",
        "updatedNumberScheduled",
        "numberAvailable",
        "numberReady",
    )
    return obj("apps/v1", "DaemonSet", dict.fromkeys(names, 2) | {"observedGeneration": 1} | status, generation=1)


CRASHING = {"state": {"waiting": {"reason": "CrashLoopBackOff"}}}
UNSCHEDULABLE = [condition("PodScheduled", "False", "Unschedulable")]
CASES: dict[str, tuple[dict[str, Any], str]] = {
    "nothing known": (obj("x/v1", "Thing"), "Current"),
    "no status": ({"apiVersion": "x/v1", "kind": "Thing", "metadata": {}, "status": None}, "Current"),
    "being deleted": (obj("x/v1", "Thing", deletionTimestamp="2026-01-01T00:00:00Z"), "Terminating"),
    "not observed": (obj("x/v1", "Thing", {"observedGeneration": 1}, generation=2), "InProgress"),
    "reconciling": (obj("x/v1", "Thing", {"conditions": [condition("Reconciling", "True")]}), "InProgress"),
    "stalled": (obj("x/v1", "Thing", {"conditions": [condition("Stalled", "True", message="m")]}), "Failed"),
    "ready": (obj("x/v1", "Thing", {"conditions": [condition("Ready", "True")]}), "Current"),
    "not ready": (obj("x/v1", "Thing", {"conditions": [condition("Ready", "False")]}), "InProgress"),
    "ready unknown": (obj("x/v1", "Thing", {"conditions": [condition("Ready", "Unknown")]}), "InProgress"),
    "deployment": (deployment(), "Current"),
    "deployment, no status": (obj("apps/v1", "Deployment"), "InProgress"),
    "deployment, replicas": (deployment(replicas=1), "InProgress"),
    "deployment, updated": (deployment(updatedReplicas=1), "InProgress"),
    "deployment, extra": (deployment(replicas=3), "InProgress"),
    "deployment, available": (deployment(availableReplicas=1), "InProgress"),
    "deployment, ready": (deployment(readyReplicas=1), "InProgress"),
    "deployment, not available": (deployment(conditions=[]), "InProgress"),
    "deployment, the deadline that stands for none": (
        {
            **deployment(conditions=[condition("Available", "True")]),
            "spec": {"replicas": 2, "progressDeadlineSeconds": 2147483647},
        },
        "Current",
    ),
    "observed beyond its generation": (
        obj("x/v1", "Thing", {"observedGeneration": 3}, generation=2),
        "InProgress",
    ),
    "deployment, deadline": (
        deployment(conditions=[condition("Progressing", "False", "ProgressDeadlineExceeded")]),
        "Failed",
    ),
    "deployment, scaled to nothing": (
        obj("apps/v1", "Deployment", {"conditions": AVAILABLE}, {"replicas": 0}),
        "Current",
    ),
    "stateful set": (stateful_set(), "Current"),
    "stateful set, ready": (stateful_set(readyReplicas=1), "InProgress"),
    "stateful set, on delete": (stateful_set({"updateStrategy": {"type": "OnDelete"}}, replicas=0), "Current"),
    "stateful set, revision": (stateful_set(currentRevision="a", updateRevision="b"), "InProgress"),
    "stateful set, partition": (
        stateful_set({"updateStrategy": {"rollingUpdate": {"partition": 1}}}, updatedReplicas=1, currentReplicas=1),
        "Current",
    ),
    "daemon set": (daemon_set(), "Current"),
    "daemon set, ready": (daemon_set(numberReady=1), "InProgress"),
    "daemon set, not observed": (obj("apps/v1", "DaemonSet"), "InProgress"),
    "replica set": (
        obj(
            "apps/v1",
            "ReplicaSet",
            {"replicas": 1, "fullyLabeledReplicas": 1, "availableReplicas": 1, "readyReplicas": 1},
        ),
        "Current",
    ),
    "replica set, failure": (
        obj("apps/v1", "ReplicaSet", {"conditions": [condition("ReplicaFailure", "True")]}),
        "InProgress",
    ),
    "pod, done": (obj("v1", "Pod", {"phase": "Succeeded"}), "Current"),
    "pod, ready": (obj("v1", "Pod", {"phase": "Running", "conditions": [condition("Ready", "True")]}), "Current"),
    "pod, crashing": (obj("v1", "Pod", {"phase": "Running", "containerStatuses": [CRASHING]}), "Failed"),
    "pod, pending": (obj("v1", "Pod", {"phase": "Pending"}), "InProgress"),
    "pod, just unschedulable": (
        obj("v1", "Pod", {"conditions": UNSCHEDULABLE}, creationTimestamp="2026-01-01T11:59:50Z"),
        "InProgress",
    ),
    "pod, unschedulable": (
        obj("v1", "Pod", {"conditions": UNSCHEDULABLE}, creationTimestamp="2026-01-01T11:59:00Z"),
        "Failed",
    ),
    "job, running": (obj("batch/v1", "Job"), "InProgress"),
    "job, suspended": (obj("batch/v1", "Job", spec={"suspend": True}), "Current"),
    "job, complete": (obj("batch/v1", "Job", {"conditions": [condition("Complete", "True")]}), "Current"),
    "job, failed": (obj("batch/v1", "Job", {"conditions": [condition("Failed", "True")]}), "Failed"),
    "claim, bound": (obj("v1", "PersistentVolumeClaim", {"phase": "Bound"}), "Current"),
    "claim, pending": (obj("v1", "PersistentVolumeClaim", {"phase": "Pending"}), "InProgress"),
    "service": (obj("v1", "Service"), "Current"),
    "load balancer": (obj("v1", "Service", spec={"type": "LoadBalancer"}), "InProgress"),
    "load balancer with an address": (
        obj("v1", "Service", spec={"type": "LoadBalancer", "clusterIP": "10.0.0.1"}),
        "Current",
    ),
    "definition, new": (obj("apiextensions.k8s.io/v1", "CustomResourceDefinition"), "InProgress"),
    "definition": (
        obj("apiextensions.k8s.io/v1", "CustomResourceDefinition", {"conditions": [condition("Established", "True")]}),
        "Current",
    ),
    "definition, names": (
        obj(
            "apiextensions.k8s.io/v1", "CustomResourceDefinition", {"conditions": [condition("NamesAccepted", "False")]}
        ),
        "Failed",
    ),
    "config map": (obj("v1", "ConfigMap"), "Current"),
}


@pytest.mark.parametrize(("value", "expected"), CASES.values(), ids=CASES.keys())
def test_health(value: dict[str, Any], expected: str) -> None:
    assert health.of(value, NOW).state == expected
