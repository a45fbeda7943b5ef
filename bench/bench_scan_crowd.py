"""Many repositories: the delay of healthy scans beside hosts that hang, resident memory, and one very long list.

The first runs 1,000 ImageRepositories, in turns without and with one in twenty on hosts that accept a connection and
never answer; a scan's delay is from the moment when it is due to its end. Client and servers have a core each. A run is
quiet where nothing else took the client's core from it: how often that happened is printed, and between what the ratios
of all pairs of runs lie, so that a run which proves nothing shows. The second scans 5,000 repositories of 200
tags twice and reads the process's resident memory. The third scans one repository of 100,000 tags and compares the
peak of what Python allocates with the size of the answer.
"""

import asyncio
import contextlib
import json
import os
import random
import resource
import shutil
import socket
import statistics
import sys
import tempfile
import tracemalloc
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent.parent))

import uvloop
from aiohttp import web

from bench import bench_scan
from gotk.api.image import ImageRepository
from gotk.oci.client import RegistryClient
from image_automation.app.settings import Settings
from reflector.image_repository import ImageRepositoryReconciler
from reflector.store import TagStore
from tests.gotk.oci.serving import serving
from tests.reflector.cluster import Cache, Cluster, repository
from tests.running import FakeRun

OBJECTS, HANGING, WINDOW, ROUNDS = 1000, 50, 4.0, 9
MANY, TAGS, LONG = 5000, 200, 100_000
WORKERS = Settings(data_dir=Path()).concurrent_scans


@dataclass(frozen=True)
class Sweep:
    """What one run measured: delays in seconds, and how often the client's core was taken from it."""

    delays: list[float]
    preempted: int

    @property
    def p99(self) -> float:
        """The 99th percentile of the delays."""
        return statistics.quantiles(self.delays, n=100)[98]

    @property
    def median(self) -> float:
        """The median of the delays."""
        return statistics.median(self.delays)


def main() -> None:
    """Print three tables."""
    if shutil.which("nginx"):
        beside_hanging_hosts()
        with tempfile.TemporaryDirectory() as folder, bench_scan.nginx(Path(folder), MANY, TAGS) as address:
            before, once, twice = uvloop.run(memory(address))
        print(f"\n{MANY} repositories x {TAGS} tags, resident memory")
        print(f"before {before:.0f} MiB, after one sweep {once:.0f} MiB, after two {twice:.0f} MiB")
    else:
        print("nginx is not installed: skipped")
    body, peak, left = asyncio.run(long_list())
    print(f"\none repository of {LONG:,} tags: answer {body / 1e6:.2f} MB")
    print(f"peak of a scan {peak / body:.1f} x the answer, target 10 x; kept afterwards {left / body:.2f} x")


def beside_hanging_hosts() -> None:
    """Print the first table."""
    pairs: list[tuple[Sweep, Sweep]] = []
    with tempfile.TemporaryDirectory() as folder, cores() as where, bench_scan.nginx(Path(folder), OBJECTS) as address:
        os.sched_setaffinity(0, where[-1:])
        sweep(address, hanging=0)  # fills what is remembered
        for number in range(ROUNDS):
            # Each comes first as often as second, lest what grows in a process counts for one of them.
            found = {hanging: sweep(address, hanging=hanging) for hanging in ((0, HANGING), (HANGING, 0))[number % 2]}
            pairs.append((found[0], found[HANGING]))
    print(f"\n{OBJECTS} ImageRepositories due over {WINDOW:.0f} s, {WORKERS} workers: delay of the healthy ones, ms")
    print(f"client on core {where[-1]}, servers on {where[0]}; medians of {ROUNDS} runs, in brackets their spread")
    print(f"{'':34}{'median':>22}{'p99':>22}{'preempted':>12}")
    rows = {"no host hangs": [a for a, _ in pairs], f"{HANGING} on hosts that hang": [b for _, b in pairs]}
    for name, runs in rows.items():
        medians, tails = spread([run.median * 1e3 for run in runs]), spread([run.p99 * 1e3 for run in runs])
        print(f"{name:34}{medians:>22}{tails:>22}{statistics.median(run.preempted for run in runs):>12.0f}")
    ratios = [beside.p99 / without.p99 for without, beside in pairs]
    print(f"beside hanging hosts / without, p99 of each pair: {spread(ratios)}, target 1.2")


def spread(found: list[float]) -> str:
    """Print a median between the least and the most."""
    return f"{statistics.median(found):.2f} ({min(found):.2f} to {max(found):.2f})"


