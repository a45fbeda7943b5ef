"""HelmReleases on the embedded control plane, as a controller would leave them."""

from collections.abc import Mapping
from typing import Any

from gotk.kube.client import Client

_CHART = {"spec": {"chart": "web", "sourceRef": {"kind": "HelmRepository", "name": "charts"}}}
_SNAPSHOT = {
    "digest": "sha256:0", "name": "web", "namespace": "flux-system", "version": 1, "status": "deployed",
    "chartName": "web", "configDigest": "sha256:0",
    "firstDeployed": "2026-01-01T00:00:00Z", "lastDeployed": "2026-01-01T00:00:00Z",
}  # fmt: skip


async def release(client: Client, name: str, spec: Mapping[str, Any], status: Mapping[str, Any]) -> None:
    """Make a HelmRelease in `flux-system` with this status; what its history does not say is made up."""
    api_version = "helm.toolkit.fluxcd.io/v2"
    metadata = {"name": name, "namespace": "flux-system"}
    chart = {} if "chartRef" in spec else {"chart": _CHART}
    body = {"interval": "1m", **chart, **spec}
    await client.create_object({"apiVersion": api_version, "kind": "HelmRelease", "metadata": metadata, "spec": body})
    history = [_SNAPSHOT | each for each in status.get("history", ())]
    patch = {"status": {**status, "history": history}}
    await client.patch_object(api_version, "HelmRelease", "flux-system", name, patch, subresource="status")
