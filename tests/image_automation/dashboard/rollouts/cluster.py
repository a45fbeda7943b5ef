"""Kustomizations and HelmReleases with what they applied, as an API server shows them."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from gotk.runtime.clock import rfc3339
from tests.image_automation.dashboard.showing import condition

NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)
_REVISION = "main@sha1:9f3c2e7a1b9f3c2e7a1b9f3c2e7a1b9f3c2e7a1b"


def plain(api_version: str, kind: str, name: str, namespace: str = "default", **more: Any) -> dict[str, Any]:
    return {"apiVersion": api_version, "kind": kind, "metadata": {"name": name, "namespace": namespace}, **more}


def deployment(name: str = "web", namespace: str = "default", *, available: int = 1) -> dict[str, Any]:
    counts = {"replicas": 1, "updatedReplicas": 1, "readyReplicas": available, "availableReplicas": available}
    conditions = [{"type": "Available", "status": "True" if available else "False"}]
    spec = {"replicas": 1, "selector": {"matchLabels": {"app": name}}}
    return plain("apps/v1", "Deployment", name, namespace, spec=spec, status={**counts, "conditions": conditions})


def crashing(workload: dict[str, Any]) -> list[dict[str, Any]]:
    """Return a pod that crashes, and one that runs."""
    name, namespace = workload["metadata"]["name"], workload["metadata"]["namespace"]
    waiting = {"reason": "CrashLoopBackOff", "message": f"back-off 40s restarting failed container={name}"}
    bad = {"name": name, "restartCount": 4, "state": {"waiting": waiting}}
    good = {"name": "proxy", "restartCount": 0, "state": {"running": {}}}
    pods = [("5d8f", [good, bad]), ("77aa", [{**bad, "state": {"running": {}}}])]
    made = [plain("v1", "Pod", f"{name}-{end}", namespace, status={"containerStatuses": each}) for end, each in pods]
    for pod in made:
        pod["metadata"]["labels"] = {"app": name}
    return made


def log(pod: str, namespace: str, *lines: str) -> dict[str, Any]:
    return plain("v1", "Log", pod, namespace, lines=list(lines))


def event(kind: str, name: str, namespace: str, message: str, now: datetime = NOON) -> dict[str, Any]:
    about = {"involvedObject": {"kind": kind, "name": name}, "type": "Warning", "reason": "HealthCheckFailed"}
    return plain("v1", "Event", f"{name}.1", namespace, **about, message=message, count=3, lastTimestamp=rfc3339(now))


def kustomization(
    name: str = "apps",
    namespace: str = "default",
    *,
    objects: Sequence[dict[str, Any]] = (),
    ready: tuple[str, str] = ("True", f"Applied revision: {_REVISION}"),
    now: datetime = NOON,
    **spec: Any,
) -> dict[str, Any]:
    entries = []
    for each in objects:
        group, _, version = each["apiVersion"].rpartition("/")
        meta = each["metadata"]
        entries.append({"id": f"{meta.get('namespace', '')}_{meta['name']}_{group}_{each['kind']}", "v": version})
    good = ready[0] == "True"
    snapshot = {
        "digest": f"sha256:{'1' * 64}",
        "firstReconciled": rfc3339(now - timedelta(minutes=9)),
        "lastReconciled": rfc3339(now - timedelta(minutes=2)),
        "lastReconciledDuration": "1.2s",
        "lastReconciledStatus": "ReconciliationSucceeded" if good else "HealthCheckFailed",
        "totalReconciliations": 3,
        "metadata": {"revision": _REVISION},
    }
    before = {
        **snapshot, "lastReconciledStatus": "ReconciliationSucceeded", "metadata": {"revision": "main@sha1:4ed1a90c77"},
        "lastReconciled": rfc3339(now - timedelta(hours=20)),
    }  # fmt: skip
    reason = "ReconciliationSucceeded" if good else "HealthCheckFailed"
    said = {**condition("Ready", ready[0], ready[1], reason), "lastTransitionTime": rfc3339(now - timedelta(minutes=2))}
    return plain(
        "kustomize.toolkit.fluxcd.io/v1",
        "Kustomization",
        name,
        namespace,
        spec={"interval": "10m", "prune": True, "sourceRef": {"kind": "GitRepository", "name": "fleet"}, **spec},
        status={
            "observedGeneration": 1,
            "conditions": [said],
            "lastAppliedRevision": _REVISION,
            "lastAttemptedRevision": _REVISION,
            "inventory": {"entries": entries},
            "history": [snapshot, before],
        },
    )


def release(name: str = "db", namespace: str = "default", *, now: datetime = NOON, **spec: Any) -> dict[str, Any]:
    made = {
        "digest": f"sha256:{'2' * 64}", "name": name, "namespace": namespace, "version": 4, "status": "deployed",
        "chartName": name, "chartVersion": "2.1.0", "appVersion": "16.2", "configDigest": f"sha256:{'3' * 64}",
        "firstDeployed": rfc3339(now - timedelta(days=9)), "lastDeployed": rfc3339(now - timedelta(hours=3)),
    }  # fmt: skip
    failed = {**made, "version": 3, "status": "failed", "chartVersion": "2.0.9"}
    said = condition("Ready", "True", f"Helm upgrade succeeded for release {namespace}/{name}.v4", "UpgradeSucceeded")
    chart = {"spec": {"chart": name, "sourceRef": {"kind": "HelmRepository", "name": "charts"}}}
    return plain(
        "helm.toolkit.fluxcd.io/v2",
        "HelmRelease",
        name,
        namespace,
        spec={"interval": "10m", "chart": chart, "driftDetection": {"mode": "warn"}, **spec},
        status={"observedGeneration": 1, "conditions": [said], "history": [made, failed]},
    )
