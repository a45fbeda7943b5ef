"""How long from a pushed tag to the changed Deployment, on the embedded defaults, and where the time goes.

    python bench/bench_push_to_applied.py [--pushes 30] [--stories kustomization helmrelease] [--ways webhook interval]

By webhook and by interval, through a Kustomization and through a HelmRelease. Everything runs in this process:
registry, Git server over HTTP, control plane, service, and the watches that see each stage; what was built or rendered
is seen in the process, for no object shows it. A tag counts as pushed when the registry has answered; by webhook it is
told at once, as the registry would, to a receiver that is narrowed: the tag is taken in after one HEAD. By interval
images are scanned every second, so half a second of the way is, on average, waiting for the next scan. Each push comes
when the one before has been found healthy; a few that follow each other at once are told below. The peer is the same by
hand: curl, git, kubectl or helm, over the same servers in the same run.
"""

import argparse
import asyncio
import contextlib
import json
import random
import socket
import statistics
import tempfile
from collections.abc import Sequence
from pathlib import Path

import aiohttp
import following
from by_hand import Hand
from following import Follower, Silent

from deploy.helm.rendering.render import Renderer
from deploy.kustomize.building.build import Builder
from gotk.api import extensions
from gotk.runtime import logging
from gotk.runtime.blocking import Limiter
from image_automation.app.demo import playground, scenario
from image_automation.app.demo.story import MANIFESTS, RELEASES, Story
from image_automation.notification.receiver import path_of
from tests.conformance.helm import Helm

STORIES = {"kustomization": MANIFESTS, "helmrelease": RELEASES}
WAYS = ("webhook", "interval")
MEDIAN, P99 = 0.5, 1.2
BY_HAND, AT_ONCE = 5, 5
LIMIT = 60.0
TOKEN = "bench"
NAMESPACE = "flux-system"
META = {"name": "hook", "namespace": NAMESPACE}
RECEIVER = (
    {"apiVersion": "v1", "kind": "Secret", "metadata": META, "stringData": {"token": TOKEN}},
    {
        "apiVersion": "notification.toolkit.fluxcd.io/v1",
        "kind": "Receiver",
        "metadata": META | {"annotations": {extensions.NARROW: "true"}},
        "spec": {
            "type": "distribution",
            "secretRef": {"name": "hook"},
            "resources": [{"kind": "ImageRepository", "name": "web"}],
        },
    },
)


class Pushes:
    """Pushes tags into a playground, and follows each to its Deployment."""

    def __init__(self, ground: playground.Playground, follower: Follower, session: aiohttp.ClientSession) -> None:
        self._ground = ground
        self._follower = follower
        self._session = session
        self._random = random.Random(0)

    async def by_webhook(self, tags: Sequence[str], door: str, *, settle: bool = True) -> list[following.Way]:
        """Push tags, and tell of each at a receiver's door."""
        return [await self._push(tag, door, settle=settle) for tag in tags]

    async def by_interval(self, tags: Sequence[str]) -> list[following.Way]:
        """Push tags that are found by themselves, each at any moment between two scans."""
        ways = []
        for tag in tags:
            await asyncio.sleep(self._random.random())
            ways.append(await self._push(tag, "", settle=True))
        return ways

    async def _push(self, tag: str, door: str, *, settle: bool) -> following.Way:
        ground = self._ground
        await ground.push(tag)
        self._follower.begin(tag, ground.story.stages)
        if door:
            await self._tell(tag, door)
        way = await self._follower.arrived(LIMIT)
        if settle:
            await scenario.settle(ground, tag)
        return way

    async def _tell(self, tag: str, door: str) -> None:
        """Tell of a tag as the registry would."""
        event = {"id": tag, "action": "push", "target": {"repository": playground.REPOSITORY, "tag": tag}}
        said = json.dumps({"events": [event]})
        async with self._session.post(door, data=said, headers={"Authorization": TOKEN}) as answer:
            answer.raise_for_status()
        self._follower.mark("received")


def free_port() -> int:
    """Return a port that is free now."""
    with socket.create_server(("127.0.0.1", 0)) as probe:
        return int(probe.getsockname()[1])


