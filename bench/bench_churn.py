"""Memory and lag of the image half under churn: does the service grow, and does it keep up?

    python bench/bench_churn.py [--images 500] [--automations 50] [--repositories 50] [--seconds 60] [--interval 30]

Registry, Git server and control plane run in this process; the service is its own command in a process of its own.
Every image has an ImageRepository and an ImagePolicy, and in each interval a tenth of the images get a new tag while
their oldest goes, so that what there is to know stays the same. Every ten seconds it prints the service's resident
memory and how long ago the oldest tag was pushed that is not in Git yet. At the end stands the slope of the first
minute, in which caches fill, beside that of the time after it; the limit of the lag is twice the interval. What a big
fleet runs on is `--images 5000 --automations 500 --seconds 3600 --interval 60`.
"""

import argparse
import asyncio
import random
import re
import statistics
import tempfile
import time
from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pygit2
from bench_at_rest import NAMESPACE, service

from deploy import crds
from gotk.apiserver import ControlPlane
from gotk.git.objects import seed
from gotk.git.serving.server import GitServer
from gotk.kube import config
from gotk.kube.client import Client
from gotk.oci.registry.server import RegistryServer
from gotk.oci.registry.storage import Storage

TICK, WARM, SHARE, KEPT, AT_ONCE = 10.0, 60.0, 0.1, 20, 20
INDEX = "application/vnd.oci.image.index.v1+json"
EMPTY = b'{"schemaVersion":2,"manifests":[]}'
TAG = re.compile(r":1\.0\.(\d+) +# .*team-\d+:app-(\d+)")

Json = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Size:
    """How much there is, and how often each object runs, in seconds."""

    images: int
    automations: int
    repositories: int
    interval: float

    def team(self, image: int) -> int:
        """The team of an image, which has one repository and one namespace."""
        return image % self.repositories

    def folder(self, image: int) -> int:
        """The number, within its team, of the automation that an image is updated by."""
        return image // self.repositories % max(1, self.automations // self.repositories)


@dataclass(slots=True)
class World:
    """The images, what was pushed of each and when, and what Git holds of it."""

    size: Size
    storage: Storage
    git: Path
    newest: list[int] = field(default_factory=list)
    waiting: dict[int, deque[tuple[int, float]]] = field(default_factory=dict)
    pushed: int = 0

    def push(self, image: int) -> None:
        """Push the next tag of an image, and take its oldest away."""
        self.newest[image] += 1
        newest = self.newest[image]
        self.storage.put_manifest(f"app-{image}", f"1.0.{newest}", INDEX, EMPTY)
        if newest >= KEPT:
            self.storage.delete_manifest(f"app-{image}", f"1.0.{newest - KEPT}")
        self.waiting.setdefault(image, deque()).append((newest, time.monotonic()))
        self.pushed += 1

    def begin(self) -> None:
        """Give every image some tags and every repository its files."""
        for image in range(self.size.images):
            for patch in range(KEPT):
                self.storage.put_manifest(f"app-{image}", f"1.0.{patch}", INDEX, EMPTY)
            self.newest.append(KEPT - 1)
            self.waiting[image] = deque([(KEPT - 1, time.monotonic())])
        for team in range(self.size.repositories):
            seed.seed(self.git / f"team-{team}.git", self._files(team))

    def lag(self) -> float:
        """Return how many seconds ago the oldest tag was pushed that is not in Git yet; 0 where all are."""
        for image, patch in self._in_git():
            tags = self.waiting.get(image, deque())
            while tags and tags[0][0] <= patch:
                tags.popleft()
        now = time.monotonic()
        return max((now - tags[0][1] for tags in self.waiting.values() if tags), default=0.0)

    def _files(self, team: int) -> dict[str, str]:
        lines: dict[str, list[str]] = {}
        for image in range(team, self.size.images, self.size.repositories):
            marker = f'# {{"$imagepolicy": "team-{team}:app-{image}"}}'
            line = f"  app-{image}: registry.example.com/app-{image}:1.0.0 {marker}\n"
            lines.setdefault(f"apps/{self.size.folder(image)}/images.yaml", []).append(line)
        return {path: "".join(["images:\n", *found]) for path, found in lines.items()}

    def _in_git(self) -> Iterator[tuple[int, int]]:
        """Yield every image and the last number of the version that its branch holds."""
        for team in range(self.size.repositories):
            repository: Any = pygit2.Repository(str(self.git / f"team-{team}.git"))
            apps = repository.references["refs/heads/main"].peel(pygit2.Tree)["apps"]
            for folder in apps:
                for patch, image in TAG.findall(folder["images.yaml"].data.decode()):
                    yield int(image), int(patch)


def made(kind: str, group: str, team: int, name: str, spec: Json) -> Json:
    """Return an object of a team."""
    metadata = {"name": name, "namespace": f"team-{team}"}
    return {"apiVersion": f"{group}.toolkit.fluxcd.io/v1", "kind": kind, "metadata": metadata, "spec": spec}


