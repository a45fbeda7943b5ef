"""Two services at once on one cluster, with no leader and stores of their own, paused at any moment: nothing goes back.

`DOWNGRADE_TAGS` says how many tags arrive, and `DOWNGRADE_SEED` when; the defaults are cheap enough for every run.
"""

import asyncio
import contextlib
import os
import random
import re
import signal
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import aiohttp
import pygit2
import pytest

from gotk.git.objects import seed
from gotk.git.serving.server import GitServer
from gotk.kube import errors
from gotk.oci import image
from gotk.oci.registry.server import RegistryServer
from gotk.oci.registry.storage import Storage
from tests.e2e.stage import Stage
from tests.e2e.test_pipeline import FILES, OBJECTS
from tests.e2e.test_replicas import log_of, plane

TAGS = int(os.environ.get("DOWNGRADE_TAGS", "30"))
CHANCE = random.Random(int(os.environ.get("DOWNGRADE_SEED", "20261128")))
PUSHED = re.compile(rb'"pushed commit",.*?"commit": ?"([0-9a-f]{40})"')
ADDRESSES = ("storage", "metrics", "health", "explain", "dashboard", "receiver", "notification")
POLICY = ("image.toolkit.fluxcd.io/v1", "ImagePolicy", "flux-system")


@contextlib.contextmanager
def services(folder: Path, kubeconfig: Path) -> Iterator[list[subprocess.Popen[bytes]]]:
    """Start two services that know nothing of each other."""
    options = [
        "--controllers=imagerepository,imagepolicy,imageupdateautomation",
        "--requeue-dependency=1s",
        "--max-retry-delay=2s",
        *(f"--{each}-addr=0" for each in ADDRESSES),
    ]
    started = []
    for name in ("one", "two"):
        data = folder / name
        data.mkdir()
        command = [
            sys.executable, "-m", "image_automation", "run",
            "--kubeconfig", str(kubeconfig), "--data-dir", str(data), *options,
        ]  # fmt: skip
        with (data / "log").open("wb") as log:
            started.append(subprocess.Popen(command, stdout=log, stderr=log, env={**os.environ, "HOME": str(data)}))
    try:
        yield started
    finally:
        for process in started:
            process.kill()
            process.wait()


class Arrivals:
    """Tags that come one after the other, all of one image."""

    def __init__(self, session: aiohttp.ClientSession) -> None:
        self._session = session
        self._image = image.build_image()
        self.count = 0

    async def next(self) -> str:
        self.count += 1
        tag = f"1.0.{self.count}"
        headers = {"Content-Type": image.MANIFEST_TYPE}
        path = f"/v2/team/web/manifests/{tag}"
        async with self._session.put(path, data=self._image.manifest, headers=headers) as answer:
            answer.raise_for_status()
        return tag


async def chosen(up: Stage, seen: list[str]) -> None:
    """Write down every tag that the policy's status names, in the order of the writes."""
    version = "0"
    while True:
        with contextlib.suppress(errors.Expired):
            async for type_, obj in up.client.watch_objects(*POLICY, resource_version=version):
                version = obj["metadata"]["resourceVersion"]
                latest = (obj.get("status") or {}).get("latestRef") or {}
                if type_ != "BOOKMARK" and latest and seen[-1:] != [latest["tag"]]:
                    seen.append(latest["tag"])


def committed(repository: Path) -> list[tuple[str, str]]:
    """Return the branch's commits with the tag in each, the oldest first."""
    opened = pygit2.Repository(str(repository))
    walked = [
        (str(each.id), (each.tree / "apps" / "web.yaml").data.decode())
        for each in opened.walk(opened.branches["main"].target)
    ]
    return [(commit, text.split("image: ")[1].split(" ")[0].rpartition(":")[2]) for commit, text in reversed(walked)]


def number(tag: str) -> int:
    return int(tag.rpartition(".")[2])


async def arrives(repository: Path, tag: str) -> None:
    """Wait until a tag, or a later one, is committed."""
    while number(committed(repository)[-1][1]) < number(tag):  # noqa: ASYNC110 - the server is asked, as a client would
        await asyncio.sleep(0.05)


async def pause(process: subprocess.Popen[bytes]) -> None:
    """Stop a process for a moment, wherever it is."""
    process.send_signal(signal.SIGSTOP)
    await asyncio.sleep(CHANCE.uniform(0.02, 0.4))
    process.send_signal(signal.SIGCONT)


async def commotion(processes: list[subprocess.Popen[bytes]], arrivals: Arrivals, repository: Path) -> None:
    """Let tags arrive while one process or the other stands still: for a moment, or while the other commits."""
    for each in [*processes, *processes]:
        each.send_signal(signal.SIGSTOP)
        await arrives(repository, await arrivals.next())
        each.send_signal(signal.SIGCONT)
    while arrivals.count < TAGS:
        await arrivals.next()
        if CHANCE.random() < 0.5:
            await pause(CHANCE.choice(processes))
        else:
            await asyncio.sleep(CHANCE.uniform(0.02, 0.2))
    await arrives(repository, f"1.0.{TAGS}")


@contextlib.asynccontextmanager
async def ground(folder: Path) -> AsyncIterator[tuple[Stage, RegistryServer, GitServer]]:
    async with RegistryServer(Storage()) as registry, plane(folder / "plane") as up:
        with GitServer(folder / "git") as git:
            yield up, registry, git


@pytest.mark.timeout(120 + TAGS)
async def test_two_services_without_a_leader_never_go_back_and_never_commit_twice(tmp_path: Path) -> None:
    repository, seen = tmp_path / "git" / "fleet.git", list[str]()
    async with (
        ground(tmp_path) as (up, registry, git),
        aiohttp.ClientSession(base_url=registry.url) as session,
        asyncio.TaskGroup() as group,
    ):
        seed.seed(repository, {name: text.replace("REGISTRY", registry.address) for name, text in FILES.items()})
        await image.push_image(registry.url, "team/web", "1.0.0", image.build_image())
        await up.kubectl("create", "namespace", "flux-system")
        watching = group.create_task(chosen(up, seen))
        with services(tmp_path, up.kubeconfig) as processes:
            objects = OBJECTS.replace("REGISTRY", registry.address).replace("URL", git.url("fleet.git"))
            await up.apply(objects.replace(", secretRef: {name: fleet}", ""))
            await commotion(processes, Arrivals(session), repository)
            last = await up.until(*POLICY, "web", lambda obj: obj["status"]["latestRef"]["tag"] == f"1.0.{TAGS}")
            told = [set(PUSHED.findall(log_of(each))) for each in processes]
        watching.cancel()
    commits = committed(repository)
    history = [number(tag) for _, tag in commits]
    assert history == sorted(set(history)), "every commit brings a newer tag"
    assert [number(tag) for tag in seen] == sorted({number(tag) for tag in seen}), "the policy never goes back"
    assert last["status"]["observedPreviousRef"]["tag"] == seen[-2]
    assert all(told), "both act"
    assert {each.decode() for each in set.union(*told)} == {commit for commit, _ in commits[1:]}, "each commit is told"
