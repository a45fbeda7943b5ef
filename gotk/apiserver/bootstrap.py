"""What is there before the first request: namespaces, definitions, and the usual roles where roles are enforced."""

from collections.abc import Sequence
from typing import Any

from gotk.apiserver.access import rbac, roles
from gotk.apiserver.call import Plane
from gotk.apiserver.resources import versions
from gotk.apiserver.wire import options

NAMESPACES = ("default", "kube-system", "kube-public", "kube-node-lease")
_HOW = options.Write(manager="control-plane", validation="Ignore")


async def run(plane: Plane, crds: Sequence[dict[str, Any]]) -> None:
    """Create what is missing."""
    await _namespaces(plane)
    await _definitions(plane, crds)
    if plane.authorizer.enforcing():
        await _roles(plane)


async def _roles(plane: Plane) -> None:
    for plural, wanted in (("clusterroles", roles.cluster_roles()), ("clusterrolebindings", roles.bindings())):
        resource = plane.registry.lookup(rbac.GROUP, "v1", plural)
        assert resource is not None
        for obj in wanted:
            old = plane.store.latest(plane.writer.key(resource, "", obj["metadata"]["name"]))
            if old is None:
                await plane.writer.create(resource, "", obj, _HOW)
                continue
            before = old.object()
            if (before["metadata"].get("annotations") or {}).get(roles.AUTOUPDATE) != "false":
                kept = {} if "aggregationRule" in obj else {"rules": obj.get("rules"), "subjects": obj.get("subjects")}
                await plane.writer.replace(resource, old, {**before, **{k: v for k, v in kept.items() if v}}, _HOW)


async def _definitions(plane: Plane, crds: Sequence[dict[str, Any]]) -> None:
    definitions = plane.registry.lookup("apiextensions.k8s.io", "v1", "customresourcedefinitions")
    assert definitions is not None
    for crd in crds:
        key = plane.writer.key(definitions, "", crd["metadata"]["name"])
        old = plane.store.latest(key)
        if old is None:
            await plane.writer.create(definitions, "", {**crd, "metadata": dict(crd["metadata"])}, _HOW)
        else:
            before = versions.convert(old.object(), definitions)
            new = {**before, "metadata": _with_marks(before["metadata"], crd["metadata"]), "spec": crd["spec"]}
            await plane.writer.replace(definitions, old, new, _HOW)


def _with_marks(before: dict[str, Any], given: dict[str, Any]) -> dict[str, Any]:
    """Return the metadata with the labels and annotations that are given; what others put there stays."""
    kept = {name: {**(before.get(name) or {}), **(given.get(name) or {})} for name in ("labels", "annotations")}
    return {**before, **{name: entries for name, entries in kept.items() if entries}}


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
