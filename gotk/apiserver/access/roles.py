"""The roles and bindings that every cluster has, as far as they mean something here.

Answers to `plugin/pkg/auth/authorizer/rbac/bootstrappolicy`. Made where roles are enforced; like upstream's, they are
put right at every start unless the annotation `rbac.authorization.kubernetes.io/autoupdate` says `false`.
"""

from collections.abc import Iterator
from typing import Any, Final

from gotk.apiserver.access.identity import AUTHENTICATED, MASTERS
from gotk.apiserver.access.rbac import GROUP

Json = dict[str, Any]

AUTOUPDATE: Final = "rbac.authorization.kubernetes.io/autoupdate"
_TO: Final = "rbac.authorization.k8s.io/aggregate-to-"
_BOOTSTRAP: Final = {"kubernetes.io/bootstrapping": "rbac-defaults"}
_READ: Final = ("get", "list", "watch")
_WRITE: Final = ("create", "delete", "deletecollection", "patch", "update")
_WORKLOADS: Final = {
    "": ("configmaps", "endpoints", "persistentvolumeclaims", "pods", "replicationcontrollers", "serviceaccounts",
         "services"),
    "apps": ("daemonsets", "deployments", "deployments/scale", "replicasets", "replicasets/scale", "statefulsets",
             "statefulsets/scale"),
    "autoscaling": ("horizontalpodautoscalers",),
    "batch": ("cronjobs", "jobs"),
    "networking.k8s.io": ("ingresses", "networkpolicies"),
    "policy": ("poddisruptionbudgets",),
}  # fmt: skip
_SEEN: Final = {
    "": ("bindings", "events", "limitranges", "namespaces", "persistentvolumeclaims/status", "pods/log", "pods/status",
         "resourcequotas", "resourcequotas/status", "services/status"),
    "apps": ("controllerrevisions", "daemonsets/status", "deployments/status", "replicasets/status",
             "statefulsets/status"),
    "batch": ("cronjobs/status", "jobs/status"),
    "discovery.k8s.io": ("endpointslices",),
    "networking.k8s.io": ("ingresses/status",),
}  # fmt: skip
_REVIEWS: Final = "authorization.k8s.io"


def _rule(verbs: tuple[str, ...], groups: tuple[str, ...], *resources: str) -> Json:
    return {"verbs": list(verbs), "apiGroups": list(groups), "resources": list(resources)}


def _paths(*paths: str) -> Json:
    return {"verbs": ["get"], "nonResourceURLs": list(paths)}


def _role(name: str, rules: list[Json], **labels: str) -> Json:
    metadata: Json = {"name": name, "labels": {**_BOOTSTRAP, **labels}, "annotations": {AUTOUPDATE: "true"}}
    return {"apiVersion": f"{GROUP}/v1", "kind": "ClusterRole", "metadata": metadata, "rules": rules}


def _aggregated(name: str, *labels: str) -> Json:
    selectors = [{"matchLabels": {_TO + label: "true"}} for label in labels]
    role = _role(name, [], **({_TO + "edit": "true"} if name == "view" else {}))
    if name == "edit":
        role["metadata"]["labels"][_TO + "admin"] = "true"
    return {**role, "aggregationRule": {"clusterRoleSelectors": selectors}}


def cluster_roles() -> Iterator[Json]:
    """Yield the cluster roles."""
    everything = [_rule(("*",), ("*",), "*"), {"verbs": ["*"], "nonResourceURLs": ["*"]}]
    discovery = _paths("/api", "/api/*", "/apis", "/apis/*", "/openapi", "/openapi/*", *_HEALTH)
    yield _role("cluster-admin", everything)
    yield _role("system:discovery", [discovery])
    yield _role("system:public-info-viewer", [_paths(*_HEALTH)])
    yield _role(
        "system:service-account-issuer-discovery", [_paths("/.well-known/openid-configuration", "/openid/v1/jwks")]
    )
    yield _role(
        "system:basic-user",
        [
            _rule(("create",), (_REVIEWS,), "selfsubjectaccessreviews", "selfsubjectrulesreviews"),
            _rule(("create",), ("authentication.k8s.io",), "selfsubjectreviews"),
        ],
    )
    yield _aggregated("admin", "admin")
    yield _aggregated("edit", "edit")
    yield _aggregated("view", "view")
    yield _role("system:aggregate-to-view", _viewing(), **{_TO + "view": "true"})
    yield _role("system:aggregate-to-edit", _editing(), **{_TO + "edit": "true"})
    yield _role("system:aggregate-to-admin", _ruling(), **{_TO + "admin": "true"})


_HEALTH: Final = ("/healthz", "/livez", "/readyz", "/version", "/version/")


def _viewing() -> list[Json]:
    groups = sorted({*_WORKLOADS, *_SEEN})
    return [_rule(_READ, (group,), *_WORKLOADS.get(group, ()), *_SEEN.get(group, ())) for group in groups]


def _editing() -> list[Json]:
    return [
        *(_rule(_WRITE, (group,), *names) for group, names in _WORKLOADS.items()),
        _rule((*_READ, *_WRITE), ("",), "secrets"),
        _rule(("impersonate",), ("",), "serviceaccounts"),
        _rule(("create",), ("",), "events", "pods/eviction", "serviceaccounts/token"),
        _rule((*_READ, *_WRITE), ("coordination.k8s.io",), "leases"),
    ]


def _ruling() -> list[Json]:
    return [
        _rule(("create",), (_REVIEWS,), "localsubjectaccessreviews"),
        _rule((*_READ, *_WRITE), (GROUP,), "rolebindings", "roles"),
    ]


def bindings() -> Iterator[Json]:
    """Yield the cluster role bindings."""
    for role, groups in (
        ("cluster-admin", (MASTERS,)),
        ("system:basic-user", (AUTHENTICATED,)),
        ("system:discovery", (AUTHENTICATED,)),
        ("system:public-info-viewer", (AUTHENTICATED,)),
        ("system:service-account-issuer-discovery", ("system:serviceaccounts",)),
    ):
        yield {
            "apiVersion": f"{GROUP}/v1",
            "kind": "ClusterRoleBinding",
            "metadata": {"name": role, "labels": _BOOTSTRAP, "annotations": {AUTOUPDATE: "true"}},
            "roleRef": {"apiGroup": GROUP, "kind": "ClusterRole", "name": role},
            "subjects": [{"apiGroup": GROUP, "kind": "Group", "name": group} for group in groups],
        }
