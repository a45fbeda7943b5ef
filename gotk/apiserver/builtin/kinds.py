"""The built-in kinds that are served: what ordinary GitOps repositories hold, and what clients ask for unasked.

One row per kind and version. Answers to the REST storage tables of kube-apiserver; kinds that would need machinery
behind them (aggregated APIs, flow control, certificates) are left out rather than pretended.
"""

from dataclasses import dataclass

#: Answered at once and never stored.
REVIEW = ("create",)


@dataclass(frozen=True, slots=True)
class Kind:
    """A row: names, scope, subresources, and the Go package that its schema is named after."""

    group: str
    version: str
    kind: str
    plural: str
    short_names: tuple[str, ...] = ()
    categories: tuple[str, ...] = ()
    namespaced: bool = True
    subresources: tuple[str, ...] = ()
    verbs: tuple[str, ...] = ()
    package: str = ""

    @property
    def definition(self) -> str:
        """The name of its schema among the definitions."""
        package = self.package or f"io.k8s.api.{self.group.split('.')[0] or 'core'}"
        return f"{package}.{self.version}.{self.kind}"


_ALL = ("all",)
_STATUS = ("status",)
_SCALE = ("scale", "status")
_RBAC = "rbac.authorization.k8s.io"
_ADMISSION = "admissionregistration.k8s.io"
_AUTHZ = "authorization.k8s.io"
_AUTHN = "authentication.k8s.io"

