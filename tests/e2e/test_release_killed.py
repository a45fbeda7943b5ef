"""The service, killed in the middle of an upgrade and of an install: the next one unlocks, and does them after all."""

import asyncio
import contextlib
import json
import os
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from gotk.kube.client import Client
from gotk.kube.config import from_kubeconfig
from tests.conformance.helm import Helm
from tests.e2e import helm_stage, stage
from tests.e2e.helm_stage import CONTROLLERS, HelmStage
from tests.e2e.stage import Stage, is_ready
from tests.real.child import free_port

pytestmark = [pytest.mark.real, pytest.mark.skipif(Helm.path is None, reason="there is no helm here")]

_ADDRESSES = ("metrics", "health", "receiver", "explain", "dashboard", "notification")


@contextlib.asynccontextmanager
async def killed_in_the_end(folder: Path, storage: str) -> AsyncIterator[Stage]:
    """Run the service in a process of its own, until it is killed at the end of the block."""
    quiet = [part for name in _ADDRESSES for part in (f"--{name}-addr", "0")]
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "image_automation", "run", "--embedded", "--simulate-workloads",
        "--data-dir", str(folder), "--storage-addr", storage, "--controllers", ",".join(CONTROLLERS), *quiet,
        env=dict(os.environ), stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT,
    )  # fmt: skip
    assert process.stdout is not None
    try:
        async with asyncio.timeout(60):
            while b"starting workers" not in await process.stdout.readline():
                assert process.returncode is None
        kubeconfig = folder / "kubeconfig"
        async with Client(await from_kubeconfig([kubeconfig])) as client:
            yield Stage(client=client, kubeconfig=kubeconfig, home=folder)
    finally:
        process.kill()
        await process.communicate()


async def pending(up: Stage, name: str, status: str) -> None:
    """Wait until a revision of a release is pending in helm's storage."""

    def is_pending(secret: dict[str, object]) -> bool:
        return status in json.dumps(secret["metadata"])

    await up.until("v1", "Secret", "default", f"sh.helm.release.v1.{name}", is_pending)


@pytest.mark.timeout(300)
async def test_what_a_kill_cut_off_is_done_by_the_next_process(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder, storage = tmp_path / "data", f"127.0.0.1:{free_port()}"
    async with helm_stage.repository(tmp_path, monkeypatch) as (server, program):
        async with killed_in_the_end(folder, storage) as up:
            first = HelmStage(up=up, server=server, helm=Helm(up.kubeconfig, tmp_path / "home"), program=program)
            await first.begin()
            await first.release("web", values={"image": {"tag": "1"}})
            await first.until("web", is_ready)
            await first.release("web", values={"image": {"tag": "2"}, "fate": "ready after 5s"})
            await first.release("fresh", values={"fate": "ready after 5s"})
            await pending(up, "web.v2", "pending-upgrade")
            await pending(up, "fresh.v1", "pending-install")
        async with stage.running(folder, controllers=CONTROLLERS, simulate_workloads=True, storage_addr=storage) as up:
            then = HelmStage(up=up, server=server, helm=first.helm, program=program)
            obj = await then.until("web", lambda each: is_ready(each) and each["status"]["history"][0]["version"] == 3)
            assert [(each["version"], each["status"]) for each in obj["status"]["history"]] == [
                (3, "deployed"), (2, "failed"), (1, "superseded")
            ]  # fmt: skip
            assert await then.history("web") == [
                "1 superseded Install complete",
                "2 failed Release unlocked from stale 'pending-upgrade' state",
                "3 deployed Upgrade complete",
            ]
            assert await then.image("web") == "2"
            await then.until("fresh", is_ready)
            assert await then.history("fresh") == [
                "1 failed Release unlocked from stale 'pending-install' state",
                "2 deployed Upgrade complete",
            ]
