"""A chart of podinfo's shape and one with dependencies, from each kind of source, over a private authority's HTTPS.

They lie as folders in `charts/`: in Git as they are, in a Helm repository and a registry packaged.
"""

import base64
import contextlib
import json
import ssl
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import yaml

from gotk.git.objects import seed
from gotk.oci.registry.server import RegistryServer
from tests.artifacts import tarball
from tests.conformance.helm import Helm
from tests.deploy.source import helm_server
from tests.deploy.source.helm_server import HelmServer
from tests.e2e import stage
from tests.e2e.helm_stage import GROUP
from tests.e2e.stage import Stage, condition, is_ready
from tests.real import authority
from tests.real.authority import Authority

pytestmark = [pytest.mark.real, pytest.mark.skipif(Helm.path is None, reason="there is no helm here")]

FOLDER = Path(__file__).parent / "charts"
NAMES = ("shop", "mall")
CONTROLLERS = frozenset({"helmrepository", "helmchart", "helmrelease", "ocirepository", "gitrepository"})
SOURCES = """\
apiVersion: source.toolkit.fluxcd.io/v1
kind: HelmRepository
metadata: {name: charts, namespace: default}
spec: {url: "REPOSITORY/charts", interval: 1h, certSecretRef: {name: trust}}
---
apiVersion: source.toolkit.fluxcd.io/v1
kind: GitRepository
metadata: {name: charts, namespace: default}
spec: {url: "file://GIT", interval: 1h, ref: {branch: main}}
"""
OF_REGISTRY = """\
apiVersion: source.toolkit.fluxcd.io/v1
kind: OCIRepository
metadata: {name: NAME, namespace: default}
spec:
  url: "oci://REGISTRY/charts/NAME"
  interval: 1h
  ref: {semver: 1.x}
  certSecretRef: {name: trust}
  layerSelector: {mediaType: application/vnd.cncf.helm.chart.content.v1.tar+gzip, operation: copy}
"""


def files(name: str, version: str) -> dict[str, bytes]:
    """Read a chart's folder, as this version of it."""
    found = {
        str(each.relative_to(FOLDER / name)): each.read_bytes() for each in (FOLDER / name).rglob("*") if each.is_file()
    }
    found["Chart.yaml"] = found["Chart.yaml"].replace(b"version: 1.0.0\n", f"version: {version}\n".encode(), 1)
    return found


def packaged(name: str, version: str) -> bytes:
    """Package a chart with the charts that it depends on, as `helm package --dependency-update` does."""
    content = files(name, version)
    if name == "mall":
        content["charts/cache-1.2.0.tgz"] = packaged("cache", "1.2.0")
    return tarball({f"{name}/{path}": text for path, text in content.items()})


@dataclass(frozen=True)
class Offer:
    """Where charts are offered: a Helm repository, a registry, a Git repository."""

    server: HelmServer
    registry: RegistryServer
    git: Path
    trust: Authority
    helm: Helm
    folder: Path

    async def publish(self, version: str) -> None:
        """Offer a version of each chart everywhere."""
        entries = {}
        for name in NAMES:
            packed = packaged(name, version)
            self.server.files[f"/charts/{name}-{version}.tgz"] = packed
            entries[name] = [{"name": name, "version": version, "urls": [f"{name}-{version}.tgz"]}]
            file = self.folder / f"{name}-{version}.tgz"
            file.write_bytes(packed)
            authority_file = self.folder / "ca.crt"
            authority_file.write_text(self.trust.pem)
            await self.helm(
                "push", str(file), f"oci://{self.registry.address}/charts", "--ca-file", str(authority_file)
            )
        index = "/charts/index.yaml"
        self.server.files[index] = json.dumps({"apiVersion": "v1", "entries": entries}).encode()
        self.server.tags[index] = f'"{version}"'
        folders = {name: files(name, version) for name in NAMES} | {"cache": files("cache", "1.2.0")}
        seed.seed(self.git, {f"{name}/{path}": text for name, found in folders.items() for path, text in found.items()})


@contextlib.asynccontextmanager
async def offering(folder: Path) -> AsyncIterator[Offer]:
    trust = authority.make(folder / "tls")
    tls = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    tls.load_cert_chain(trust.certificate, trust.key)
    async with helm_server.serving(HelmServer(), tls=tls) as server, RegistryServer(tls=tls) as registry:
        home = folder / "pusher"
        home.mkdir()
        helm = Helm(home / "no-kubeconfig", home)
        yield Offer(server=server, registry=registry, git=folder / "charts.git", trust=trust, helm=helm, folder=folder)


def sources(offer: Offer) -> str:
    """Return the manifests of all sources, and of the Secret with their authority."""
    trust = {
        "apiVersion": "v1", "kind": "Secret", "metadata": {"name": "trust", "namespace": "default"},
        "data": {"ca.crt": base64.b64encode(offer.trust.pem.encode()).decode()},
    }  # fmt: skip
    one = SOURCES.replace("REPOSITORY", offer.server.url).replace("GIT", str(offer.git))
    others = [OF_REGISTRY.replace("NAME", name).replace("REGISTRY", offer.registry.address) for name in NAMES]
    return "---\n".join([yaml.safe_dump(trust), one, *others])


