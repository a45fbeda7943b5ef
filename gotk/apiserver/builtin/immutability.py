"""Fields of built-in kinds that never change once they are set.

Answers to the `ValidateUpdate` functions of `pkg/apis/*/validation`. Appliers rely on these refusals: told that a field
is immutable they may delete the object and make it anew.
"""

from collections.abc import Iterator
from typing import Any

from gotk.apiserver import cause
from gotk.apiserver.cause import Cause

Json = dict[str, Any]

_RBAC = "rbac.authorization.k8s.io"
_FIXED: dict[tuple[str, str], tuple[str, ...]] = {
    ("", "Secret"): ("type",),
    ("", "Service"): ("spec.clusterIP",),
    ("apps", "DaemonSet"): ("spec.selector",),
    ("apps", "Deployment"): ("spec.selector",),
    ("apps", "ReplicaSet"): ("spec.selector",),
    ("batch", "Job"): ("spec.selector", "spec.template", "spec.completionMode"),
    ("discovery.k8s.io", "EndpointSlice"): ("addressType",),
    ("node.k8s.io", "RuntimeClass"): ("handler",),
    ("scheduling.k8s.io", "PriorityClass"): ("preemptionPolicy",),
    ("storage.k8s.io", "StorageClass"): ("provisioner", "parameters", "reclaimPolicy", "volumeBindingMode"),
}
#: What of a StatefulSet's spec may change; the list is also upstream's message.
_STATEFUL = (
    "replicas",
    "ordinals",
    "template",
    "updateStrategy",
    "revisionHistoryLimit",
    "persistentVolumeClaimRetentionPolicy",
    "minReadySeconds",
)
_POD = (
    "pod updates may not change fields other than `spec.containers[*].image`,`spec.initContainers[*].image`,"
    "`spec.activeDeadlineSeconds`,`spec.tolerations` (only additions to existing tolerations),"
    "`spec.terminationGracePeriodSeconds` (allow it to be set to 1 if it was previously negative)"
)
_SEALED = "field is immutable when `immutable` is set"


def changes(group: str, kind: str, old: Json, new: Json) -> Iterator[Cause]:
    """Yield a refusal for every fixed field that a new state changes."""
    for path in _FIXED.get((group, kind), ()):
        before, after = _at(old, path), _at(new, path)
        if before is not None and before != after and not (path == "spec.clusterIP" and after is None):
            yield cause.invalid(path, after, "field is immutable")
    if (group, kind) in {("", "ConfigMap"), ("", "Secret")} and old.get("immutable"):
        yield from _sealed(old, new)
    if group == _RBAC and old.get("roleRef") != new.get("roleRef"):
        yield cause.invalid("roleRef", new.get("roleRef"), "cannot change roleRef")
    if (group, kind) == ("apps", "StatefulSet") and _rest(old, _STATEFUL) != _rest(new, _STATEFUL):
        named = "', '".join(_STATEFUL[:-1])
        yield cause.forbidden(
            "spec",
            f"updates to statefulset spec for fields other than '{named}' and '{_STATEFUL[-1]}' are forbidden",
        )
    if (group, kind) == ("scheduling.k8s.io", "PriorityClass") and old.get("value") != new.get("value"):
        yield cause.forbidden("value", "may not be changed in an update.")
    if (group, kind) == ("", "Pod") and _settled_pod(old) != _settled_pod(new):
        yield cause.forbidden("spec", _POD)
    if (group, kind) == ("", "PersistentVolumeClaim"):
        free = ("resources", "volumeAttributesClassName", "volumeName")
        if _rest(old, free) != _rest(new, free):
            why = "spec is immutable after creation except resources.requests and volumeAttributesClassName"
            yield cause.forbidden("spec", f"{why} for bound claims")


def _sealed(old: Json, new: Json) -> Iterator[Cause]:
    for field in ("immutable", "data", "binaryData"):
        if old.get(field) != new.get(field):
            yield cause.forbidden(field, _SEALED)


def _settled_pod(obj: Json) -> Json:
    """Return what of a pod's spec never changes once it has a node; until then it is only being placed."""
    spec = _rest(obj, ("activeDeadlineSeconds", "tolerations", "nodeName", "ephemeralContainers", "schedulingGates"))
    for place in ("containers", "initContainers"):
        if isinstance(spec.get(place), list):
            spec[place] = [{**item, "image": ""} for item in spec[place] if isinstance(item, dict)]
    return spec


def _rest(obj: Json, free: tuple[str, ...]) -> Json:
    return {key: value for key, value in (obj.get("spec") or {}).items() if key not in free}


def _at(obj: Any, path: str) -> Any:
    for part in path.split("."):
        obj = obj.get(part) if isinstance(obj, dict) else None
    return obj
