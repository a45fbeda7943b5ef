"""A chart's version is bumped in Git and rolled out: from a registry's tags, and from a Helm repository's index."""

from collections.abc import AsyncIterator
from pathlib import Path

import pygit2
import pytest

from gotk.git.objects.seed import seed
from gotk.oci.registry.server import RegistryServer
from tests import artifacts
from tests.artifacts import Blob
from tests.conformance.helm import Helm
from tests.deploy.source import helm_server
from tests.deploy.source.charts.packed import chart
from tests.deploy.source.helm_server import HelmServer
from tests.e2e import stage
from tests.e2e.stage import Stage, is_ready
from tests.e2e.test_helm_releases import DEPLOYMENT, offer, released

pytestmark = [pytest.mark.real, pytest.mark.skipif(Helm.path is None, reason="there is no helm here")]

GROUP = "helm.toolkit.fluxcd.io/v2"
FILES = {
    "apps/kustomization.yaml": "resources: [web.yaml]\n",
    "apps/web.yaml": """\
apiVersion: helm.toolkit.fluxcd.io/v2
kind: HelmRelease
metadata: {name: web, namespace: default}
spec:
  interval: 1h
  timeout: 30s
  chart:
    spec:
      chart: web
      version: 1.0.0 # {"$imagepolicy": "default:web:tag"}
      sourceRef: {kind: HelmRepository, name: charts}
""",
}
OBJECTS = """\
apiVersion: image.toolkit.fluxcd.io/v1
kind: ImagePolicy
metadata: {name: web, namespace: default}
spec: {imageRepositoryRef: {name: web}, policy: {semver: {range: 1.x}}}
---
apiVersion: source.toolkit.fluxcd.io/v1
kind: GitRepository
metadata: {name: fleet, namespace: default}
spec: {url: "URL", interval: 10m, ref: {branch: main}}
---
apiVersion: kustomize.toolkit.fluxcd.io/v1
kind: Kustomization
metadata: {name: fleet, namespace: default}
spec: {interval: 10m, path: ./apps, prune: true, sourceRef: {kind: GitRepository, name: fleet}}
---
apiVersion: image.toolkit.fluxcd.io/v1
kind: ImageUpdateAutomation
metadata: {name: fleet, namespace: default}
spec:
  interval: 10m
  sourceRef: {kind: GitRepository, name: fleet}
  git: {commit: {author: {name: Bot, email: bot@example.com}}}
"""
OF_INDEX = """\
apiVersion: source.toolkit.fluxcd.io/v1
kind: HelmRepository
metadata: {name: charts, namespace: default}
spec: {url: "URL/charts", interval: 1h}
---
apiVersion: image.toolkit.fluxcd.io/v1
kind: ImageRepository
metadata:
  name: web
  namespace: default
  annotations: {image-automation.dev/helm-chart: charts/web}
spec: {image: charts.example.com/web, interval: 1s}
"""
OF_REGISTRY = """\
apiVersion: source.toolkit.fluxcd.io/v1
kind: HelmRepository
metadata: {name: charts, namespace: default}
spec: {url: "oci://ADDRESS/charts", type: oci, insecure: true, interval: 1h}
---
apiVersion: image.toolkit.fluxcd.io/v1
kind: ImageRepository
metadata: {name: web, namespace: default}
spec: {image: ADDRESS/charts/web, interval: 1s}
"""


@pytest.fixture
async def up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Stage]:
    assert Helm.path is not None
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin" / "helm").symlink_to(Helm.path)
    monkeypatch.setenv("PATH", f"{tmp_path / 'bin'}:/usr/bin:/bin")
    seed(tmp_path / "fleet.git", FILES)
    async with stage.running(tmp_path / "data", simulate_workloads=True) as up:
        yield up


async def push(registry: RegistryServer, version: str) -> None:
    """Push a chart as `helm push` does."""
    packed = chart(version, more={"templates/deployment.yaml": DEPLOYMENT})
    config = Blob(b"{}", "application/vnd.cncf.helm.config.v1+json")
    layer = Blob(packed, "application/vnd.cncf.helm.chart.content.v1.tar+gzip")
    manifest = artifacts.manifest(config, [layer])
    await artifacts.put(registry.url, "charts/web", version, manifest, [config, layer])


async def rolled_out(up: Stage, remote: Path, version: str) -> None:
    """Wait until a release of this version is deployed, and see that Git says so."""
    await up.until(
        GROUP, "HelmRelease", "default", "web",
        lambda obj: is_ready(obj) and released(obj)[0][1:] == ("deployed", version),
    )  # fmt: skip
    opened = pygit2.Repository(str(remote))
    text = (opened[opened.branches["main"].target].tree / "apps" / "web.yaml").data.decode()
    assert text == FILES["apps/web.yaml"].replace("1.0.0", version)


async def test_a_chart_that_is_pushed_to_a_registry_is_rolled_out_by_a_commit(up: Stage, tmp_path: Path) -> None:
    remote = tmp_path / "fleet.git"
    async with RegistryServer() as registry:
        await push(registry, "1.0.0")
        await up.apply(OF_REGISTRY.replace("ADDRESS", registry.address))
        await up.apply(OBJECTS.replace("URL", f"file://{remote}"))
        await rolled_out(up, remote, "1.0.0")
        await push(registry, "1.1.0")
        await rolled_out(up, remote, "1.1.0")


async def test_a_version_that_an_index_offers_is_rolled_out_by_a_commit(up: Stage, tmp_path: Path) -> None:
    remote = tmp_path / "fleet.git"
    async with helm_server.serving(HelmServer()) as server:
        offer(server, "1.0.0")
        await up.apply(OF_INDEX.replace("URL", server.url))
        await up.apply(OBJECTS.replace("URL", f"file://{remote}"))
        await rolled_out(up, remote, "1.0.0")
        offer(server, "1.0.0", "1.1.0+up2", "2.0.0")
        await up.kubectl("annotate", "helmrepository/charts", "-n", "default", "reconcile.fluxcd.io/requestedAt=now")
        await rolled_out(up, remote, "1.1.0+up2")
        scanned = await up.until("image.toolkit.fluxcd.io/v1", "ImageRepository", "default", "web", is_ready)
        assert scanned["status"]["canonicalImageName"] == "HelmRepository/default/charts/web"
        assert scanned["status"]["lastScanResult"]["latestTags"] == ["2.0.0", "1.1.0+up2", "1.0.0"]
