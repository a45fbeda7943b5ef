"""Memory and lag of the image half under churn, and its start: does it grow, does it keep up, how soon is it there?

    python bench/bench_churn.py [--images 500] [--automations 50] [--repositories 50] [--seconds 60] [--interval 30]

Registry, Git server and control plane run in this process; the service is its own command in a process of its own, so
that nothing else is in its memory. Every image has an ImageRepository and an ImagePolicy, and in each interval a tenth
of the images (`--share`) get a new tag while their oldest goes, so that what there is to know stays the same.

First the service brings a new fleet into Git. Then it is started again: the start is the time from its command to the
end of the first run of every object. Then the churn begins; a line in so many seconds (`--every`) says its resident
memory, its processor's time, and how old the oldest tag is that is not in Git yet.

At the end stand the slope of memory over the last two thirds, beside a hundredth of what there is, the lag beside
twice the interval, and the start beside ten seconds. What a big fleet runs on is
`--images 5000 --automations 500 --seconds 3600 --interval 60 --every 60`.
"""

import argparse
import asyncio
import contextlib
import json
import os
import statistics
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import fleet
from bench_at_rest import NAMESPACE
from fleet import Fleet, Size

from deploy import crds
from gotk.apiserver import ControlPlane
from gotk.git.serving.server import GitServer
from gotk.kube import config
from gotk.kube.client import Client
from gotk.oci.registry.server import RegistryServer

LOOK, START, LAG, GROWTH, END = 2.0, 10.0, 2.0, 0.01, 30.0
TICKS = os.sysconf("SC_CLK_TCK")


@dataclass(frozen=True, slots=True)
class Sample:
    """The service at a moment: seconds since the churn began, resident bytes, seconds of processor, lag in seconds."""

    at: float
    resident: int
    processor: float
    lag: float


@dataclass(slots=True)
class Service:
    """A running service, and which objects have been through a run."""

    child: asyncio.subprocess.Process
    began: float = field(default_factory=time.monotonic)
    seen: set[tuple[str, str, str]] = field(default_factory=set)
    last: float = 0.0

    async def listen(self) -> None:
        """Read its log, of which every run's end is a line."""
        assert self.child.stdout is not None
        async for line in self.child.stdout:
            if b'"reconcileID"' in line and b'"reason"' in line:
                said = json.loads(line)
                run = (said["controllerKind"], said["namespace"], said["name"])
                if run not in self.seen:
                    self.seen.add(run)
                    self.last = time.monotonic()

    async def started(self, objects: int) -> float:
        """Wait for the first run of every object, and return how many seconds that took."""
        while len(self.seen) < objects:
            self.check()
            await asyncio.sleep(0.1)
        return self.last - self.began

    async def ended(self) -> None:
        """Wait for its end, or make one where nobody reads what it still has to say."""
        try:
            async with asyncio.timeout(END):
                await self.child.wait()
        except TimeoutError:
            self.child.kill()
            await self.child.wait()

    def check(self) -> None:
        """Raise SystemExit where it has ended."""
        if self.child.returncode is not None:
            raise SystemExit(f"the service ended with status {self.child.returncode}")

    def sample(self, began: float, lag: float) -> Sample:
        """Look at the process, its children's time included."""
        process = Path("/proc", str(self.child.pid))
        resident = int((process / "statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")
        times = (process / "stat").read_text().rpartition(")")[2].split()[11:15]
        return Sample(time.monotonic() - began, resident, sum(map(int, times)) / TICKS, lag)


@contextlib.asynccontextmanager
async def service(kubeconfig: Path, folder: Path) -> AsyncIterator[Service]:
    """Run the service as an operator does."""
    closed = [f"--{name}-addr=0" for name in ("metrics", "health", "explain", "dashboard", "receiver", "notification")]
    options = [
        "--enable-leader-election",
        f"--kubeconfig={kubeconfig}",
        f"--data-dir={folder}",
        "--storage-addr=127.0.0.1:0",
        *closed,
    ]
    child = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "image_automation", "run", *options,
        stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT, limit=1 << 20,
    )  # fmt: skip
    found = Service(child)
    async with asyncio.TaskGroup() as group:
        group.create_task(found.listen())
        try:
            yield found
        finally:
            with contextlib.suppress(ProcessLookupError):
                child.terminate()
            await found.ended()


