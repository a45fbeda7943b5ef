"""The whole program beside Flux's image-reflector-controller: the same 200 ImageRepositories, a process each.

Each runs with its own flags' defaults against a control plane of ours in another process and nginx with canned lists.
First every scan is requested at once, then intervals bring them. CPU is that of the program alone, kernel time with it;
a scan is a run that the program counts in `gotk_reconcile_duration_seconds`. The peer is looked for on PATH and left
out where it is not installed.

At the pace of intervals a process sleeps between two scans, and waking up, with cold caches, is a great part of what a
scan costs. So what no scan can go below is measured at the same pace: a timer alone, and bare requests over asyncio's
streams and over aiohttp's session.
"""

import asyncio
import contextlib
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent.parent))

import aiohttp
import uvloop

from bench import bench_scan
from bench.bench_scan import cpu_seconds
from gotk.api.meta import REQUESTED_AT
from gotk.kube import config
from gotk.kube.client import Client
from tests.registries import free_port

OBJECTS, TAGS, ROUNDS, INTERVAL, WINDOW = 200, 50, 4, 5, 20.0
API, KIND, SPACE = "image.toolkit.fluxcd.io/v1", "ImageRepository", "default"
PEER = "image-reflector-controller"
#: Its client asks the API server 50 times a second at most unless told otherwise, and four objects run at once.
FREE = ("--concurrent=20", "--kube-api-qps=10000", "--kube-api-burst=10000")


@dataclass
class Row:
    """What was measured of a program: wall and CPU seconds of a requested round, CPU of a scan by interval, memory."""

    name: str
    wall: float = 0.0
    cpu: float = 0.0
    steady: float = 0.0
    scans: float = 0.0
    resident: float = 0.0


