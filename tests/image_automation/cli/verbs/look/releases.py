"""HelmReleases on the embedded control plane, as the controller of another program would leave them."""

import contextlib
from collections.abc import Mapping
from typing import Any

from gotk.kube import errors
from gotk.kube.client import Client

_NAMES = {"kind": "HelmRelease", "listKind": "HelmReleaseList", "plural": "helmreleases", "singular": "helmrelease"}
_ANYTHING = {"type": "object", "x-kubernetes-preserve-unknown-fields": True}
_CRD = {
    "apiVersion": "apiextensions.k8s.io/v1",
    "kind": "CustomResourceDefinition",
    "metadata": {"name": "helmreleases.helm.toolkit.fluxcd.io"},
    "spec": {
        "group": "helm.toolkit.fluxcd.io",
        "names": _NAMES,
        "scope": "Namespaced",
        "versions": [
            {
                "name": "v2",
                "served": True,
                "storage": True,
                "subresources": {"status": {}},
                "schema": {"openAPIV3Schema": _ANYTHING},
            }
        ],
    },
}


async def release(client: Client, name: str, spec: Mapping[str, Any], status: Mapping[str, Any]) -> None:
    """Make a HelmRelease in `flux-system` with this status, whether or not the plane serves the kind already."""
    with contextlib.suppress(errors.AlreadyExists):
        await client.create_object(_CRD)
    api_version = "helm.toolkit.fluxcd.io/v2"
    metadata = {"name": name, "namespace": "flux-system"}
    obj = {"apiVersion": api_version, "kind": "HelmRelease", "metadata": metadata, "spec": {"interval": "1m", **spec}}
    await client.create_object(obj)
    patch = {"status": status}
    await client.patch_object(api_version, "HelmRelease", "flux-system", name, patch, subresource="status")
