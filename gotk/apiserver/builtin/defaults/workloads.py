"""Defaults of what runs pods: Deployments and their like, Jobs, CronJobs, autoscalers.

Answers to `defaults.go` of `pkg/apis/apps/v1`, `batch/v1` and `autoscaling/v2`.
"""

from typing import Any, Final

from gotk.apiserver.builtin.defaults.fill import Json, Rules, absent, inside, with_zero, zero

_ROLLING: Final = "RollingUpdate"
_NO_LIMIT: Final = 2**31 - 1


def _strategy(spec: Json, name: str, **values: Any) -> None:
    strategy = inside(spec, name)
    zero(strategy, type=_ROLLING)
    if strategy["type"] == _ROLLING:
        absent(inside(strategy, "rollingUpdate"), **values)


def _deployment(obj: Json) -> None:
    spec = inside(obj, "spec")
    absent(spec, replicas=1, revisionHistoryLimit=10, progressDeadlineSeconds=600)
    _strategy(spec, "strategy", maxUnavailable="25%", maxSurge="25%")


def _daemon_set(obj: Json) -> None:
    spec = inside(obj, "spec")
    absent(spec, revisionHistoryLimit=10)
    _strategy(spec, "updateStrategy", maxUnavailable=1, maxSurge=0)


def _replica_set(obj: Json) -> None:
    absent(inside(obj, "spec"), replicas=1)


def _stateful_set(obj: Json) -> None:
    spec = inside(obj, "spec")
    zero(spec, podManagementPolicy="OrderedReady")
    absent(spec, replicas=1, revisionHistoryLimit=10)
    strategy = inside(spec, "updateStrategy")
    if not strategy.get("type"):
        strategy["type"] = _ROLLING
        inside(strategy, "rollingUpdate")
    if strategy["type"] == _ROLLING and isinstance(rolling := strategy.get("rollingUpdate"), dict):
        absent(rolling, partition=0)
    zero(inside(spec, "persistentVolumeClaimRetentionPolicy"), whenDeleted="Retain", whenScaled="Retain")


def _job(obj: Json) -> None:
    spec = inside(obj, "spec")
    if spec.get("completions") is None and spec.get("parallelism") is None:
        absent(spec, completions=1)
    absent(
        spec,
        parallelism=1,
        backoffLimit=6 if spec.get("backoffLimitPerIndex") is None else _NO_LIMIT,
        completionMode="NonIndexed",
        suspend=False,
        podReplacementPolicy="TerminatingOrFailed" if spec.get("podFailurePolicy") is None else "Failed",
        manualSelector=False,
    )
    labels = (inside(spec, "template").get("metadata") or {}).get("labels")
    if labels and not inside(obj, "metadata").get("labels"):
        obj["metadata"]["labels"] = dict(labels)


def _cron_job(obj: Json) -> None:
    spec = inside(obj, "spec")
    zero(spec, concurrencyPolicy="Allow")
    absent(spec, suspend=False, successfulJobsHistoryLimit=3, failedJobsHistoryLimit=1)


def _autoscaler(obj: Json) -> None:
    spec = inside(obj, "spec")
    absent(spec, minReplicas=1)
    if not spec.get("metrics"):
        target = {"type": "Utilization", "averageUtilization": 80}
        spec["metrics"] = [{"type": "Resource", "resource": {"name": "cpu", "target": target}}]
    behavior = spec.get("behavior")
    if isinstance(behavior, dict):
        percent = {"type": "Percent", "value": 100, "periodSeconds": 15}
        pods = {"type": "Pods", "value": 4, "periodSeconds": 15}
        up, down = inside(behavior, "scaleUp"), inside(behavior, "scaleDown")
        absent(up, stabilizationWindowSeconds=0, selectPolicy="Max", policies=[pods, percent])
        absent(down, selectPolicy="Max", policies=[percent])


RULES: Final[Rules] = {
    "apps.v1.DaemonSet": _daemon_set,
    "apps.v1.Deployment": _deployment,
    "apps.v1.ReplicaSet": _replica_set,
    "apps.v1.StatefulSet": _stateful_set,
    "autoscaling.v2.HorizontalPodAutoscaler": _autoscaler,
    "batch.v1.CronJob": _cron_job,
    "batch.v1.Job": _job,
    "batch.v1.PodFailurePolicyOnPodConditionsPattern": with_zero(status="True"),
}
