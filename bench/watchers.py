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
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec

from gotk.kube import config
from gotk.kube.client import Client

#: How many seconds all events may take after the last write.
PATIENCE = 30.0
_LASTS = 600


class _Metadata(msgspec.Struct):
    name: str = ""


class _Object(msgspec.Struct):
    metadata: _Metadata


class _Event(msgspec.Struct):
    type: str
    object: _Object


@dataclass(frozen=True, slots=True)
class Seen:
    """How many events came of those that were written, and after how many seconds half and 99 of 100 of them did."""

    expected: int
    delivered: int
    median: float
    p99: float


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
        lags = self._told()["lags"]
        return Seen(len(written) * self._count, lags[0], lags[1], lags[2])

    def _told(self) -> dict[str, Any]:
        assert self._process.stdout is not None
        told: dict[str, Any] = json.loads(self._process.stdout.readline())
        return told


@contextmanager
def watchers(kubeconfig: Path, path: str, version: str, count: int, events: int) -> Iterator[Watchers]:
    """Run watches of a path, from a resource version on."""
    words = [sys.executable, __file__, str(kubeconfig), path, version, str(count), str(events)]
    with subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        try:
            yield Watchers(process, count)
        finally:
            process.kill()


async def watch(kubeconfig: str, path: str, version: str, count: str, events: str) -> None:
    """Watch, and tell."""
    seen: list[dict[str, float]] = [{} for _ in range(int(count))]
    opened = 0
    async with Client(await config.from_kubeconfig([Path(kubeconfig)]), timeout=_LASTS) as client:

        async def one(came: dict[str, float]) -> None:
            nonlocal opened
            decoder, rest = msgspec.json.Decoder(_Event), b""
            query = {"watch": "true", "resourceVersion": version, "timeoutSeconds": str(_LASTS)}
            async with client.raw(path, query, accept="application/json") as answer:
                opened += 1
                if opened == len(seen):
                    print(json.dumps({"open": True}), flush=True)
                async for piece in answer.body:
                    *lines, rest = (rest + piece).split(b"\n")
                    now = time.monotonic()
                    for event in map(decoder.decode, lines):
                        came[f"{event.type}/{event.object.metadata.name}"] = now
                    if len(came) == int(events):
                        return

        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(one(came)) for came in seen]
            line = await asyncio.get_running_loop().run_in_executor(None, sys.stdin.readline)
            await asyncio.wait(tasks, timeout=PATIENCE)
            for task in tasks:
                task.cancel()
    print(json.dumps({"lags": _lags(seen, json.loads(line))}), flush=True)


def _lags(seen: Sequence[Mapping[str, float]], written: Mapping[str, float]) -> tuple[int, float, float]:
    found = sorted(came[key] - at for came in seen for key, at in written.items() if key in came)
    return len(found), statistics.median(found), found[int(len(found) * 0.99)]


if __name__ == "__main__":
    asyncio.run(watch(*sys.argv[1:]))
