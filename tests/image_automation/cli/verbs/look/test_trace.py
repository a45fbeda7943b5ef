"""`trace` as a user runs it, against the embedded control plane."""

from datetime import UTC, datetime
from typing import Any

from gotk.kube.client import Client
from tests.image_automation.cli.test_cluster_verbs import SHA, Terminal, filled, ready, terminal
from tests.image_automation.cli.verbs.look.releases import release

__all__ = ["filled", "terminal"]

AT = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC).astimezone().strftime("%Y-%m-%d %H:%M:%S %z %Z")
ARTIFACT = {
    "digest": "sha256:" + "0" * 64, "path": "p", "url": "http://localhost/p", "lastUpdateTime": "2026-01-02T03:04:05Z",
}  # fmt: skip


async def made(client: Client, kind: str, name: str, **metadata: Any) -> None:
    """Make an object of a kind of Kubernetes."""
    version = "apps/v1" if kind == "ReplicaSet" else "v1"
    obj = {"apiVersion": version, "kind": kind, "metadata": {"name": name, "namespace": "empty", **metadata}}
    if kind == "ReplicaSet":
        container = {"name": "web", "image": "example.com/web:1"}
        template = {"metadata": {"labels": {"app": "web"}}, "spec": {"containers": [container]}}
        obj["spec"] = {"replicas": 0, "selector": {"matchLabels": {"app": "web"}}, "template": template}
    await client.create_object(obj)


def by(group: str, name: str = "podinfo") -> dict[str, str]:
    return {f"{group}.toolkit.fluxcd.io/name": name, f"{group}.toolkit.fluxcd.io/namespace": "flux-system"}


async def test_an_object_is_followed_to_its_kustomization_and_source(filled: Terminal) -> None:
    await made(filled.client, "ConfigMap", "settings", labels=by("kustomize"))
    result = await filled.run("trace", "configmap", "settings", "-n", "empty")
    assert (
        result.out
        == f"""
Object:          ConfigMap/settings
Namespace:       empty
Status:          Managed by Flux
---
Kustomization:   podinfo
Namespace:       flux-system
Path:            {""}
Revision:        main@sha1:{SHA}
Status:          Last reconciled at {AT}
Message:         kustomize build failed:
no file
---
GitRepository:   podinfo
Namespace:       flux-system
URL:             https://example.com/podinfo
Revision:        main@sha1:{SHA}
Status:          Last reconciled at {AT}
Message:         stored artifact for revision 'main@sha1:{SHA}'
"""
    )
    assert (result.code, result.err) == (0, "")


async def test_an_object_is_known_by_its_owners(filled: Terminal) -> None:
    await made(filled.client, "ReplicaSet", "web", labels=by("kustomize"))
    uid = (await filled.client.get_object("apps/v1", "ReplicaSet", "empty", "web"))["metadata"]["uid"]
    owner = {"apiVersion": "apps/v1", "kind": "ReplicaSet", "name": "web", "uid": uid}
    await made(filled.client, "ConfigMap", "owned", ownerReferences=[owner])
    result = await filled.run("trace", "owned", "--kind", "configmap", "--api-version", "v1", "-n", "empty")
    assert result.out.splitlines()[5] == "Kustomization:   podinfo"


async def test_several_objects_are_traced_and_a_stranger_is_told_of(filled: Terminal) -> None:
    await made(filled.client, "ConfigMap", "settings", labels=by("kustomize"))
    await made(filled.client, "ConfigMap", "lost", labels=by("kustomize", "gone"))
    await made(filled.client, "ConfigMap", "mine")
    result = await filled.run("trace", "cm/mine", "configmaps/lost", "cm/settings", "-n", "empty")
    assert result.out.startswith("---\n---\n\nObject:          ConfigMap/settings\n")
    assert result.err.splitlines() == [
        "failed to trace ConfigMap/mine in namespace empty: object not managed by Flux",
        (
            "failed to trace ConfigMap/lost in namespace empty: failed to find Kustomization flux-system/gone: "
            'kustomizations.kustomize.toolkit.fluxcd.io "gone" not found'
        ),
    ]
    assert result.code == 0


