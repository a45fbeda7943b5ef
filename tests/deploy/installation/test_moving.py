"""What goes when one installation takes another's place, and what must not."""

from typing import Any

import pytest

from deploy.cluster.inventory import ObjectID
from deploy.installation import installed, moving

_OURS = {"app.kubernetes.io/name": "image-automation"}


def obj(kind: str, name: str, namespace: str = "flux-system", **rest: Any) -> dict[str, Any]:
    labels = rest.pop("labels", {})
    place = {"namespace": namespace} if namespace else {}
    return {"apiVersion": "v1", "kind": kind, "metadata": {"name": name, "labels": labels, **place}} | rest


def crd(name: str, *served: str, stored: tuple[str, ...] = ()) -> dict[str, Any]:
    metadata = {"metadata": {"name": name}, "kind": "CustomResourceDefinition"}
    return metadata | {"spec": {"versions": [{"name": each} for each in served]}, "status": {"storedVersions": stored}}


def deployment(*arguments: str) -> dict[str, Any]:
    return obj("Deployment", "kc", spec={"template": {"spec": {"containers": [{"args": list(arguments)}]}}})


def names(found: list[Any]) -> list[str]:
    return [each["metadata"]["name"] for each in found]


def test_what_goes_is_the_other_sides_and_of_the_namespace_and_acts_first() -> None:
    found = [
        obj("ServiceAccount", "source-controller"),
        obj("Service", "webhook-receiver"),
        obj("Deployment", "source-controller"),
        obj("Deployment", "image-automation", labels=_OURS),
        obj("ClusterRole", "crd-controller", "", labels={"app.kubernetes.io/instance": "flux-system"}),
        obj("ClusterRole", "crd-controller-second", "", labels={"app.kubernetes.io/instance": "second"}),
        obj("Deployment", "source-controller", "second"),
        obj("CustomResourceDefinition", "kustomizations", ""),
        obj("Namespace", "flux-system", ""),
    ]
    comes = [obj("Service", "webhook-receiver")]
    going = moving.leaving(found, comes, whose=installed.FLUX, namespace="flux-system")
    assert names(going) == ["source-controller", "crd-controller", "source-controller"]
    assert names(moving.leaving(found, [], whose=installed.OURS, namespace="flux-system")) == ["image-automation"]


def test_stored_versions_that_the_kit_cannot_read_are_named() -> None:
    there = [crd("a", "v1", stored=("v1beta2", "v1")), crd("b", "v1", stored=("v1",)), crd("c", "v1", stored=("v2",))]
    assert moving.unreadable(there, [crd("a", "v1"), crd("b", "v1")]) == ["a (v1beta2)"]


@pytest.mark.parametrize(
    ("there", "comes", "found"),
    [
        pytest.param("v2.10.0", "v2.9.4", ("v2.10.0", "v2.9.4"), id="older ones come"),
        pytest.param("v2.8.0", "v2.9.4", None, id="newer ones come"),
        pytest.param("", "v2.9.4", None, id="nobody says what is there"),
        pytest.param("latest", "v2.9.4", None, id="no version"),
    ],
)
def test_definitions_that_know_less_are_told(there: str, comes: str, found: tuple[str, str] | None) -> None:
    def labelled(version: str) -> dict[str, Any]:
        return obj("CustomResourceDefinition", "a", "", labels={"app.kubernetes.io/version": version})

    assert moving.older([labelled(there)], [labelled(comes), obj("Service", "x")]) == found


def test_kinds_without_a_controller_are_named() -> None:
    kinds = [("image.toolkit.fluxcd.io", kind) for kind in ("ImagePolicy", "ImageUpdateAutomation")]
    kinds += [("source.extensions.fluxcd.io", "ArtifactGenerator"), ("source.toolkit.fluxcd.io", "Bucket")]
    running = {"source-controller", "image-automation-controller"}
    assert moving.unserved(kinds, running) == ["ArtifactGenerator", "ImagePolicy"]


def test_a_workload_that_went_or_was_made_anew_is_lost() -> None:
    web, api, gone = (ObjectID("apps", name, "apps", "Deployment") for name in ("web", "api", "job"))
    before = {web: "1", api: "2", gone: "3"}
    assert moving.lost(before, {web: "1", api: "9"}) == ["Deployment/apps/api", "Deployment/apps/job"]


def test_inventories_are_read_once_and_what_is_no_id_is_left_out() -> None:
    entries = [{"id": "apps_web_apps_Deployment", "v": "v1"}, {"id": "nonsense", "v": "v1"}]
    owner = {"status": {"inventory": {"entries": entries}}}
    assert [str(each.id) for each in moving.held([owner, owner, {}])] == ["apps_web_apps_Deployment"]


@pytest.mark.parametrize(
    ("arguments", "beyond"),
    [
        pytest.param(("--log-level=info", "--events-addr=http://x./", "--storage-path=/data"), [], id="the usual"),
        pytest.param(("--log-level=debug", "--concurrent=20"), ["--log-level=debug", "--concurrent=20"], id="tuned"),
    ],
)
def test_arguments_beyond_the_usual_are_said(arguments: tuple[str, ...], beyond: list[str]) -> None:
    assert moving.arguments([deployment(*arguments)]) == ({"kc": beyond} if beyond else {})


def test_tenants_are_locked_in_by_a_default_account() -> None:
    assert moving.locks_tenants_in([deployment("--default-service-account=default")])
    assert not moving.locks_tenants_in([deployment("--no-cross-namespace-refs=true")])


@pytest.mark.parametrize(
    ("arguments", "flags"),
    [
        pytest.param(("--watch-all-namespaces=true",), [], id="nothing is narrower"),
        pytest.param(("--watch-all-namespaces=false",), ["watch_all_namespaces"], id="one namespace"),
        pytest.param(
            ("--default-service-account=x", "--watch-all-namespaces=false"),
            ["overlay", "watch_all_namespaces"],
            id="tenants too",
        ),
    ],
)
def test_what_would_be_widened_has_to_be_decided(arguments: tuple[str, ...], flags: list[str]) -> None:
    asked = [name for name, _ in moving.questions([deployment(*arguments)])]
    assert asked == flags
    assert moving.DECISIONS.issuperset(asked)


def test_accounts_with_a_cloud_identity_or_pull_secrets_are_said() -> None:
    plain, cloud, pulls = (obj("ServiceAccount", name) for name in ("a", "b", "c"))
    cloud["metadata"]["annotations"] = {"eks.amazonaws.com/role-arn": "x"}
    pulls["imagePullSecrets"] = [{"name": "r"}]
    assert moving.annotated([plain, cloud, pulls]) == [
        "ServiceAccount/flux-system/b (eks.amazonaws.com/role-arn)",
        "ServiceAccount/flux-system/c (imagePullSecrets)",
    ]