async def watch(world: Fleet, running: Service, seconds: float, every: float) -> list[Sample]:
    """Look again and again, and print a line now and then."""
    print("  second      resident  processor    tags  commits  oldest not in Git  at most")
    began, worst, samples = time.monotonic(), 0.0, list[Sample]()
    world.look()
    world.commits = 0
    while time.monotonic() - began < seconds:
        await asyncio.sleep(LOOK)
        running.check()
        lag = world.look()
        worst = max(worst, lag)
        samples.append(running.sample(began, lag))
        if samples[-1].at // every > (samples[-2].at // every if len(samples) > 1 else 0):
            now = samples[-1]
            print(
                f"{now.at:8.0f}{now.resident / 2**20:10.1f} MiB{now.processor:9.0f} s{world.pushed:8}{world.commits:9}"
                f"{lag:17.1f} s{worst:7.1f} s",
                flush=True,
            )
    return samples


async def measure(size: Size, seconds: float, every: float) -> None:
    """Bring everything up, start twice, and watch the churn."""
    with tempfile.TemporaryDirectory() as name, GitServer(Path(name) / "git") as git:
        here, data = Path(name), Path(name) / "data"
        data.mkdir()
        async with RegistryServer() as registry, ControlPlane(here / "plane", crds=crds.load()) as plane:
            world = Fleet(size, registry.storage, here / "git")
            world.begin()
            wanted = list(fleet.objects(size, registry.address, git.url("").rstrip("/")))
            async with Client(await config.from_kubeconfig([plane.kubeconfig])) as client:
                await fleet.create(client, [{"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": NAMESPACE}}])
                await fleet.create(client, wanted)
            print(f"{size.images} images, {size.automations} automations over {size.repositories} repositories,")
            async with service(plane.kubeconfig, data) as first:
                print(f"every {size.interval:g} s; a new fleet is in Git after {await settled(world, first):.0f} s")
            async with service(plane.kubeconfig, data) as second:
                started = await second.started(size.objects)
                processor = second.sample(0, 0).processor
                print(f"started again in {started:.1f} s, of which {processor:.1f} s of processor", flush=True)
                world.lags.clear()
                async with asyncio.TaskGroup() as group:
                    group.create_task(world.churn(seconds))
                    watching = group.create_task(watch(world, second, seconds, every))
                report(size, started, watching.result(), world)


async def settled(world: Fleet, running: Service) -> float:
    """Wait until every first tag is in Git and every object has run, and return how many seconds that took."""
    while world.look() > 0:
        running.check()
        await asyncio.sleep(1)
    took = time.monotonic() - running.began
    await running.started(world.size.objects)
    return took


def report(size: Size, started: float, samples: Sequence[Sample], world: Fleet) -> None:
    """Print what it came to, each beside its limit."""
    first, last = samples[0], samples[-1]
    rest = [each for each in samples if each.at >= last.at / 3]
    grows = statistics.linear_regression([s.at for s in rest], [s.resident for s in rest]).slope * 3600
    mean = statistics.fmean(s.resident for s in rest)
    worst, many = max(s.lag for s in samples), len(world.lags)
    p99 = statistics.quantiles(world.lags, n=100)[-1] if many > 1 else worst
    busy = (last.processor - first.processor) / (last.at - first.at)
    print(f"resident {mean / 2**20:.0f} MiB, {mean / size.objects / 1024:.1f} KiB an object")
    print(f"memory over the last two thirds: {grows / 2**20:+.1f} MiB an hour, {said(abs(grows) / (GROWTH * mean))}")
    print(f"the oldest tag that was not in Git: {worst:.1f} s, p99 of {many} tags {p99:.1f} s;", end=" ")
    print(f"{worst / size.interval:.2f} x the interval, {said(worst / size.interval / LAG)}")
    print(f"start: {started:.1f} s, {said(started / START)}")
    print(f"processor: {busy:.1%} of a core, for {size.images / size.interval:.1f} scans and", end=" ")
    print(f"{world.commits / last.at:.2f} commits a second")


def said(ratio: float) -> str:
    """Say how a figure stands beside its limit."""
    return f"{ratio:.2f} of the limit" + ("" if ratio <= 1 else ": MISSED")


def main() -> None:
    """Read the arguments."""
    parser = argparse.ArgumentParser(description="Memory, lag and start under churn.")
    for name, default in (("images", 500), ("automations", 50), ("repositories", 50)):
        parser.add_argument(f"--{name}", type=int, default=default)
    for name, number in (("seconds", 60.0), ("interval", 30.0), ("share", 0.1), ("every", 10.0)):
        parser.add_argument(f"--{name}", type=float, default=number)
    given = parser.parse_args()
    if given.images < given.automations or given.automations % given.repositories:
        parser.error("each repository gets as many automations, and each automation an image")
    size = Size(given.images, given.automations, given.repositories, given.interval, given.share)
    asyncio.run(measure(size, given.seconds, given.every))


if __name__ == "__main__":
    main()
