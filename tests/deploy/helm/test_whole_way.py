"""A chart's whole way: rendered by the real helm, applied and stored by us, read and rolled back by helm again."""

import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from deploy.cluster import wait
from deploy.cluster.apply import Applier
from deploy.cluster.trial import USUAL
from deploy.helm.actions.actions import Actions
from deploy.helm.actions.plan import Plan
from deploy.helm.release import Release
from deploy.helm.rendering import chart, crds
from deploy.helm.rendering.post import PostRenderer
from deploy.helm.rendering.render import Renderer, Request
from deploy.helm.storage import Storage, nothing_unfolded
from deploy.kustomize.building import build
from deploy.kustomize.building.bases.fetching import NoRemoteBases
from gotk.apiserver import ControlPlane
from gotk.kube.client import Client
from gotk.kube.config import from_kubeconfig
from gotk.runtime.blocking import Limiter
from gotk.runtime.clock import SystemClock
from gotk.sandbox.confinement import Confinement
from tests.conformance.helm import Helm
from tests.deploy.helm.objects import helm_release
from tests.deploy.helm.rendering.charts import packaged
from tests.deploy.kustomize.test_kustomization import pytestmark as needs_kustomize

pytestmark = [*needs_kustomize, pytest.mark.skipif(Helm.path is None, reason="there is no helm here")]

CHART = Path(__file__).parents[2] / "conformance/chart"
DIGEST = "sha256:9933f58f8bf459eb199d59ebc8a05683f3944e1242d9f5467d99aa2cf08a5370"
IMAGES = [{"kustomize": {"images": [{"name": "shop", "newTag": "9"}]}}]


def shop() -> bytes:
    files = {str(path.relative_to(CHART)): path.read_text() for path in CHART.rglob("*") if path.is_file()}
    return packaged(files)


class World:
    def __init__(self, client: Client, helm: Helm, scratch: Path, limiter: Limiter) -> None:
        self.client = client
        self.helm = helm
        clock = SystemClock()
        confine = Confinement.command
        self._renderer = Renderer(command=str(Helm.path), limiter=limiter, scratch=scratch, confine=confine, dns=False)
        builder = build.Builder(
            command=build.find_command(), limiter=limiter, scratch=scratch, confine=confine, fetches=NoRemoteBases()
        )
        self._post = PostRenderer(builder=builder, limiter=limiter, scratch=scratch)
        self._applier = Applier(clock=clock, waiter=wait.Waiter(clock=clock), manner=USUAL)
        self._storage_of = lambda namespace: Storage(
            client, namespace, limiter=limiter, clock=clock, unfolded=nothing_unfolded()
        )

    async def release(self, namespace: str, storage: str, values: dict[str, Any], **spec: Any) -> Release:
        """Install or upgrade `web` in a namespace, its record in another or the same."""
        obj = helm_release(spec)
        kept = self._storage_of(storage)
        previous = await kept.last("web")
        loaded = chart.load(shop(), revision=DIGEST)
        request = Request(
            name="web", namespace=namespace, chart=loaded.data, values=values, timeout=60, previous=previous
        )
        actions = Actions(cluster=self.client, storage=kept, applier=self._applier, clock=SystemClock())
        definitions = await crds.collect(loaded, request, renderer=self._renderer)
        await actions.apply_crds(obj, definitions, action="upgrade" if previous else "install")
        made = await self._renderer.render(request, cluster=self.client)
        plan = Plan(obj=obj, release=await self._post.post_render(made, obj, timeout=60), timeout=60)
        return await (actions.upgrade(plan) if previous else actions.install(plan))

    async def image(self, namespace: str) -> str:
        found = await self.client.get_object("apps/v1", "Deployment", namespace, "web")
        return str(found["spec"]["template"]["spec"]["containers"][0]["image"])


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    async with (
        ControlPlane(tmp_path / "plane", simulate=0.02) as plane,
        Client(await from_kubeconfig([plane.kubeconfig])) as client,
    ):
        with Limiter(width=2) as limiter:
            yield World(client, Helm(plane.kubeconfig, tmp_path / "home"), scratch, limiter)


async def test_a_chart_with_definitions_and_hooks_is_installed_upgraded_and_rolled_back_by_helm(world: World) -> None:
    helm = world.helm
    made = await world.release("default", "default", {"motto": "wide"})
    assert (made.version, made.info.status, made.info.description) == (1, "deployed", "Install complete")
    gadget = await world.client.get_object("shop.example.org/v1", "Gadget", "default", "web")
    assert gadget["spec"]["motto"] == "wide"
    assert gadget["metadata"]["labels"]["helm.toolkit.fluxcd.io/name"] == "web"
    assert await world.image("default") == "shop:1"

    await world.release("default", "default", {"motto": "shut"}, postRenderers=IMAGES)
    assert await world.image("default") == "shop:9"
    history = json.loads(await helm("history web -o json"))
    assert [(each["revision"], each["status"], each["chart"]) for each in history] == [
        (1, "superseded", "shop-0.1.0+9933f58f8bf4"), (2, "deployed", "shop-0.1.0+9933f58f8bf4"),
    ]  # fmt: skip
    assert json.loads(await helm("get values web -o json")) == {"motto": "shut"}
    assert "image: shop:9" in await helm("get manifest web")

    await helm("rollback web 1 --force-conflicts")  # the fields are the controller's, as they are with Flux
    assert await world.image("default") == "shop:1"
    after = await world.release("default", "default", {"motto": "last"}, postRenderers=IMAGES)
    assert (after.version, after.info.status) == (4, "deployed")
    assert await world.image("default") == "shop:9"
    await helm("uninstall web")
    assert json.loads(await helm("list -o json")) == []


async def test_a_release_is_recorded_in_another_namespace_than_it_is_in(world: World) -> None:
    for name in ("apps", "records"):
        await world.client.create_object({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}})
    await world.release("apps", "records", {})
    made = await world.release("apps", "records", {"motto": "wide"})
    assert (made.full_name, made.info.status) == ("apps/web.v2", "deployed")
    assert await world.image("apps") == "shop:1"
    (listed,) = json.loads(await world.helm("list -n records -o json"))
    assert (listed["name"], listed["namespace"], listed["revision"]) == ("web", "apps", "2")
    assert json.loads(await world.helm("list -n apps -o json")) == []
