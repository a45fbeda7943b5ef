"""How an object is doing, told from the object alone.

Answers to `kstatus` (sigs.k8s.io/cli-utils) with Flux's reading of Jobs: general signs first (being deleted, not seen
by its controller yet, Reconciling, Stalled), then the kind's own rule, then the Ready condition, else Current.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

from deploy.cluster import objects
from gotk.runtime.clock import parse_rfc3339

State = Literal["Current", "InProgress", "Failed", "Terminating", "NotFound", "Unknown"]
Manifest = Mapping[str, Any]

_SCHEDULE_WINDOW_SECONDS = 15
_NO_DEADLINE = 2147483647


@dataclass(frozen=True, slots=True)
class Health:
    """A state and, where it is not Current, why."""

    state: State
    message: str = ""


CURRENT = Health("Current")
NOT_FOUND = Health("NotFound", "Resource not found")


def of(obj: Manifest, now: datetime) -> Health:
    """Return how an object is doing."""
    general = _general(obj)
    if general is not None:
        return general
    rule = _RULES.get((objects.group_of(obj), str(obj.get("kind"))))
    return rule(obj, now) if rule else _by_ready(obj)


def _general(obj: Manifest) -> Health | None:
    metadata, status = obj.get("metadata") or {}, _status(obj)
    if metadata.get("deletionTimestamp"):
        return Health("Terminating", "Resource scheduled for deletion")
    observed, generation = status.get("observedGeneration"), metadata.get("generation")
    if observed is not None and generation is not None and observed != generation:
        kind = obj.get("kind")
        return Health("InProgress", f"{kind} generation is {generation}, but latest observed generation is {observed}")
    if (condition := _condition(obj, "Reconciling")) and condition.get("status") == "True":
        return Health("InProgress", str(condition.get("message", "")))
    if (condition := _condition(obj, "Stalled")) and condition.get("status") == "True":
        return Health("Failed", str(condition.get("message", "")))
    return None


def _by_ready(obj: Manifest) -> Health:
    condition = _condition(obj, "Ready")
    if condition is None or condition.get("status") == "True":
        return CURRENT
    return Health("InProgress", str(condition.get("message", "")))


def _status(obj: Manifest) -> Manifest:
    status = obj.get("status")
    return status if isinstance(status, Mapping) else {}


def _spec(obj: Manifest) -> Manifest:
    spec = obj.get("spec")
    return spec if isinstance(spec, Mapping) else {}


def _condition(obj: Manifest, type_: str) -> Manifest | None:
    conditions = _status(obj).get("conditions") or ()
    return next((c for c in conditions if isinstance(c, Mapping) and c.get("type") == type_), None)


def _holds(obj: Manifest, type_: str) -> bool:
    condition = _condition(obj, type_)
    return condition is not None and condition.get("status") == "True"


def _counts(obj: Manifest, *names: str) -> tuple[int, ...]:
    """Return the object's status numbers; one that is not there is 0."""
    status = _status(obj)
    return tuple(int(status.get(name) or 0) for name in names)


def _wanted(obj: Manifest) -> int:
    replicas = _spec(obj).get("replicas")
    return 1 if replicas is None else int(replicas)


def _waiting_for(what: str, have: int, want: int) -> Health:
    return Health("InProgress", f"{what}: {have}/{want}")


def _first_short(wants: Iterable[tuple[str, int, int]]) -> Health | None:
    """Return the first count that is short of what it should be, as (what, have, want)."""
    return next((_waiting_for(what, have, want) for what, have, want in wants if have < want), None)


def _surplus(replicas: int, want: int) -> Health | None:
    return Health("InProgress", f"Pending termination: {replicas - want}") if replicas > want else None


def _deployment(obj: Manifest, _: datetime) -> Health:
    progressing = _condition(obj, "Progressing")
    if progressing and progressing.get("reason") == "ProgressDeadlineExceeded":
        return Health("Failed", "Progress deadline exceeded")
    want = _wanted(obj)
    replicas, updated, ready, available = _counts(
        obj, "replicas", "updatedReplicas", "readyReplicas", "availableReplicas"
    )
    return (
        _first_short((("Replicas", replicas, want), ("Updated", updated, want)))
        or _surplus(replicas, want)
        or _first_short((("Available", available, updated), ("Ready", ready, want)))
        or _rolled_out(obj, progressing)
    )


def _rolled_out(obj: Manifest, progressing: Manifest | None) -> Health:
    deadline = _spec(obj).get("progressDeadlineSeconds")
    finished = progressing is not None and progressing.get("reason") == "NewReplicaSetAvailable"
    if deadline is not None and deadline != _NO_DEADLINE and not finished:
        return Health("InProgress", "ReplicaSet not Available")
    return CURRENT if _holds(obj, "Available") else Health("InProgress", "Deployment not Available")


