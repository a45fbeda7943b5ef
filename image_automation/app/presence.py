"""The service as an object of the control plane that it brings: what `flux check` and `flux version` look for.

Flux's command line knows an installation by the Deployments in `flux-system` that are labelled as its parts, and every
tutorial begins in that namespace. On a cluster those come with the manifests. An embedded control plane has neither
manifests nor pods, so the process describes itself: one Deployment, which is available because whoever reads it is
answered by the process that it stands for.
"""

from datetime import datetime
from typing import Any, Final

import structlog

from gotk.kube import errors
from gotk.kube.client import Client
from gotk.runtime import clock

NAMESPACE: Final = "flux-system"
NAME: Final = "image-automation"
_PART_OF_FLUX: Final = {"app.kubernetes.io/part-of": "flux", "app.kubernetes.io/instance": NAMESPACE}


async def show(client: Client, version: str, now: datetime) -> None:
    """Write the namespace and the Deployment, and that it is available; where that is refused, say so and go on."""
    try:
        await _write(client, version, clock.rfc3339(now))
    except errors.APIError as error:
        log = structlog.get_logger()
        log.warning("cannot describe the service on its control plane, so `flux check` fails", error=error.message)


async def _write(client: Client, version: str, now: str) -> None:
    namespace = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": NAMESPACE}}
    await client.apply_object(namespace, field_manager=NAME)
    applied = await client.apply_object(_deployment(version), field_manager=NAME)
    status = _status(applied["metadata"]["generation"], now)
    await client.patch_object(
        "apps/v1", "Deployment", NAMESPACE, NAME, {"status": status}, subresource="status", field_manager=NAME
    )


def _deployment(version: str) -> dict[str, Any]:
    app = {"app": NAME}
    container = {"name": "manager", "image": f"{NAME}:{version}"}
    labels = {**_PART_OF_FLUX, "app.kubernetes.io/component": NAME, "app.kubernetes.io/version": version}
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": NAME, "namespace": NAMESPACE, "labels": labels},
        "spec": {
            "replicas": 1,
            "selector": {"matchLabels": app},
            "template": {"metadata": {"labels": app}, "spec": {"containers": [container]}},
        },
    }


def _status(generation: int, now: str) -> dict[str, Any]:
    times = {"lastUpdateTime": now, "lastTransitionTime": now}
    return {
        "observedGeneration": generation,
        **dict.fromkeys(("replicas", "updatedReplicas", "readyReplicas", "availableReplicas"), 1),
        "conditions": [
            {"type": "Available", "status": "True", "reason": "MinimumReplicasAvailable", **times},
            {"type": "Progressing", "status": "True", "reason": "NewReplicaSetAvailable", **times},
        ],
    }
