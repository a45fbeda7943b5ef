"""Three replicas and one lease: the leader is killed, another goes on, and nothing is done twice or lost."""

import asyncio
import contextlib
import os
import signal
import socket
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import pygit2
import pytest

from gotk.git.objects import seed
from gotk.git.serving.server import GitServer
from gotk.kube import config, errors
from gotk.kube.client import Client
from gotk.oci import image
from gotk.oci.registry.server import RegistryServer
from gotk.oci.registry.storage import Storage
from image_automation.app import embedded
from tests.e2e.stage import Stage, condition
from tests.e2e.test_pipeline import FILES, OBJECTS

LEASE = ("coordination.k8s.io/v1", "Lease", "flux-system", "image-automation-leader-election")
#: As fast as the rules between the three allow, and with room for a machine that is busy.
TIMES = ("lease-duration=6s", "renew-deadline=5s", "retry-period=1s")


def start(folder: Path, kubeconfig: Path, storage: int) -> subprocess.Popen[bytes]:
    """Start one replica with a data folder of its own, as the manifests start it.

    The leader alone serves artifacts; in a cluster a Service leads to it, and here one port is everybody's.
    """
    addresses = [f"--storage-addr=127.0.0.1:{storage}", "--notification-addr=0", "--receiver-addr=0"]
    command = [
        sys.executable, "-m", "image_automation", "run", "--kubeconfig", str(kubeconfig), "--data-dir", str(folder),
        *addresses, "--metrics-addr=0", "--health-addr=0", "--explain-addr=0", "--dashboard-addr=0",
        "--enable-leader-election", *(f"--leader-election-{each}" for each in TIMES),
    ]  # fmt: skip
    folder.mkdir()
    with (folder / "log").open("wb") as log:
        return subprocess.Popen(command, stdout=log, stderr=log, env={**os.environ, "HOME": str(folder)})


@contextlib.contextmanager
def replicas(
    count: int, folder: Path, kubeconfig: Path, *, storage: int = 0
) -> Iterator[list[subprocess.Popen[bytes]]]:
    started = [start(folder / f"replica-{number}", kubeconfig, storage) for number in range(count)]
    try:
        yield started
    finally:
        for process in started:
            process.kill()
            process.wait()


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as probe:
        return int(probe.getsockname()[1])


@contextlib.asynccontextmanager
async def plane(folder: Path) -> AsyncIterator[Stage]:
    async with (
        embedded.control_plane(folder) as up,
        Client(await config.from_kubeconfig([up.kubeconfig])) as client,
    ):
        yield Stage(client=client, kubeconfig=up.kubeconfig, home=folder)


async def holder(client: Client, other_than: str = "") -> str:
    """Wait until somebody holds the lease who is not the one named, and return who."""
    while True:
        with contextlib.suppress(errors.NotFound):
            lease = await client.get_object(*LEASE)
            if (found := lease["spec"].get("holderIdentity", "")) and found != other_than:
                return str(found)
        await asyncio.sleep(0.2)


async def leader_of(processes: list[subprocess.Popen[bytes]]) -> subprocess.Popen[bytes]:
    """Wait until one of those that run says that it became the leader, and return it."""
    while True:
        found = [each for each in processes if b"became the leader" in log_of(each) and each.poll() is None]
        assert len(found) < 2, "one leads at a time"
        if found:
            return found[0]
        await asyncio.sleep(0.1)


def log_of(process: subprocess.Popen[bytes]) -> bytes:
    folder = Path(process.args[process.args.index("--data-dir") + 1])  # type: ignore[union-attr,arg-type,call-overload]
    return (folder / "log").read_bytes()


def subjects(repository: Path) -> list[str]:
    opened = pygit2.Repository(str(repository))
    return [str((each.tree / "apps" / "web.yaml").data.decode().split("image: ")[1].split(" ")[0].rpartition(":")[2])
            for each in opened.walk(opened.branches["main"].target)]  # fmt: skip


@pytest.mark.timeout(400)
async def test_the_leader_is_killed_and_another_goes_on_without_a_doubled_or_lost_commit(tmp_path: Path) -> None:
    async with RegistryServer(Storage()) as registry, plane(tmp_path / "plane") as up:
        with GitServer(tmp_path / "git") as git, replicas(3, tmp_path, up.kubeconfig, storage=free_port()) as processes:
            repository = tmp_path / "git" / "fleet.git"
            seed.seed(repository, {name: text.replace("REGISTRY", registry.address) for name, text in FILES.items()})
            await up.kubectl("create", "namespace", "flux-system")
            await push(registry.address, "1.0.1")
            objects = OBJECTS.replace("REGISTRY", registry.address).replace("URL", git.url("fleet.git"))
            await up.apply(objects.replace(", secretRef: {name: fleet}", ""))
            await deployed(up, registry.address, "1.0.1")

            before = await holder(up.client)
            leader = await leader_of(processes)
            leader.send_signal(signal.SIGKILL)
            leader.wait()
            await push(registry.address, "1.0.2")
            await deployed(up, registry.address, "1.0.2")

            assert await holder(up.client, other_than=before) in await up.kubectl("get", "lease", "-n", "flux-system")
            assert subjects(repository) == ["1.0.2", "1.0.1", "1.0.0"]

            # A clean stop gives the lease back, and the third goes on at once.
            second = await leader_of(processes)
            second.terminate()
            assert await ended(second) == 0
            await push(registry.address, "1.0.3")
            await deployed(up, registry.address, "1.0.3")
            assert subjects(repository) == ["1.0.3", "1.0.2", "1.0.1", "1.0.0"]


@pytest.mark.timeout(240)
async def test_a_leader_that_was_stopped_for_longer_than_its_lease_ends_without_a_write(tmp_path: Path) -> None:
    async with plane(tmp_path / "plane") as up:
        await up.kubectl("create", "namespace", "flux-system")
        with replicas(2, tmp_path, up.kubeconfig) as processes:
            before = await holder(up.client)
            sleeper = await leader_of(processes)
            sleeper.send_signal(signal.SIGSTOP)
            after = await holder(up.client, other_than=before)
            sleeper.send_signal(signal.SIGCONT)
            assert await ended(sleeper) == 1
            lease = await up.client.get_object(*LEASE)
    assert b"lost the lease flux-system/image-automation-leader-election" in log_of(sleeper)
    assert (lease["spec"]["holderIdentity"], lease["spec"]["leaseTransitions"]) == (after, 1)


async def ended(process: subprocess.Popen[bytes]) -> int:
    """Wait for a process to end and return its exit code."""
    for _ in range(600):
        if (code := process.poll()) is not None:
            return code
        await asyncio.sleep(0.1)
    raise AssertionError("it goes on")


async def push(registry: str, tag: str) -> None:
    await image.push_image(f"http://{registry}", "team/web", tag, image.build_image(files={"version": tag.encode()}))


async def deployed(up: Stage, registry: str, tag: str) -> None:
    wanted = f"{registry}/team/web:{tag}"
    await up.until("apps/v1", "Deployment", "apps", "web", lambda obj: image_of(obj) == wanted)
    await up.until(
        "image.toolkit.fluxcd.io/v1", "ImageUpdateAutomation", "flux-system", "fleet",
        lambda obj: condition(obj, "Ready").get("status") == "True",
    )  # fmt: skip


def image_of(deployment: dict[str, Any]) -> str:
    return str(deployment["spec"]["template"]["spec"]["containers"][0]["image"])