async def source(client: Client, kind: str, name: str, spec: dict[str, Any], revision: str) -> None:
    """Make a source, or a chart, that is ready."""
    api_version = "source.toolkit.fluxcd.io/v1"
    metadata = {"name": name, "namespace": "flux-system"}
    spec = {"interval": "1m", **spec}
    await client.create_object({"apiVersion": api_version, "kind": kind, "metadata": metadata, "spec": spec})
    status = {"artifact": ARTIFACT | {"revision": revision}, "conditions": [ready("True", f"stored {name}")]}
    await client.patch_object(api_version, kind, "flux-system", name, {"status": status}, subresource="status")


async def test_an_object_of_a_chart_is_followed_to_release_chart_and_repository(filled: Terminal) -> None:
    client = filled.client
    await source(client, "HelmRepository", "charts", {"url": "https://example.com/charts"}, "sha256:42")
    ref = {"kind": "HelmRepository", "name": "charts"}
    await source(client, "HelmChart", "empty-web", {"chart": "web", "version": ">=6", "sourceRef": ref}, "6.3.5")
    status = {
        "helmChart": "flux-system/empty-web", "history": [{"chartVersion": "6.3.5"}],
        "conditions": [ready("True", "Helm install succeeded")],
    }  # fmt: skip
    await release(client, "web", {"targetNamespace": "empty"}, status)
    await made(client, "ConfigMap", "settings", labels=by("helm", "web"))
    result = await filled.run("trace", "configmap", "settings", "-n", "empty")
    assert (
        result.out
        == f"""
Object:         ConfigMap/settings
Namespace:      empty
Status:         Managed by Flux
---
HelmRelease:    web
Namespace:      flux-system
Target:         empty
Revision:       6.3.5
Status:         Last reconciled at {AT}
Message:        Helm install succeeded
---
HelmChart:      empty-web
Namespace:      flux-system
Chart:          web
Version:        >=6
Revision:       6.3.5
Status:         Last reconciled at {AT}
Message:        stored empty-web
---
HelmRepository: charts
Namespace:      flux-system
URL:            https://example.com/charts
Revision:       sha256:42
Status:         Last reconciled at {AT}
Message:        stored charts
"""
    )
    assert result.code == 0


async def test_a_release_by_reference_is_followed_to_the_registry_and_its_origin(filled: Terminal) -> None:
    spec = {"url": "oci://example.com/charts/web", "ref": {"semver": ">=6"}}
    await source(filled.client, "OCIRepository", "web", spec, "6.3.5@sha256:42")
    await filled.client.patch_object(
        "source.toolkit.fluxcd.io/v1", "OCIRepository", "flux-system", "web",
        {"status": {"artifact": {"metadata": {"org.opencontainers.image.source": "https://example.com/web"}}}},
        subresource="status",
    )  # fmt: skip
    await release(filled.client, "web", {"chartRef": {"kind": "OCIRepository", "name": "web"}}, {})
    await made(filled.client, "ConfigMap", "settings", labels=by("helm", "web"))
    result = await filled.run("trace", "cm/settings", "-n", "empty")
    assert result.out.split("---\n")[1:] == [
        "HelmRelease:    web\nNamespace:      flux-system\nRevision:       \nStatus:         Unknown\n",
        (
            "OCIRepository:   web\nNamespace:       flux-system\nURL:             oci://example.com/charts/web\n"
            "Tag:             >=6\nRevision:        6.3.5@sha256:42\nOrigin Source:   https://example.com/web\n"
            f"Status:          Last reconciled at {AT}\nMessage:         stored web\n"
        ),
    ]


MISTAKES = {
    "nothing": ((), "either `<resource>/<name>` or `<resource> <name>` is required as an argument"),
    "a resource alone": (
        ("deployment",),
        "either `<resource>/<name>` or `<resource> <name>` is required as an argument",
    ),
    "no name": (("--kind", "Deployment"), "object name is required"),
    "no kind": (("web", "--api-version", "apps/v1"), "object kind is required (--kind)"),
    "no version": (("web", "--kind", "Deployment"), "object apiVersion is required (--api-version)"),
    "an unknown resource": (("gadget/web",), 'the server doesn\'t have a resource type "gadget"'),
    "an unknown group": (("deployments.x/web",), 'the server doesn\'t have a resource type "deployments.x"'),
    "no such object": (("deployments.apps/web",), 'deployments.apps "web" not found'),
}  # fmt: skip


async def test_mistakes_are_one_line(terminal: Terminal) -> None:
    for name, (arguments, message) in MISTAKES.items():
        result = await terminal.run("trace", *arguments)
        assert (result.code, result.out, result.err) == (1, "", f"✗ {message}\n"), name