def objects(size: Size, registry: str, git: str) -> Iterator[Json]:
    """Yield everything that the service looks after."""
    every = f"{size.interval:g}s"
    yield {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": NAMESPACE}}  # of the service's own lease
    for team in range(size.repositories):
        yield {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": f"team-{team}"}}
        spec: Json = {"url": f"{git}/team-{team}.git", "interval": every, "ref": {"branch": "main"}}
        yield made("GitRepository", "source", team, "fleet", spec)
    for image in range(size.images):
        team, name = size.team(image), f"app-{image}"
        spec = {"image": f"{registry}/{name}", "interval": every, "insecure": True}
        yield made("ImageRepository", "image", team, name, spec)
        spec = {"imageRepositoryRef": {"name": name}, "policy": {"semver": {"range": "1.x"}}}
        yield made("ImagePolicy", "image", team, name, spec)
    for number in range(size.automations):
        team, folder = number % size.repositories, number // size.repositories
        spec = {
            "interval": every,
            "sourceRef": {"kind": "GitRepository", "name": "fleet"},
            "git": {"commit": {"author": {"email": "bench@example.com"}}, "push": {"branch": "main"}},
            "update": {"path": f"./apps/{folder}", "strategy": "Setters"},
        }
        yield made("ImageUpdateAutomation", "image", team, f"update-{folder}", spec)


async def create(client: Client, found: Sequence[Json]) -> None:
    """Make objects, some at a time; those that others live in come first."""
    places = asyncio.Semaphore(AT_ONCE)

    async def one(obj: Json) -> None:
        async with places:
            await client.create_object(obj)

    for first in (True, False):
        async with asyncio.TaskGroup() as group:
            for obj in found:
                if (obj["kind"] == "Namespace") is first:
                    group.create_task(one(obj))


def resident(pid: int) -> float:
    """Return the resident memory of a process in MiB."""
    return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * 4096 / 2**20


async def churn(world: World, seconds: float) -> None:
    """Push new tags of images in no order, evenly over time."""
    chance, size, began = random.Random(1), world.size, time.monotonic()
    rate, done = size.images * SHARE / size.interval, 0
    while (passed := time.monotonic() - began) < seconds:
        while done < passed * rate:
            world.push(chance.randrange(size.images))
            done += 1
        await asyncio.sleep(0.2)


async def watch(world: World, pid: int, seconds: float) -> tuple[list[tuple[float, float]], float]:
    """Print a line now and then; return the resident memory by second, and the worst lag."""
    samples, worst, began = [(0.0, resident(pid))], 0.0, time.monotonic()
    print(f"{'second':>8}{'resident':>14}{'tags pushed':>13}{'oldest not in Git':>20}")
    while (passed := time.monotonic() - began) < seconds:
        await asyncio.sleep(min(TICK, seconds - passed))
        lag = world.lag()
        samples.append((time.monotonic() - began, resident(pid)))
        worst = max(worst, lag)
        print(f"{samples[-1][0]:8.0f}{samples[-1][1]:10.1f} MiB{world.pushed:13}{lag:18.1f} s", flush=True)
    return samples, worst


def slope(samples: Sequence[tuple[float, float]]) -> str:
    """Say how memory grows, as a straight line through the samples says it."""
    if len(samples) < 3:
        return "too short to say"
    by_second = statistics.linear_regression([at for at, _ in samples], [size for _, size in samples]).slope
    return f"{by_second * 3600:+.0f} MiB an hour"


async def settled(world: World, child: asyncio.subprocess.Process) -> float:
    """Wait until every first tag is in Git, and return how many seconds that took."""
    began = time.monotonic()
    while world.lag() > 0:
        if child.returncode is not None:
            raise SystemExit(f"the service ended with status {child.returncode}")
        await asyncio.sleep(1)
    return time.monotonic() - began


async def measure(size: Size, seconds: float) -> None:
    """Bring everything up, let it settle, and watch the churn."""
    with tempfile.TemporaryDirectory() as name, GitServer(Path(name) / "git") as git:
        here = Path(name)
        async with RegistryServer() as registry, ControlPlane(here / "plane", crds=crds.load()) as plane:
            world = World(size, registry.storage, here / "git")
            world.begin()
            async with Client(await config.from_kubeconfig([plane.kubeconfig])) as client:
                await create(client, list(objects(size, registry.address, git.url("").rstrip("/"))))
            (here / "data").mkdir()
            async with service(plane.kubeconfig, here / "data") as child:
                print(f"{size.images} images, {size.automations} automations over {size.repositories} repositories,")
                print(f"every {size.interval:g} s; the first tags are in Git after {await settled(world, child):.0f} s")
                async with asyncio.TaskGroup() as group:
                    group.create_task(churn(world, seconds))
                    watching = group.create_task(watch(world, child.pid, seconds))
                report(*watching.result(), size)


def report(samples: Sequence[tuple[float, float]], worst: float, size: Size) -> None:
    """Print the slopes and the worst lag."""
    first, rest = ([each for each in samples if (each[0] <= WARM) is early] for early in (True, False))
    print(f"memory, the first minute: {slope(first)}; the time after it: {slope(rest)}")
    print(
        f"the oldest tag that was not in Git: {worst:.1f} s, {worst / size.interval:.2f} x the interval (target <= 2)"
    )


def main() -> None:
    """Read the arguments."""
    parser = argparse.ArgumentParser(description="Memory and lag under churn.")
    for name, default in (("images", 500), ("automations", 50), ("repositories", 50)):
        parser.add_argument(f"--{name}", type=int, default=default)
    for name, seconds in (("seconds", 60.0), ("interval", 30.0)):
        parser.add_argument(f"--{name}", type=float, default=seconds)
    given = parser.parse_args()
    if given.images < given.automations or given.automations % given.repositories:
        parser.error("each repository gets as many automations, and each automation an image")
    size = Size(given.images, given.automations, given.repositories, given.interval)
    asyncio.run(measure(size, given.seconds))


if __name__ == "__main__":
    main()
