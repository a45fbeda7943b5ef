"""What deploys an automation's updates, as the cluster shows it when they fail."""

from typing import Any

from gotk.api import scheme
from gotk.api.kustomize import Kustomization


def deployed(tried: str, good: str, *, ready: str = "False", name: str = "apps", **spec: Any) -> Kustomization:
    reason = "HealthCheckFailed" if ready == "False" else "ReconciliationSucceeded"
    condition = {
        "type": "Ready", "status": ready, "reason": reason,
        "message": "timeout waiting for: [Deployment/apps/web]", "observedGeneration": 1,
        "lastTransitionTime": "2026-01-01T12:02:00Z",
    }  # fmt: skip
    return scheme.convert(
        {
            "apiVersion": "kustomize.toolkit.fluxcd.io/v1",
            "kind": "Kustomization",
            "metadata": {"name": name, "namespace": "apps", "generation": 1},
            "spec": {
                "path": f"./{name}",
                "interval": "1m",
                "prune": True,
                "sourceRef": {"kind": "GitRepository", "name": "fleet"},
                **spec,
            },
            "status": {
                "conditions": [condition],
                "lastAttemptedRevision": f"main@sha1:{tried}",
                "lastAppliedRevision": f"main@sha1:{good}",
            },
        },
        Kustomization,
    )
