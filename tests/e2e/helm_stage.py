"""A stage with a Helm repository beside it, and a chart whose values say how its release fares."""

import contextlib
import json
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from deploy.source.charts import archive
from tests.conformance.helm import Helm
from tests.deploy.source import helm_server
from tests.deploy.source.charts.packed import chart
from tests.deploy.source.helm_server import HelmServer
from tests.e2e import stage
from tests.e2e.stage import Stage, condition

GROUP = "helm.toolkit.fluxcd.io/v2"
CONTROLLERS = frozenset({"helmrepository", "helmchart", "helmrelease"})
_REPOSITORY = """\
apiVersion: source.toolkit.fluxcd.io/v1
kind: HelmRepository
metadata: {name: charts, namespace: default}
spec: {url: "ADDRESS/charts", interval: 1h}
"""
#: Its image fares as the simulator reads its tag, and so does the image of its test.
TEMPLATES = {
    "templates/deployment.yaml": b"""\
apiVersion: apps/v1
kind: Deployment
metadata:
  name: {{ .Release.Name }}
  {{- with .Values.fate }}
  annotations: {image-automation.dev/simulate: {{ quote . }}}
  {{- end }}
spec:
  replicas: {{ .Values.replicas }}
  selector: {matchLabels: {app: {{ .Release.Name }}}}
  template:
    metadata: {labels: {app: {{ .Release.Name }}}}
    spec: {containers: [{name: web, image: "registry.example.com/web:{{ .Values.image.tag }}"}]}
""",
    "templates/config.yaml": b"""\
apiVersion: v1
kind: ConfigMap
metadata: {name: {{ .Release.Name }}}
data: {tag: {{ required "a tag is needed" .Values.image.tag | quote }}}
""",
    "templates/test.yaml": b"""\
apiVersion: batch/v1
kind: Job
metadata: {name: {{ .Release.Name }}-smoke, annotations: {helm.sh/hook: test}}
spec:
  backoffLimit: 0
  template:
    spec: {restartPolicy: Never, containers: [{name: smoke, image: "smoke:{{ .Values.test | default "1" }}"}]}
""",
}
BROKEN = {"image": {"tag": "2-deadlineexceeded"}}
FAILING_TEST = {"test": "1-crashloop"}


@dataclass(frozen=True)
class HelmStage:
    """A running service with a Helm repository, and the real helm to look at its releases."""

    up: Stage
    server: HelmServer
    helm: Helm
    program: Path

    async def begin(self) -> None:
        """Apply the HelmRepository of the charts."""
        await self.up.apply(_REPOSITORY.replace("ADDRESS", self.server.url))

    def offer(self, *versions: str, name: str = "web", more: Mapping[str, bytes] | None = None) -> None:
        """Put charts of these versions into the repository."""
        offer(self.server, *versions, name=name, more=more)

    async def release(self, name: str, *, annotations: dict[str, str] | None = None, **spec: Any) -> None:
        """Apply a HelmRelease, of the chart `web` where the spec says no other."""
        source = {"spec": {"chart": "web", "sourceRef": {"kind": "HelmRepository", "name": "charts"}}}
        usual: dict[str, Any] = {"interval": "1h", "timeout": "20s"}
        if "chartRef" not in spec:
            usual["chart"] = source
        metadata = {"name": name, "namespace": "default", "annotations": annotations or {}}
        obj = {"apiVersion": GROUP, "kind": "HelmRelease", "metadata": metadata, "spec": {**usual, **spec}}
        await self.up.apply(json.dumps(obj))

    async def until(self, name: str, holds: Any) -> dict[str, Any]:
        """Wait until something holds of a HelmRelease."""
        return await self.up.until(GROUP, "HelmRelease", "default", name, holds)

    async def get(self, name: str) -> dict[str, Any]:
        """Return a HelmRelease."""
        return await self.up.client.get_object(GROUP, "HelmRelease", "default", name)

    async def request(self, name: str, token: str, **more: str) -> None:
        """Ask for a run, and in `more` (`forceAt`, `resetAt`) for what it is to do besides."""
        asked = [f"reconcile.fluxcd.io/{key}={value}" for key, value in {"requestedAt": token, **more}.items()]
        await self.up.kubectl("annotate", f"helmrelease/{name}", "-n", "default", "--overwrite", *asked)

    async def history(self, name: str) -> list[str]:
        """Return what helm tells of a release's revisions, oldest first."""
        told = json.loads(await self.helm(f"history {name} -n default -o json"))
        return [f"{each['revision']} {each['status']} {each['description']}" for each in told]

    async def image(self, name: str) -> str:
        """Return the tag that a release's Deployment runs."""
        found = await self.up.client.get_object("apps/v1", "Deployment", "default", name)
        return str(found["spec"]["template"]["spec"]["containers"][0]["image"]).rpartition(":")[2]

    async def told(self, name: str) -> list[str]:
        """Return the reasons of the events about a HelmRelease."""
        events = json.loads(
            await self.up.kubectl("get", "events", "-n", "default", "-o", "json", "--field-selector",
                                  f"involvedObject.kind=HelmRelease,involvedObject.name={name}")
        )["items"]  # fmt: skip
        return [str(each["reason"]) for each in events]


