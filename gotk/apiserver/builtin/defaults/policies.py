"""Defaults of what says who may do what: network policies, roles, priorities, webhooks, definitions.

Answers to `defaults.go` of `pkg/apis/networking/v1`, `discovery/v1`, `rbac/v1`, `scheduling/v1` and
`admissionregistration/v1`, and of apiextensions-apiserver and kube-aggregator.
"""

from typing import Any, Final

from gotk.apiserver.builtin.defaults.fill import Json, Rules, absent, inside, with_absent, zero

_RBAC: Final = "rbac.authorization.k8s.io"
_EXTENSIONS: Final = "#/components/schemas/io.k8s.apiextensions-apiserver.pkg.apis.apiextensions.v1."
_AGGREGATOR: Final = "#/components/schemas/io.k8s.kube-aggregator.pkg.apis.apiregistration.v1."


def _network_policy(obj: Json) -> None:
    spec = inside(obj, "spec")
    if not spec.get("policyTypes"):
        spec["policyTypes"] = ["Ingress", *(["Egress"] if spec.get("egress") else [])]


def _ingress_class(obj: Json) -> None:
    if isinstance(parameters := inside(obj, "spec").get("parameters"), dict):
        absent(parameters, scope="Cluster")


def _binding(obj: Json) -> None:
    if isinstance(obj.get("roleRef"), dict):
        zero(obj["roleRef"], apiGroup=_RBAC)


def _subject(subject: Json) -> None:
    if subject.get("kind") in {"User", "Group"}:
        zero(subject, apiGroup=_RBAC)


def _matching(obj: Json) -> None:
    absent(obj, matchPolicy="Equivalent", namespaceSelector={}, objectSelector={})


def _webhook(webhook: Json) -> None:
    values: dict[str, Any] = {"failurePolicy": "Fail", "timeoutSeconds": 10}
    absent(webhook, **values)
    _matching(webhook)


def _mutating_webhook(webhook: Json) -> None:
    _webhook(webhook)
    absent(webhook, reinvocationPolicy="Never")


def _definition(obj: Json) -> None:
    spec = inside(obj, "spec")
    names = inside(spec, "names")
    kind = str(names.get("kind") or "")
    zero(names, singular=kind.lower(), listKind=f"{kind}List" if kind else "")
    absent(spec, conversion={"strategy": "None"})


RULES: Final[Rules] = {
    "admissionregistration.v1.MatchResources": _matching,
    "admissionregistration.v1.MutatingWebhook": _mutating_webhook,
    "admissionregistration.v1.NamedRuleWithOperations": with_absent(scope="*"),
    "admissionregistration.v1.RuleWithOperations": with_absent(scope="*"),
    "admissionregistration.v1.ServiceReference": with_absent(port=443),
    "admissionregistration.v1.ValidatingAdmissionPolicySpec": with_absent(failurePolicy="Fail"),
    "admissionregistration.v1.ValidatingWebhook": _webhook,
    "discovery.v1.EndpointPort": with_absent(name="", protocol="TCP"),
    "networking.v1.IngressClass": _ingress_class,
    "networking.v1.NetworkPolicy": _network_policy,
    "networking.v1.NetworkPolicyPort": with_absent(protocol="TCP"),
    "rbac.v1.ClusterRoleBinding": _binding,
    "rbac.v1.RoleBinding": _binding,
    "rbac.v1.Subject": _subject,
    "scheduling.v1.PriorityClass": with_absent(preemptionPolicy="PreemptLowerPriority"),
    f"{_AGGREGATOR}ServiceReference": with_absent(port=443),
    f"{_EXTENSIONS}CustomResourceDefinition": _definition,
    f"{_EXTENSIONS}ServiceReference": with_absent(port=443),
}
