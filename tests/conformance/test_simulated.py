"""What people ask kubectl about workloads and access, with the simulator and roles switched on."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from gotk.apiserver import ControlPlane
from tests.conformance.kubectl import Kubectl

pytestmark = [
    pytest.mark.real,
    pytest.mark.skipif(Kubectl.path is None, reason="there is no kubectl here"),
]


@pytest.fixture
async def kubectl(tmp_path: Path) -> AsyncIterator[Kubectl]:
    home = tmp_path / "home"
    home.mkdir()
    async with ControlPlane(tmp_path / "plane", simulate=0.02, authorization_mode="RBAC") as plane:
        yield Kubectl(plane.kubeconfig, home)


async def test_a_rollout_is_followed_undone_and_seen_to_fail(kubectl: Kubectl) -> None:
    await kubectl("create deployment web --image=web:1 --replicas=3")
    assert "successfully rolled out" in await kubectl("rollout status deployment/web --timeout=20s")
    assert (await kubectl("get deployment web --no-headers")).split()[1:4] == ["3/3", "3", "3"]
    await kubectl("set image deployment/web web=web:2")
    assert "successfully rolled out" in await kubectl("rollout status deployment/web --timeout=20s")
    assert "2" in await kubectl("rollout history deployment/web")
    await kubectl("rollout undo deployment/web")
    await kubectl("rollout status deployment/web --timeout=20s")
    assert "web:1" in await kubectl("get deployment web -o jsonpath={.spec.template.spec.containers[0].image}")
    await kubectl("wait --for=condition=Available deployment/web --timeout=20s")
    await kubectl("annotate deployment web image-automation.dev/simulate=deadline-exceeded")
    await kubectl("set image deployment/web web=web:3")
    assert "exceeded its progress deadline" in await kubectl.fails("rollout status deployment/web --timeout=20s")


async def test_pods_jobs_and_nodes_look_alive(kubectl: Kubectl) -> None:
    await kubectl("run alone --image=web:1")
    await kubectl("wait --for=condition=Ready pod/alone --timeout=20s")
    assert (await kubectl("get pod alone --no-headers")).split()[1:3] == ["1/1", "Running"]
    await kubectl("create job once --image=web:1")
    await kubectl("wait --for=condition=Complete job/once --timeout=20s")
    assert (await kubectl("get job once --no-headers")).split()[1:3] == ["Complete", "1/1"]
    await kubectl("run broken --image=web:1-crashloop")
    await kubectl("wait pod/broken --for=condition=Initialized --timeout=20s")
    assert "CrashLoopBackOff" in await kubectl("get pod broken")
    assert "simulated" in await kubectl("get nodes")
    assert "Running" in await kubectl("describe pod alone")


async def test_roles_are_obeyed_and_explained(kubectl: Kubectl) -> None:
    await kubectl("create serviceaccount robot")
    await kubectl("create rolebinding robot --clusterrole=view --serviceaccount=default:robot")
    robot = "--as=system:serviceaccount:default:robot"
    assert "yes" in await kubectl(f"auth can-i list pods {robot}")
    assert "no" in await kubectl.fails(f"auth can-i list secrets {robot}")
    assert "Forbidden" in await kubectl.fails(f"get secrets {robot}")
    assert "configmaps" in await kubectl(f"auth can-i --list {robot}")
    assert "system:serviceaccount:default:robot" in await kubectl(f"auth whoami {robot}")
    assert (await kubectl("create token robot --duration=20m")).count(".") == 2
