"""A commit that changes one package of many, beside a commit that changes all of them, in the same run.

The set-up is that of `bench_production`: a Kustomization for each package, one Git repository for all, the service
as a command of its own, Git server and control plane in this process. Intervals are an hour, so that nothing else
runs. What is asked of the Kubernetes API is counted by the control plane's trace, without watches, and the
processor's time is that of the service and its children. For commits that change one package, each in another place,
the table shows the mean, and how long after the push the package was applied: median and slowest.

Each size is measured twice: as the service is by default, which writes the revision to every Kustomization at once,
and with `--hold-unchanged-revision`, where those that have nothing to apply get it with their next write, within the
time that the flag names: a request each for however many commits came meanwhile, which is not counted.
"""

import argparse
import asyncio
import statistics
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path

from bench_at_rest import asked, lines_of
from bench_production import NAMESPACE, Service, applied, commit, objects, package, service

from deploy import crds
from gotk.apiserver import ControlPlane
from gotk.git.objects import seed
from gotk.git.serving import server
from gotk.kube import config
from gotk.kube.client import Client

SIZES = (100, 500, 1000)
COMMITS = 7
HOLD = "--hold-unchanged-revision=1h"
SOURCE = "source.toolkit.fluxcd.io/v1"


@dataclass(slots=True)
class Cost:
    """What commits took: seconds until the changed ones were applied and until all had recorded it, and the means."""

    changed: list[float] = field(default_factory=list)
    last: list[float] = field(default_factory=list)
    processor: list[float] = field(default_factory=list)
    requests: list[int] = field(default_factory=list)


class Fleet:
    """Packages, and the service that applies them."""

    def __init__(self, client: Client, running: Service, repository: Path, trace: Path, count: int) -> None:
        self._client = client
        self._running = running
        self._repository = repository
        self._trace = trace
        self._count = count
        self._revision = ""

    async def install(self, git: str) -> None:
        """Make the source and the Kustomizations, and wait until they are applied."""
        revision = commit(self._repository, self._count, "1.0.0")
        for obj in objects(self._count, git):
            if obj["kind"] == "Kustomization":
                obj["spec"]["interval"] = "1h"
            await self._client.create_object(obj)
        await applied(self._client, self._count, revision, 0.0)
        await self._settle()

    async def push(self, version: str, *, only: int | None, cost: Cost, held: bool) -> None:
        """Push a version of all packages, or of one, and add up what it costs; `held`: the others record it later."""
        requests, processor = len(lines_of(self._trace)), self._running.processor
        changed = range(self._count) if only is None else (only,)
        files = {f"packages/{number}/app.yaml": package(number, version) for number in changed}
        revision = seed.seed(self._repository, files)
        began = time.perf_counter()
        recording = 1 if held and only is not None else self._count
        watching = asyncio.gather(
            applied(self._client, recording, revision, began),
            *(self._in_version(number, version, began) for number in changed if only is not None),
        )
        now = {"metadata": {"annotations": {"reconcile.fluxcd.io/requestedAt": revision}}}
        await self._client.patch_object(SOURCE, "GitRepository", NAMESPACE, "fleet", now)
        recorded, *deployed = await watching
        cost.changed += deployed or recorded
        cost.last.append(max(recorded))
        await self._settle()
        cost.processor.append(self._running.processor - processor)
        cost.requests.append(asked(lines_of(self._trace)[requests:])[0].total())

    async def _in_version(self, number: int, version: str, began: float) -> float:
        """Wait until a package's Deployment is that of a version."""
        async for _, obj in self._client.watch_objects("apps/v1", "Deployment", "apps"):
            containers = obj["spec"]["template"]["spec"]["containers"]
            if obj["metadata"]["name"] == f"app-{number}" and containers[0]["image"].endswith(f":{version}"):
                break
        return time.perf_counter() - began

    async def _settle(self) -> None:
        """Wait until nothing more is asked: events are written after what they tell of."""
        before = -1
        while (now := len(lines_of(self._trace))) != before:
            before = now
            await asyncio.sleep(2)


async def measure(count: int, *flags: str) -> None:
    """Install, change all, change one of them several times; print two lines."""
    with tempfile.TemporaryDirectory() as name:
        here = Path(name)
        trace = here / "trace"
        with server.GitServer(here / "git") as git:
            async with (
                ControlPlane(here / "plane", trace=trace, crds=crds.load()) as plane,
                Client(await config.from_kubeconfig([plane.kubeconfig])) as client,
            ):
                for namespace in (NAMESPACE, "apps"):
                    metadata = {"name": namespace}
                    await client.create_object({"apiVersion": "v1", "kind": "Namespace", "metadata": metadata})
                async with service(plane.kubeconfig, here / "data", *flags) as running:
                    fleet = Fleet(client, running, here / "git" / "fleet.git", trace, count)
                    await fleet.install(git.url("").rstrip("/"))
                    whole, single = Cost(), Cost()
                    await fleet.push("1.1.0", only=None, cost=whole, held=bool(flags))
                    for number in range(COMMITS):
                        place = number * (count - 1) // (COMMITS - 1)
                        await fleet.push(f"1.2.{number}", only=place, cost=single, held=bool(flags))
                    report(count, whole, single, running, *flags)


def report(count: int, whole: Cost, single: Cost, running: Service, *flags: str) -> None:
    """Print what one costs of what all cost."""
    for what, cost in (("all", whole), ("one", single)):
        processor, requests = statistics.mean(cost.processor), statistics.mean(cost.requests)
        print(
            f"{count:>8} {what:>8} {statistics.median(cost.changed):>8.2f} {max(cost.changed):>8.2f} "
            f"{statistics.mean(cost.last):>9.2f} {processor:>8.2f} {requests:>9.0f} {running.peak:>8.0f}",
            end="",
        )
        if cost is single:
            of_all = processor / statistics.mean(whole.processor), requests / statistics.mean(whole.requests)
            print("   {:.1%} of the processor's time and {:.1%} of the requests".format(*of_all), *flags, end="")
        print(flush=True)


def sizes() -> list[int]:
    """Read how many packages."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("sizes", nargs="*", type=int, default=list(SIZES), help="how many packages, one after another")
    return list(parser.parse_args().sizes)


async def main() -> None:
    """Print the table."""
    head = ("packages", "changed", "median", "slowest", "recorded", "CPU s", "requests", "peak MiB")
    print("{:>8} {:>8} {:>8} {:>8} {:>9} {:>8} {:>9} {:>8}".format(*head))
    for count in sizes():
        await measure(count)
        await measure(count, HOLD)


if __name__ == "__main__":
    asyncio.run(main())
