"""The control plane's requests, each beside a limit measured in the same run.

Requests stand beside bare aiohttp over TLS that echoes the same bytes, and writes beside the commits with an fsync
that SQLite makes of rows of that size: no server in this process model can be faster than those. Server and client are
processes of their own and share two cores, so read the ratios.
"""

import asyncio
import json
import sqlite3
import ssl
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parent.parent))

import aiohttp
from server_processes import child, sample

from tests.gotk.apiserver.caller import APPLY, Caller
from tests.gotk.apiserver.widgets import WIDGETS_PATH

SECONDS, CONCURRENCY = 1.5, 20


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
    with child("echo", str(directory)) as server:
        context = ssl.create_default_context()
        url = f"https://127.0.0.1:{server.told()['port']}"
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
    with child("serve", str(directory / "requests"), "widgets") as server:
        server.told()
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


async def main() -> None:
    """Run and print."""
    with tempfile.TemporaryDirectory() as name:
        await requests(Path(name))


if __name__ == "__main__":
    asyncio.run(main())
