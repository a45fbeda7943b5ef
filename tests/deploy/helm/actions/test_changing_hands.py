"""Releases change hands between the real helm and the actions, in both directions."""

import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from deploy.cluster import wait
from deploy.cluster.apply import Applier
from deploy.cluster.trial import USUAL
from deploy.helm.actions.actions import Actions
from deploy.helm.actions.plan import Plan
from deploy.helm.storage import Storage, nothing_unfolded
from gotk.apiserver import ControlPlane
from gotk.kube.client import Client
from gotk.kube.config import from_kubeconfig
from gotk.runtime.blocking import Limiter
from gotk.runtime.clock import SystemClock
from tests.conformance.helm import Helm
from tests.deploy.helm.actions.world import config_map, deployment, failure, helm_release, hook, job, rendered

pytestmark = [pytest.mark.real, pytest.mark.skipif(Helm.path is None, reason="there is no helm here")]
CHART = Path(__file__).parents[3] / "conformance" / "chart"


class Hands:
    """A cluster with a helm and with actions beside it."""

    def __init__(self, helm: Helm, client: Client, limiter: Limiter) -> None:
        clock = SystemClock()
        self.helm = helm
        self.client = client
        self.storage = Storage(client, "default", limiter=limiter, clock=clock, unfolded=nothing_unfolded())
        applier = Applier(clock=clock, waiter=wait.Waiter(clock=clock), manner=USUAL)
        self.actions = Actions(cluster=client, storage=self.storage, applier=applier, clock=clock)

    def plan(self, *manifests: str, version: int = 1, name: str = "web", **how: Any) -> Plan:
        """Plan a revision."""
        hooks = how.pop("hooks", ())
        release = rendered(*manifests, version=version, name=name, hooks=hooks)
        return Plan(obj=helm_release(**how), release=release, timeout=10.0)

    async def history(self, name: str = "web") -> list[tuple[int, str, str]]:
        """Return what helm says of a release: revision, status, description."""
        found = json.loads(await self.helm(f"history {name} -o json"))
        return [(each["revision"], each["status"], each["description"]) for each in found]

    async def config_maps(self) -> list[str]:
        """Return the names of all ConfigMaps."""
        found = await self.client.list_objects("v1", "ConfigMap", "default")
        return [each["metadata"]["name"] for each in found]


@pytest.fixture
async def hands(tmp_path: Path) -> AsyncIterator[Hands]:
    async with (
        ControlPlane(tmp_path / "plane", simulate=0.02) as plane,
        Client(await from_kubeconfig([plane.kubeconfig])) as client,
    ):
        with Limiter(width=2) as limiter:
            yield Hands(Helm(plane.kubeconfig, tmp_path / "home"), client, limiter)


async def test_helm_reads_what_the_actions_have_released(hands: Hands) -> None:
    hooks = [hook(job("check"), "test", name="check")]
    await hands.actions.install(hands.plan(deployment(), hooks=hooks))
    crashing = hands.plan(deployment(image="web:2-crashloop"), version=2)
    await failure(hands.actions.upgrade(Plan(obj=crashing.obj, release=crashing.release, timeout=0.5)))
    (listed,) = json.loads(await hands.helm("list -o json"))
    assert (listed["name"], listed["revision"], listed["status"], listed["chart"]) == (
        "web",
        "2",
        "failed",
        "web-1.0.0",
    )
    first = (await hands.storage.history("web"))[0]
    await hands.actions.rollback(Plan(obj=helm_release(), release=first, timeout=10.0))
    history = await hands.history()
    assert [(revision, status) for revision, status, _ in history] == [
        (1, "superseded"),
        (2, "failed"),
        (3, "deployed"),
    ]
    assert history[0][2] == "Install complete"
    assert history[1][2].startswith('Upgrade "web" failed: ')
    assert history[2][2] == "Rollback to 1"
    assert 'image: "web:1"' in await hands.helm("get manifest web")
    status = json.loads(await hands.helm("status web -o json"))
    assert status["info"]["notes"] == "Thanks."
    await hands.helm("test web --timeout 20s")
    last = await hands.storage.last("web")
    assert last is not None
    assert last.hooks[0].last_run.phase == "Succeeded", "what helm has tested is read back"


