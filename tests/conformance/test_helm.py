"""A release's whole life with the real helm on the embedded control plane, or a given cluster."""

import asyncio
import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from tests.conformance import cluster
from tests.conformance.cluster import Cluster
from tests.conformance.helm import Helm
from tests.conformance.kubectl import Kubectl

pytestmark = [
    pytest.mark.real,
    pytest.mark.skipif(Helm.path is None, reason="there is no helm here"),
    pytest.mark.skipif(Kubectl.path is None, reason="there is no kubectl here"),
]

CHART = str(Path(__file__).with_name("chart"))


class Stage:
    def __init__(self, cluster: Cluster, home: Path) -> None:
        self.cluster = cluster
        self.helm = Helm(cluster.kubeconfig, home)
        self.kubectl = cluster.kubectl(home)

    async def settings(self) -> dict[str, str]:
        found: dict[str, str] = json.loads(await self.kubectl("get cm shop-settings", "-o", "jsonpath={.data}"))
        return found

    async def releases(self) -> list[tuple[str, str, str]]:
        """Revision, status and chart of the release, oldest first."""
        history: list[dict[str, Any]] = json.loads(await self.helm("history shop -o json"))
        return [(str(each["revision"]), each["status"], each["chart"]) for each in history]


@pytest.fixture
async def stage(tmp_path: Path) -> AsyncIterator[Stage]:
    async with cluster.opened(tmp_path) as found:
        yield Stage(found, tmp_path / "home")


async def test_a_release_lives_from_install_to_uninstall(stage: Stage) -> None:
    helm, kubectl = stage.helm, stage.kubectl
    assert "STATUS: deployed" in await helm("install shop", CHART)
    version = stage.cluster.version
    assert await stage.settings() == {"motto": "open", "shared": "nothing", "server": version, "gadgets": "true"}
    assert await kubectl("get gadget shop", "-o", "jsonpath={.spec.motto}") == "open"
    assert await kubectl("get cm shop-greeting", "-o", "jsonpath={.data.revision}") == "1"
    assert [each["name"] for each in json.loads(await helm("list -o json"))] == ["shop"]
    assert "kind: Gadget" in await helm("get manifest shop")
    status = json.loads(await helm("status shop -o json"))
    assert status["info"]["status"] == "deployed"

    await helm("upgrade shop", CHART, "--set", "motto=wide,image=shop:2")
    image = "-o", "jsonpath={.spec.template.spec.containers[0].image}"
    assert await kubectl("get deploy shop", *image) == "shop:2"
    assert (await stage.settings())["motto"] == "wide"
    assert await kubectl("get cm shop-greeting", "-o", "jsonpath={.data.revision}") == "2"

    await helm("upgrade shop", CHART, "--server-side=false", "--set", "motto=shut,replicas=3")
    assert await kubectl("get deploy shop", "-o", "jsonpath={.spec.replicas}") == "3"
    assert await kubectl("get deploy shop", *image) == "shop:1"

    await helm("rollback shop 2")
    assert await kubectl("get deploy shop", *image) == "shop:2"
    assert await kubectl("get deploy shop", "-o", "jsonpath={.spec.replicas}") == "1"
    assert await kubectl("get gadget shop", "-o", "jsonpath={.spec.motto}") == "wide"
    assert await stage.releases() == [
        ("1", "superseded", "shop-0.1.0"),
        ("2", "superseded", "shop-0.1.0"),
        ("3", "superseded", "shop-0.1.0"),
        ("4", "deployed", "shop-0.1.0"),
    ]

    await helm("uninstall shop")
    assert json.loads(await helm("list -o json")) == []
    assert await kubectl("get deploy,svc,gadgets -l app=shop -o name") == ""
    assert "gadgets.shop.example.org" in await kubectl("get crd -o name"), "helm never deletes definitions"


async def test_a_dry_run_asks_the_server_and_leaves_no_trace(stage: Stage) -> None:
    await stage.kubectl("create configmap shared --from-literal=from=afar")
    await stage.kubectl("apply -f", f"{CHART}/crds")
    assert "shared: afar" in await stage.helm("install shop", CHART, "--dry-run=server")
    await stage.kubectl.fails("get cm shop-settings")
    await stage.helm("install shop", CHART)
    assert (await stage.settings())["shared"] == "afar"


async def test_what_the_server_refuses_fails_the_release(stage: Stage) -> None:
    await stage.helm("install shop", CHART)
    refused = await stage.helm.fails("upgrade shop", CHART, "--set", "motto=much-longer-than-twenty-bytes")
    assert "spec.motto: Too long: may not be more than 20 bytes" in refused
    assert [status for _, status, _ in await stage.releases()] == ["deployed", "failed"]


async def test_a_name_in_use_is_kept(stage: Stage) -> None:
    await stage.helm("install shop", CHART)
    assert "cannot reuse a name that is still in use" in await stage.helm.fails("install shop", CHART)


async def test_nobody_runs_workloads_so_waiting_times_out(stage: Stage) -> None:
    async with asyncio.timeout(60):
        said = await stage.helm.fails("install shop", CHART, "--wait", "--timeout=2s")
    assert "context deadline exceeded" in said
    assert [status for _, status, _ in await stage.releases()] == ["failed"]
