"""The service as an object of the control plane that it brings: what `flux check` and `flux version` look for.

Flux's command line knows an installation by the Deployments in `flux-system` that are labelled as its parts, and every
tutorial begins in that namespace. On a cluster those come with the manifests. An embedded control plane has neither
manifests nor pods, so the process describes itself: one Deployment, which is available because whoever reads it is
answered by the process that it stands for. It stays so when a kit is applied over it, for `install` and `bootstrap`
wait for that.
"""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from datetime import datetime
from typing import Any, Final

import structlog

from gotk.kube import errors
from gotk.kube.client import Client
from gotk.runtime import clock

NAMESPACE: Final = "flux-system"
NAME: Final = "image-automation"
_DEPLOYMENT: Final = ("apps/v1", "Deployment")
_PAUSE: Final = 5.0
_PART_OF_FLUX: Final = {"app.kubernetes.io/part-of": "flux", "app.kubernetes.io/instance": NAMESPACE}


@contextlib.asynccontextmanager
async def standing(client: Client, version: str, at: clock.Clock, *, simulated: bool = False) -> AsyncIterator[None]:
    """Describe the service, and keep its Deployment available as long as the block lasts. Raises what the block raises.

    Where workloads are simulated, that is the simulator's to say of a Deployment that somebody else applies.
    """
    await show(client, version, at.now())
    if simulated:
        yield
        return
    failure: Exception | None = None
    async with asyncio.TaskGroup() as group:
        keeping = group.create_task(_keep(client, at))
        try:
            yield
        except Exception as error:  # noqa: BLE001 - raised again below
            failure = error
        finally:
            keeping.cancel()
    if failure is not None:
        raise failure


async def show(client: Client, version: str, now: datetime) -> None:
    """Write the namespace and the Deployment, and that it is available; where that is refused, say so and go on."""
    try:
        await _write(client, version, clock.rfc3339(now))
    except errors.APIError as error:
        log = structlog.get_logger()
        log.warning("cannot describe the service on its control plane, so `flux check` fails", error=error.message)


async def _keep(client: Client, at: clock.Clock) -> None:
    """Look at each change of the Deployment; after a failure, at what is there then."""
    while True:
        try:
            async for type_, found in client.watch_objects(*_DEPLOYMENT, NAMESPACE, fields=f"metadata.name={NAME}"):
                if type_ in {"ADDED", "MODIFIED"}:
                    await _look(client, found, clock.rfc3339(at.now()))
        except errors.APIError as error:
            structlog.get_logger().info("cannot keep the service's own Deployment, trying again", error=error.message)
            await at.sleep(_PAUSE)


async def _look(client: Client, found: dict[str, Any], now: str) -> None:
    generation, status = found["metadata"]["generation"], found.get("status") or {}
    if status.get("observedGeneration") != generation:
        wanted = {"status": _status(generation, now, found["spec"].get("replicas", 1))}
        await client.patch_object(*_DEPLOYMENT, NAMESPACE, NAME, wanted, subresource="status", field_manager=NAME)


async def _write(client: Client, version: str, now: str) -> None:
    namespace = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": NAMESPACE}}
    await client.apply_object(namespace, field_manager=NAME)
    applied = await client.apply_object(_deployment(version), field_manager=NAME)
    status = _status(applied["metadata"]["generation"], now)
    await client.patch_object(
        *_DEPLOYMENT, NAMESPACE, NAME, {"status": status}, subresource="status", field_manager=NAME
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


def _status(generation: int, now: str, replicas: int = 1) -> dict[str, Any]:
    times = {"lastUpdateTime": now, "lastTransitionTime": now}
    return {
        "observedGeneration": generation,
        **dict.fromkeys(("replicas", "updatedReplicas", "readyReplicas", "availableReplicas"), replicas),
        "conditions": [
            {"type": "Available", "status": "True", "reason": "MinimumReplicasAvailable", **times},
            {"type": "Progressing", "status": "True", "reason": "NewReplicaSetAvailable", **times},
        ],
    }
