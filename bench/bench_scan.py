"""Scans per second, beside the machine's limit (`wrk`) and the peer (docker-registry-client).

A scan is all that ImageRepository's reconciler does: name, access, due, list, exclude, sort, checksum, store, status.
The registry is the distribution project's own where it is installed, and nginx with canned answers to see the client
alone. All scans but the first are such as an interval brings and find nothing new. The floors are bare requests: those
of asyncio's streams, which read no more than where an answer ends, and of aiohttp's session.
Servers share the machine's cores, so read the ratios.
"""

import asyncio
import contextlib
import itertools
import json
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable, Iterator
from datetime import timedelta
from pathlib import Path
from typing import TypeAlias

sys.path.insert(0, str(Path(__file__).parent.parent))

import aiohttp
import msgspec
import uvloop
from yarl import URL

from gotk.api.image import ImageRepositoryStatus
from gotk.oci import image
from gotk.oci.client import RegistryClient
from reflector.image_repository import ImageRepositoryReconciler
from reflector.store import TagStore
from tests import registries
from tests.reflector.cluster import Cache, Cluster, repository
from tests.running import NOON, FakeRun

REPOSITORIES, TAGS, CONCURRENCY, SECONDS = 200, 50, 10, 3.0
LONG = 10_000

#: Does something for each repository, again and again; returns how many a second and CPU seconds each.
Measure: TypeAlias = Callable[[Callable[[int], Awaitable[None]], int], Awaitable[tuple[float, float]]]

PEER = """
import sys, time
from docker_registry_client import DockerRegistryClient
client = DockerRegistryClient("http://" + sys.argv[1])
repositories = [client.repository(f"team{n}/app") for n in range(int(sys.argv[2]))]
begin, done = time.perf_counter(), 0
while time.perf_counter() - begin < float(sys.argv[3]):
    repositories[done % len(repositories)].refresh()
    done += 1
print(done / (time.perf_counter() - begin))
"""


def main() -> None:
    """Print a table per registry."""
    for repositories, tags in ((REPOSITORIES, TAGS), (1, LONG)):
        many = repositories > 1
        with tempfile.TemporaryDirectory() as name:
            folder = Path(name)
            if registries.installed():
                with registries.docker_registry(folder) as address:
                    asyncio.run(fill(address, repositories, tags))
                    ours, _, limit = report("docker-registry", address, repositories, tags)
                if limit and many:
                    print(
                        f"target: at least 70 % of wrk; it is {ours / limit:.0%} (client and registry share the cores)"
                    )
            else:
                print("docker-registry is not installed: skipped")
            if not shutil.which("nginx"):
                print("nginx is not installed: skipped")
                continue
            with nginx(folder, repositories, tags) as address:
                ours, cpu, _ = report("nginx, canned answers", address, repositories, tags)
            if many:
                print(
                    f"target: 6,000 scans/s, this is {ours / 6000:.2f} of it; 150 us CPU, this is {cpu * 1e6 / 150:.2f}"
                )


def report(title: str, address: str, repositories: int, tags: int) -> tuple[float, float, float]:
    """Measure everybody at one registry; returns our scans and CPU seconds per scan, and the limit's requests."""
    limit = wrk(address)
    streams, streams_cpu = uvloop.run(sweep_streams(address, repositories))
    bare, bare_cpu = uvloop.run(sweep_bare(address, repositories))
    ours, cpu = uvloop.run(sweep(address, repositories))
    peer = ask_peer(address, repositories)
    print(f"\n{title}: {repositories} repositories x {tags} tags, {CONCURRENCY} at once")
    print(f"{'':34}{'scans/s':>9}{'CPU/scan':>10}{'of wrk':>8}")
    rows = [
        ("wrk (requests, the limit)", limit, 0.0),
        ("asyncio (requests, a floor)", streams, streams_cpu),
        ("aiohttp (requests)", bare, bare_cpu),
        ("reflector (whole scans)", ours, cpu),
        ("docker-registry-client (requests)", peer, 0.0),
    ]
    for name, rate, used in rows:
        share = f"{rate / limit:8.0%}" if limit else ""
        print(f"{name:34}{rate:9,.0f}{f'{used * 1e6:7.0f} us' if used else '':>10}{share}")
    return ours, cpu, limit


async def fill(address: str, repositories: int, tags: int) -> None:
    """Push one image to every repository, then its manifest under the other tags."""
    one, headers = image.build_image(), {"Content-Type": image.MANIFEST_TYPE}
    async with aiohttp.ClientSession(base_url=f"http://{address}", headers=headers) as session:
        for number in range(repositories):
            await image.push_image(f"http://{address}", f"team{number}/app", "1.0.0", one)
            for tag in range(1, tags):
                async with session.put(f"/v2/team{number}/app/manifests/1.0.{tag}", data=one.manifest) as response:
                    response.raise_for_status()