def releases() -> dict[str, dict[str, Any]]:
    """Return a HelmRelease of each chart from each source."""
    made = {}
    for name in NAMES:
        production: dict[str, Any] = {"valuesFiles": ["values.yaml", "values-prod.yaml"]} if name == "shop" else {}
        packed: dict[str, Any] = {
            "chart": name,
            "version": "1.x",
            "sourceRef": {"kind": "HelmRepository", "name": "charts"},
        }
        folder: dict[str, Any] = {"chart": f"./{name}", "sourceRef": {"kind": "GitRepository", "name": "charts"}}
        if production:
            folder["valuesFiles"] = [f"./{name}/{each}" for each in production["valuesFiles"]]
        made[f"{name}-helm"] = {"chart": {"spec": {**packed, **production}}}
        made[f"{name}-git"] = {"chart": {"spec": folder}}
        made[f"{name}-oci"] = {"chartRef": {"kind": "OCIRepository", "name": name}}
    return made


async def apply(up: Stage) -> None:
    """Apply all HelmReleases."""
    usual = {"interval": "1h", "timeout": "30s", "test": {"enable": True}, "values": {"global": {"team": "shops"}}}
    objects = [
        {"apiVersion": GROUP, "kind": "HelmRelease", "metadata": {"name": name, "namespace": "default"},
         "spec": {**usual, **spec}}
        for name, spec in releases().items()
    ]  # fmt: skip
    await up.apply(json.dumps({"apiVersion": "v1", "kind": "List", "items": objects}))


async def at_revision(up: Stage, revision: int) -> dict[str, dict[str, Any]]:
    """Wait until every release is ready at a revision."""

    def is_there(obj: Mapping[str, Any]) -> bool:
        history = (obj.get("status") or {}).get("history") or [{}]
        return is_ready(dict(obj)) and history[0].get("version") == revision

    return {name: await up.until(GROUP, "HelmRelease", "default", name, is_there) for name in releases()}


@pytest.mark.timeout(200)
async def test_charts_of_every_source_are_installed_upgraded_and_read_by_helm(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert Helm.path is not None
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin" / "helm").symlink_to(Helm.path)
    monkeypatch.setenv("PATH", f"{tmp_path / 'bin'}:/usr/bin:/bin")
    async with (
        offering(tmp_path) as offer,
        stage.running(tmp_path / "data", controllers=CONTROLLERS, simulate_workloads=True) as up,
    ):
        helm = Helm(up.kubeconfig, tmp_path / "home")
        await offer.publish("1.0.0")
        await up.apply(sources(offer))
        await apply(up)
        for name, obj in (await at_revision(up, 1)).items():
            assert condition(obj, "TestSuccess")["status"] == "True", name
        listed = {each["name"]: each for each in json.loads(await helm("list -n default -o json"))}
        assert {name: each["status"] for name, each in listed.items()} == dict.fromkeys(releases(), "deployed")

        await offer.publish("1.1.0")
        await up.kubectl("annotate", "helmrepositories,ocirepositories,gitrepositories", "--all",
                         "reconcile.fluxcd.io/requestedAt=now")  # fmt: skip
        await at_revision(up, 2)
        listed = {each["name"]: each for each in json.loads(await helm("list -n default -o json"))}
        charts = {name: each["chart"].partition("+")[0] for name, each in listed.items()}
        assert charts == {name: f"{name.partition('-')[0]}-1.1.0" for name in releases()}
        for name in releases():
            told = json.loads(await helm(f"history {name} -n default -o json"))
            assert [(each["revision"], each["status"]) for each in told] == [(1, "superseded"), (2, "deployed")], name

        manifest = list(yaml.safe_load_all(await helm("get manifest shop-git -n default")))
        kinds = {each["kind"] for each in manifest if each}
        assert {"Deployment", "Service", "ServiceAccount", "HorizontalPodAutoscaler", "Ingress"} <= kinds
        assert "https://shop.local" in await helm("get notes shop-helm -n default")
        assert "kubectl -n default port-forward" in await helm("get notes shop-oci -n default")
        assert "service-test" in await helm("get hooks shop-oci -n default")
        for name in ("mall-helm", "mall-git", "mall-oci"):
            deployments = json.loads(await up.kubectl("get", "deploy", "-o", "json"))["items"]
            parts = {each["metadata"]["name"]: each["spec"]["replicas"] for each in deployments}
            assert (parts[f"{name}-cache"], parts[f"{name}-sessions"]) == (1, 2)
            assert f"{name}-search" not in parts
            values = json.loads(await helm(f"get values {name} -n default -o json"))
            assert values == {"global": {"team": "shops"}}
