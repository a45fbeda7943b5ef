"""interim"""
from gotk.apiserver.crds import AGE
from gotk.apiserver.resource import Resource


def apply_defaults(obj):
    return None

def _r(group, version, kind, plural, namespaced=True, sub=()):
    return Resource(group=group, version=version, kind=kind, plural=plural, singular=kind.lower(), list_kind=kind+"List", storage_version=version, storage=f"{plural}.{group}", namespaced=namespaced, columns=(AGE,), subresources=frozenset(sub))

RESOURCES = (
    _r("", "v1", "Namespace", "namespaces", False, ("status",)),
    _r("", "v1", "ConfigMap", "configmaps"), _r("", "v1", "Secret", "secrets"), _r("", "v1", "ServiceAccount", "serviceaccounts"),
    _r("", "v1", "Event", "events"), _r("", "v1", "Service", "services", True, ("status",)), _r("", "v1", "Pod", "pods", True, ("status",)),
    _r("apps", "v1", "Deployment", "deployments", True, ("status", "scale")),
    _r("coordination.k8s.io", "v1", "Lease", "leases"),
    _r("apiextensions.k8s.io", "v1", "CustomResourceDefinition", "customresourcedefinitions", False, ("status",)),
)