KINDS = (
    Kind("", "v1", "ConfigMap", "configmaps", ("cm",)),
    Kind("", "v1", "Endpoints", "endpoints", ("ep",)),
    Kind("", "v1", "Event", "events", ("ev",)),
    Kind("", "v1", "LimitRange", "limitranges", ("limits",)),
    Kind("", "v1", "Namespace", "namespaces", ("ns",), (), False, ("finalize", "status")),
    Kind("", "v1", "Node", "nodes", ("no",), (), False, _STATUS),
    Kind("", "v1", "PersistentVolumeClaim", "persistentvolumeclaims", ("pvc",), (), True, _STATUS),
    Kind("", "v1", "PersistentVolume", "persistentvolumes", ("pv",), (), False, _STATUS),
    Kind("", "v1", "Pod", "pods", ("po",), _ALL, True, ("eviction", "status")),
    Kind("", "v1", "PodTemplate", "podtemplates"),
    Kind("", "v1", "ReplicationController", "replicationcontrollers", ("rc",), _ALL, True, _SCALE),
    Kind("", "v1", "ResourceQuota", "resourcequotas", ("quota",), (), True, _STATUS),
    Kind("", "v1", "Secret", "secrets"),
    Kind("", "v1", "ServiceAccount", "serviceaccounts", ("sa",), (), True, ("token",)),
    Kind("", "v1", "Service", "services", ("svc",), _ALL, True, _STATUS),
    Kind(_ADMISSION, "v1", "MutatingWebhookConfiguration", "mutatingwebhookconfigurations", (), (), False),
    Kind(_ADMISSION, "v1", "ValidatingAdmissionPolicy", "validatingadmissionpolicies", (), (), False, _STATUS),
    Kind(_ADMISSION, "v1", "ValidatingAdmissionPolicyBinding", "validatingadmissionpolicybindings", (), (), False),
    Kind(_ADMISSION, "v1", "ValidatingWebhookConfiguration", "validatingwebhookconfigurations", (), (), False),
    Kind(
        "apiextensions.k8s.io",
        "v1",
        "CustomResourceDefinition",
        "customresourcedefinitions",
        ("crd", "crds"),
        ("api-extensions",),
        False,
        _STATUS,
        (),
        "io.k8s.apiextensions-apiserver.pkg.apis.apiextensions",
    ),
    Kind(
        "apiregistration.k8s.io",
        "v1",
        "APIService",
        "apiservices",
        (),
        ("api-extensions",),
        False,
        _STATUS,
        (),
        "io.k8s.kube-aggregator.pkg.apis.apiregistration",
    ),
    Kind("apps", "v1", "ControllerRevision", "controllerrevisions"),
    Kind("apps", "v1", "DaemonSet", "daemonsets", ("ds",), _ALL, True, _STATUS),
    Kind("apps", "v1", "Deployment", "deployments", ("deploy",), _ALL, True, _SCALE),
    Kind("apps", "v1", "ReplicaSet", "replicasets", ("rs",), _ALL, True, _SCALE),
    Kind("apps", "v1", "StatefulSet", "statefulsets", ("sts",), _ALL, True, _SCALE),
    Kind(_AUTHN, "v1", "SelfSubjectReview", "selfsubjectreviews", (), (), False, (), REVIEW),
    Kind(_AUTHN, "v1", "TokenReview", "tokenreviews", (), (), False, (), REVIEW),
    Kind(_AUTHZ, "v1", "LocalSubjectAccessReview", "localsubjectaccessreviews", (), (), True, (), REVIEW),
    Kind(_AUTHZ, "v1", "SelfSubjectAccessReview", "selfsubjectaccessreviews", (), (), False, (), REVIEW),
    Kind(_AUTHZ, "v1", "SelfSubjectRulesReview", "selfsubjectrulesreviews", (), (), False, (), REVIEW),
    Kind(_AUTHZ, "v1", "SubjectAccessReview", "subjectaccessreviews", (), (), False, (), REVIEW),
    Kind("autoscaling", "v2", "HorizontalPodAutoscaler", "horizontalpodautoscalers", ("hpa",), _ALL, True, _STATUS),
    Kind("batch", "v1", "CronJob", "cronjobs", ("cj",), _ALL, True, _STATUS),
    Kind("batch", "v1", "Job", "jobs", (), _ALL, True, _STATUS),
    Kind("coordination.k8s.io", "v1", "Lease", "leases"),
    Kind("discovery.k8s.io", "v1", "EndpointSlice", "endpointslices"),
    Kind("events.k8s.io", "v1", "Event", "events", ("ev",)),
    Kind("networking.k8s.io", "v1", "IngressClass", "ingressclasses", (), (), False),
    Kind("networking.k8s.io", "v1", "Ingress", "ingresses", ("ing",), (), True, _STATUS),
    Kind("networking.k8s.io", "v1", "NetworkPolicy", "networkpolicies", ("netpol",)),
    Kind("node.k8s.io", "v1", "RuntimeClass", "runtimeclasses", (), (), False),
    Kind("policy", "v1", "PodDisruptionBudget", "poddisruptionbudgets", ("pdb",), (), True, _STATUS),
    Kind(_RBAC, "v1", "ClusterRoleBinding", "clusterrolebindings", (), (), False),
    Kind(_RBAC, "v1", "ClusterRole", "clusterroles", (), (), False),
    Kind(_RBAC, "v1", "RoleBinding", "rolebindings"),
    Kind(_RBAC, "v1", "Role", "roles"),
    Kind("scheduling.k8s.io", "v1", "PriorityClass", "priorityclasses", ("pc",), (), False),
    Kind("storage.k8s.io", "v1", "StorageClass", "storageclasses", ("sc",), (), False),
)

#: Kinds that only appear in requests to a subresource, or around everything.
INVOLVED = (
    "io.k8s.api.authentication.v1.TokenRequest",
    "io.k8s.api.autoscaling.v1.Scale",
    "io.k8s.api.policy.v1.Eviction",
    "io.k8s.apimachinery.pkg.apis.meta.v1.DeleteOptions",
    "io.k8s.apimachinery.pkg.apis.meta.v1.ListMeta",
    "io.k8s.apimachinery.pkg.apis.meta.v1.ObjectMeta",
    "io.k8s.apimachinery.pkg.apis.meta.v1.Status",
)
