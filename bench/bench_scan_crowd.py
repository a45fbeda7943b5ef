"""Many repositories: the delay of healthy scans beside hosts that hang, resident memory, and one very long list.

The first runs 1,000 ImageRepositories once without and once with one in twenty on hosts that accept a connection and
never answer; a scan's delay is from the moment when it is due to its end. The second scans 5,000 repositories of 200
tags twice and reads the process's resident memory. The third scans one repository of 100,000 tags and compares the
peak of what Python allocates with the size of the answer.
"""

import asyncio
import contextlib
import json
import random
import shutil
import statistics
import sys
import tempfile
import tracemalloc
from collections.abc import AsyncIterator
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

OBJECTS, HANGING, WINDOW, ROUNDS = 1000, 50, 4.0, 3
MANY, TAGS, LONG = 5000, 200, 100_000
WORKERS = Settings(data_dir=Path()).concurrent_scans


def main() -> None:
    """Print three tables."""
    if shutil.which("nginx"):
        with tempfile.TemporaryDirectory() as folder, bench_scan.nginx(Path(folder), OBJECTS) as address:
            runs = [(uvloop.run(delays(address, hanging=hanging)), hanging) for hanging in (0, HANGING) * ROUNDS]
        without = [delay for found, hanging in runs for delay in found if not hanging]
        beside = [delay for found, hanging in runs for delay in found if hanging]
        print(f"\n{OBJECTS} ImageRepositories due over {WINDOW:.0f} s, {WORKERS} workers: delay of the healthy ones")
        print(f"{'':34}{'median':>10}{'p99':>10}")
        for name, found in (("no host hangs", without), (f"{HANGING} on hosts that hang", beside)):
            print(f"{name:34}{statistics.median(found) * 1e3:7.1f} ms{p99(found) * 1e3:7.1f} ms")
        late, usual = p99(beside) / p99(without), statistics.median(beside) / statistics.median(without)
        print(f"beside hanging hosts / without: p99 {late:.2f}, target 1.2; median {usual:.2f}")
        print("On a busy machine the p99 of both swings more than that.")
        with tempfile.TemporaryDirectory() as folder, bench_scan.nginx(Path(folder), MANY, TAGS) as address:
            before, once, twice = uvloop.run(memory(address))
        print(f"\n{MANY} repositories x {TAGS} tags, resident memory")
        print(f"before {before:.0f} MiB, after one sweep {once:.0f} MiB, after two {twice:.0f} MiB")
    else:
        print("nginx is not installed: skipped")
    body, peak, left = asyncio.run(long_list())
    print(f"\none repository of {LONG:,} tags: answer {body / 1e6:.2f} MB")
    print(f"peak of a scan {peak / body:.1f} x the answer, target 10 x; kept afterwards {left / body:.2f} x")


def p99(found: list[float]) -> float:
    """Return the 99th percentile."""
    return statistics.quantiles(found, n=100)[98]


async def delays(address: str, *, hanging: int) -> list[float]:
    """Scan every object once at its time with the service's number of workers; return the healthy ones' delays."""
    chance = random.Random(1)
    found: list[float] = []
    clock = asyncio.get_running_loop().time
    async with contextlib.AsyncExitStack() as stack:
        holes = [await stack.enter_async_context(black_hole()) for _ in range(5)]
        objects = [repository(f"{holes[n % 5]}/team{n}/app", name=f"hole{n}", insecure=True) for n in range(hanging)]
        objects += [repository(f"{address}/team{n}/app", name=f"app{n}") for n in range(OBJECTS - hanging)]
        chance.shuffle(objects)
        reconciler = await reconciling(stack)
        # The first scan of a process loads the authorities that it trusts; that is no delay of this kind.
        warm = repository(f"{address}/team0/app")
        await reconciler.reconcile(warm, FakeRun(warm))
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


@contextlib.asynccontextmanager
async def black_hole() -> AsyncIterator[str]:
    """Accept connections and say nothing."""
    held: list[asyncio.StreamWriter] = []

    async def hold(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        held.append(writer)

    server = await asyncio.start_server(hold, "127.0.0.1", 0)
    try:
        yield f"127.0.0.1:{server.sockets[0].getsockname()[1]}"
    finally:
        for writer in held:
            writer.close()
        server.close()


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
