"""A small world for the actions: a real control plane that simulates workloads, and releases made by hand."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
import yaml

from deploy.cluster import wait
from deploy.cluster.apply import Applier
from deploy.cluster.trial import USUAL
from deploy.helm.actions.actions import Actions
from deploy.helm.actions.plan import ActionError, Plan
from deploy.helm.release import Hook, Info, Release
from gotk.api import scheme
from gotk.api.helm import HelmRelease
from gotk.apiserver import ControlPlane
from gotk.kube.client import Client
from gotk.kube.config import from_kubeconfig
from gotk.kube.errors import NotFound
from gotk.runtime.clock import SystemClock
from tests.deploy.helm.actions.memory_storage import MemoryStorage

CHART = {"metadata": {"name": "web", "version": "1.0.0", "apiVersion": "v2"}}


def config_map(name: str = "settings", *, metadata: str = "", **data: str) -> str:
    lines = "".join(f"\n  {key}: {value!r}" for key, value in (data or {"a": "b"}).items())
    return f"---\napiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: {name}\n{metadata}data:{lines}\n"


def deployment(name: str = "web", *, image: str = "web:1", metadata: str = "", paused: bool = False) -> str:
    return f"""---
apiVersion: apps/v1
kind: Deployment
metadata:
  name: {name}
{metadata}spec:
  replicas: 1
  paused: {str(paused).lower()}
  selector: {{matchLabels: {{app: {name}}}}}
  template:
    metadata: {{labels: {{app: {name}}}}}
    spec: {{containers: [{{name: {name}, image: "{image}", ports: [{{containerPort: 80}}]}}]}}
"""


def job(name: str = "migrate", *, image: str = "web:1") -> str:
    return f"""---
apiVersion: batch/v1
kind: Job
metadata: {{name: {name}}}
spec:
  backoffLimit: 0
  template:
    spec: {{restartPolicy: Never, containers: [{{name: main, image: "{image}"}}]}}
"""


def hook(manifest: str, *events: str, name: str, weight: int = 0, policies: Sequence[str] = ()) -> Hook:
    """Return a hook as helm has rendered it."""
    return Hook(
        name=name,
        kind=str(yaml.safe_load(manifest)["kind"]),
        path=f"web/templates/{name}.yaml",
        manifest=manifest.removeprefix("---\n"),
        events=events,
        weight=weight,
        delete_policies=tuple(policies),
    )


def rendered(
    *manifests: str, version: int = 1, name: str = "web", namespace: str = "default", hooks: Sequence[Hook] = ()
) -> Release:
    """Return what helm has rendered."""
    return Release(
        name=name,
        namespace=namespace,
        version=version,
        info=Info(description="Dry run complete", notes="Thanks."),
        chart=CHART,
        manifest="".join(manifests),
        hooks=tuple(hooks),
        apply_method="ssa",
    )


def helm_release(**spec: Any) -> HelmRelease:
    plain = {
        "apiVersion": "helm.toolkit.fluxcd.io/v2",
        "kind": "HelmRelease",
        "metadata": {"name": "web", "namespace": "default", "uid": "u", "generation": 1},
        "spec": {"interval": "1m", "chartRef": {"kind": "HelmChart", "name": "web"}, **spec},
    }
    return scheme.convert(plain, HelmRelease)


class World:
    """What a test looks at and acts on."""

    def __init__(self, client: Client) -> None:
        self.client = client
        self.storage = MemoryStorage()
        clock = SystemClock()
        applier = Applier(clock=clock, waiter=wait.Waiter(clock=clock), manner=USUAL)
        self.actions = Actions(cluster=client, storage=self.storage, applier=applier, clock=clock)

    async def install(
        self, *manifests: str, timeout: float = 10.0, hooks: Sequence[Hook] = (), **install: Any
    ) -> Release:
        """Install the first revision."""
        obj = helm_release(install=install)
        return await self.actions.install(Plan(obj=obj, release=rendered(*manifests, hooks=hooks), timeout=timeout))

    async def upgrade(
        self,
        *manifests: str,
        timeout: float = 10.0,
        hooks: Sequence[Hook] = (),
        stop: asyncio.Event | None = None,
        max_history: int = 5,
        **upgrade: Any,
    ) -> Release:
        """Upgrade to the next revision."""
        history = await self.storage.history("web")
        version = history[-1].version + 1 if history else 1
        release = rendered(*manifests, version=version, hooks=hooks)
        obj = helm_release(upgrade=upgrade, maxHistory=max_history)
        return await self.actions.upgrade(Plan(obj=obj, release=release, timeout=timeout, stop=stop))

    async def get(self, kind: str, name: str, *, api_version: str = "v1", namespace: str = "default") -> Any:
        """Return an object, or None."""
        try:
            return await self.client.get_object(api_version, kind, namespace, name)
        except NotFound:
            return None

    async def data(self, name: str = "settings") -> dict[str, str] | None:
        """Return a ConfigMap's data, or None where it is not there."""
        found = await self.get("ConfigMap", name)
        return None if found is None else found["data"]

    async def image(self, name: str = "web") -> str:
        """Return the image of a Deployment."""
        found = await self.get("Deployment", name, api_version="apps/v1")
        return str(found["spec"]["template"]["spec"]["containers"][0]["image"])

    async def description(self, version: int) -> str:
        """Return what is stored of a revision."""
        return self.storage.releases["web", version].info.description


@asynccontextmanager
async def new(directory: Path) -> AsyncIterator[World]:
    """Make a world."""
    async with (
        ControlPlane(directory / "plane", simulate=0.02) as plane,
        Client(await from_kubeconfig([plane.kubeconfig])) as client,
    ):
        yield World(client)


async def failure(work: Any) -> ActionError:
    """Return the error that an action ends with."""
    with pytest.raises(ActionError) as caught:
        await work
    return caught.value
