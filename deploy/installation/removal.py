"""What goes when the service goes: its own objects, never a user's. Pure: what is there in, what to delete out.

Answers to `flux uninstall`, with two differences. Definitions stay, since deleting one deletes every object of its
kind; and so does a namespace that holds anything of somebody else's.
"""

from collections.abc import Collection, Iterable, Mapping
from typing import Any

NAME = "image-automation"
_LABEL = "app.kubernetes.io/name"
#: Kinds of the kit, in the order of their deletion: what acts first, what it acts with last.
KINDS: tuple[tuple[str, str], ...] = (
    ("apps/v1", "Deployment"),
    ("v1", "Service"),
    ("policy/v1", "PodDisruptionBudget"),
    ("networking.k8s.io/v1", "NetworkPolicy"),
    ("rbac.authorization.k8s.io/v1", "RoleBinding"),
    ("rbac.authorization.k8s.io/v1", "ClusterRoleBinding"),
    ("rbac.authorization.k8s.io/v1", "Role"),
    ("rbac.authorization.k8s.io/v1", "ClusterRole"),
    ("v1", "ServiceAccount"),
)
#: Made by the cluster in every namespace, or of no worth without what they tell of.
_BY_THE_CLUSTER = frozenset({("ConfigMap", "kube-root-ca.crt"), ("ServiceAccount", "default")})
_PASSING = frozenset({"Endpoints", "EndpointSlice", "Event", "PodMetrics"})


def labels(namespace: str) -> str:
    """Return the selector of the kit's objects in an installation."""
    return f"{_LABEL}={NAME},app.kubernetes.io/instance={namespace}"


def leases(found: Iterable[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    """Return the leases that the service has made: one for each shard, by their names."""
    return [each for each in found if str(each["metadata"]["name"]).startswith(f"{NAME}-leader-election")]


def controllers(objects: Iterable[Mapping[str, Any]], every: frozenset[str]) -> frozenset[str]:
    """Return which controllers the Deployments of an installation run; without `--controllers` it is every one.

    Where no Deployment is left, as after an end of `uninstall` halfway, every one may have run.
    """
    deployments = _deployments(objects)
    running: set[str] = set()
    for each in deployments:
        arguments = each["spec"]["template"]["spec"]["containers"][0].get("args") or ()
        chosen = [text.partition("=")[2] for text in arguments if text.startswith("--controllers=")]
        running |= {name.strip() for name in chosen[-1].split(",")} if chosen else every
    return frozenset(running) & every if deployments else _by_rights(objects, every)


def watched(objects: Iterable[Mapping[str, Any]], namespace: str) -> str:
    """Return the one namespace whose objects the Deployments, or what is left of rights, look after; empty for all."""
    deployments = _deployments(objects)
    for each in deployments:
        if "--watch-all-namespaces=false" not in (each["spec"]["template"]["spec"]["containers"][0].get("args") or ()):
            return ""
    if not deployments and any(each["kind"] == "ClusterRoleBinding" for each in objects):
        return ""
    return namespace


def _deployments(objects: Iterable[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    return [each for each in objects if each["kind"] == "Deployment"]


def _by_rights(objects: Iterable[Mapping[str, Any]], every: frozenset[str]) -> frozenset[str]:
    """Return the controllers that a role which is left lets act: those of images, or all."""
    roles = [str(each["metadata"]["name"]) for each in objects if each["kind"] in {"ClusterRole", "Role"}]
    if any(name.endswith("-deploy") for name in roles):
        return every
    return frozenset(name for name in every if name.startswith("image")) if roles else frozenset()


def others(found: Iterable[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    """Return what a namespace holds that is somebody's: not the kit's, and neither the cluster's nor an owner's."""
    return [each for each in found if not (_is_ours(each) or _goes_by_itself(each))]


def _is_ours(obj: Mapping[str, Any]) -> bool:
    name = obj["metadata"]["name"]
    if obj["kind"] == "Lease":
        return str(name).startswith(f"{NAME}-leader-election")
    return (obj["metadata"].get("labels") or {}).get(_LABEL) == NAME


def _goes_by_itself(obj: Mapping[str, Any]) -> bool:
    kind, metadata = str(obj["kind"]), obj["metadata"]
    return (
        kind in _PASSING
        or (kind, metadata["name"]) in _BY_THE_CLUSTER
        or bool(metadata.get("ownerReferences"))
        or obj.get("type") == "kubernetes.io/service-account-token"
    )


def superseded(
    found: Iterable[Mapping[str, Any]], kept: Iterable[Mapping[str, Any]], manager: str
) -> tuple[list[Mapping[str, Any]], list[Mapping[str, Any]]]:
    """Return what an earlier installation has and the present one has not: what the manager applied, and the rest.

    A binding to cluster-admin that outlives the choice of another overlay would be a hole that nobody sees.
    """
    wanted = {_place(each) for each in kept}
    left = [each for each in found if _place(each) not in wanted]
    ours = [each for each in left if _applied_by(each, manager)]
    return ours, [each for each in left if not _applied_by(each, manager)]


def _place(obj: Mapping[str, Any]) -> tuple[str, str, str]:
    return obj["kind"], obj["metadata"].get("namespace", ""), obj["metadata"]["name"]


def _applied_by(obj: Mapping[str, Any], manager: str) -> bool:
    entries = obj["metadata"].get("managedFields") or ()
    return any((each.get("manager"), each.get("operation")) == (manager, "Apply") for each in entries)


def without_finalizer(obj: Mapping[str, Any], finalizers: Collection[str]) -> Mapping[str, Any] | None:
    """Return the merge patch that lets an object be deleted without the service; None where nothing holds it."""
    metadata = obj["metadata"]
    held: list[str] = metadata.get("finalizers") or []
    if not set(held).intersection(finalizers):
        return None
    kept = [each for each in held if each not in finalizers]
    return {"metadata": {"finalizers": kept, "resourceVersion": metadata["resourceVersion"]}}
