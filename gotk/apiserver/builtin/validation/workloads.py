"""What runs pods, and what scales or protects them: selectors, strategies, limits, schedules.

Answers to `validation.go` of `pkg/apis/apps`, `batch`, `autoscaling` and `policy`.
"""

import re
from collections.abc import Iterator
from typing import Any, Final

from gotk.apiserver import cause
from gotk.apiserver.builtin.validation.checks import (
    Check,
    Json,
    Rules,
    at,
    inner,
    may_be,
    not_negative,
    number,
    one_of,
    required,
    selector,
    selects,
)
from gotk.apiserver.cause import Cause

_PERCENT: Final = re.compile(r"[0-9]+%")
_CRON: Final = re.compile(r"[-0-9*/,?a-zA-Z]+")
_MACROS: Final = ("@yearly", "@annually", "@monthly", "@weekly", "@daily", "@midnight", "@hourly")


def _selects_its_pods(kind: str) -> Check:
    def check(spec: Json, path: str) -> Iterator[Cause]:
        chosen, template = spec.get("selector"), inner(spec, "template")
        labels = inner(template, "metadata", "labels")
        if isinstance(chosen, dict):
            yield from selector(chosen, at(path, "selector"))
            if not chosen.get("matchLabels") and not chosen.get("matchExpressions"):
                yield cause.invalid(at(path, "selector"), chosen, f"empty selector is invalid for {kind}")
        if not isinstance(chosen, dict) or not selects(chosen, labels):
            why = "`selector` does not match template `labels`"
            yield cause.invalid(at(path, "template.metadata.labels"), labels, why)

    return check


def _runs_for_ever(kind: str) -> Check:
    def check(spec: Json, path: str) -> Iterator[Cause]:
        pod, where = inner(spec, "template", "spec"), at(path, "template.spec")
        if pod.get("restartPolicy") not in (None, "Always"):
            yield cause.not_supported(f"{where}.restartPolicy", pod["restartPolicy"], ("Always",))
        if pod.get("activeDeadlineSeconds") is not None:
            yield cause.forbidden(f"{where}.activeDeadlineSeconds", f"activeDeadlineSeconds in {kind} is not Supported")

    return check


def _deadline(spec: Json, path: str) -> Iterator[Cause]:
    deadline, ready = number(spec.get("progressDeadlineSeconds")), number(spec.get("minReadySeconds")) or 0
    if deadline is not None and deadline <= ready:
        yield cause.invalid(at(path, "progressDeadlineSeconds"), deadline, "must be greater than minReadySeconds")


def _recreates(strategy: Json, path: str) -> Iterator[Cause]:
    kind = strategy.get("type")
    if kind == "Recreate" and strategy.get("rollingUpdate") is not None:
        why = "may not be specified when strategy `type` is 'Recreate'"
        yield cause.forbidden(at(path, "rollingUpdate"), why)
    if kind not in {"Recreate", "RollingUpdate"}:
        yield cause.not_supported(path, strategy, ("Recreate", "RollingUpdate"))


def _updates(strategy: Json, path: str) -> Iterator[Cause]:
    if strategy.get("type") not in {"RollingUpdate", "OnDelete"}:
        yield cause.not_supported(path, strategy, ("RollingUpdate", "OnDelete"))


def _stateful_updates(strategy: Json, path: str) -> Iterator[Cause]:
    kind = strategy.get("type")
    if kind == "OnDelete" and strategy.get("rollingUpdate") is not None:
        why = "only allowed for updateStrategy 'RollingUpdate'"
        yield cause.invalid(at(path, "rollingUpdate"), strategy["rollingUpdate"], why)
    elif kind not in {"RollingUpdate", "OnDelete"}:
        yield cause.invalid(path, strategy, "must be 'RollingUpdate' or 'OnDelete'")