async def sweep(address: str, repositories: int) -> tuple[float, float]:
    """Scan in a circle for a while; return scans per second and CPU seconds per scan."""
    objects = [repository(f"{address}/team{n}/app", name=f"app{n}") for n in range(repositories)]

    with tempfile.TemporaryDirectory() as folder, TagStore(Path(folder) / "tags.db") as store:
        async with RegistryClient(per_host=CONCURRENCY) as client:
            reconciler = ImageRepositoryReconciler(cache=Cache(), objects=Cluster(), registry=client, store=store)

            turns = itertools.count()

            async def one(number: int) -> None:
                obj = objects[number]
                run: FakeRun[ImageRepositoryStatus] = FakeRun(obj, now=NOON + next(turns) * timedelta(minutes=5))
                await reconciler.reconcile(obj, run)
                objects[number] = msgspec.structs.replace(obj, status=run.status)

            return await measured(one, repositories)


async def sweep_streams(address: str, repositories: int, measure: Measure | None = None) -> tuple[float, float]:
    """Send the same requests over asyncio's streams and read to the answers' ends."""
    host, _, port = address.partition(":")
    idle: list[tuple[asyncio.StreamReader, asyncio.StreamWriter]] = []
    rest = f"/app/tags/list?n=1000 HTTP/1.1\r\nHost: {address}\r\nAccept: application/json\r\n\r\n"

    async def one(number: int) -> None:
        reader, writer = idle.pop() if idle else await asyncio.open_connection(host, int(port))
        writer.write(f"GET /v2/team{number}{rest}".encode())
        head = (await reader.readuntil(b"\r\n\r\n")).lower()
        if b"content-length:" in head:
            await reader.readexactly(int(head.partition(b"content-length:")[2].partition(b"\r\n")[0]))
        else:
            while size := int(await reader.readuntil(b"\r\n"), 16):
                await reader.readexactly(size + 2)
            await reader.readuntil(b"\r\n")
        idle.append((reader, writer))

    try:
        return await (measure or measured)(one, repositories)
    finally:
        for _, writer in idle:
            writer.close()


async def sweep_bare(address: str, repositories: int, measure: Measure | None = None) -> tuple[float, float]:
    """Send the same requests and read the answers, no more."""
    urls = [URL(f"http://{address}/v2/team{n}/app/tags/list?n=1000") for n in range(repositories)]
    async with aiohttp.ClientSession(cookie_jar=aiohttp.DummyCookieJar()) as session:

        async def one(number: int) -> None:
            async with session.get(urls[number]) as response:
                await response.read()

        return await (measure or measured)(one, repositories)


async def measured(one: Callable[[int], Awaitable[None]], repositories: int) -> tuple[float, float]:
    """Do it for every repository, then time it in a circle; return how many a second and CPU seconds each."""
    for number in range(repositories):
        await one(number)
    begin, used, done = time.perf_counter(), cpu_seconds(), 0

    async def worker(number: int) -> None:
        nonlocal done
        while time.perf_counter() - begin < SECONDS:
            await one(number % repositories)
            number += CONCURRENCY
            done += 1

    async with asyncio.TaskGroup() as group:
        for first in range(CONCURRENCY):
            group.create_task(worker(first))
    return done / (time.perf_counter() - begin), (cpu_seconds() - used) / done


def cpu_seconds() -> float:
    """Return the CPU time of this process."""
    usage = resource.getrusage(resource.RUSAGE_SELF)
    return usage.ru_utime + usage.ru_stime


def wrk(address: str) -> float:
    """Ask wrk for its requests per second; 0 where it is not installed."""
    if not shutil.which("wrk"):
        return 0.0
    url = f"http://{address}/v2/team0/app/tags/list?n=1000"
    command = ["wrk", "-t1", f"-c{CONCURRENCY}", f"-d{SECONDS:.0f}", url]
    output = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    return float(next(line for line in output.splitlines() if "Requests/sec" in line).split()[1])


def ask_peer(address: str, repositories: int) -> float:
    """Let the peer list tags in a process of its own, for it turns warnings off where it is imported."""
    command = [sys.executable, "-c", PEER, address, str(repositories), str(SECONDS)]
    return float(subprocess.run(command, capture_output=True, text=True, check=True).stdout)


@contextlib.contextmanager
def nginx(folder: Path, repositories: int, tags: int = TAGS) -> Iterator[str]:
    """Serve tag lists from files."""
    port = registries.free_port()
    for number in range(repositories):
        path = folder / "www" / "v2" / f"team{number}" / "app" / "tags" / "list"
        path.parent.mkdir(parents=True)
        path.write_text(json.dumps({"name": f"team{number}/app", "tags": [f"1.0.{tag}" for tag in range(tags)]}))
    config = folder / "nginx.conf"
    config.write_text(
        f"daemon off; worker_processes 1; pid {folder}/pid; error_log {folder}/error.log; user root;"
        "events { worker_connections 256; }"
        f"http {{ access_log off; keepalive_requests 1000000; default_type application/json; server {{"
        f" listen 127.0.0.1:{port}; root {folder}/www; location = /v2/ {{ return 200 '{{}}'; }} }} }}"
    )
    process = subprocess.Popen(["nginx", "-c", str(config)], stderr=subprocess.DEVNULL)
    try:
        registries.wait_for(f"http://127.0.0.1:{port}/v2/", process)
        yield f"127.0.0.1:{port}"
    finally:
        process.terminate()
        process.wait(10)


if __name__ == "__main__":
    main()