def _stateful_set(obj: Manifest, _: datetime) -> Health:
    strategy = _spec(obj).get("updateStrategy") or {}
    if strategy.get("type") == "OnDelete":
        return CURRENT
    want = _wanted(obj)
    replicas, ready, current, updated = _counts(obj, "replicas", "readyReplicas", "currentReplicas", "updatedReplicas")
    unsettled = _first_short((("Replicas", replicas, want), ("Ready", ready, want))) or _surplus(replicas, want)
    if unsettled:
        return unsettled
    partition = (strategy.get("rollingUpdate") or {}).get("partition")
    if partition:
        return _first_short((("updated", updated, max(0, want - int(partition))),)) or CURRENT
    status = _status(obj)
    if status.get("currentRevision") != status.get("updateRevision"):
        return Health("InProgress", "Waiting for updated revision to match current")
    return _first_short((("current", current, want),)) or CURRENT


def _daemon_set(obj: Manifest, _: datetime) -> Health:
    if _status(obj).get("observedGeneration") is None or (obj.get("metadata") or {}).get("generation") is None:
        return Health("InProgress", "DaemonSet not observed yet")
    names = ("currentNumberScheduled", "updatedNumberScheduled", "numberAvailable", "numberReady")
    (want,) = _counts(obj, "desiredNumberScheduled")
    for name, have in zip(names, _counts(obj, *names), strict=True):
        if have < want:
            return _waiting_for(name, have, want)
    return CURRENT


def _replica_set(obj: Manifest, _: datetime) -> Health:
    if _holds(obj, "ReplicaFailure"):
        return Health("InProgress", "Replica Failure condition. Check Pods")
    want = _wanted(obj)
    names = ("fullyLabeledReplicas", "availableReplicas", "readyReplicas")
    for name, have in zip(names, _counts(obj, *names), strict=True):
        if have < want:
            return _waiting_for(name, have, want)
    (replicas,) = _counts(obj, "replicas")
    return Health("InProgress", f"Pending termination: {replicas - want}") if replicas > want else CURRENT


def _pod(obj: Manifest, now: datetime) -> Health:
    phase = _status(obj).get("phase")
    if phase in {"Succeeded", "Failed"} or (phase == "Running" and _holds(obj, "Ready")):
        return CURRENT
    if _crash_looping(obj):
        return Health("Failed", "Containers in CrashLoop state")
    scheduled = _condition(obj, "PodScheduled")
    if scheduled and scheduled.get("status") == "False" and scheduled.get("reason") == "Unschedulable":
        since = (obj.get("metadata") or {}).get("creationTimestamp")
        if since and (now - parse_rfc3339(str(since))).total_seconds() > _SCHEDULE_WINDOW_SECONDS:
            return Health("Failed", "Pod could not be scheduled")
    return Health("InProgress", f"Pod is in the {phase or 'Pending'} phase")


def _crash_looping(obj: Manifest) -> bool:
    statuses = [
        container
        for place in ("initContainerStatuses", "containerStatuses")
        for container in _status(obj).get(place) or ()
    ]
    waiting = [((container.get("state") or {}).get("waiting") or {}).get("reason") for container in statuses]
    return "CrashLoopBackOff" in waiting


def _job(obj: Manifest, _: datetime) -> Health:
    if _spec(obj).get("suspend") or _holds(obj, "Complete"):
        return CURRENT
    if _holds(obj, "Failed"):
        condition = _condition(obj, "Failed") or {}
        return Health("Failed", str(condition.get("message") or "Job Failed"))
    return Health("InProgress", "Job in progress")


def _persistent_volume_claim(obj: Manifest, _: datetime) -> Health:
    return CURRENT if _status(obj).get("phase") == "Bound" else Health("InProgress", "PVC is not Bound")


def _service(obj: Manifest, _: datetime) -> Health:
    if _spec(obj).get("type") == "LoadBalancer" and not _spec(obj).get("clusterIP"):
        return Health("InProgress", "ClusterIP not set. Service type: LoadBalancer")
    return CURRENT


def _definition(obj: Manifest, _: datetime) -> Health:
    accepted, established = _condition(obj, "NamesAccepted"), _condition(obj, "Established")
    if accepted and accepted.get("status") == "False":
        return Health("Failed", str(accepted.get("message", "")))
    if established and established.get("status") == "True":
        return CURRENT
    if established and established.get("status") == "False" and established.get("reason") != "Installing":
        return Health("Failed", str(established.get("message", "")))
    return Health("InProgress", "Install in progress")


def _always_current(_: Manifest, __: datetime) -> Health:
    return CURRENT


_RULES: Mapping[tuple[str, str], Callable[[Manifest, datetime], Health]] = {
    ("apps", "Deployment"): _deployment,
    ("apps", "StatefulSet"): _stateful_set,
    ("apps", "DaemonSet"): _daemon_set,
    ("apps", "ReplicaSet"): _replica_set,
    ("", "Pod"): _pod,
    ("", "PersistentVolumeClaim"): _persistent_volume_claim,
    ("", "Service"): _service,
    ("", "ConfigMap"): _always_current,
    ("", "Secret"): _always_current,
    ("batch", "Job"): _job,
    ("batch", "CronJob"): _always_current,
    ("policy", "PodDisruptionBudget"): _always_current,
    ("apiextensions.k8s.io", "CustomResourceDefinition"): _definition,
}
