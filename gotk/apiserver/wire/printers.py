"""The columns of built-in kinds, in the order and with the contents that `kubectl get` users know.

Answers to `pkg/printers/internalversion`. Cells are functions of the object, because most of them are no field.
"""

import datetime as dt
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

from gotk.apiserver.resources import jsonpath
from gotk.apiserver.resources.resource import Column

Json = dict[str, Any]
Value = Callable[[Json, dt.datetime], Any]


@dataclass(frozen=True, slots=True)
class Cell:
    """A column and what stands in it."""

    column: Column
    value: Value


def age(time: Any, now: dt.datetime) -> str:
    """Say how long ago a time was: `5m3s`, `12d`, `2y40d`."""
    if not time:
        return "<unknown>"
    try:
        then = dt.datetime.fromisoformat(time)
    except (ValueError, TypeError):
        return "<invalid>"
    return human(int((now - then).total_seconds()) if then.tzinfo else 0)


def human(seconds: int) -> str:
    """Print a span with at most two units, as `duration.HumanDuration` does."""
    minutes, hours, days = seconds // 60, seconds // 3600, seconds // 86400
    steps: tuple[tuple[bool, str, str], ...] = (
        (seconds < -1, "<invalid>", ""),
        (seconds < 0, "0s", ""),
        (seconds < 120, f"{seconds}s", ""),
        (minutes < 10, f"{minutes}m", _rest(seconds % 60, "s")),
        (minutes < 180, f"{minutes}m", ""),
        (hours < 8, f"{hours}h", _rest(minutes % 60, "m")),
        (hours < 48, f"{hours}h", ""),
        (hours < 192, f"{days}d", _rest(hours % 24, "h")),
        (days < 730, f"{days}d", ""),
        (days < 2920, f"{days // 365}y", _rest(days % 365, "d")),
        (True, f"{days // 365}y", ""),
    )
    return next(large + small for fits, large, small in steps if fits)


def _rest(count: int, unit: str) -> str:
    return f"{count}{unit}" if count else ""


def _first(path: str, default: Any = None) -> Value:
    def value(obj: Json, _now: dt.datetime) -> Any:
        found = jsonpath.find(path, obj)
        return found[0] if found and found[0] not in (None, "") else default

    return value


def _count(path: str) -> Value:
    def value(obj: Json, _now: dt.datetime) -> Any:
        found = jsonpath.find(path, obj)
        return len(found[0]) if found and found[0] else 0

    return value


def _joined(path: str, default: str = "<none>") -> Value:
    def value(obj: Json, _now: dt.datetime) -> Any:
        return ",".join(str(found) for found in jsonpath.find(path, obj)) or default

    return value


def _pairs(path: str) -> Value:
    def value(obj: Json, _now: dt.datetime) -> Any:
        found = jsonpath.find(path, obj)
        pairs = found[0] if found and isinstance(found[0], dict) else {}
        return ",".join(f"{key}={value}" for key, value in sorted(pairs.items())) or "<none>"

    return value


def _of(ready: str, wanted: str) -> Value:
    def value(obj: Json, now: dt.datetime) -> Any:
        return f"{_first(ready, 0)(obj, now)}/{_first(wanted, 0)(obj, now)}"

    return value


def _age(obj: Json, now: dt.datetime) -> Any:
    return age(obj["metadata"].get("creationTimestamp"), now)


def _cell(name: str, value: Value, kind: str = "string", priority: int = 0) -> Cell:
    return Cell(Column(name=name, path="", type=kind, description=name, priority=priority), value)


def _number(name: str, path: str) -> Cell:
    return _cell(name, _first(path, 0), "integer")


_AGE: Final = _cell("Age", _age)


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


def _external_ip(obj: Json, _now: dt.datetime) -> Any:
    spec = obj.get("spec") or {}
    if spec.get("type") == "ExternalName":
        return spec.get("externalName") or "<none>"
    addresses = jsonpath.find(".status.loadBalancer.ingress[*].ip", obj) + list(spec.get("externalIPs") or ())
    return ",".join(addresses) or ("<pending>" if spec.get("type") == "LoadBalancer" else "<none>")


def _job_status(obj: Json, _now: dt.datetime) -> Any:
    conditions = (obj.get("status") or {}).get("conditions") or ()
    true = {c.get("type") for c in conditions if c.get("status") == "True"}
    return next((kind for kind in ("Complete", "Failed", "Suspended") if kind in true), "Running")


def _first_seen(obj: Json, now: dt.datetime) -> Any:
    return age(obj.get("firstTimestamp") or obj.get("deprecatedFirstTimestamp") or obj.get("eventTime"), now)


def _last_seen(obj: Json, now: dt.datetime) -> Any:
    if (series := obj.get("series")) is not None:
        return age(series.get("lastObservedTime"), now)
    last = obj.get("lastTimestamp") or obj.get("deprecatedLastTimestamp")
    return age(last, now) if last else _first_seen(obj, now)


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


_CONTAINERS: Final = (
    _cell("Containers", _joined(".spec.template.spec.containers[*].name"), priority=1),
    _cell("Images", _joined(".spec.template.spec.containers[*].image"), priority=1),
)
_SELECTOR: Final = _cell("Selector", _pairs(".spec.selector.matchLabels"), priority=1)
_EVENT: Final = (
    _cell("Last Seen", _last_seen),
    _cell("Type", _first(".type", "")),
    _cell("Reason", _first(".reason", "")),
    _cell("Object", _involved),
    _cell("Subobject", _part, priority=1),
    _cell("Source", _reporter, priority=1),
    _cell("Message", _message),
    _cell("First Seen", _first_seen, priority=1),
    _cell("Count", _times, priority=1),
    _cell("Name", _first(".metadata.name", ""), priority=1),
)