@dataclass
class Program:
    """A running program: its process and where it tells its metrics."""

    process: subprocess.Popen[bytes]
    metrics: str

    def cpu(self) -> float:
        """Return the CPU seconds that it has used."""
        fields = Path(f"/proc/{self.process.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def resident(self) -> float:
        """Return its resident memory in MiB."""
        return int(Path(f"/proc/{self.process.pid}/statm").read_text().split()[1]) * 4096 / 2**20

    async def scans(self) -> int:
        """Return how many runs of ImageRepositories it has counted."""
        async with aiohttp.ClientSession() as session, session.get(self.metrics) as response:
            lines = (await response.text()).splitlines()
        name = "gotk_reconcile_duration_seconds_count"
        return sum(int(float(line.split()[-1])) for line in lines if line.startswith(name) and KIND in line)


def main() -> None:
    """Print the table."""
    if not shutil.which("nginx"):
        print("nginx is not installed: skipped")
        return
    rows = [asyncio.run(measure("image-automation", ours))]
    if program := shutil.which(PEER):
        rows.append(asyncio.run(measure(PEER, lambda *places: flux(program, (), *places))))
        rows.append(asyncio.run(measure("  with 20 workers, no limits", lambda *places: flux(program, FREE, *places))))
    else:
        print(f"{PEER} is not on PATH: skipped")
    print(f"\n{OBJECTS} ImageRepositories x {TAGS} tags, nothing new; best of {ROUNDS} requested rounds,")
    print(f"{WINDOW:.0f} s of intervals of {INTERVAL} s")
    print(f"{'':30}{'round, wall':>12}{'CPU/scan':>10}{'by interval, CPU/scan':>23}{'scans/s':>9}{'memory':>10}")
    for row in rows:
        print(
            f"{row.name:30}{row.wall:10.2f} s{row.cpu * 1e6 / OBJECTS:7.0f} us{row.steady * 1e6:20.0f} us"
            f"{row.scans:9.1f}{row.resident:6.0f} MiB"
        )
    mine = rows[0]
    for name, used in floors():
        print(f"{name:30}{used * 1e6:42.0f} us   ours is {mine.steady / used:.2f} of it")
    for peer in rows[1:]:
        print(f"ours / {peer.name.strip()}: wall {mine.wall / peer.wall:.2f}, "
              f"CPU {mine.cpu / peer.cpu:.2f}, "
              f"by interval {mine.steady / peer.steady:.2f}, "
              f"memory {mine.resident / peer.resident:.2f}; target 1")  # fmt: skip


def floors() -> Iterator[tuple[str, float]]:
    """Measure what a scan stands on at the pace of intervals; gives CPU seconds each."""
    with tempfile.TemporaryDirectory() as folder, bench_scan.nginx(Path(folder), OBJECTS, TAGS) as address:
        yield "a timer alone", uvloop.run(paced(nothing, OBJECTS))[1]
        yield "asyncio's streams, requests", uvloop.run(bench_scan.sweep_streams(address, OBJECTS, paced))[1]
        yield "aiohttp's session, requests", uvloop.run(bench_scan.sweep_bare(address, OBJECTS, paced))[1]


async def nothing(_: int) -> None:
    """Do nothing."""


async def paced(one: Callable[[int], Awaitable[None]], repositories: int) -> tuple[float, float]:
    """Do it for every repository, then as often as intervals would; return how many a second and CPU seconds each."""
    for number in range(repositories):
        await one(number)

    async def begun(number: int) -> None:
        await one(number)

    many, pause, begin, used = (
        round(WINDOW / INTERVAL * OBJECTS),
        INTERVAL / OBJECTS,
        time.perf_counter(),
        cpu_seconds(),
    )
    async with asyncio.TaskGroup() as group:
        for number in range(many):
            await asyncio.sleep(max(0.0, begin + number * pause - time.perf_counter()))
            group.create_task(begun(number % repositories))
    return many / (time.perf_counter() - begin), (cpu_seconds() - used) / many


async def measure(name: str, start: object) -> Row:
    """Run a program and measure it."""
    row = Row(name)
    with contextlib.ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        address = stack.enter_context(bench_scan.nginx(folder, OBJECTS, TAGS))
        kubeconfig = stack.enter_context(control_plane(folder))
        async with Client(await config.from_kubeconfig([kubeconfig])) as client:
            await create(client, address)
            program: Program = stack.enter_context(start(folder, kubeconfig))  # type: ignore[operator]
            await handled(client, "")
            rounds = [await requested(client, program, str(number)) for number in range(ROUNDS)]
            row.wall, row.cpu = min(wall for wall, _ in rounds), min(cpu for _, cpu in rounds)
            await patch_all(client, {"spec": {"interval": f"{INTERVAL}s"}})
            await asyncio.sleep(INTERVAL)
            scans, cpu, begin = await program.scans(), program.cpu(), time.perf_counter()
            await asyncio.sleep(WINDOW)
            scans, cpu = await program.scans() - scans, program.cpu() - cpu
            row.steady, row.scans = cpu / max(scans, 1), scans / (time.perf_counter() - begin)
            row.resident = program.resident()
    return row


async def create(client: Client, address: str) -> None:
    """Make the objects."""
    for number in range(OBJECTS):
        spec = {"image": f"{address}/team{number}/app", "interval": "10h"}
        meta = {"name": f"app{number}", "namespace": SPACE}
        await client.create_object({"apiVersion": API, "kind": KIND, "metadata": meta, "spec": spec})


async def patch_all(client: Client, patch: dict[str, object]) -> None:
    """Merge into every object."""
    async with asyncio.TaskGroup() as group:
        for number in range(OBJECTS):
            group.create_task(client.patch_object(API, KIND, SPACE, f"app{number}", patch))


async def requested(client: Client, program: Program, token: str) -> tuple[float, float]:
    """Request every scan; return the wall and CPU seconds until all of them are done."""
    begin, cpu = time.perf_counter(), program.cpu()
    await patch_all(client, {"metadata": {"annotations": {REQUESTED_AT: token}}})
    await handled(client, token)
    return time.perf_counter() - begin, program.cpu() - cpu


async def handled(client: Client, token: str) -> None:
    """Wait until every object was scanned for a request, or at all."""
    while True:
        found = [obj.get("status", {}) for obj in await client.list_objects(API, KIND, SPACE)]
        if all("lastScanResult" in s and s.get("lastHandledReconcileAt", "") == token for s in found):
            return
        await asyncio.sleep(0.02)


@contextlib.contextmanager
def control_plane(folder: Path) -> Iterator[Path]:
    """Run the control plane in a process of its own; gives its kubeconfig."""
    kubeconfig, data = folder / "plane/kubeconfig", str(folder / "plane")
    with process([sys.executable, "-m", "image_automation", "control-plane", "--data-dir", data, "--port", "0"]):
        while not kubeconfig.exists():
            time.sleep(0.1)
        time.sleep(1.0)
        yield kubeconfig


@contextlib.contextmanager
def ours(folder: Path, kubeconfig: Path) -> Iterator[Program]:
    """Run our two controllers."""
    port = free_port()
    command = [sys.executable, "-m", "image_automation", "run", "--kubeconfig", str(kubeconfig), "--data-dir",
               str(folder / "ours"), "--controllers", "imagerepository,imagepolicy", "--metrics-addr",
               f"127.0.0.1:{port}", "--health-addr", "0", "--explain-addr", "0", "--dashboard-addr", "0"]  # fmt: skip
    with process(command) as running:
        yield Program(running, f"http://127.0.0.1:{port}/metrics")


@contextlib.contextmanager
def flux(program: str, flags: Sequence[str], folder: Path, kubeconfig: Path) -> Iterator[Program]:
    """Run the peer."""
    port = free_port()
    command = [program, f"--storage-path={folder / 'tags'}", f"--metrics-addr=127.0.0.1:{port}", "--health-addr=0",
               *flags]  # fmt: skip
    with process(command, KUBECONFIG=str(kubeconfig), RUNTIME_NAMESPACE="default") as running:
        yield Program(running, f"http://127.0.0.1:{port}/metrics")


@contextlib.contextmanager
def process(command: Sequence[str], **environment: str) -> Iterator[subprocess.Popen[bytes]]:
    """Run a command as long as the block lasts."""
    quiet = subprocess.DEVNULL
    running = subprocess.Popen(command, stdout=quiet, stderr=quiet, env={**os.environ, **environment})
    try:
        yield running
    finally:
        running.terminate()
        running.wait(20)


if __name__ == "__main__":
    main()
