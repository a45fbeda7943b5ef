"""Helm waits for workloads, and the simulator gives it something to see: rollouts that end, jobs, images that fail."""

import json
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from gotk.apiserver import ControlPlane
from tests.conformance.cluster import Cluster
from tests.conformance.helm import Helm
from tests.conformance.kubectl import Kubectl
from tests.conformance.test_helm import CHART, Stage

pytestmark = [
    pytest.mark.real,
    pytest.mark.skipif(Helm.path is None, reason="there is no helm here"),
    pytest.mark.skipif(Kubectl.path is None, reason="there is no kubectl here"),
]


@pytest.fixture
async def stage(tmp_path: Path) -> AsyncIterator[Stage]:
    async with ControlPlane(tmp_path / "plane", simulate=0.05) as plane:
        yield Stage(Cluster(plane.kubeconfig, "default", "v1.37.1", embedded=True), tmp_path / "home")


async def test_an_upgrade_waits_until_the_workload_is_ready(stage: Stage) -> None:
    await stage.helm("install shop", CHART, "--wait", "--timeout=20s")
    assert "successfully rolled out" in await stage.kubectl("rollout status deployment shop --timeout=10s")
    await stage.helm("upgrade shop", CHART, "--wait", "--timeout=20s", "--set", "image=shop:2,replicas=2,migrate=true")
    status = json.loads(await stage.kubectl("get deployment shop", "-o", "jsonpath={.status}"))
    assert (status["updatedReplicas"], status["availableReplicas"]) == (2, 2)
    assert await stage.kubectl("get jobs -o name") == "", "the hook's Job was done and cleaned away"
    await stage.helm("uninstall shop --wait --timeout=20s")
    assert await stage.kubectl("get pods,deployments -o name") == ""


async def test_an_upgrade_that_fails_is_rolled_back(stage: Stage) -> None:
    await stage.helm("install shop", CHART, "--wait", "--timeout=20s")
    said = await stage.helm.fails(
        "upgrade shop", CHART, "--rollback-on-failure", "--timeout=5s", "--set", "image=shop:2-crashloop"
    )
    assert "rolled back" in said or "rollback" in said, said
    image = "-o", "jsonpath={.spec.template.spec.containers[0].image}"
    assert await stage.kubectl("get deployment shop", *image) == "shop:1"
    assert [status for _, status, _ in await stage.releases()] == ["superseded", "failed", "deployed"]
