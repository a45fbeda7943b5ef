"""Charts from a registry and from a Git repository, and an image tag in a release's values that an automation bumps."""

import json
from pathlib import Path

import pytest

from gotk.git.objects import seed
from gotk.oci.registry.server import RegistryServer
from gotk.oci.registry.storage import Storage
from tests.conformance.helm import Helm
from tests.deploy.source.charts.packed import chart, folder
from tests.e2e import stage
from tests.e2e.helm_stage import GROUP, TEMPLATES
from tests.e2e.stage import Stage, condition, is_ready

pytestmark = [pytest.mark.real, pytest.mark.skipif(Helm.path is None, reason="there is no helm here")]

OCI = """\
apiVersion: source.toolkit.fluxcd.io/v1
kind: OCIRepository
metadata: {name: web, namespace: default}
spec:
  url: "oci://ADDRESS/charts/web"
  insecure: true
  interval: 1h
  ref: {semver: 1.x}
  layerSelector: {mediaType: application/vnd.cncf.helm.chart.content.v1.tar+gzip, operation: copy}
---
apiVersion: helm.toolkit.fluxcd.io/v2
kind: HelmRelease
metadata: {name: web, namespace: default}
spec:
  interval: 1h
  chartRef: {kind: OCIRepository, name: web}
  values: {image: {tag: one}}
"""
FLEET = """\
apiVersion: source.toolkit.fluxcd.io/v1
kind: GitRepository
metadata: {name: fleet, namespace: default}
spec: {interval: 1s, url: "file://REPOSITORY", ref: {branch: main}}
---
apiVersion: kustomize.toolkit.fluxcd.io/v1
kind: Kustomization
metadata: {name: fleet, namespace: default}
spec: {interval: 1h, prune: true, path: ./releases, sourceRef: {kind: GitRepository, name: fleet}}
---
apiVersion: image.toolkit.fluxcd.io/v1
kind: ImagePolicy
metadata: {name: web, namespace: default}
spec: {imageRepositoryRef: {name: web}, policy: {semver: {range: 1.x}}}
---
apiVersion: image.toolkit.fluxcd.io/v1
kind: ImageUpdateAutomation
metadata: {name: fleet, namespace: default}
spec:
  interval: 1h
  sourceRef: {kind: GitRepository, name: fleet}
  git: {commit: {author: {name: Bot, email: bot@example.com}}}
"""
MARKED = """\
apiVersion: helm.toolkit.fluxcd.io/v2
kind: HelmRelease
metadata: {name: web, namespace: default}
spec:
  interval: 1h
  chart:
    spec: {chart: ./charts/web, sourceRef: {kind: GitRepository, name: fleet}}
  values:
    image:
      tag: 1.0.0 # {"$imagepolicy": "default:web:tag"}
"""
DEPENDENCY = "dependencies: [{name: common, version: 1.x, repository: 'file://../common'}]\n"


@pytest.fixture(autouse=True)
def path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert Helm.path is not None
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin" / "helm").symlink_to(Helm.path)
    monkeypatch.setenv("PATH", f"{tmp_path / 'bin'}:/usr/bin:/bin")


async def test_a_chart_of_a_registry_is_released_with_its_digest_in_its_version(tmp_path: Path) -> None:
    async with (
        RegistryServer(Storage()) as registry,
        stage.running(
            tmp_path / "data", controllers=frozenset({"ocirepository", "helmrelease"}), simulate_workloads=True
        ) as up,
    ):
        helm = Helm(up.kubeconfig, tmp_path / "home")
        for version in ("1.0.0", "1.1.0"):
            packed = tmp_path / f"web-{version}.tgz"
            packed.write_bytes(chart(version, more=TEMPLATES))
            await helm("push", str(packed), f"oci://{registry.address}/charts", "--plain-http")
            if version == "1.0.0":
                await up.apply(OCI.replace("ADDRESS", registry.address))
                await up.until(GROUP, "HelmRelease", "default", "web", is_ready)
        await up.kubectl("annotate", "ocirepository/web", "reconcile.fluxcd.io/requestedAt=now")
        obj = await up.until(
            GROUP, "HelmRelease", "default", "web", lambda each: is_ready(each) and len(each["status"]["history"]) == 2
        )
        source = await up.client.get_object("source.toolkit.fluxcd.io/v1", "OCIRepository", "default", "web")
        tag, _, digest = source["status"]["artifact"]["revision"].partition("@")
        assert tag == "1.1.0"
        version = f"1.1.0+{digest.removeprefix('sha256:')[:12]}"
        newest = obj["status"]["history"][0]
        assert (newest["chartVersion"], newest["ociDigest"]) == (version, digest)
        assert (obj["status"]["lastAttemptedRevision"], obj["status"]["lastAttemptedRevisionDigest"]) == (
            version,
            digest,
        )
        assert condition(obj, "Ready")["message"].endswith(f"with chart web@{version}")
        (listed,) = json.loads(await helm("list -n default -o json"))
        assert listed["chart"] == f"web-{version}"
        assert "helmChart" not in obj["status"]


async def test_a_tag_in_the_values_is_bumped_and_reaches_the_deployment(tmp_path: Path) -> None:
    remote = tmp_path / "fleet.git"
    files = {**folder(said=DEPENDENCY), **folder(name="common", at="charts/common")}
    files |= {f"charts/web/{name}": content for name, content in TEMPLATES.items()}
    common = b"apiVersion: v1\nkind: ConfigMap\nmetadata: {name: {{ .Release.Name }}-common}\n"
    files["charts/common/templates/config.yaml"] = common
    seed.seed(remote, {name: content.decode() for name, content in files.items()} | {"releases/web.yaml": MARKED})
    controllers = {"gitrepository", "kustomization", "helmchart", "helmrelease", "imageupdateautomation"}
    async with stage.running(tmp_path / "data", controllers=frozenset(controllers), simulate_workloads=True) as up:
        await up.apply(FLEET.replace("REPOSITORY", str(remote)))
        await up.until(GROUP, "HelmRelease", "default", "web", is_ready)
        assert await tag(up) == "1.0.0"
        assert await up.client.get_object("v1", "ConfigMap", "default", "web-common")
        chosen = '{"status": {"latestRef": {"name": "registry.example.com/web", "tag": "1.0.1"}}}'
        await up.kubectl("patch", "imagepolicy", "web", "--type=merge", "--subresource=status", "-p", chosen)
        obj = await up.until(
            GROUP, "HelmRelease", "default", "web", lambda each: is_ready(each) and len(each["status"]["history"]) == 2
        )
        assert obj["spec"]["values"] == {"image": {"tag": "1.0.1"}}
        assert await tag(up) == "1.0.1"


async def tag(up: Stage) -> str:
    found = await up.client.get_object("apps/v1", "Deployment", "default", "web")
    return str(found["spec"]["template"]["spec"]["containers"][0]["image"]).rpartition(":")[2]
