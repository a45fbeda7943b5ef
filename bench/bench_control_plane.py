"""The control plane's requests, fan-out, start and memory, each beside a limit measured in the same run.

Requests stand beside bare aiohttp over TLS that echoes the same bytes, and writes beside the commits with an fsync
that SQLite makes of rows of that size: no server in this process model can be faster than those. The fan-out stands
beside bare TLS connections that are sent the same number of bytes. Server, clients and watchers are processes of
their own and share two cores, so read the ratios.
"""

import asyncio
import json
import resource
import sqlite3
import ssl
import subprocess
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parent.parent))

import aiohttp
import yaml
from aiohttp import web

from gotk.apiserver import ControlPlane, MachineClock
from gotk.apiserver.access import tls
from gotk.apiserver.storage.database import Database, Row
from tests.gotk.apiserver.caller import APPLY, MERGE, Caller
from tests.gotk.apiserver.widgets import GROUP, WIDGETS, WIDGETS_PATH, widget

SECONDS, CONCURRENCY = 1.5, 20
WATCHERS, UPDATES, WRITERS = 1000, 1000, 10
SIZES = (0, 2_000, 50_000)
FANOUT_TARGET, START_TARGET, MEMORY_TARGET = 5.0, 1.0, 4096
PADDING = {"annotations": {"example.org/padding": "x" * 1000}}


def sample(name: str, **spec: Any) -> dict[str, Any]:
    """Return an object of the size that objects of GitOps repositories have."""
    obj = widget(name, color="red", args=["one", "two"], **spec)
    return {**obj, "metadata": {"name": name, **PADDING}}


# -- what runs in processes of its own ------------------------------------------------------------------------------


def say(**what: Any) -> None:
    """Tell the parent."""
    print(json.dumps(what), flush=True)


async def serve(directory: str) -> None:
    """Run a control plane until killed; tell how long it took to answer and what memory it takes."""
    began = time.perf_counter()
    async with ControlPlane(Path(directory), crds=[WIDGETS]):
        say(seconds=time.perf_counter() - began, memory=memory())
        await asyncio.Event().wait()