def offer(server: HelmServer, *versions: str, name: str = "web", more: Mapping[str, bytes] | None = None) -> None:
    """Put charts of these versions, with `more` files, and an index of them into a repository."""
    path = "/charts/index.yaml"
    entries = json.loads(server.files[path])["entries"] if path in server.files else {}
    entries[name] = []
    for version in versions:
        server.files[f"/charts/{name}-{version}.tgz"] = packed = chart(
            version, name=name, more={**TEMPLATES, **(more or {})}
        )
        said = archive.read(packed).metadata
        entries[name].append({"name": said.name, "version": said.version, "urls": [f"{name}-{version}.tgz"]})
    server.files[path] = json.dumps({"apiVersion": "v1", "entries": entries}).encode()
    server.tags[path] = f'"{len(server.files)}-{name}-{len(versions)}"'


@contextlib.asynccontextmanager
async def repository(directory: Path, patch: pytest.MonkeyPatch) -> AsyncIterator[tuple[HelmServer, Path]]:
    """Offer a chart as long as the block lasts, with the real helm on the path: its link there is yielded too."""
    assert Helm.path is not None
    program = directory / "bin" / "helm"
    program.parent.mkdir()
    program.symlink_to(Helm.path)
    patch.setenv("PATH", f"{program.parent}:/usr/bin:/bin")
    async with helm_server.serving(HelmServer()) as server:
        offer(server, "1.0.0")
        yield server, program


@contextlib.asynccontextmanager
async def running(directory: Path, patch: pytest.MonkeyPatch) -> AsyncIterator[HelmStage]:
    """Run the service, with workloads simulated and charts to release, as long as the block lasts."""
    async with (
        repository(directory, patch) as (server, program),
        stage.running(directory / "data", controllers=CONTROLLERS, simulate_workloads=True) as up,
    ):
        here = HelmStage(up=up, server=server, helm=Helm(up.kubeconfig, directory / "home"), program=program)
        await here.begin()
        yield here


def said(obj: dict[str, Any]) -> dict[str, str]:
    """Return the conditions of an object: type and status, with the reason of Ready."""
    found = {each["type"]: each["status"] for each in (obj.get("status") or {}).get("conditions") or ()}
    return {**found, "reason": condition(obj, "Ready").get("reason", "")}


def is_settled(obj: dict[str, Any]) -> bool:
    """Tell whether an object is ready or stalled, says so of its present generation, and nothing goes on."""
    status = obj.get("status") or {}
    done = condition(obj, "Ready").get("status") == "True" or condition(obj, "Stalled").get("status") == "True"
    seen = status.get("observedGeneration") == obj["metadata"]["generation"]
    return done and seen and not condition(obj, "Reconciling")