#: Kinds whose first column is not their name.
NAMELESS: Final = frozenset({("", "Event"), ("events.k8s.io", "Event")})

PRINTERS: Final[dict[tuple[str, str], tuple[Cell, ...]]] = {
    ("", "ConfigMap"): (_cell("Data", _count(".data"), "integer"), _AGE),
    ("", "Endpoints"): (_cell("Endpoints", _joined(".subsets[*].addresses[*].ip")), _AGE),
    ("", "Event"): _EVENT,
    ("events.k8s.io", "Event"): _EVENT,
    ("", "Namespace"): (_cell("Status", _first(".status.phase", "")), _AGE),
    ("", "Node"): (
        _cell("Status", _joined('.status.conditions[?(@.status=="True")].type', "Unknown")),
        _cell("Roles", _joined(".metadata.labels['kubernetes.io/role']")),
        _AGE,
        _cell("Version", _first(".status.nodeInfo.kubeletVersion", "")),
    ),
    ("", "PersistentVolumeClaim"): (
        _cell("Status", _first(".status.phase", "")),
        _cell("Volume", _first(".spec.volumeName", "")),
        _cell("Capacity", _first(".status.capacity.storage", "")),
        _cell("Access Modes", _joined(".spec.accessModes[*]", "")),
        _cell("StorageClass", _first(".spec.storageClassName", "")),
        _AGE,
    ),
    ("", "Pod"): (
        _cell("Ready", _pod_ready),
        _cell("Status", _pod_status),
        _cell("Restarts", _pod_restarts),
        _AGE,
        _cell("IP", _first(".status.podIP", "<none>"), priority=1),
        _cell("Node", _first(".spec.nodeName", "<none>"), priority=1),
    ),
    ("", "Secret"): (_cell("Type", _first(".type", "")), _cell("Data", _count(".data"), "integer"), _AGE),
    ("", "ServiceAccount"): (_cell("Secrets", _count(".secrets"), "integer"), _AGE),
    ("", "Service"): (
        _cell("Type", _first(".spec.type", "")),
        _cell("Cluster-IP", _first(".spec.clusterIP", "<none>")),
        _cell("External-IP", _external_ip),
        _cell("Port(s)", _service_ports),
        _AGE,
        _cell("Selector", _pairs(".spec.selector"), priority=1),
    ),
    ("apiextensions.k8s.io", "CustomResourceDefinition"): (_cell("Created At", _established, "date"),),
    ("apps", "DaemonSet"): (
        _number("Desired", ".status.desiredNumberScheduled"),
        _number("Current", ".status.currentNumberScheduled"),
        _number("Ready", ".status.numberReady"),
        _number("Up-to-date", ".status.updatedNumberScheduled"),
        _number("Available", ".status.numberAvailable"),
        _cell("Node Selector", _pairs(".spec.template.spec.nodeSelector")),
        _AGE,
        *_CONTAINERS,
        _SELECTOR,
    ),
    ("apps", "Deployment"): (
        _cell("Ready", _of(".status.readyReplicas", ".spec.replicas")),
        _number("Up-to-date", ".status.updatedReplicas"),
        _number("Available", ".status.availableReplicas"),
        _AGE,
        *_CONTAINERS,
        _SELECTOR,
    ),
    ("apps", "ReplicaSet"): (
        _number("Desired", ".spec.replicas"),
        _number("Current", ".status.replicas"),
        _number("Ready", ".status.readyReplicas"),
        _AGE,
        *_CONTAINERS,
        _SELECTOR,
    ),
    ("apps", "StatefulSet"): (_cell("Ready", _of(".status.readyReplicas", ".spec.replicas")), _AGE, *_CONTAINERS),
    ("batch", "CronJob"): (
        _cell("Schedule", _first(".spec.schedule", "")),
        _cell("Timezone", _first(".spec.timeZone", "<none>")),
        _cell("Suspend", _first(".spec.suspend", default=False), "boolean"),
        _cell("Active", _count(".status.active"), "integer"),
        _cell(
            "Last Schedule",
            lambda o, n: age(t, n) if (t := (o.get("status") or {}).get("lastScheduleTime")) else "<none>",
        ),
        _AGE,
    ),
    ("batch", "Job"): (
        _cell("Status", _job_status),
        _cell("Completions", _of(".status.succeeded", ".spec.completions")),
        _AGE,
        *_CONTAINERS,
    ),
    ("coordination.k8s.io", "Lease"): (_cell("Holder", _first(".spec.holderIdentity", "")), _AGE),
    ("networking.k8s.io", "Ingress"): (
        _cell("Class", _first(".spec.ingressClassName", "<none>")),
        _cell("Hosts", _joined(".spec.rules[*].host", "*")),
        _cell("Address", _joined(".status.loadBalancer.ingress[*].ip", "")),
        _cell("Ports", lambda o, _: "80, 443" if (o.get("spec") or {}).get("tls") else "80"),
        _AGE,
    ),
    ("networking.k8s.io", "NetworkPolicy"): (_cell("Pod-Selector", _pairs(".spec.podSelector.matchLabels")), _AGE),
    ("rbac.authorization.k8s.io", "ClusterRole"): (_cell("Created At", _established, "date"),),
    ("rbac.authorization.k8s.io", "Role"): (_cell("Created At", _established, "date"),),
    ("rbac.authorization.k8s.io", "ClusterRoleBinding"): (_cell("Role", _role), _AGE),
    ("rbac.authorization.k8s.io", "RoleBinding"): (_cell("Role", _role), _AGE),
    ("storage.k8s.io", "StorageClass"): (
        _cell("Provisioner", _first(".provisioner", "")),
        _cell("ReclaimPolicy", _first(".reclaimPolicy", "Delete")),
        _AGE,
    ),
}