def memory() -> int:
    """Return the resident bytes of this process."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * resource.getpagesize()


async def echo(directory: str) -> None:
    """Run bare aiohttp over TLS: POST answers with the body, GET streams as many lines as asked for."""
    go = asyncio.Event()

    async def handle(request: web.BaseRequest) -> web.StreamResponse:
        if request.method == "POST":
            return web.Response(body=await request.read(), content_type="application/json")
        if request.path == "/go":
            go.set()
            return web.Response()
        response = web.StreamResponse()
        await response.prepare(request)
        await response.write(b"\n")
        await go.wait()
        lines, size, writes = (int(part) for part in request.path.strip("/").split("/"))
        for _ in range(writes):
            await response.write((b"x" * (size - 1) + b"\n") * (lines // writes))
        return response

    now = MachineClock().now()
    ca = tls.authority(Path(directory), now)
    context = tls.context(ca, tls.server(Path(directory), ca, ("127.0.0.1",), now))
    runner = web.ServerRunner(web.Server(handle, access_log=None))
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0, ssl_context=context, backlog=4096).start()
    say(port=runner.addresses[0][1])
    await asyncio.Event().wait()


async def watch(url: str, path: str, token: str, count: str, lines: str) -> None:
    """Open many connections, read so many lines of each, tell when all are open and when all is read."""
    plain = ssl.create_default_context()
    plain.check_hostname, plain.verify_mode = False, ssl.CERT_NONE
    connector = aiohttp.TCPConnector(limit=0, ssl=plain)
    headers = {"Authorization": f"Bearer {token}"}
    async with (
        aiohttp.ClientSession(url, connector=connector, headers=headers) as session,
        asyncio.TaskGroup() as group,
    ):
        opened, gate = [0], asyncio.Semaphore(50)

        async def one() -> None:
            async with gate:
                response = await session.get(path, timeout=aiohttp.ClientTimeout(total=None))
                opened[0] += 1
                if opened[0] == int(count):
                    say(open=True)
            seen = 0
            while seen < int(lines):
                seen += (await response.content.readany()).count(b"\n")
            response.close()

        tasks = [group.create_task(one()) for _ in range(int(count))]
        await asyncio.gather(*tasks)
        say(read=True)


@contextmanager
def child(*words: str) -> Iterator[Callable[[], dict[str, Any]]]:
    """Run a part of this file in a process; the result reads what it says next."""
    process = subprocess.Popen([sys.executable, __file__, *words], stdout=subprocess.PIPE)
    assert process.stdout is not None
    out = process.stdout

    def heard() -> dict[str, Any]:
        found: dict[str, Any] = json.loads(out.readline())
        return found

    try:
        yield heard
    finally:
        process.kill()
        process.wait()
        out.close()


# -- requests -------------------------------------------------------------------------------------------------------


async def rate(work: Callable[[int], Awaitable[object]]) -> float:
    """Do something over and over, several at a time; return how often a second it was done."""
    done, end = 0, time.perf_counter() + SECONDS
    began = time.perf_counter()

    async def lane() -> None:
        nonlocal done
        while time.perf_counter() < end:
            done += 1
            await work(done)

    async with asyncio.TaskGroup() as group:
        for _ in range(CONCURRENCY):
            group.create_task(lane())
    return done / (time.perf_counter() - began)


def commits(directory: Path, rows: int) -> float:
    """Return how many rows a second SQLite makes durable, so many to a transaction, one fsync each."""
    database = sqlite3.connect(directory / f"limit-{rows}.db", isolation_level=None)
    database.execute("PRAGMA journal_mode = WAL")
    database.execute("PRAGMA synchronous = FULL")
    database.execute("CREATE TABLE t (id INTEGER PRIMARY KEY, k TEXT UNIQUE, v BLOB)")
    data, done, end = b"x" * 2000, 0, time.perf_counter() + SECONDS / 2
    while time.perf_counter() < end:
        database.execute("BEGIN")
        for _ in range(rows):
            database.execute("INSERT INTO t (k, v) VALUES (?, ?)", (str(done), data))
            done += 1
        database.execute("COMMIT")
    database.close()
    return done / (SECONDS / 2)


async def echoed(directory: Path) -> float:
    """Return how many requests a second bare aiohttp answers over TLS."""
    body = json.dumps(sample("a")).encode()
    with child("echo", str(directory)) as heard:
        context = ssl.create_default_context()
        url = f"https://127.0.0.1:{heard()['port']}"
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        connector = aiohttp.TCPConnector(ssl=context, limit=0)
        async with aiohttp.ClientSession(url, connector=connector) as session:

            async def one(_: int) -> None:
                async with session.post("/", data=body) as response:
                    json.loads(await response.read())

            return await rate(one)


async def requests(directory: Path) -> None:
    """Print how many requests of each kind are answered in a second."""
    bare = await echoed(directory)
    single, grouped = commits(directory, 1), commits(directory, CONCURRENCY)
    print(f"{'requests, 20 at a time':<34}{'per second':>12}{'of bare aiohttp':>18}{'of SQLite':>12}")
    print(f"{'bare aiohttp over TLS, echo':<34}{bare:>12,.0f}{'1.00':>18}")
    print(f"{'SQLite, one row a commit':<34}{single:>12,.0f}")
    print(f"{'SQLite, 20 rows a commit':<34}{grouped:>12,.0f}{'':>18}{'1.00':>12}")
    with child("serve", str(directory / "requests")) as heard:
        heard()
        async with Caller(directory / "requests" / "kubeconfig") as api:
            for name, wanted, work, writes in workloads(api):
                done = await rate_of(work, wanted)
                beside = f"{done / grouped:>12.2f}" if writes else ""
                print(f"{name:<34}{done:>12,.0f}{done / bare:>18.2f}{beside}")
            await lists(api)


async def rate_of(work: Callable[[int], Awaitable[Any]], wanted: int) -> float:
    """Return the rate of requests, all of which must be answered as wanted."""

    async def one(number: int) -> None:
        answer = await work(number)
        if answer.status != wanted:
            sys.exit(f"answered {answer.status}: {answer.body}")

    return await rate(one)


def workloads(api: Caller) -> Iterator[tuple[str, int, Callable[[int], Awaitable[Any]], bool]]:
    """Yield what is measured: name, the status that it must have, a request, and whether it writes."""
    few = CONCURRENCY
    status = {"status": {"replicas": 1}}
    applied = "?fieldManager=bench&force=true"
    yield "create", 201, lambda n: api.post(WIDGETS_PATH, sample(f"w{n}")), True
    yield "get", 200, lambda n: api.get(f"{WIDGETS_PATH}/w{n % few + 1}"), False
    yield "merge patch", 200, lambda n: api.patch(f"{WIDGETS_PATH}/w{n % few + 1}", {"spec": {"replicas": n}}), True
    yield "status patch", 200, lambda n: api.patch(f"{WIDGETS_PATH}/w{n % few + 1}/status", _numbered(status, n)), True
    yield (
        "apply",
        200,
        lambda n: api.patch(f"{WIDGETS_PATH}/w{n % few + 1}{applied}", sample(f"w{n % few + 1}", replicas=n), APPLY),
        True,
    )
    yield (
        "apply without change",
        200,
        lambda n: api.patch(f"{WIDGETS_PATH}/w{n % few + 100}{applied}", sample(f"w{n % few + 100}"), APPLY),
        False,
    )


def _numbered(patch: dict[str, Any], number: int) -> dict[str, Any]:
    return {"status": {**patch["status"], "replicas": number}}


async def lists(api: Caller) -> None:
    """Print how long a list takes, whole and by pages, as JSON and as a table."""
    table = "application/json;as=Table;v=v1;g=meta.k8s.io"
    for name, query, accept in (
        ("list, 500 to a page", "?limit=500", "application/json"),
        ("list, 500 to a page, Table", "?limit=500", table),
    ):
        began, times = time.perf_counter(), 20
        for _ in range(times):
            async with api.session.get(f"{WIDGETS_PATH}{query}", headers={"Accept": accept}) as response:
                await response.read()
        each = (time.perf_counter() - began) / times
        print(f"{name:<34}{500 / each:>12,.0f} objects/s, {each * 1000:.1f} ms each")


# -- fan-out --------------------------------------------------------------------------------------------------------


async def fan_out(directory: Path) -> None:
    """Print how long all updates take to reach all watchers, and the same bytes without a control plane."""
    where = directory / "fan-out"
    with child("serve", str(where)) as heard:
        heard()
        async with Caller(where / "kubeconfig") as api:
            for number in range(WRITERS):
                await api.post(WIDGETS_PATH, widget(f"w{number}", color="red"))
            listed = (await api.get(WIDGETS_PATH)).body
            size = len(json.dumps(listed["items"][0]).encode())
            path = f"{WIDGETS_PATH}?watch=true&resourceVersion={listed['metadata']['resourceVersion']}"
            words = ("watch", api.url, path, token_of(where), str(WATCHERS), str(UPDATES))
            with child(*words) as told:
                told()
                ours, written = await asyncio.gather(_until(told), _update(api))
    with child("echo", str(directory)) as heard:
        url = f"https://127.0.0.1:{heard()['port']}"
        words = ("watch", url, f"/{UPDATES}/{size}/25", "none", str(WATCHERS), str(UPDATES))
        with child(*words) as told:
            told()
            async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(ssl=False)) as session:
                began = time.perf_counter()
                await (await session.get(f"{url}/go")).read()
                told()
                bare = time.perf_counter() - began
    events = WATCHERS * UPDATES
    print(f"\nfan-out, {WATCHERS:,} watchers x {UPDATES:,} updates of {size:,} bytes, {WRITERS} writers\n")
    print(f"{'all written after':<34}{written:>8.2f} s")
    print(f"{'all read after':<34}{ours:>8.2f} s   {events / ours:,.0f} events/s")
    print(f"{'the same bytes, bare TLS':<34}{bare:>8.2f} s   ours takes {ours / bare:.2f} x")
    print(f"{'target':<34}{FANOUT_TARGET:>8.2f} s   {ours / FANOUT_TARGET:.2f} of it")


def token_of(directory: Path) -> str:
    """Return the admin's token."""
    token: str = yaml.safe_load((directory / "kubeconfig").read_text())["users"][0]["user"]["token"]
    return token


