"""The columns of built-in kinds, in the order and with the contents that `kubectl get` users know.

Answers to `pkg/printers/internalversion`.
"""

import datetime as dt
from typing import Any, Final

from gotk import elapsed
from gotk.apiserver.resources import jsonpath
from gotk.apiserver.wire import cells
from gotk.apiserver.wire.cells import AGE, cell, count, first, joined, number, of, pairs

Json = dict[str, Any]


def _pod_status(obj: Json, _now: dt.datetime) -> Any:
    status = obj.get("status") or {}
    if obj["metadata"].get("deletionTimestamp"):
        return "Terminating"
    for container in status.get("containerStatuses") or ():
        for state in ("waiting", "terminated"):
            if reason := ((container.get("state") or {}).get(state) or {}).get("reason"):
                return reason
    return status.get("reason") or status.get("phase") or "Unknown"


def _pod_ready(obj: Json, _now: dt.datetime) -> Any:
    statuses = (obj.get("status") or {}).get("containerStatuses") or ()
    return f"{sum(bool(s.get('ready')) for s in statuses)}/{len((obj.get('spec') or {}).get('containers') or ())}"


def _pod_restarts(obj: Json, _now: dt.datetime) -> Any:
    return str(sum(s.get("restartCount", 0) for s in (obj.get("status") or {}).get("containerStatuses") or ()))


def _service_ports(obj: Json, _now: dt.datetime) -> Any:
    ports = (obj.get("spec") or {}).get("ports") or ()
    shown = (
        f"{p.get('port')}{':' + str(p['nodePort']) if p.get('nodePort') else ''}/{p.get('protocol', 'TCP')}"
        for p in ports
    )
    return ",".join(shown) or "<none>"


def _gates(obj: Json, _now: dt.datetime) -> Any:
    wanted = (obj.get("spec") or {}).get("readinessGates") or ()
    if not wanted:
        return "<none>"
    conditions = (obj.get("status") or {}).get("conditions") or ()
    true = {each.get("type") for each in conditions if each.get("status") == "True"}
    return f"{sum(gate.get('conditionType') in true for gate in wanted)}/{len(wanted)}"


def _external_ip(obj: Json, _now: dt.datetime) -> Any:
    spec = obj.get("spec") or {}
    if spec.get("type") == "ExternalName":
        return spec.get("externalName") or "<none>"
    addresses = jsonpath.find(".status.loadBalancer.ingress[*].ip", obj) + list(spec.get("externalIPs") or ())
    return ",".join(addresses) or ("<pending>" if spec.get("type") == "LoadBalancer" else "<none>")


def _job_status(obj: Json, _now: dt.datetime) -> Any:
    conditions = (obj.get("status") or {}).get("conditions") or ()
    true = {c.get("type") for c in conditions if c.get("status") == "True"}
    if "Complete" in true or "Failed" in true:
        return "Complete" if "Complete" in true else "Failed"
    if obj["metadata"].get("deletionTimestamp"):
        return "Terminating"
    return next((kind for kind in ("Suspended", "FailureTarget", "SuccessCriteriaMet") if kind in true), "Running")


def _job_completions(obj: Json, _now: dt.datetime) -> Any:
    spec, done = obj.get("spec") or {}, (obj.get("status") or {}).get("succeeded") or 0
    if spec.get("completions") is not None:
        return f"{done}/{spec['completions']}"
    wide = spec.get("parallelism") or 0
    return f"{done}/1 of {wide}" if wide > 1 else f"{done}/1"


def _job_duration(obj: Json, now: dt.datetime) -> Any:
    status = obj.get("status") or {}
    if not status.get("startTime"):
        return ""
    end = status.get("completionTime")
    return elapsed.age(status["startTime"], dt.datetime.fromisoformat(end) if end else now)


def _modes(obj: Json, _now: dt.datetime) -> Any:
    """Print access modes in the usual order: RWO, ROX, RWX, RWOP."""
    modes = (obj.get("spec") or {}).get("accessModes") or ()
    return ",".join(short for mode, short in _MODES.items() if mode in modes)


def _volume_phase(obj: Json, _now: dt.datetime) -> Any:
    gone = obj["metadata"].get("deletionTimestamp")
    return "Terminating" if gone else (obj.get("status") or {}).get("phase") or ""


def _claim_of(obj: Json, _now: dt.datetime) -> Any:
    claim = (obj.get("spec") or {}).get("claimRef")
    return f"{claim.get('namespace', '')}/{claim.get('name', '')}" if claim else ""


def _some(found: list[str], most: int) -> str:
    """Print a list as `a,b + 3 more...`."""
    if not found:
        return "<unset>"
    shown = ",".join(found[:most])
    return f"{shown} + {len(found) - most} more..." if len(found) > most else shown


