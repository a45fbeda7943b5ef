"""The load that API servers are compared under: paced creates, watched churn, many objects, lists of them.

Writes begin when they are due, however long the ones before take, and count from then: a server that falls behind
shows it. Everything is asked as any client of Kubernetes asks it, so it says the same of every server.
"""

import asyncio
import math
import statistics
import sys
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parent.parent))

import msgspec
from bench_given_cluster import Processes
from server_processes import sample
from watchers import watchers

from gotk.kube import errors
from gotk.kube.client import Client
from tests.gotk.apiserver.widgets import GROUP, WIDGETS, WIDGETS_PATH

RATES = (30, 200)
WATCHERS, CHURN = 200, 100
PAGE, LANES = 500, 20
API_VERSION, KIND = f"{GROUP}/v1", "Widget"
JSON = "application/json"


@dataclass(frozen=True, slots=True)
class Figure:
    """One thing that was measured, and what it must not exceed, where that is said."""

    name: str
    value: float
    limit: float | None = None
    digits: int = 1


class _Meta(msgspec.Struct, rename="camel"):
    resource_version: str = ""
    continue_: str = msgspec.field(name="continue", default="")


class _Page(msgspec.Struct):
    metadata: _Meta
    items: list[msgspec.Raw]


class Load:
    """The load on one server."""

    def __init__(self, client: Client, kubeconfig: Path, processes: Processes, seconds: float) -> None:
        self._client = client
        self._kubeconfig = kubeconfig
        self._processes = processes
        self._seconds = seconds
        self._made = 0

    async def prepare(self) -> None:
        """Define the kind, wait until it is served, and make the first objects. Raises AlreadyExists if it is there."""
        await self._client.create_object(WIDGETS)
        async with asyncio.timeout(60):
            while True:
                try:
                    await self._client.create_object(_object("first"))
                    break
                except errors.APIError:
                    await asyncio.sleep(0.1)
        self._made += 1
        await self.fill(self._made + 5 * LANES)

    async def figures(self, objects: int) -> AsyncIterator[Figure]:
        """Measure one thing after the other; in the end there are so many objects."""
        for rate in RATES:
            async for figure in self._creates(rate):
                yield figure
        async for figure in self._churn():
            yield figure
        before, began, made = self._processes.processor, time.perf_counter(), self._made
        await self.fill(objects)
        seconds, made = time.perf_counter() - began, self._made - made
        yield Figure(f"{LANES} creates at a time, a second", made / seconds, digits=0)
        yield Figure("  processor of each, ms", (self._processes.processor - before) / made * 1000, digits=2)
        yield Figure("objects", self._made, digits=0)
        yield Figure("  memory, MB", self._processes.memory / 1e6, digits=0)
        async for figure in self._lists():
            yield figure

    async def fill(self, objects: int) -> None:
        """Create as fast as goes, several at a time, until there are so many."""

        async def lane() -> None:
            while self._made < objects:
                self._made += 1
                await self._client.create_object(_object(f"fill-{self._made}"))

        async with asyncio.TaskGroup() as group:
            for _ in range(LANES):
                group.create_task(lane())

    async def _creates(self, rate: int) -> AsyncIterator[Figure]:
        before, count, failed = self._processes.processor, int(rate * self._seconds), 0

        async def one(number: int) -> None:
            nonlocal failed
            try:
                await self._client.create_object(_object(f"at-{rate}-{number}"))
                self._made += 1
            except errors.APIError:
                failed += 1

        took = await _paced(rate, count, one)
        yield Figure(f"creates, {rate} a second: errors", failed, 0, digits=0)
        yield Figure("  mean, ms", statistics.mean(took) * 1000, 50)
        yield Figure("  p99, ms", _p99(took) * 1000)
        yield Figure("  processor of each, ms", (self._processes.processor - before) / count * 1000, digits=2)

    async def _churn(self) -> AsyncIterator[Figure]:
        """Create, patch and delete one object after the other while all is watched."""
        listed = msgspec.json.decode(await self._get({"limit": "1"}), type=_Page)
        objects, written = int(CHURN * self._seconds / 3), dict[str, float]()

        async def one(number: int) -> None:
            name = f"churn-{number}"
            written[f"ADDED/{name}"] = time.monotonic()
            await self._client.create_object(_object(name))
            written[f"MODIFIED/{name}"] = time.monotonic()
            await self._client.patch_object(API_VERSION, KIND, "default", name, {"spec": {"replicas": 2}})
            written[f"DELETED/{name}"] = time.monotonic()
            await self._client.delete_object(API_VERSION, KIND, "default", name)

        version = listed.metadata.resource_version
        with watchers(self._kubeconfig, WIDGETS_PATH, version, WATCHERS, 3 * objects) as watching:
            watching.wait_until_open()
            before = self._processes.processor
            await _paced(CHURN / 3, objects, one)
            seen = await asyncio.get_running_loop().run_in_executor(None, watching.seen, written)
        yield Figure(f"{WATCHERS} watchers, {CHURN} writes a second: events", seen.delivered, digits=0)
        yield Figure("  missing", seen.expected - seen.delivered, 0, digits=0)
        yield Figure("  watches broken off", seen.broken, digits=0)
        yield Figure("  median lag, ms", seen.median * 1000)
        yield Figure("  p99 lag, ms", seen.p99 * 1000, 1000)
        yield Figure("  processor, s", self._processes.processor - before)

    async def _lists(self) -> AsyncIterator[Figure]:
        before, began = self._processes.processor, time.perf_counter()
        size = len(await self._get({}))
        yield Figure("list of all, s", _if(size, time.perf_counter() - began), digits=2)
        yield Figure("  MB", size / 1e6)
        yield Figure("  processor, s", self._processes.processor - before, digits=2)
        before, began, token, found = self._processes.processor, time.perf_counter(), "", 0
        while body := await self._get({"limit": str(PAGE), "continue": token}):
            page = msgspec.json.decode(body, type=_Page)
            found += len(page.items)
            if not (token := page.metadata.continue_):
                break
        yield Figure(f"list by pages of {PAGE}, s", _if(body, time.perf_counter() - began), digits=2)
        yield Figure("  missing", self._made - found, 0, digits=0)
        yield Figure("  processor, s", self._processes.processor - before, digits=2)

    async def _get(self, query: dict[str, str]) -> bytes:
        """Return what a list says; nothing, and a line of why, where it is refused."""
        async with self._client.raw(WIDGETS_PATH, query, accept=JSON) as answer:
            body = b"".join([piece async for piece in answer.body])
            if answer.status == 200:
                return body
            print(f"answered {answer.status}: {body[:500].decode()}", file=sys.stderr)
            return b""


def _if(answered: object, value: float) -> float:
    return value if answered else math.nan


async def remove(client: Client) -> None:
    """Take the kind away, and its objects with it."""
    await client.delete_object("apiextensions.k8s.io/v1", "CustomResourceDefinition", "", f"widgets.{GROUP}")


async def _paced(rate: float, count: int, work: Callable[[int], Awaitable[None]]) -> list[float]:
    """Begin work so often a second; return the seconds of each from when it was due."""
    began, took = time.perf_counter() + 0.1, list[float]()

    async def one(number: int) -> None:
        due = began + number / rate
        await asyncio.sleep(due - time.perf_counter())
        await work(number)
        took.append(time.perf_counter() - due)

    async with asyncio.TaskGroup() as group:
        for number in range(count):
            group.create_task(one(number))
    return took


def _p99(values: Sequence[float]) -> float:
    return sorted(values)[int(len(values) * 0.99)]


def _object(name: str) -> dict[str, Any]:
    obj = sample(name)
    return {**obj, "metadata": {**obj["metadata"], "namespace": "default"}}
