"""What absent fields of built-in kinds stand for, as far as clients rely on it.

Answers to `pkg/apis/*/v1/defaults.go`, for the kinds of ordinary GitOps repositories. Objects are changed in place.
"""

import base64
from collections.abc import Callable
from typing import Any, Final

Json = dict[str, Any]
_RBAC: Final = "rbac.authorization.k8s.io"


def apply_defaults(obj: Json) -> None:
    """Fill in the defaults of a built-in kind; other objects are left alone."""
    group = str(obj.get("apiVersion", "")).rpartition("/")[0]
    if (fill := _DEFAULTS.get((group, str(obj.get("kind", ""))))) is not None:
        fill(obj)


def _inside(obj: Json, *path: str) -> Json:
    """Return the object at a path, made where it is absent."""
    for name in path:
        value = obj.get(name)
        if not isinstance(value, dict):
            value = obj[name] = {}
        obj = value
    return obj


def _fill(obj: Json, **values: Any) -> None:
    for name, value in values.items():
        if obj.get(name) is None:
            obj[name] = value


def _namespace(obj: Json) -> None:
    metadata = _inside(obj, "metadata")
    if metadata.get("name"):
        _inside(metadata, "labels")["kubernetes.io/metadata.name"] = metadata["name"]
    _fill(_inside(obj, "spec"), finalizers=["kubernetes"])
    _fill(_inside(obj, "status"), phase="Active")


def _secret(obj: Json) -> None:
    _fill(obj, type="Opaque")
    if isinstance(text := obj.pop("stringData", None), dict):
        data = _inside(obj, "data")
        data.update({key: base64.b64encode(str(value).encode()).decode() for key, value in text.items()})


def _service(obj: Json) -> None:
    spec = _inside(obj, "spec")
    _fill(spec, type="ClusterIP", sessionAffinity="None")
    if spec["type"] != "ExternalName":
        _fill(spec, internalTrafficPolicy="Cluster")
    for port in spec.get("ports") or ():
        _fill(port, protocol="TCP")
        if spec.get("clusterIP") != "None" or "targetPort" not in port:
            _fill(port, targetPort=port.get("port"))


def _pod_spec(spec: Json, restart: str = "Always") -> None:
    _fill(
        spec,
        restartPolicy=restart,
        dnsPolicy="ClusterFirst",
        schedulerName="default-scheduler",
        securityContext={},
        terminationGracePeriodSeconds=30,
    )
    for container in (*(spec.get("initContainers") or ()), *(spec.get("containers") or ())):
        _container(container)


def _container(container: Json) -> None:
    name = str(container.get("image", "")).rpartition("/")[2]
    floating = "@" not in name and (":" not in name or name.endswith(":latest"))
    _fill(
        container,
        imagePullPolicy="Always" if floating else "IfNotPresent",
        resources={},
        terminationMessagePath="/dev/termination-log",
        terminationMessagePolicy="File",
    )
    for port in container.get("ports") or ():
        _fill(port, protocol="TCP")
    for probe in ("livenessProbe", "readinessProbe", "startupProbe"):
        if isinstance(container.get(probe), dict):
            _fill(container[probe], timeoutSeconds=1, periodSeconds=10, successThreshold=1, failureThreshold=3)
            if isinstance(http := container[probe].get("httpGet"), dict):
                _fill(http, path="/", scheme="HTTP")


def _pod(obj: Json) -> None:
    _pod_spec(_inside(obj, "spec"))
    _fill(_inside(obj, "status"), phase="Pending")


def _template(spec: Json, restart: str = "Always") -> None:
    if isinstance(spec.get("template"), dict):
        _pod_spec(_inside(spec, "template", "spec"), restart)


def _deployment(obj: Json) -> None:
    spec = _inside(obj, "spec")
    _fill(spec, replicas=1, revisionHistoryLimit=10, progressDeadlineSeconds=600)
    strategy = _inside(spec, "strategy")
    _fill(strategy, type="RollingUpdate")
    if strategy["type"] == "RollingUpdate":
        _fill(_inside(strategy, "rollingUpdate"), maxUnavailable="25%", maxSurge="25%")
    _template(spec)