async def test_helm_goes_on_with_what_the_actions_have_released(hands: Hands) -> None:
    await hands.actions.install(hands.plan(config_map("shop-settings", motto="ours"), name="shop"))
    (definition,) = yaml.safe_load_all((CHART / "crds" / "gadgets.yaml").read_text())
    await hands.actions.apply_crds(helm_release(), [definition], action="install")
    await hands.helm("upgrade shop --force-conflicts", str(CHART))
    assert [status for _, status, _ in await hands.history("shop")] == ["superseded", "deployed"]
    live = await hands.client.get_object("v1", "ConfigMap", "default", "shop-settings")
    assert live["data"]["motto"] == "open"
    await hands.helm("rollback shop 1 --force-conflicts")
    live = await hands.client.get_object("v1", "ConfigMap", "default", "shop-settings")
    assert live["data"]["motto"] == "ours"
    await hands.helm("uninstall shop")
    assert "shop-settings" not in await hands.config_maps()


async def test_the_actions_go_on_with_what_helm_has_released(hands: Hands) -> None:
    await hands.helm("install shop", str(CHART))
    (made,) = await hands.storage.history("shop")
    changed = config_map("shop-settings", motto="ours")
    plan = hands.plan(changed, deployment_of(made.manifest), version=2, name="shop")
    release = await hands.actions.upgrade(plan)
    assert release.info.first_deployed == made.info.first_deployed
    live = await hands.client.get_object("v1", "ConfigMap", "default", "shop-settings")
    assert live["data"]["motto"] == "ours"
    assert await hands.client.list_objects("v1", "Service", "default", labels="app=shop") == []
    assert [status for _, status, _ in await hands.history("shop")] == ["superseded", "deployed"]
    await hands.actions.uninstall(helm_release(), "shop", timeout=10.0)
    assert json.loads(await hands.helm("list -o json")) == []
    assert await hands.client.list_objects("apps/v1", "Deployment", "default") == []


async def test_a_release_of_helms_own_merge_is_upgraded_by_ours(hands: Hands) -> None:
    await hands.helm("install shop", str(CHART), "--server-side=false")
    (made,) = await hands.storage.history("shop")
    assert made.apply_method == "csa"
    plan = hands.plan(config_map("shop-settings", motto="ours"), version=2, name="shop")
    assert (await hands.actions.upgrade(plan)).apply_method == "csa"
    live = await hands.client.get_object("v1", "ConfigMap", "default", "shop-settings")
    assert live["data"] == {"motto": "ours"}, "what helm had and we have not is gone"


async def test_a_manifest_that_helm_took_with_a_key_twice_is_upgraded_and_uninstalled(
    hands: Hands, tmp_path: Path
) -> None:
    chart = tmp_path / "twice"
    (chart / "templates").mkdir(parents=True)
    (chart / "Chart.yaml").write_text("apiVersion: v2\nname: twice\nversion: 1.0.0\n")
    twice = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: settings}\ndata:\n  a: first\n  a: second\n"
    (chart / "templates" / "settings.yaml").write_text(twice)
    await hands.helm("install web", str(chart))
    await hands.actions.upgrade(hands.plan(config_map(b="1"), version=2))
    live = await hands.client.get_object("v1", "ConfigMap", "default", "settings")
    assert live["data"]["b"] == "1"
    (first, _) = await hands.storage.history("web")
    await hands.actions.rollback(Plan(obj=helm_release(), release=first, timeout=10.0))
    live = await hands.client.get_object("v1", "ConfigMap", "default", "settings")
    assert live["data"]["a"] == "second"
    await hands.actions.uninstall(helm_release(), "web", timeout=10.0)
    assert await hands.config_maps() == ["kube-root-ca.crt"]


def deployment_of(manifest: str) -> str:
    """Return the Deployment alone."""
    return "".join(f"---\n{part}" for part in manifest.split("---\n") if "kind: Deployment" in part)
