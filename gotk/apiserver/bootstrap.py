"""What is there before the first request: namespaces, definitions."""

from collections.abc import Sequence
from typing import Any

from gotk.apiserver import options, versions
from gotk.apiserver.call import Plane

NAMESPACES = ("default", "kube-system", "kube-public", "kube-node-lease")
_HOW = options.Write(manager="control-plane", validation="Ignore")


async def run(plane: Plane, crds: Sequence[dict[str, Any]]) -> None:
    """Create what is missing."""
    await _namespaces(plane)
    await _definitions(plane, crds)


async def _definitions(plane: Plane, crds: Sequence[dict[str, Any]]) -> None:
    definitions = plane.registry.lookup("apiextensions.k8s.io", "v1", "customresourcedefinitions")
    assert definitions is not None
    for crd in crds:
        key = plane.writer.key(definitions, "", crd["metadata"]["name"])
        old = plane.store.latest(key)
        if old is None:
            await plane.writer.create(definitions, "", {**crd, "metadata": dict(crd["metadata"])}, _HOW)
        else:
            new = {**versions.convert(old.object(), definitions), "spec": crd["spec"]}
            await plane.writer.replace(definitions, old, new, _HOW)


async def _namespaces(plane: Plane) -> None:
    spaces = plane.registry.lookup("", "v1", "namespaces")
    assert spaces is not None
    for name in NAMESPACES:
        if plane.store.latest(plane.writer.key(spaces, "", name)) is None:
            obj = {
                "apiVersion": "v1",
                "kind": "Namespace",
                "metadata": {"name": name, "labels": {"kubernetes.io/metadata.name": name}},
                "spec": {"finalizers": ["kubernetes"]},
                "status": {"phase": "Active"},
            }
            await plane.writer.create(spaces, "", obj, _HOW)
