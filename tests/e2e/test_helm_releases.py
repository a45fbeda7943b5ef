"""A HelmRelease's life: from a chart in a Helm repository to a Deployment, and back where an upgrade fails."""

import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from deploy.source.charts import archive
from tests.conformance.helm import Helm
from tests.deploy.source import helm_server
from tests.deploy.source.charts.packed import chart
from tests.deploy.source.helm_server import HelmServer
from tests.e2e import stage
from tests.e2e.stage import Stage, condition, is_ready

pytestmark = [pytest.mark.real, pytest.mark.skipif(Helm.path is None, reason="there is no helm here")]

CONTROLLERS = frozenset({"helmrepository", "helmchart", "helmrelease"})
GROUP = "helm.toolkit.fluxcd.io/v2"
REPOSITORY = """\
apiVersion: source.toolkit.fluxcd.io/v1
kind: HelmRepository
metadata: {name: charts, namespace: default}
spec: {url: "ADDRESS/charts", interval: 1h}
"""
RELEASE = """\
apiVersion: helm.toolkit.fluxcd.io/v2
kind: HelmRelease
metadata: {name: web, namespace: default}
spec:
  interval: 1h
  timeout: 30s
  targetNamespace: shop
  install: {createNamespace: true}
  chart:
    spec:
      chart: web
      version: 1.x
      sourceRef: {kind: HelmRepository, name: charts}
  values: {image: {tag: VALUE}}
"""
DEPLOYMENT = b"""\
apiVersion: apps/v1
kind: Deployment
metadata: {name: {{ .Release.Name }}}
spec:
  replicas: {{ .Values.replicas }}
  selector: {matchLabels: {app: {{ .Release.Name }}}}
  template:
    metadata: {labels: {app: {{ .Release.Name }}}}
    spec: {containers: [{name: web, image: "registry.example.com/web:{{ .Values.image.tag }}"}]}
"""


def offer(server: HelmServer, *versions: str) -> None:
    """Put charts of these versions, and an index of them, into the repository."""
    entries = []
    for version in versions:
        packed = chart(version, more={"templates/deployment.yaml": DEPLOYMENT})
        said = archive.read(packed).metadata
        server.files[f"/charts/web-{said.version}.tgz"] = packed
        entries.append({"name": "web", "version": said.version, "urls": [f"web-{said.version}.tgz"]})
    server.files["/charts/index.yaml"] = json.dumps({"apiVersion": "v1", "entries": {"web": entries}}).encode()
    server.tags["/charts/index.yaml"] = f'"{len(versions)}"'


@pytest.fixture
async def server() -> AsyncIterator[HelmServer]:
    async with helm_server.serving(HelmServer()) as server:
        offer(server, "1.0.0")
        yield server


@pytest.fixture
async def up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, server: HelmServer) -> AsyncIterator[Stage]:
    assert Helm.path is not None
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin" / "helm").symlink_to(Helm.path)
    monkeypatch.setenv("PATH", f"{tmp_path / 'bin'}:/usr/bin:/bin")
    async with stage.running(tmp_path / "data", controllers=CONTROLLERS, simulate_workloads=True) as up:
        await up.apply(REPOSITORY.replace("ADDRESS", server.url))
        yield up


async def image(up: Stage) -> str:
    return await up.kubectl(
        "get", "deploy", "shop-web", "-n", "shop", "-o", "jsonpath={.spec.template.spec.containers[0].image}"
    )


def released(obj: dict[str, Any]) -> list[tuple[int, str, str]]:
    history = (obj.get("status") or {}).get("history") or []
    return [(each["version"], each["status"], each["chartVersion"]) for each in history]


async def test_a_release_is_installed_upgraded_by_a_new_chart_and_removed(
    up: Stage, server: HelmServer, tmp_path: Path
) -> None:
    await up.apply(RELEASE.replace("VALUE", "one"))
    obj = await up.until(GROUP, "HelmRelease", "default", "web", is_ready)
    assert condition(obj, "Ready")["reason"] == "InstallSucceeded"
    message = "Helm install succeeded for release shop/shop-web.v1 with chart web@1.0.0"
    assert condition(obj, "Released")["message"] == message
    assert condition(obj, "Reconciling") == condition(obj, "Stalled") == {}
    assert await image(up) == "registry.example.com/web:one"
    assert obj["status"]["storageNamespace"] == "default"
    assert obj["status"]["helmChart"] == "default/default-web"
    assert [each["id"] for each in obj["status"]["inventory"]["entries"]] == [
        "shop_x__ConfigMap", "shop_shop-web_apps_Deployment"
    ]  # fmt: skip

    await up.apply(RELEASE.replace("VALUE", "two"))
    obj = await up.until(
        GROUP, "HelmRelease", "default", "web", lambda each: is_ready(each) and len(released(each)) == 2
    )
    assert released(obj) == [(2, "deployed", "1.0.0"), (1, "superseded", "1.0.0")]
    assert await image(up) == "registry.example.com/web:two"

    offer(server, "1.0.0", "1.1.0")
    await up.kubectl("annotate", "helmrepository/charts", "-n", "default", "reconcile.fluxcd.io/requestedAt=now")
    obj = await up.until(
        GROUP, "HelmRelease", "default", "web",
        lambda each: is_ready(each) and released(each)[0] == (3, "deployed", "1.1.0"),
    )  # fmt: skip
    helm = Helm(up.kubeconfig, tmp_path / "home")
    listed = json.loads(await helm("list -n default -o json"))
    assert [(each["name"], each["revision"], each["chart"]) for each in listed] == [("shop-web", "3", "web-1.1.0")]
    assert len(json.loads(await helm("history shop-web -n default -o json"))) == 3
    assert "image" in await helm("get values shop-web -n default")

    await up.kubectl("delete", "helmrelease/web", "-n", "default", "--timeout=30s")
    assert await up.kubectl("get", "deploy,cm", "-n", "shop", "-o", "name") in {"", "configmap/kube-root-ca.crt\n"}
    assert json.loads(await helm("list -A -o json")) == []
    assert "No resources found" in await up.kubectl("get", "helmcharts", "-A")