def _share(name: str, *, whole: bool = True) -> Check:
    """Refuse what is neither a number from zero on nor a percentage, up to the whole."""

    def check(obj: Json, path: str) -> Iterator[Cause]:
        value = obj.get(name)
        where = at(path, name)
        if (count := number(value)) is not None:
            if count < 0:
                yield cause.invalid(where, count, "must be greater than or equal to 0")
        elif isinstance(value, str):
            if not _PERCENT.fullmatch(value):
                why = (
                    "a valid percent string must be a numeric string followed by an ending '%' (e.g. '1%',  or '93%', "
                    "regex used for validation is '[0-9]+%')"
                )
                yield cause.invalid(where, value, why)
            elif whole and int(value[:-1]) > 100:
                yield cause.invalid(where, value, "must not be greater than 100%")

    return check


def _nothing(value: Any) -> bool:
    return value == 0 or (isinstance(value, str) and value.strip("0") == "%")


def _moves(rolling: Json, path: str) -> Iterator[Cause]:
    if _nothing(rolling.get("maxUnavailable")) and _nothing(rolling.get("maxSurge")):
        why = "may not be 0 when `maxSurge` is 0"
        yield cause.invalid(at(path, "maxUnavailable"), rolling["maxUnavailable"], why)


def _daemons_move(rolling: Json, path: str) -> Iterator[Cause]:
    gone, more = rolling.get("maxUnavailable"), rolling.get("maxSurge")
    if _nothing(gone) and _nothing(more):
        yield cause.required(at(path, "maxUnavailable"), "cannot be 0 when maxSurge is 0")
    elif not _nothing(gone) and more is not None and not _nothing(more):
        yield cause.invalid(at(path, "maxSurge"), more, "may not be set when maxUnavailable is non-zero")


def _management(spec: Json, path: str) -> Iterator[Cause]:
    value = spec.get("podManagementPolicy")
    if value not in {"OrderedReady", "Parallel"}:
        yield cause.invalid(at(path, "podManagementPolicy"), value, "must be 'OrderedReady' or 'Parallel'")


def _job(spec: Json, path: str) -> Iterator[Cause]:
    pod, where = inner(spec, "template", "spec"), at(path, "template.spec.restartPolicy")
    policy = pod.get("restartPolicy")
    if policy in (None, "", "Always"):
        yield cause.required(where, 'valid values: "OnFailure", "Never"')
    elif policy not in {"OnFailure", "Never"}:
        yield cause.not_supported(where, policy, ("OnFailure", "Never"))
    elif spec.get("podFailurePolicy") is not None and policy != "Never":
        yield cause.invalid(where, policy, 'only "Never" is supported when podFailurePolicy is specified')
    if spec.get("completionMode") == "Indexed":
        if spec.get("completions") is None:
            yield cause.required(at(path, "completions"), "when completion mode is Indexed")
    else:
        for name in ("backoffLimitPerIndex", "maxFailedIndexes", "successPolicy"):
            if spec.get(name) is not None:
                yield cause.invalid(at(path, name), spec[name], "requires indexed completion mode")


def _schedule(spec: Json, path: str) -> Iterator[Cause]:
    text, where = str(spec.get("schedule") or ""), at(path, "schedule")
    if not text:
        yield cause.required(where)
        return
    if "TZ" in text:
        yield cause.invalid(where, text, "cannot use TZ or CRON_TZ in schedule, use timeZone field instead")
    elif text.startswith("@"):
        if text not in _MACROS and not text.startswith("@every "):
            yield cause.invalid(where, text, f"unrecognized descriptor: {text}")
    elif len(fields := text.split()) != 5:
        found = f"expected exactly 5 fields, found {len(fields)}: [{' '.join(fields)}]"
        yield cause.invalid(where, text, found)
    else:
        for each in fields:
            if not _CRON.fullmatch(each):
                yield cause.invalid(where, text, f"failed to parse int from {each}")


def _autoscaler(spec: Json, path: str) -> Iterator[Cause]:
    least, most = number(spec.get("minReplicas")), number(spec.get("maxReplicas")) or 0
    if least is not None and least < 1:
        yield cause.invalid(at(path, "minReplicas"), least, "must be greater than or equal to 1")
    if most == 0:
        yield cause.required(at(path, "maxReplicas"), "must be set and greater than 0")
    elif most < 0:
        yield cause.invalid(at(path, "maxReplicas"), most, "must be greater than or equal to 1")
    if least is not None and most < least:
        yield cause.invalid(at(path, "maxReplicas"), most, "must be greater than or equal to `minReplicas`")