async def scan_each(ground: playground.Playground, interval: str) -> None:
    """Let the image be scanned at an interval."""
    spec = {"spec": {"interval": interval}}
    await ground.client.patch_object("image.toolkit.fluxcd.io/v1", "ImageRepository", NAMESPACE, "web", spec)


async def open_door(ground: playground.Playground, port: int) -> str:
    """Make the receiver, and return its address once it is open."""
    for obj in RECEIVER:
        await ground.client.apply_object(obj, field_manager="bench")
    async for _, obj in ground.client.watch_objects("notification.toolkit.fluxcd.io/v1", "Receiver", NAMESPACE):
        conditions = (obj.get("status") or {}).get("conditions") or ()
        if any(each["type"] == "Ready" and each["status"] == "True" for each in conditions):
            break
    return f"http://127.0.0.1:{port}{path_of(TOKEN.encode(), 'hook', NAMESPACE)}"


async def by_hand(ground: playground.Playground, work: Path) -> float:
    """Print what each step takes by hand. Returns the seconds of all, as a median."""
    with Limiter(width=1) as limiter:
        hand = await limiter.run(Hand, ground, work)
        took = [await limiter.run(hand.bring, f"1.0.{10 + index}") for index in range(BY_HAND)]
    steps = [f"{name} {statistics.median(each[name] for each in took):.3f}" for name in took[0]]
    total = statistics.median(sum(each.values()) for each in took)
    print(f"\nby hand {total:.3f} s: {', '.join(steps)}")
    return total


def compare(name: str, by: str, ways: Sequence[following.Way], hand: float) -> None:
    """Print a table, and how it stands to its targets and to the same by hand."""
    median, p99 = following.tell(f"{name} by {by}", ways)
    print(f"median {median:.3f} s, p99 {p99:.3f} s: {median / hand:.2f} x by hand", end="")
    if by == "webhook":
        print(f", {median / MEDIAN:.2f} and {p99 / P99:.2f} of the targets ({MEDIAN} s, {P99} s)", end="")
    else:
        scanned = statistics.median(each.reached["scanned"] for each in ways)
        print(f", {(median - scanned) / hand:.2f} x without the wait for a scan", end="")
    print()


async def measure(name: str, story: Story, ways: Sequence[str], count: int) -> None:
    """Measure one story."""
    port = free_port()
    with tempfile.TemporaryDirectory() as folder, contextlib.ExitStack() as stack:
        here = Path(folder)
        async with (
            playground.open_playground(here / "data", story, receiver_addr=f"127.0.0.1:{port}") as ground,
            aiohttp.ClientSession() as session,
        ):
            await scenario.prepare(ground, Silent())
            await scenario.settle(ground, scenario.OLD_TAGS[1])
            door = await open_door(ground, port)
            await scan_each(ground, "10m")
            hand = await by_hand(ground, here / "hand")
            async with following.following(ground.client, story.kinds) as follower:
                stack.enter_context(following.noted(follower, Builder, "build", "built"))
                stack.enter_context(following.noted(follower, Renderer, "render", "rendered"))
                pushes = Pushes(ground, follower, session)
                if "webhook" in ways:
                    pushed = await pushes.by_webhook([f"1.1.{index}" for index in range(count)], door)
                    compare(name, "webhook", pushed, hand)
                    hasty = await pushes.by_webhook([f"1.2.{index}" for index in range(AT_ONCE)], door, settle=False)
                    queued = statistics.median(each.arrived for each in hasty[1:])
                    print(f"a push right after another: {queued:.3f} s, with the rollout of the one before in it")
                if "interval" in ways:
                    await scan_each(ground, "1s")
                    pushed = await pushes.by_interval([f"1.3.{index}" for index in range(count)])
                    compare(name, "interval", pushed, hand)


async def main() -> None:
    """Run and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--pushes", type=int, default=30, help="how many of each")
    parser.add_argument("--stories", nargs="*", choices=STORIES, default=list(STORIES))
    parser.add_argument("--ways", nargs="*", choices=WAYS, default=list(WAYS))
    given = parser.parse_args()
    logging.configure(level="error", encoding="console")
    for name in given.stories:
        if STORIES[name] is RELEASES and Helm.path is None:
            print("\nthere is no helm here: nothing to measure of a HelmRelease")
            continue
        await measure(name, STORIES[name], given.ways, given.pushes)


if __name__ == "__main__":
    asyncio.run(main())
