"""Many watches of one resource in a process of its own, and how late each event came to each of them.

    python bench/watchers.py KUBECONFIG PATH VERSION COUNT EVENTS

It says `{"open": true}` once all watches are answered, reads until each has seen so many events or its input has a
line, and takes of that line when each event was written, by `TYPE/name`. Both sides read the same monotonic clock.
"""

import asyncio
import json
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import msgspec

from gotk.kube import config
from gotk.kube.client import Client

#: How many seconds all events may take after the last write.
PATIENCE = 30.0
_LASTS = 600


class _Metadata(msgspec.Struct, rename="camel"):
    name: str = ""
    resource_version: str = ""


class _Object(msgspec.Struct):
    metadata: _Metadata


class _Event(msgspec.Struct):
    type: str
    object: _Object


@dataclass(frozen=True, slots=True)
class Seen:
    """How many events came of those that were written, and after how many seconds half and 99 of 100 of them did.

    `broken` says how often the server broke a watch off.
    """

    expected: int
    delivered: int
    median: float
    p99: float
    broken: int


class Watchers:
    """The process, for whoever writes."""

    def __init__(self, process: "subprocess.Popen[str]", count: int) -> None:
        self._process = process
        self._count = count

    def wait_until_open(self) -> None:
        """Wait until all watches are answered."""
        self._told()

    def seen(self, written: Mapping[str, float]) -> Seen:
        """Say when each event was written, and return what the watches saw of them."""
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps(written) + "\n")
        self._process.stdin.flush()
        told = self._told()
        return Seen(len(written) * self._count, *told["lags"], told["broken"])

    def _told(self) -> dict[str, Any]:
        assert self._process.stdout is not None
        told: dict[str, Any] = json.loads(self._process.stdout.readline())
        return told


@contextmanager
def watchers(kubeconfig: Path, path: str, version: str, count: int, events: int) -> Iterator[Watchers]:
    """Run watches of a path, from a resource version on."""
    words = [sys.executable, __file__, str(kubeconfig), path, version, str(count), str(events)]
    with subprocess.Popen(
        words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, start_new_session=True
    ) as process:
        try:
            yield Watchers(process, count)
        finally:
            process.kill()


@dataclass(slots=True)
class _Watch:
    """One watch, gone on with from where it was where the server breaks it off."""

    version: str
    came: dict[str, float] = field(default_factory=dict)
    broken: int = 0

    async def read(self, client: Client, path: str, events: int, opened: Callable[[], None]) -> None:
        """Read until so many events have come."""
        decoder = msgspec.json.Decoder(_Event)
        while True:
            rest = b""
            query = {"watch": "true", "resourceVersion": self.version, "timeoutSeconds": str(_LASTS)}
            async with client.raw(path, query, accept="application/json") as answer:
                opened()
                async for piece in answer.body:
                    *lines, rest = (rest + piece).split(b"\n")
                    now = time.monotonic()
                    for event in map(decoder.decode, lines):
                        self.version = event.object.metadata.resource_version
                        self.came[f"{event.type}/{event.object.metadata.name}"] = now
                    if len(self.came) == events:
                        return
            self.broken += 1
            await asyncio.sleep(0.1)


async def watch(kubeconfig: str, path: str, version: str, count: str, events: str) -> None:
    """Watch, and tell."""
    watches = [_Watch(version) for _ in range(int(count))]
    left = len(watches)

    def opened() -> None:
        nonlocal left
        left -= 1
        if not left:
            print(json.dumps({"open": True}), flush=True)

    async with (
        Client(await config.from_kubeconfig([Path(kubeconfig)]), timeout=_LASTS) as client,
        asyncio.TaskGroup() as group,
    ):
        tasks = [group.create_task(each.read(client, path, int(events), opened)) for each in watches]
        line = await asyncio.get_running_loop().run_in_executor(None, sys.stdin.readline)
        await asyncio.wait(tasks, timeout=PATIENCE)
        for task in tasks:
            task.cancel()
    lags = _lags([each.came for each in watches], json.loads(line))
    print(json.dumps({"lags": lags, "broken": sum(each.broken for each in watches)}), flush=True)


def _lags(seen: Sequence[Mapping[str, float]], written: Mapping[str, float]) -> tuple[int, float, float]:
    found = sorted(came[key] - at for came in seen for key, at in written.items() if key in came)
    return len(found), statistics.median(found), found[int(len(found) * 0.99)]


if __name__ == "__main__":
    asyncio.run(watch(*sys.argv[1:]))
