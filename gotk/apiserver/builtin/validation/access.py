"""Roles and bindings, priorities, leases, webhooks.

Answers to `validation.go` of `pkg/apis/rbac`, `scheduling`, `coordination` and `admissionregistration`.
"""

from collections.abc import Iterator
from typing import Final

from gotk.apiserver import cause
from gotk.apiserver.builtin.validation.checks import (
    Check,
    Json,
    Rules,
    at,
    between,
    each_of,
    may_be,
    not_negative,
    number,
    objects,
    one_of,
    positive,
    required,
)
from gotk.apiserver.cause import Cause

_RBAC: Final = "rbac.authorization.k8s.io"
_HIGHEST: Final = 1_000_000_000


def _rules(*, namespaced: bool) -> Check:
    def check(obj: Json, path: str) -> Iterator[Cause]:
        for index, rule in enumerate(objects(obj, "rules")):
            yield from _rule(rule, f"{at(path, 'rules')}[{index}]", namespaced=namespaced)

    return check


def _rule(rule: Json, path: str, *, namespaced: bool) -> Iterator[Cause]:
    if not rule.get("verbs"):
        yield cause.required(f"{path}.verbs", "verbs must contain at least one value")
    if urls := rule.get("nonResourceURLs"):
        where = f"{path}.nonResourceURLs"
        if namespaced:
            yield cause.invalid(where, urls, "namespaced rules cannot apply to non-resource URLs")
        if any(rule.get(name) for name in ("apiGroups", "resources", "resourceNames")):
            why = "rules cannot apply to both regular resources and non-resource URLs"
            yield cause.invalid(where, urls, why)
        return
    if not rule.get("apiGroups"):
        yield cause.required(f"{path}.apiGroups", "resource rules must supply at least one api group")
    if not rule.get("resources"):
        yield cause.required(f"{path}.resources", "resource rules must supply at least one resource")


def _binding(*roles: str, namespaced: bool) -> Check:
    def check(obj: Json, path: str) -> Iterator[Cause]:
        role = obj.get("roleRef")
        if isinstance(role, dict):
            where = at(path, "roleRef")
            yield from may_be("apiGroup", _RBAC)(role, where)
            if role.get("kind") not in roles:
                yield cause.not_supported(f"{where}.kind", role.get("kind") or "", roles)
            yield from required("name")(role, where)
        for index, subject in enumerate(objects(obj, "subjects")):
            yield from _subject(subject, f"{at(path, 'subjects')}[{index}]", namespaced=namespaced)

    return check


def _subject(subject: Json, path: str, *, namespaced: bool) -> Iterator[Cause]:
    yield from required("name")(subject, path)
    match subject.get("kind"):
        case "ServiceAccount":
            if subject.get("apiGroup"):
                yield cause.not_supported(f"{path}.apiGroup", subject["apiGroup"], ("",))
            if not namespaced and not subject.get("namespace"):
                yield cause.required(f"{path}.namespace")
        case "User" | "Group":
            yield from may_be("apiGroup", _RBAC)(subject, path)
        case kind:
            yield cause.not_supported(f"{path}.kind", kind or "", ("ServiceAccount", "User", "Group"))


def _priority(obj: Json, _path: str) -> Iterator[Cause]:
    value = number(obj.get("value"))
    name = str((obj.get("metadata") or {}).get("name") or "")
    if value is not None and value > _HIGHEST and not name.startswith("system-"):
        yield cause.forbidden("value", f"maximum allowed value of a user defined priority is {_HIGHEST}")


_WEBHOOK: Final[tuple[Check, ...]] = (
    may_be("failurePolicy", "Fail", "Ignore"),
    may_be("matchPolicy", "Equivalent", "Exact"),
    between("timeoutSeconds", 1, 30),
    one_of("sideEffects", "None", "NoneOnDryRun"),
)

RULES: Final[Rules] = {
    "admissionregistration.v1.MutatingWebhook": (*_WEBHOOK, may_be("reinvocationPolicy", "IfNeeded", "Never")),
    "admissionregistration.v1.RuleWithOperations": (
        each_of("operations", "*", "CONNECT", "CREATE", "DELETE", "UPDATE"),
        may_be("scope", "*", "Cluster", "Namespaced"),
    ),
    "admissionregistration.v1.ValidatingWebhook": _WEBHOOK,
    "coordination.v1.LeaseSpec": (positive("leaseDurationSeconds"), not_negative("leaseTransitions")),
    "rbac.v1.ClusterRole": (_rules(namespaced=False),),
    "rbac.v1.ClusterRoleBinding": (_binding("ClusterRole", namespaced=False),),
    "rbac.v1.Role": (_rules(namespaced=True),),
    "rbac.v1.RoleBinding": (_binding("Role", "ClusterRole", namespaced=True),),
    "scheduling.v1.PriorityClass": (_priority, may_be("preemptionPolicy", "Never", "PreemptLowerPriority")),
}