def _stateful_set(obj: Json) -> None:
    spec = _inside(obj, "spec")
    _fill(spec, replicas=1, revisionHistoryLimit=10, podManagementPolicy="OrderedReady")
    strategy = _inside(spec, "updateStrategy")
    _fill(strategy, type="RollingUpdate")
    if strategy["type"] == "RollingUpdate":
        _fill(_inside(strategy, "rollingUpdate"), partition=0)
    _template(spec)


def _daemon_set(obj: Json) -> None:
    spec = _inside(obj, "spec")
    _fill(spec, revisionHistoryLimit=10)
    strategy = _inside(spec, "updateStrategy")
    _fill(strategy, type="RollingUpdate")
    if strategy["type"] == "RollingUpdate":
        _fill(_inside(strategy, "rollingUpdate"), maxUnavailable=1, maxSurge=0)
    _template(spec)


def _replica_set(obj: Json) -> None:
    spec = _inside(obj, "spec")
    _fill(spec, replicas=1)
    _template(spec)


def _job_spec(spec: Json) -> None:
    if spec.get("completions") is None and spec.get("parallelism") is None:
        _fill(spec, completions=1, parallelism=1)
    _fill(spec, parallelism=1, backoffLimit=6, completionMode="NonIndexed", suspend=False)
    _template(spec)


def _cron_job(obj: Json) -> None:
    spec = _inside(obj, "spec")
    _fill(spec, concurrencyPolicy="Allow", suspend=False, successfulJobsHistoryLimit=3, failedJobsHistoryLimit=1)
    if isinstance((spec.get("jobTemplate") or {}).get("spec"), dict):
        _template(spec["jobTemplate"]["spec"])


def _claim(obj: Json) -> None:
    _fill(_inside(obj, "spec"), volumeMode="Filesystem")
    _fill(_inside(obj, "status"), phase="Pending")


def _binding(obj: Json) -> None:
    if isinstance(obj.get("roleRef"), dict):
        _fill(obj["roleRef"], apiGroup=_RBAC)
    for subject in obj.get("subjects") or ():
        if subject.get("kind") in {"User", "Group"}:
            _fill(subject, apiGroup=_RBAC)


def _network_policy(obj: Json) -> None:
    spec = _inside(obj, "spec")
    _fill(spec, policyTypes=["Ingress", *(["Egress"] if spec.get("egress") else [])])


def _definition(obj: Json) -> None:
    spec = _inside(obj, "spec")
    names = _inside(spec, "names")
    kind = str(names.get("kind", ""))
    _fill(names, singular=kind.lower(), listKind=f"{kind}List")
    _fill(spec, conversion={"strategy": "None"})


_DEFAULTS: Final[dict[tuple[str, str], Callable[[Json], None]]] = {
    ("", "Namespace"): _namespace,
    ("", "PersistentVolumeClaim"): _claim,
    ("", "Pod"): _pod,
    ("", "ReplicationController"): _replica_set,
    ("", "Secret"): _secret,
    ("", "Service"): _service,
    ("apiextensions.k8s.io", "CustomResourceDefinition"): _definition,
    ("apps", "DaemonSet"): _daemon_set,
    ("apps", "Deployment"): _deployment,
    ("apps", "ReplicaSet"): _replica_set,
    ("apps", "StatefulSet"): _stateful_set,
    ("autoscaling", "HorizontalPodAutoscaler"): lambda obj: _fill(_inside(obj, "spec"), minReplicas=1),
    ("batch", "CronJob"): _cron_job,
    ("batch", "Job"): lambda obj: _job_spec(_inside(obj, "spec")),
    ("networking.k8s.io", "NetworkPolicy"): _network_policy,
    (_RBAC, "ClusterRoleBinding"): _binding,
    (_RBAC, "RoleBinding"): _binding,
    ("storage.k8s.io", "StorageClass"): lambda obj: _fill(obj, reclaimPolicy="Delete", volumeBindingMode="Immediate"),
}