def _slice_ports(obj: Json, _now: dt.datetime) -> Any:
    ports = obj.get("ports") or ()
    return _some(
        [str(port.get("port") if port.get("port") is not None else port.get("name", "*")) for port in ports], 3
    )


def _slice_endpoints(obj: Json, _now: dt.datetime) -> Any:
    return _some([each for point in obj.get("endpoints") or () for each in point.get("addresses") or ()], 3)


def _class_parameters(obj: Json, _now: dt.datetime) -> Any:
    found = (obj.get("spec") or {}).get("parameters")
    if not found:
        return "<none>"
    group = f".{found['apiGroup']}" if found.get("apiGroup") is not None else ""
    return f"{found.get('kind', '')}{group}/{found.get('name', '')}"


def _scaled(obj: Json, _now: dt.datetime) -> Any:
    target = (obj.get("spec") or {}).get("scaleTargetRef") or {}
    return f"{target.get('kind', '')}/{target.get('name', '')}"


def _targets(obj: Json, _now: dt.datetime) -> Any:
    wanted = (obj.get("spec") or {}).get("metrics") or []
    seen = (obj.get("status") or {}).get("currentMetrics") or []
    shown = [_metric(each, seen[index] if index < len(seen) else {}) for index, each in enumerate(wanted)]
    return _some(shown, 2) if shown else "<none>"


def _metric(spec: Json, status: Json) -> str:
    kind = str(spec.get("type") or "")
    field = kind[:1].lower() + kind[1:]
    source, current = spec.get(field) or {}, (status.get(field) or {}).get("current") or {}
    target = source.get("target") or {}
    if field in {"resource", "containerResource"}:
        name = source.get("name", "")
        if target.get("averageValue") is not None:
            return f"{name}: {current.get('averageValue', _UNKNOWN)}/{target['averageValue']}"
        used = current.get("averageUtilization")
        wanted = target.get("averageUtilization")
        shown = f"{used}%" if used is not None else _UNKNOWN
        return f"{name}: {shown}/{f'{wanted}%' if wanted is not None else '<auto>'}"
    if field == "pods":
        return f"{current.get('averageValue', _UNKNOWN)}/{target.get('averageValue', 0)}"
    if target.get("averageValue") is not None:
        return f"{current.get('averageValue', _UNKNOWN)}/{target['averageValue']} (avg)"
    return f"{current.get('value', _UNKNOWN)}/{target.get('value', 0)}"


def _first_seen(obj: Json, now: dt.datetime) -> Any:
    return elapsed.age(obj.get("firstTimestamp") or obj.get("deprecatedFirstTimestamp") or obj.get("eventTime"), now)


def _last_seen(obj: Json, now: dt.datetime) -> Any:
    if (series := obj.get("series")) is not None:
        return elapsed.age(series.get("lastObservedTime"), now)
    last = obj.get("lastTimestamp") or obj.get("deprecatedLastTimestamp")
    return elapsed.age(last, now) if last else _first_seen(obj, now)


def _times(obj: Json, _now: dt.datetime) -> Any:
    """Say how often: what happened once has no count in the new API."""
    if (series := obj.get("series")) is not None:
        return series.get("count", 0)
    return obj.get("count") or obj.get("deprecatedCount") or 1


def _concerned(obj: Json) -> Json:
    found: Json = obj.get("involvedObject") or obj.get("regarding") or {}
    return found


def _involved(obj: Json, _now: dt.datetime) -> Any:
    who = _concerned(obj)
    kind = str(who.get("kind") or "").lower()
    return f"{kind}/{who['name']}" if who.get("name") else kind


def _part(obj: Json, _now: dt.datetime) -> Any:
    return _concerned(obj).get("fieldPath") or ""


def _reporter(obj: Json, _now: dt.datetime) -> Any:
    source = obj.get("source") or obj.get("deprecatedSource") or {}
    component = source.get("component") or obj.get("reportingComponent") or obj.get("reportingController") or ""
    instance = source.get("host") or obj.get("reportingInstance")
    return f"{component}, {instance}" if instance else component


def _message(obj: Json, _now: dt.datetime) -> Any:
    return str(obj.get("message") or obj.get("note") or "").strip()


def _role(obj: Json, _now: dt.datetime) -> Any:
    role = obj.get("roleRef") or {}
    return f"{role.get('kind', '')}/{role.get('name', '')}"


def _established(obj: Json, _now: dt.datetime) -> Any:
    return obj["metadata"].get("creationTimestamp") or ""


_UNKNOWN: Final = "<unknown>"
_MODES: Final = {"ReadWriteOnce": "RWO", "ReadOnlyMany": "ROX", "ReadWriteMany": "RWX", "ReadWriteOncePod": "RWOP"}


