"""What uninstall takes, and what it leaves: decided on plain objects."""

from typing import Any

import pytest

from deploy.installation import neighbours, removal

EVERY = frozenset({"imagepolicy", "gitrepository"})


def obj(kind: str, name: str, *, spec: Any = None, type: str = "", **metadata: Any) -> dict[str, Any]:  # noqa: A002
    found = {"kind": kind, "metadata": {"name": name, "namespace": "flux-system"} | metadata, "spec": spec or {}}
    return found | ({"type": type} if type else {})


def deployment(*arguments: str, name: str = "image-automation", **spec: Any) -> dict[str, Any]:
    pod = {"containers": [{"name": "manager", "args": list(arguments)}]}
    return obj("Deployment", name, spec={"template": {"spec": pod}} | spec)


@pytest.mark.parametrize(
    "found",
    [
        pytest.param(obj("Deployment", "x", labels={"app.kubernetes.io/name": "image-automation"}), id="of the kit"),
        pytest.param(obj("Lease", "image-automation-leader-election-1f"), id="a shard's lease"),
        pytest.param(obj("Pod", "x-1", ownerReferences=[{"kind": "ReplicaSet"}]), id="what its owner takes along"),
        pytest.param(obj("ConfigMap", "kube-root-ca.crt"), id="the cluster's authority"),
        pytest.param(obj("ServiceAccount", "default"), id="the account of every namespace"),
        pytest.param(
            obj("Secret", "default-token", type="kubernetes.io/service-account-token"), id="an account's token"
        ),
        pytest.param(obj("Event", "x.17"), id="an event"),
    ],
)
def test_is_nobodys(found: dict[str, Any]) -> None:
    assert removal.others([found]) == []


@pytest.mark.parametrize(
    "found",
    [
        pytest.param(obj("Secret", "fleet", type="Opaque"), id="a secret"),
        pytest.param(obj("GitRepository", "fleet"), id="an object of our kinds"),
        pytest.param(obj("ConfigMap", "vars"), id="a config map"),
        pytest.param(obj("Deployment", "source-controller", labels={"app.kubernetes.io/part-of": "flux"}), id="Flux"),
        pytest.param(obj("Lease", "another"), id="another lease"),
    ],
)
def test_keeps_the_namespace(found: dict[str, Any]) -> None:
    assert removal.others([found]) == [found]


@pytest.mark.parametrize(
    ("deployments", "running", "watched"),
    [
        ([deployment("run")], EVERY, ""),
        ([deployment("run", "--controllers=imagepolicy, unheard")], {"imagepolicy"}, ""),
        ([deployment("--controllers=imagepolicy"), deployment("--controllers=gitrepository")], EVERY, ""),
        ([deployment("--watch-all-namespaces=false")], EVERY, "flux-system"),
        ([deployment("--watch-all-namespaces=false"), deployment("run")], EVERY, ""),
    ],
    ids=["all", "those named", "those of either shard", "one namespace", "a shard that sees all"],
)
def test_what_the_deployments_look_after(deployments: list[Any], running: frozenset[str], watched: str) -> None:
    assert removal.controllers(deployments, EVERY) == running
    assert removal.watched(deployments, "flux-system") == watched


@pytest.mark.parametrize(
    ("roles", "running"),
    [
        (["image-automation-image", "image-automation-deploy"], EVERY),
        (["image-automation-flux-system-image", "image-automation-flux-system-deploy"], EVERY),
        (["image-automation-image"], {"imagepolicy"}),
        ([], frozenset()),
    ],
    ids=["everything", "everything in a namespace", "images alone", "nothing"],
)
@pytest.mark.parametrize(("binding", "watched"), [("ClusterRoleBinding", ""), ("RoleBinding", "flux-system")])
def test_what_is_left_of_rights_tells_what_deployments_looked_after(
    roles: list[str], running: frozenset[str], binding: str, watched: str
) -> None:
    left = [*(obj("ClusterRole", name) for name in roles), obj(binding, "image-automation-image")]
    assert removal.controllers(left, EVERY) == running
    assert removal.watched(left, "flux-system") == watched


def test_what_an_overlay_has_no_more_goes_and_what_others_applied_is_named() -> None:
    applied, by_hand = (
        obj("ClusterRoleBinding", name, managedFields=[{"manager": manager, "operation": "Apply"}])
        for name, manager in (("image-automation-cluster-admin", "image-automation"), ("bound", "kubectl"))
    )
    kept = obj("ClusterRoleBinding", "image-automation-image")
    assert removal.superseded([applied, by_hand, kept], [kept], "image-automation") == ([applied], [by_hand])


def test_only_the_services_own_finalizer_goes() -> None:
    held = obj("ImagePolicy", "web", finalizers=["mine", "finalizers.fluxcd.io"], resourceVersion="7")
    patch = removal.without_finalizer(held, {"finalizers.fluxcd.io"})
    assert patch == {"metadata": {"finalizers": ["mine"], "resourceVersion": "7"}}
    assert removal.without_finalizer(obj("ImagePolicy", "web", finalizers=["mine"]), {"finalizers.fluxcd.io"}) is None


def test_a_neighbour_acts_while_it_has_replicas_and_does_the_same_work() -> None:
    found = [
        deployment(name="source-controller", replicas=1),
        deployment(name="kustomize-controller", replicas=0),
        deployment(name="image-reflector-controller"),
    ]
    assert neighbours.acting(found, frozenset({"source-controller", "kustomize-controller"})) == [
        "flux-system/source-controller"
    ]


def test_a_release_is_known_by_the_annotation_that_helm_writes() -> None:
    released = deployment() | {"metadata": {"annotations": {"meta.helm.sh/release-name": "images"}}}
    assert neighbours.released_by_helm([deployment(), released]) == "images"
    assert neighbours.released_by_helm([deployment()]) == ""
