"""A repository whose infrastructure and apps are HelmReleases: a base, overlays, and what has to come first.

Laid out as Flux's example of Kustomize with Helm has it.
"""

import json
from collections.abc import Mapping
from pathlib import Path

import pytest

from gotk.git.objects import seed
from tests.conformance.helm import Helm
from tests.deploy.source import helm_server
from tests.deploy.source.helm_server import HelmServer
from tests.e2e import stage
from tests.e2e.test_helm_releases import offer
from tests.e2e.test_monorepo import SYNC, Fleet, folder, kustomization

HELM = "helm.toolkit.fluxcd.io/v2"


def repository(namespace: str, name: str) -> str:
    """A Helm repository, at an address that is filled in."""
    return (
        "apiVersion: source.toolkit.fluxcd.io/v1\nkind: HelmRepository\n"
        f"metadata: {{name: {name}, namespace: {namespace}}}\nspec: {{interval: 1h, url: ADDRESS/charts}}\n"
    )


def release(namespace: str, name: str, source: str, tag: str) -> str:
    """A release of the one chart that there is."""
    return f"""\
apiVersion: {HELM}
kind: HelmRelease
metadata: {{name: {name}, namespace: {namespace}}}
spec:
  interval: 1h
  releaseName: {name}
  chart: {{spec: {{chart: web, version: "*", sourceRef: {{kind: HelmRepository, name: {source}}}}}}}
  values: {{image: {{tag: {tag}}}, replicas: 1}}
"""


def named(name: str) -> str:
    """A namespace."""
    return f"apiVersion: v1\nkind: Namespace\nmetadata: {{name: {name}}}\n"


OVERLAY = f"""\
apiVersion: {HELM}
kind: HelmRelease
metadata: {{name: podinfo, namespace: podinfo}}
spec:
  chart: {{spec: {{version: "1.x"}}}}
  values: {{replicas: 2}}
"""
REPOSITORY: Mapping[str, str] = {
    "clusters/staging/sync.yaml": SYNC,
    "clusters/staging/infrastructure.yaml": kustomization(
        "infra-controllers", "./infrastructure/controllers", wait="true"
    ),
    "clusters/staging/apps.yaml": kustomization(
        "apps", "./apps/staging", wait="true", dependsOn="[{name: infra-controllers}]"
    ),
    "infrastructure/controllers/ingress.yaml": "---\n".join(
        (named("ingress"), repository("ingress", "charts"), release("ingress", "ingress", "charts", "edge"))
    ),
    "apps/base/podinfo/namespace.yaml": named("podinfo"),
    "apps/base/podinfo/repository.yaml": repository("podinfo", "podinfo"),
    "apps/base/podinfo/release.yaml": release("podinfo", "podinfo", "podinfo", "one"),
    "apps/base/podinfo/kustomization.yaml": folder("namespace.yaml", "repository.yaml", "release.yaml"),
    "apps/staging/kustomization.yaml": folder("../base/podinfo", patches="[{path: podinfo-values.yaml}]"),
    "apps/staging/podinfo-values.yaml": OVERLAY,
}


@pytest.mark.real
@pytest.mark.skipif(Helm.path is None, reason="there is no helm here")
async def test_a_repository_of_releases_comes_up_in_order_and_follows_a_commit(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert Helm.path is not None
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin" / "helm").symlink_to(Helm.path)
    monkeypatch.setenv("PATH", f"{tmp_path / 'bin'}:/usr/bin:/bin")
    place = tmp_path / "fleet.git"
    async with (
        helm_server.serving(HelmServer()) as server,
        stage.running(tmp_path / "data", simulate_workloads=True) as up,
    ):
        offer(server, "1.0.0", "1.1.0", "2.0.0")
        filled = {
            path: text.replace("REPOSITORY", str(place)).replace("ADDRESS", server.url)
            for path, text in REPOSITORY.items()
        }
        first = seed.seed(place, filled)
        fleet = Fleet(up, place)
        await up.kubectl("create", "namespace", "flux-system")
        await up.apply(SYNC.replace("REPOSITORY", str(place)))

        for name in ("flux-system", "infra-controllers", "apps"):
            await fleet.applied(name, first)
        helm = Helm(up.kubeconfig, tmp_path / "home")
        listed = {each["name"]: each["chart"] for each in json.loads(await helm("list -A -o json"))}
        assert listed == {"ingress": "web-2.0.0", "podinfo": "web-1.1.0"}
        web = await up.client.get_object("apps/v1", "Deployment", "podinfo", "podinfo")
        assert web["spec"]["replicas"] == 2

        later = filled["apps/base/podinfo/release.yaml"].replace("tag: one", "tag: two")
        await fleet.commit({"apps/base/podinfo/release.yaml": later}, "apps")
        web = await up.client.get_object("apps/v1", "Deployment", "podinfo", "podinfo")
        assert web["spec"]["template"]["spec"]["containers"][0]["image"].endswith(":two")
        assert len(json.loads(await helm("history podinfo -n podinfo -o json"))) == 2

        await fleet.delete("clusters/staging/apps.yaml", "flux-system")
        await up.kubectl("wait", "kustomization/apps", "-n", "flux-system", "--for=delete", "--timeout=60s")
        await up.kubectl("wait", "namespace/podinfo", "--for=delete", "--timeout=60s")
        assert [each["name"] for each in json.loads(await helm("list -A -o json"))] == ["ingress"]