@contextlib.contextmanager
def cores() -> Iterator[list[int]]:
    """Put this process, and those it starts, on the first core; gives all that there are, and undoes it."""
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, sorted(before)[:1])
    try:
        yield sorted(before)
    finally:
        os.sched_setaffinity(0, before)


def sweep(address: str, *, hanging: int) -> Sweep:
    """Run every object once."""
    before = resource.getrusage(resource.RUSAGE_SELF).ru_nivcsw
    found = uvloop.run(delays(address, hanging=hanging))
    return Sweep(found, resource.getrusage(resource.RUSAGE_SELF).ru_nivcsw - before)


async def delays(address: str, *, hanging: int) -> list[float]:
    """Scan every object once at its time with the service's number of workers; return the healthy ones' delays."""
    chance = random.Random(1)
    found: list[float] = []
    clock = asyncio.get_running_loop().time
    async with contextlib.AsyncExitStack() as stack:
        holes = [stack.enter_context(black_hole()) for _ in range(5)]
        objects = [repository(f"{holes[n % 5]}/team{n}/app", name=f"hole{n}", insecure=True) for n in range(hanging)]
        objects += [repository(f"{address}/team{n}/app", name=f"app{n}") for n in range(OBJECTS - hanging)]
        chance.shuffle(objects)
        reconciler = await reconciling(stack)
        # A first scan writes what it finds, and the very first loads the authorities: those are other delays.
        for obj in objects:
            if obj.metadata.name.startswith("app"):
                await reconciler.reconcile(obj, FakeRun(obj))
        places = asyncio.Semaphore(WORKERS)
        async with asyncio.TaskGroup() as group:

            async def run(obj: ImageRepository, due: float) -> None:
                try:
                    await reconciler.reconcile(obj, FakeRun(obj))
                finally:
                    places.release()
                found.append(clock() - due)

            begin, tasks = clock(), []
            for number, obj in enumerate(objects):
                due = begin + WINDOW * number / OBJECTS
                await asyncio.sleep(max(0.0, due - clock()))
                await places.acquire()
                tasks.append((obj, group.create_task(run(obj, due))))
            await asyncio.wait([task for obj, task in tasks if obj.metadata.name.startswith("app")])
            for _, task in tasks:
                task.cancel()
    return found


@contextlib.contextmanager
def black_hole() -> Iterator[str]:
    """Listen, so that the system accepts connections, and say nothing."""
    with socket.create_server(("127.0.0.1", 0), backlog=HANGING) as listening:
        yield f"127.0.0.1:{listening.getsockname()[1]}"


async def memory(address: str) -> tuple[float, float, float]:
    """Return the resident memory before, after one sweep and after two."""
    async with contextlib.AsyncExitStack() as stack:
        reconciler = await reconciling(stack)
        objects = [repository(f"{address}/team{n}/app", name=f"app{n}") for n in range(MANY)]
        measured = [resident()]
        for _ in range(2):
            waiting = iter(objects)

            async def worker() -> None:
                for obj in waiting:  # noqa: B023 - this sweep's
                    await reconciler.reconcile(obj, FakeRun(obj))

            async with asyncio.TaskGroup() as group:
                for _worker in range(16):
                    group.create_task(worker())
            measured.append(resident())
    return measured[0], measured[1], measured[2]


def resident() -> float:
    """Return the resident memory of this process in MiB."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * 4096 / 2**20


async def long_list() -> tuple[int, int, int]:
    """Return the size of a long answer, the peak that scanning it allocates, and what is left of that."""
    body = json.dumps({"name": "app", "tags": [f"v1.{n // 1000}.{n % 1000}" for n in range(LONG)]}).encode()

    async def handler(_: object) -> object:
        return web.Response(body=body, content_type="application/json")

    async with contextlib.AsyncExitStack() as stack:
        address = await stack.enter_async_context(serving(handler))  # type: ignore[arg-type]
        reconciler = await reconciling(stack)
        obj = repository(f"{address}/app")
        tracemalloc.start()
        await reconciler.reconcile(obj, FakeRun(obj))
        left, peak = tracemalloc.get_traced_memory()
        tracemalloc.stop()
    return len(body), peak, left


async def reconciling(stack: contextlib.AsyncExitStack) -> ImageRepositoryReconciler:
    """Build a reconciler with a store on disk."""
    folder = stack.enter_context(tempfile.TemporaryDirectory())
    store = stack.enter_context(TagStore(Path(folder) / "tags.db"))
    client = await stack.enter_async_context(RegistryClient())
    return ImageRepositoryReconciler(cache=Cache(), objects=Cluster(), registry=client, store=store)


if __name__ == "__main__":
    main()
