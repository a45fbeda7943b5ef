"""Workloads in known states, for the verbs of fluxctl to read."""

from typing import Any

from gotk.kube.client import Client


async def deployment(client: Client, name: str, image: str, *, updated: int = 1, **annotations: str) -> None:
    """Make a Deployment in `empty` with a sidecar, and say how far it is."""
    labels = {"app": name}
    containers = [{"name": name, "image": image}, {"name": "sidecar", "image": "example.com/proxy"}]
    obj = {
        "apiVersion": "apps/v1", "kind": "Deployment",
        "metadata": {"name": name, "namespace": "empty", "annotations": annotations},
        "spec": {
            "selector": {"matchLabels": labels},
            "template": {"metadata": {"labels": labels}, "spec": {"containers": containers}},
        },
    }  # fmt: skip
    await client.create_object(obj)
    status = {"observedGeneration": 1, "replicas": 1, "updatedReplicas": updated, "readyReplicas": updated}
    await client.patch_object("apps/v1", "Deployment", "empty", name, {"status": status}, subresource="status")


async def automation(client: Client, name: str, **spec: Any) -> None:
    """Make an ImageUpdateAutomation."""
    metadata = {"name": name, "namespace": "flux-system"}
    spec = {"interval": "1m", "sourceRef": {"kind": "GitRepository", "name": "podinfo"}} | spec
    kind = {"apiVersion": "image.toolkit.fluxcd.io/v1", "kind": "ImageUpdateAutomation"}
    await client.create_object({**kind, "metadata": metadata, "spec": spec})
