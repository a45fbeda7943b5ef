"""A chart of a repository, followed: HelmRepository, HelmChart, and the served file as the real helm reads it."""

import json
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from deploy.source.charts import archive
from tests.conformance.helm import Helm
from tests.deploy.source import helm_server
from tests.deploy.source.charts.packed import chart
from tests.deploy.source.helm_server import HelmServer
from tests.e2e import stage
from tests.e2e.stage import Stage, condition, is_ready

OBJECTS = """\
apiVersion: v1
kind: Secret
metadata: {name: login, namespace: default}
stringData: {username: jane, password: s3cret}
---
apiVersion: source.toolkit.fluxcd.io/v1
kind: HelmRepository
metadata: {name: charts, namespace: default}
spec: {url: "ADDRESS/charts", interval: 1h, secretRef: {name: login}}
---
apiVersion: source.toolkit.fluxcd.io/v1
kind: HelmChart
metadata: {name: web, namespace: default}
spec:
  interval: 1h
  chart: web
  version: 1.x
  valuesFiles: [values.yaml, values-prod.yaml]
  sourceRef: {kind: HelmRepository, name: charts}
"""
CONTROLLERS = frozenset({"helmrepository", "helmchart"})
GROUP = "source.toolkit.fluxcd.io/v1"
TEMPLATE = b"apiVersion: v1\nkind: ConfigMap\nmetadata: {name: web}\ndata: {tag: {{ .Values.image.tag }}}\n"


def offer(server: HelmServer, *versions: str) -> None:
    """Put charts of these versions, and an index of them, into the repository."""
    entries = []
    for version in versions:
        more = {"values-prod.yaml": f"image: {{tag: prod-{version}}}\n".encode(), "templates/config.yaml": TEMPLATE}
        packed = chart(version, more=more)
        said = archive.read(packed).metadata
        server.files[f"/charts/web-{said.version}.tgz"] = packed
        entries.append({"name": "web", "version": said.version, "urls": [f"web-{said.version}.tgz"]})
    written = {"apiVersion": "v1", "entries": {"web": entries}}
    server.files["/charts/index.yaml"] = json.dumps(written).encode()
    server.tags["/charts/index.yaml"] = f'"{len(versions)}"'


async def rendered(up: Stage, obj: dict[str, Any], home: Path) -> str:
    """Return what the real helm makes of the file that the service serves for a HelmChart."""
    async with aiohttp.ClientSession() as session, session.get(obj["status"]["artifact"]["url"]) as answer:
        assert answer.status == 200
        content = await answer.read()
    file = home / "served.tgz"
    file.write_bytes(content)
    return await Helm(up.kubeconfig, home)("template shop", str(file))


@pytest.mark.real
@pytest.mark.skipif(Helm.path is None, reason="there is no helm here")
async def test_a_chart_follows_its_repository_and_is_served_with_its_values(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert Helm.path is not None
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin" / "helm").symlink_to(Helm.path)
    monkeypatch.setenv("PATH", f"{tmp_path / 'bin'}:/usr/bin:/bin")
    home = tmp_path / "home"
    home.mkdir()
    async with (
        helm_server.serving(HelmServer(login=("jane", "s3cret"))) as server,
        stage.running(tmp_path / "data", controllers=CONTROLLERS) as up,
    ):
        offer(server, "1.0.0")
        await up.apply(OBJECTS.replace("ADDRESS", server.url))
        first = await up.until(GROUP, "HelmChart", "default", "web", is_ready)
        assert first["status"]["artifact"]["revision"] == "1.0.0+1"
        message = "packaged 'web' chart with version '1.0.0+1' and merged values files [values.yaml values-prod.yaml]"
        assert condition(first, "Ready")["message"] == message
        assert "tag: prod-1.0.0" in await rendered(up, first, home)

        offer(server, "1.0.0", "1.1.0", "2.0.0")
        await up.kubectl("annotate", "helmrepository/charts", "-n", "default", "reconcile.fluxcd.io/requestedAt=now")
        second = await up.until(
            GROUP, "HelmChart", "default", "web",
            lambda obj: is_ready(obj) and obj["status"]["artifact"]["revision"] == "1.1.0+1",
        )  # fmt: skip
        assert "tag: prod-1.1.0" in await rendered(up, second, home)
        columns = (await up.kubectl("get", "helmchart", "web", "-n", "default")).splitlines()[1].split()
        assert columns[:4] == ["web", "web", "1.x", "HelmRepository"]

        asked = len(server.asked)
        await up.kubectl(
            "annotate", "helmrepository/charts", "-n", "default", "reconcile.fluxcd.io/requestedAt=again", "--overwrite"
        )
        await up.until(
            GROUP, "HelmRepository", "default", "charts",
            lambda obj: obj["status"].get("lastHandledReconcileAt") == "again",
        )  # fmt: skip
        assert [path for path, _ in server.asked[asked:]] == ["/charts/index.yaml"], "unchanged: one request"
        await up.kubectl("delete", "helmchart,helmrepository", "--all", "-n", "default", "--timeout=20s")
        assert not [file for file in (tmp_path / "data" / "artifacts").rglob("*") if file.is_file()]
