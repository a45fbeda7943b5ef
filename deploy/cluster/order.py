"""In which order objects are applied and deleted: what others need comes first.

Answers to the order of `fluxcd/pkg/ssa`. Definitions and classes form stages of their own, because what comes after
them cannot even be tried before they are established.
"""

from collections.abc import Collection, Iterable, Mapping
from typing import Any

from deploy.cluster import objects

_FIRST = (
    "CustomResourceDefinition",
    "Namespace",
    "ClusterRole",
    "ClusterClass",
    "RuntimeClass",
    "PriorityClass",
    "StorageClass",
    "VolumeSnapshotClass",
    "IngressClass",
    "GatewayClass",
    "ClusterRoleBinding",
    "ResourceQuota",
    "ServiceAccount",
    "Role",
    "RoleBinding",
    "ConfigMap",
    "Secret",
    "Service",
    "LimitRange",
    "Deployment",
    "StatefulSet",
    "CronJob",
    "PodDisruptionBudget",
)
_LAST = ("MutatingWebhookConfiguration", "ValidatingWebhookConfiguration")
_RANK = {kind: rank for rank, kind in enumerate(_FIRST)} | {kind: 1000 + rank for rank, kind in enumerate(_LAST)}
_DEFINITIONS = frozenset({"CustomResourceDefinition", "Namespace", "ClusterRole"})

Place = tuple[int, str, str, str, str]


def place(group: str, kind: str, namespace: str, name: str) -> Place:
    """Return where an object stands: by rank of its kind, then group, kind, namespace and name."""
    return (_RANK.get(kind, 500), group, kind, namespace, name)


def place_of(obj: Mapping[str, Any]) -> Place:
    """Return where an object stands."""
    meta = obj["metadata"]
    return place(objects.group_of(obj), str(obj["kind"]), str(meta.get("namespace") or ""), str(meta["name"]))


def stages(
    manifests: Iterable[objects.Manifest], earlier: Collection[tuple[str, str]] = ()
) -> list[list[objects.Manifest]]:
    """Sort objects into the stages that are applied one after the other; empty ones are left out.

    Those of a group and kind in `earlier` come in a stage before the last.
    """
    definitions: list[objects.Manifest] = []
    classes: list[objects.Manifest] = []
    chosen: list[objects.Manifest] = []
    rest: list[objects.Manifest] = []
    for obj in sorted(manifests, key=place_of):
        kind = str(obj["kind"])
        others = chosen if (objects.group_of(obj), kind) in earlier else rest
        stage = definitions if kind in _DEFINITIONS else classes if kind.endswith("Class") else others
        stage.append(obj)
    return [stage for stage in (definitions, classes, chosen, rest) if stage]


def awaited(stage: Iterable[objects.Manifest]) -> bool:
    """Tell whether the next stage needs this one's objects to be established."""
    return any(obj["kind"] in _DEFINITIONS or str(obj["kind"]).endswith("Class") for obj in stage)