def _budget(spec: Json, path: str) -> Iterator[Cause]:
    if spec.get("minAvailable") is not None and spec.get("maxUnavailable") is not None:
        yield cause.invalid(path, spec, "minAvailable and maxUnavailable cannot be both set")
    if isinstance(spec.get("selector"), dict):
        yield from selector(spec["selector"], at(path, "selector"))


RULES: Final[Rules] = {
    "apps.v1.DaemonSetSpec": (
        _selects_its_pods("daemonset"),
        _runs_for_ever("DaemonSet"),
        not_negative("minReadySeconds", "revisionHistoryLimit"),
    ),
    "apps.v1.DaemonSetUpdateStrategy": (_updates,),
    "apps.v1.DeploymentSpec": (
        _selects_its_pods("deployment"),
        _runs_for_ever("ReplicaSet"),
        not_negative("replicas", "minReadySeconds", "revisionHistoryLimit", "progressDeadlineSeconds"),
        _deadline,
    ),
    "apps.v1.DeploymentStrategy": (_recreates,),
    "apps.v1.ReplicaSetSpec": (
        _selects_its_pods("deployment"),
        _runs_for_ever("ReplicaSet"),
        not_negative("replicas", "minReadySeconds"),
    ),
    "apps.v1.RollingUpdateDaemonSet": (_share("maxUnavailable"), _share("maxSurge"), _daemons_move),
    "apps.v1.RollingUpdateDeployment": (_share("maxUnavailable"), _share("maxSurge", whole=False), _moves),
    "apps.v1.RollingUpdateStatefulSetStrategy": (not_negative("partition"), _share("maxUnavailable")),
    "apps.v1.StatefulSetPersistentVolumeClaimRetentionPolicy": (
        may_be("whenDeleted", "Retain", "Delete"),
        may_be("whenScaled", "Retain", "Delete"),
    ),
    "apps.v1.StatefulSetSpec": (
        _selects_its_pods("statefulset"),
        _runs_for_ever("StatefulSet"),
        not_negative("replicas", "minReadySeconds", "revisionHistoryLimit"),
        _management,
    ),
    "apps.v1.StatefulSetUpdateStrategy": (_stateful_updates,),
    "autoscaling.v2.CrossVersionObjectReference": (required("kind", "name"),),
    "autoscaling.v2.HPAScalingRules": (
        may_be("selectPolicy", "Disabled", "Max", "Min"),
        not_negative("stabilizationWindowSeconds"),
    ),
    "autoscaling.v2.HorizontalPodAutoscalerSpec": (_autoscaler,),
    "autoscaling.v2.MetricSpec": (one_of("type", "ContainerResource", "External", "Object", "Pods", "Resource"),),
    "autoscaling.v2.MetricTarget": (one_of("type", "AverageValue", "Utilization", "Value"),),
    "batch.v1.CronJobSpec": (
        _schedule,
        one_of("concurrencyPolicy", "Allow", "Forbid", "Replace"),
        not_negative("startingDeadlineSeconds", "successfulJobsHistoryLimit", "failedJobsHistoryLimit"),
    ),
    "batch.v1.JobSpec": (
        _job,
        not_negative(
            "parallelism",
            "completions",
            "activeDeadlineSeconds",
            "backoffLimit",
            "ttlSecondsAfterFinished",
            "backoffLimitPerIndex",
            "maxFailedIndexes",
        ),
        may_be("completionMode", "NonIndexed", "Indexed"),
        may_be("podReplacementPolicy", "Failed", "TerminatingOrFailed"),
    ),
    "policy.v1.PodDisruptionBudgetSpec": (
        _budget,
        _share("minAvailable"),
        _share("maxUnavailable"),
        may_be("unhealthyPodEvictionPolicy", "AlwaysAllow", "IfHealthyBudget"),
    ),
}
