"""How long from a pushed tag, through the registry's webhook, to the applied Deployment, on the embedded defaults.

Everything runs in this process on two cores; images are scanned every ten minutes, so that only the webhook can bring
the tag. The receiver is narrowed: the tag is taken in after one HEAD. Each push comes when the one before has been
found healthy; a few that follow each other at once are told below: they wait until the version before has rolled out.
"""

import asyncio
import json
import socket
import statistics
import tempfile
import time
from pathlib import Path

import aiohttp
from bench_push_to_applied import Silent

from gotk.api import extensions
from gotk.runtime import logging
from image_automation.app.demo import playground, scenario, timeline
from image_automation.notification.receiver import path_of

RUNS = 15
AT_ONCE = 5
TARGET_SECONDS = 1.5
TOKEN = "bench"
NAMESPACE = "flux-system"
META = {"name": "hook", "namespace": NAMESPACE}
OBJECTS = (
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


def free_port() -> int:
    """Return a port that is free now."""
    with socket.create_server(("127.0.0.1", 0)) as probe:
        return int(probe.getsockname()[1])


async def open_door(ground: playground.Playground) -> str:
    """Make the receiver, wait until its path is open, and scan rarely from now on."""
    for obj in OBJECTS:
        await ground.client.apply_object(obj, field_manager="bench")
    spec = {"spec": {"interval": "10m"}}
    await ground.client.patch_object("image.toolkit.fluxcd.io/v1", "ImageRepository", NAMESPACE, "web", spec)
    path = path_of(TOKEN.encode(), "hook", NAMESPACE)
    async for _, obj in ground.client.watch_objects("notification.toolkit.fluxcd.io/v1", "Receiver", NAMESPACE):
        conditions = (obj.get("status") or {}).get("conditions") or ()
        if any(each["type"] == "Ready" and each["status"] == "True" for each in conditions):
            break
    return path


async def travel(ground: playground.Playground, url: str, tag: str) -> tuple[float, timeline.Timeline]:
    """Push a tag, call the door as the registry would, and follow the tag; seconds of the call, and the stages."""
    track = timeline.Timeline(tag=tag, stages=timeline.MANIFESTS)
    await ground.push(tag)
    event = {"id": tag, "action": "push", "target": {"repository": playground.REPOSITORY, "tag": tag}}
    began = time.monotonic()

    async def call() -> float:
        async with (
            aiohttp.ClientSession() as session,
            session.post(url, data=json.dumps({"events": [event]}), headers={"Authorization": TOKEN}) as answer,
        ):
            answer.raise_for_status()
            return time.monotonic() - began

    async with asyncio.TaskGroup() as group:
        called = group.create_task(call())
        await scenario.follow(ground, track, began=began, reached=lambda _: None)
    return called.result(), track


async def main() -> None:
    """Run and print."""
    logging.configure(level="error", encoding="console")
    port = free_port()
    with tempfile.TemporaryDirectory() as name:
        async with playground.open_playground(Path(name), receiver_addr=f"127.0.0.1:{port}") as ground:
            await scenario.prepare(ground, Silent())
            url = f"http://127.0.0.1:{port}{await open_door(ground)}"
            runs = []
            for index in range(RUNS):
                runs.append(await travel(ground, url, f"1.1.{index}"))
                await scenario.settle(ground, f"1.1.{index}")
            hasty = [await travel(ground, url, f"1.2.{index}") for index in range(AT_ONCE)]
    print(f"webhook to applied, {RUNS} runs, seconds\n")
    print(f"{'stage':<12}{'median at':>12}{'median of it':>14}{'slowest':>10}")
    called = [seconds for seconds, _ in runs]
    print(f"{'answered':<12}{statistics.median(called):>12.3f}{'':>14}{max(called):>10.3f}")
    for index, stage in enumerate(timeline.MANIFESTS):
        at = [track.reached[index].seconds for _, track in runs]
        part = [
            each - (track.reached[index - 1].seconds if index else 0.0)
            for each, (_, track) in zip(at, runs, strict=True)
        ]
        print(f"{stage.name:<12}{statistics.median(at):>12.3f}{statistics.median(part):>14.3f}{max(at):>10.3f}")
    total = statistics.median(track.reached[-1].seconds for _, track in runs)
    print(f"\nmedian {total:.3f} s, target {TARGET_SECONDS} s: {total / TARGET_SECONDS:.2f} of it")
    queued = statistics.median(track.reached[-1].seconds for _, track in hasty[1:])
    print(f"a push right after another: {queued:.3f} s, with the rollout of the one before in it")


if __name__ == "__main__":
    asyncio.run(main())