async def _until(told: Callable[[], dict[str, Any]]) -> float:
    began = time.perf_counter()
    await asyncio.get_running_loop().run_in_executor(None, told)
    return time.perf_counter() - began


async def _update(api: Caller) -> float:
    began = time.perf_counter()

    async def writer(number: int) -> None:
        for turn in range(UPDATES // WRITERS):
            await api.patch(f"{WIDGETS_PATH}/w{number}", {"spec": {"replicas": turn + 1}}, MERGE)

    async with asyncio.TaskGroup() as group:
        for number in range(WRITERS):
            group.create_task(writer(number))
    return time.perf_counter() - began


# -- start and memory -----------------------------------------------------------------------------------------------


@asynccontextmanager
async def filled(directory: Path, count: int) -> AsyncIterator[Path]:
    """Fill a directory with objects as the control plane stores them."""
    async with ControlPlane(directory, crds=[WIDGETS]) as plane, Caller(plane.kubeconfig) as api:
        await api.patch(f"{WIDGETS_PATH}/original?fieldManager=bench", sample("original"), APPLY)
        original = (await api.get(f"{WIDGETS_PATH}/original")).body
        await api.delete(f"{WIDGETS_PATH}/original")
    database = Database(directory)
    revision = database.revision()
    rows = []
    for number in range(count):
        revision += 1
        metadata = {
            **original["metadata"],
            "name": f"w{number}",
            "uid": f"{number:036}",
            "resourceVersion": str(revision),
        }
        data = json.dumps({**original, "metadata": metadata}, separators=(",", ":")).encode()
        rows.append(Row(f"widgets.{GROUP}", "default", metadata["name"], metadata["uid"], revision, data))
    if rows:
        database.write(rows)
    database.close()
    yield directory


async def starts(directory: Path) -> None:
    """Print how long a start takes and how much memory, by the number of objects."""
    print(f"\n{'objects':>10}{'start s':>12}{'memory MB':>12}{'bytes/object':>14}{'of its JSON':>14}")
    empty, size, seconds, each = 0, 0, 0.0, 0.0
    for count in SIZES:
        async with filled(directory / f"of-{count}", count) as where:
            with child("serve", str(where)) as heard:
                found = heard()
                async with Caller(where / "kubeconfig") as api:
                    listed = (await api.get(f"{WIDGETS_PATH}?limit=1")).body
        if count:
            size = len(json.dumps(listed["items"][0], separators=(",", ":")).encode())
            left = listed["metadata"].get("remainingItemCount", 0) + 1
            if left != count:
                sys.exit(f"{left} of {count} objects are there")
        empty = empty or found["memory"]
        seconds, each = found["seconds"], (found["memory"] - empty) / count if count else 0.0
        more = f"{each:>14,.0f}{each / size:>14.2f}" if count else ""
        print(f"{count:>10,}{seconds:>12.3f}{found['memory'] / 1e6:>12.0f}{more}")
    print(f"{'target':>10}{START_TARGET:>12.3f}{'':>12}{MEMORY_TARGET:>14,}")
    print(f"{'of it':>10}{seconds / START_TARGET:>12.2f}{'':>12}{each / MEMORY_TARGET:>14.2f}")


async def main() -> None:
    """Run and print."""
    with tempfile.TemporaryDirectory() as name:
        await requests(Path(name))
        await fan_out(Path(name))
        await starts(Path(name))


if __name__ == "__main__":
    parts = {"serve": serve, "echo": echo, "watch": watch}
    if len(sys.argv) > 1:
        resource.setrlimit(resource.RLIMIT_NOFILE, (resource.getrlimit(resource.RLIMIT_NOFILE)[1],) * 2)
        asyncio.run(parts[sys.argv[1]](*sys.argv[2:]))
    else:
        asyncio.run(main())