def _containers(path: str, priority: int = 1) -> tuple[cells.Cell, cells.Cell]:
    return (
        cell("Containers", joined(f"{path}.containers[*].name"), priority=priority),
        cell("Images", joined(f"{path}.containers[*].image"), priority=priority),
    )


_CONTAINERS: Final = _containers(".spec.template.spec")
_ATTRIBUTES: Final = cell("VolumeAttributesClass", first(".spec.volumeAttributesClassName", "<unset>"))
_VOLUME_MODE: Final = cell("VolumeMode", first(".spec.volumeMode", "<unset>"), priority=1)
_SELECTOR: Final = cell("Selector", pairs(".spec.selector.matchLabels"), priority=1)
_EVENT: Final = (
    cell("Last Seen", _last_seen),
    cell("Type", first(".type", "")),
    cell("Reason", first(".reason", "")),
    cell("Object", _involved),
    cell("Subobject", _part, priority=1),
    cell("Source", _reporter, priority=1),
    cell("Message", _message),
    cell("First Seen", _first_seen, priority=1),
    cell("Count", _times, priority=1),
    cell("Name", first(".metadata.name", ""), priority=1),
)

#: Kinds whose first column is not their name.
NAMELESS: Final = frozenset({("", "Event"), ("events.k8s.io", "Event")})

