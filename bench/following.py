"""Tags that are pushed, followed by watches that stand before the first push, and how that is told."""

import asyncio
import contextlib
import functools
import math
import statistics
import time
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from gotk.kube.client import Client
from image_automation.app.demo import scenario, timeline
from image_automation.app.demo.view import Plain

Kind = tuple[str, str, str]


class Silent(Plain):
    """Says nothing while the clock runs."""

    def step(self, text: str) -> None:
        """Keep quiet."""

    def begin(self, title: str, stages: object) -> None:
        """Keep quiet."""

    def reached(self, reached: timeline.Reached, diff: str) -> None:
        """Keep quiet."""


@dataclass(frozen=True, slots=True)
class Way:
    """After how many seconds from its push a tag had reached each stage."""

    reached: Mapping[str, float]

    @property
    def arrived(self) -> float:
        """When the Deployment had it."""
        return self.reached[timeline.APPLIED]


class Follower:
    """Sees every change of the objects of some kinds, and what of it is a tag's way."""

    def __init__(self) -> None:
        self._latest: dict[tuple[str, str], dict[str, Any]] = {}
        self._track: timeline.Timeline | None = None
        self._began = 0.0
        self._marks: dict[str, float] = {}
        self._arrived = asyncio.Event()

    def observe(self, obj: dict[str, Any]) -> None:
        """Take an object's new state in."""
        self._latest[obj["kind"], obj["metadata"]["name"]] = obj
        if self._track is not None:
            self._track.observe(obj, time.monotonic() - self._began)
            if self._track.done:
                self._arrived.set()

    def begin(self, tag: str, stages: Sequence[timeline.Stage]) -> None:
        """Begin to follow a tag, which was pushed just now."""
        track = timeline.Timeline(tag=tag, stages=stages)
        for obj in self._latest.values():
            track.observe(obj, 0.0)
        self._track, self._began, self._marks = track, time.monotonic(), {}
        self._arrived.clear()

    def mark(self, name: str) -> None:
        """Note that something has happened for the first time on the tag's way, which no object shows."""
        self._marks.setdefault(name, time.monotonic() - self._began)

    async def arrived(self, limit: float) -> "Way":
        """Wait until the tag has arrived. Raises TimeoutError."""
        async with asyncio.timeout(limit):
            await self._arrived.wait()
        assert self._track is not None
        track, self._track = self._track, None
        stages = {each.stage: each.seconds for each in track.reached}
        return Way({**{name: at for name, at in self._marks.items() if at < track.reached[-1].seconds}, **stages})


@contextlib.asynccontextmanager
async def following(client: Client, kinds: Sequence[Kind]) -> AsyncIterator[Follower]:
    """Watch kinds for as long as the block lasts."""
    follower = Follower()
    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(scenario.watch(client, *kind, follower.observe)) for kind in kinds]
        try:
            yield follower
        finally:
            for task in tasks:
                task.cancel()


@contextlib.contextmanager
def noted(follower: Follower, where: type, method: str, name: str) -> Iterator[None]:
    """Mark for as long as the block lasts when a coroutine of a class that runs in this process returns."""
    before = getattr(where, method)

    @functools.wraps(before)
    async def noting(*given: Any, **named: Any) -> Any:
        result = await before(*given, **named)
        follower.mark(name)
        return result

    setattr(where, method, noting)
    try:
        yield
    finally:
        setattr(where, method, before)


def p99(seconds: Sequence[float]) -> float:
    """Return the 99th percentile by nearest rank: of fewer than a hundred it is the slowest."""
    return sorted(seconds)[math.ceil(0.99 * len(seconds)) - 1]


def tell(title: str, ways: Sequence[Way]) -> tuple[float, float]:
    """Print when each stage was reached, and how long it took. Returns median and p99 of the tags' arrival."""
    print(f"\n{title}, {len(ways)} pushes, seconds")
    print(f"{'stage':<12}{'median at':>12}{'median of it':>14}{'p99 at':>10}")
    common = set.intersection(*(set(way.reached) for way in ways))
    found = {name: [way.reached[name] for way in ways] for name in common}
    before = [0.0] * len(ways)
    for name, at in sorted(found.items(), key=lambda each: statistics.median(each[1])):
        part = [later - sooner for later, sooner in zip(at, before, strict=True)]
        print(f"{name:<12}{statistics.median(at):>12.3f}{statistics.median(part):>14.3f}{p99(at):>10.3f}")
        before = at
    arrived = [way.arrived for way in ways]
    return statistics.median(arrived), p99(arrived)