PRINTERS: Final[dict[tuple[str, str], tuple[cells.Cell, ...]]] = {
    ("", "ConfigMap"): (cell("Data", count(".data"), "integer"), AGE),
    ("", "Endpoints"): (cell("Endpoints", joined(".subsets[*].addresses[*].ip")), AGE),
    ("", "Event"): _EVENT,
    ("events.k8s.io", "Event"): _EVENT,
    ("", "Namespace"): (cell("Status", first(".status.phase", "")), AGE),
    ("", "Node"): (
        cell("Status", joined('.status.conditions[?(@.status=="True")].type', "Unknown")),
        cell("Roles", joined(".metadata.labels['kubernetes.io/role']")),
        AGE,
        cell("Version", first(".status.nodeInfo.kubeletVersion", "")),
    ),
    ("", "PersistentVolumeClaim"): (
        cell("Status", first(".status.phase", "")),
        cell("Volume", first(".spec.volumeName", "")),
        cell("Capacity", first(".status.capacity.storage", "")),
        cell("Access Modes", _modes),
        cell("StorageClass", first(".spec.storageClassName", "")),
        _ATTRIBUTES,
        AGE,
        _VOLUME_MODE,
    ),
    ("", "PersistentVolume"): (
        cell("Capacity", first(".spec.capacity.storage", "0")),
        cell("Access Modes", _modes),
        cell("Reclaim Policy", first(".spec.persistentVolumeReclaimPolicy", "")),
        cell("Status", _volume_phase),
        cell("Claim", _claim_of),
        cell("StorageClass", first(".spec.storageClassName", "")),
        _ATTRIBUTES,
        cell("Reason", first(".status.reason", "")),
        AGE,
        _VOLUME_MODE,
    ),
    ("", "PodTemplate"): (*_containers(".template.spec", 0), cell("Pod Labels", pairs(".template.metadata.labels"))),
    ("", "ReplicationController"): (
        number("Desired", ".spec.replicas"),
        number("Current", ".status.replicas"),
        number("Ready", ".status.readyReplicas"),
        AGE,
        *_CONTAINERS,
        cell("Selector", pairs(".spec.selector"), priority=1),
    ),
    ("", "Pod"): (
        cell("Ready", _pod_ready),
        cell("Status", _pod_status),
        cell("Restarts", _pod_restarts),
        AGE,
        cell("IP", first(".status.podIP", "<none>"), priority=1),
        cell("Node", first(".spec.nodeName", "<none>"), priority=1),
        cell("Nominated Node", first(".status.nominatedNodeName", "<none>"), priority=1),
        cell("Readiness Gates", _gates, priority=1),
    ),
    ("", "Secret"): (cell("Type", first(".type", "")), cell("Data", count(".data"), "integer"), AGE),
    ("", "ServiceAccount"): (AGE,),
    ("", "Service"): (
        cell("Type", first(".spec.type", "")),
        cell("Cluster-IP", first(".spec.clusterIP", "<none>")),
        cell("External-IP", _external_ip),
        cell("Port(s)", _service_ports),
        AGE,
        cell("Selector", pairs(".spec.selector"), priority=1),
    ),
    ("apiextensions.k8s.io", "CustomResourceDefinition"): (cell("Created At", _established, "date"),),
    ("apps", "DaemonSet"): (
        number("Desired", ".status.desiredNumberScheduled"),
        number("Current", ".status.currentNumberScheduled"),
        number("Ready", ".status.numberReady"),
        number("Up-to-date", ".status.updatedNumberScheduled"),
        number("Available", ".status.numberAvailable"),
        cell("Node Selector", pairs(".spec.template.spec.nodeSelector")),
        AGE,
        *_CONTAINERS,
        _SELECTOR,
    ),
    ("apps", "Deployment"): (
        cell("Ready", of(".status.readyReplicas", ".spec.replicas")),
        number("Up-to-date", ".status.updatedReplicas"),
        number("Available", ".status.availableReplicas"),
        AGE,
        *_CONTAINERS,
        _SELECTOR,
    ),
    ("apps", "ReplicaSet"): (
        number("Desired", ".spec.replicas"),
        number("Current", ".status.replicas"),
        number("Ready", ".status.readyReplicas"),
        AGE,
        *_CONTAINERS,
        _SELECTOR,
    ),
    ("apps", "StatefulSet"): (cell("Ready", of(".status.readyReplicas", ".spec.replicas")), AGE, *_CONTAINERS),
    ("batch", "CronJob"): (
        cell("Schedule", first(".spec.schedule", "")),
        cell("Timezone", first(".spec.timeZone", "<none>")),
        cell("Suspend", first(".spec.suspend", default=False), "boolean"),
        cell("Active", count(".status.active"), "integer"),
        cell(
            "Last Schedule",
            lambda o, n: elapsed.age(t, n) if (t := (o.get("status") or {}).get("lastScheduleTime")) else "<none>",
        ),
        AGE,
        *_containers(".spec.jobTemplate.spec.template.spec"),
        cell("Selector", pairs(".spec.jobTemplate.spec.selector.matchLabels"), priority=1),
    ),
    ("batch", "Job"): (
        cell("Status", _job_status),
        cell("Completions", _job_completions),
        cell("Duration", _job_duration),
        AGE,
        *_CONTAINERS,
        _SELECTOR,
    ),
    ("autoscaling", "HorizontalPodAutoscaler"): (
        cell("Reference", _scaled),
        cell("Targets", _targets),
        cell("MinPods", lambda o, n: str(first(".spec.minReplicas", "<unset>")(o, n))),
        number("MaxPods", ".spec.maxReplicas"),
        number("Replicas", ".status.currentReplicas"),
        AGE,
    ),
    ("discovery.k8s.io", "EndpointSlice"): (
        cell("AddressType", first(".addressType", "")),
        cell("Ports", _slice_ports),
        cell("Endpoints", _slice_endpoints),
        AGE,
    ),
    ("networking.k8s.io", "IngressClass"): (
        cell("Controller", first(".spec.controller", "")),
        cell("Parameters", _class_parameters),
        AGE,
    ),
    ("node.k8s.io", "RuntimeClass"): (cell("Handler", first(".handler", "")), AGE),
    ("policy", "PodDisruptionBudget"): (
        cell("Min Available", lambda o, n: str(first(".spec.minAvailable", "N/A")(o, n))),
        cell("Max Unavailable", lambda o, n: str(first(".spec.maxUnavailable", "N/A")(o, n))),
        number("Allowed Disruptions", ".status.disruptionsAllowed"),
        AGE,
    ),
    ("scheduling.k8s.io", "PriorityClass"): (
        number("Value", ".value"),
        cell("Global-Default", first(".globalDefault", default=False), "boolean"),
        AGE,
        cell("PreemptionPolicy", first(".preemptionPolicy", "")),
    ),
    ("coordination.k8s.io", "Lease"): (cell("Holder", first(".spec.holderIdentity", "")), AGE),
    ("networking.k8s.io", "Ingress"): (
        cell("Class", first(".spec.ingressClassName", "<none>")),
        cell("Hosts", joined(".spec.rules[*].host", "*")),
        cell("Address", joined(".status.loadBalancer.ingress[*].ip", "")),
        cell("Ports", lambda o, _: "80, 443" if (o.get("spec") or {}).get("tls") else "80"),
        AGE,
    ),
    ("networking.k8s.io", "NetworkPolicy"): (cell("Pod-Selector", pairs(".spec.podSelector.matchLabels")), AGE),
    ("rbac.authorization.k8s.io", "ClusterRole"): (cell("Created At", _established, "date"),),
    ("rbac.authorization.k8s.io", "Role"): (cell("Created At", _established, "date"),),
    ("rbac.authorization.k8s.io", "ClusterRoleBinding"): (cell("Role", _role), AGE),
    ("rbac.authorization.k8s.io", "RoleBinding"): (cell("Role", _role), AGE),
    ("storage.k8s.io", "StorageClass"): (
        cell("Provisioner", first(".provisioner", "")),
        cell("ReclaimPolicy", first(".reclaimPolicy", "Delete")),
        cell("VolumeBindingMode", first(".volumeBindingMode", "<unset>")),
        cell("AllowVolumeExpansion", first(".allowVolumeExpansion", default=False), "boolean"),
        AGE,
    ),
}
