"""The demo's story: older tags run, a new one is pushed, and it is followed until the Deployment has it."""

import asyncio
import contextlib
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from gotk.kube import errors
from gotk.kube.client import Client
from image_automation.app.demo import playground, timeline
from image_automation.app.demo.view import View

OLD_TAGS = ("1.0.0", "1.0.1", "1.1.0-rc.1")
NEW_TAG = "1.1.0"
_LIMIT = 60.0


class ScenarioError(Exception):
    """The tag did not arrive: the message names the stage and what the objects say."""


Observer = Callable[[dict[str, Any]], None]


async def follow(
    ground: playground.Playground,
    track: timeline.Timeline,
    *,
    began: float,
    reached: Callable[[timeline.Reached], None],
) -> None:
    """Watch every kind of the way until the tag has arrived. Raises ScenarioError after a minute."""
    done = asyncio.Event()

    def observe(obj: dict[str, Any]) -> None:
        for stage in track.observe(obj, time.monotonic() - began):
            reached(stage)
        if track.done:
            done.set()

    try:
        async with asyncio.timeout(_LIMIT), asyncio.TaskGroup() as group:
            watching = [group.create_task(watch(ground.client, *kind, observe)) for kind in ground.story.kinds]
            await done.wait()
            for task in watching:
                task.cancel()
    except TimeoutError:
        states = await _states(ground)
        raise ScenarioError(f"{track.tag} was not {track.next} within {_LIMIT:.0f} s\n{states}") from None


async def watch(client: Client, api_version: str, kind: str, namespace: str, observe: Observer) -> None:
    """Report every state of the objects of a kind, again from the start whenever the stream ends."""
    while True:
        with contextlib.suppress(errors.Expired):
            async for type_, obj in client.watch_objects(api_version, kind, namespace):
                if type_ in {"ADDED", "MODIFIED"}:
                    observe(obj)


async def _states(ground: playground.Playground) -> str:
    lines = []
    for api_version, kind, namespace in ground.story.kinds:
        for obj in await ground.client.list_objects(api_version, kind, namespace):
            for condition in (obj.get("status") or {}).get("conditions") or ():
                name = f"{kind}/{obj['metadata']['name']}"
                lines.append(f"  {name} {condition['type']}={condition['status']}: {condition.get('message', '')}")
    return "\n".join(lines)


async def prepare(
    ground: playground.Playground, view: View, tag: str = NEW_TAG, *, old_tags: Sequence[str] = OLD_TAGS
) -> None:
    """Push the older tags, apply the objects and wait until the older version runs.

    Where an earlier run has pushed the new tag already, there is no older version to wait for.
    """
    view.step(f"registry at {ground.registry.address}, Git at {ground.variables['git']}, all on this machine")
    view.step(f"the dashboard shows all of it at {ground.dashboard}")
    for old in old_tags:
        await ground.push(old)
    view.step(f"pushed {ground.image}: {', '.join(old_tags)}")
    await ground.apply()
    view.step("applied ImageRepository, ImagePolicy, ImageUpdateAutomation, GitRepository and Kustomization")
    if ground.has(tag):
        view.step(f"{tag} was pushed before: going on with what is there")
        return
    stages = ground.story.stages
    first = timeline.Timeline(tag=OLD_TAGS[1], stages=(stages[0], stages[1], stages[-1]))
    await follow(ground, first, began=time.monotonic(), reached=lambda _: None)
    view.step(f"{OLD_TAGS[1]} is the highest stable version, and what {ground.story.runs}")


async def travel(ground: playground.Playground, view: View, tag: str = NEW_TAG) -> timeline.Timeline:
    """Push a tag and follow it to the Deployment."""
    track = timeline.Timeline(tag=tag, stages=ground.story.stages)
    view.begin(f"{ground.image}:{tag} was pushed", [stage.name for stage in ground.story.stages])
    await ground.push(tag)

    def reached(stage: timeline.Reached) -> None:
        view.reached(stage, ground.diff(track.commit) if stage.stage == "committed" else "")

    await follow(ground, track, began=time.monotonic(), reached=reached)
    return track


async def settle(ground: playground.Playground, tag: str) -> None:
    """Wait until everything that applies the new version has found it healthy. Raises ScenarioError after a minute."""
    settled, tip = asyncio.Event(), ground.tip
    states: dict[tuple[str, str], bool] = {}

    def observe(obj: dict[str, Any]) -> None:
        kind = obj["kind"]
        if kind == "Deployment":
            fine = tag in str(obj["spec"]["template"]) and _holds(obj, "Available")
        elif kind == "Kustomization":  # which stays ready while it goes on to another revision
            fine = _holds(obj, "Ready") and str(obj["status"].get("lastAppliedRevision")).endswith(tip)
        else:
            fine = _holds(obj, "Ready")
        states[kind, obj["metadata"]["name"]] = fine
        if all(states.values()) and {seen for seen, _ in states} == {kind for _, kind, _ in ground.story.settling}:
            settled.set()

    try:
        async with asyncio.timeout(_LIMIT), asyncio.TaskGroup() as group:
            watching = [group.create_task(watch(ground.client, *kind, observe)) for kind in ground.story.settling]
            await settled.wait()
            for task in watching:
                task.cancel()
    except TimeoutError:
        said = await _states(ground)
        raise ScenarioError(f"{tag} was not found healthy within {_LIMIT:.0f} s\n{said}") from None


def _holds(obj: dict[str, Any], kind: str) -> bool:
    conditions = (obj.get("status") or {}).get("conditions") or ()
    return any(each["type"] == kind and each["status"] == "True" for each in conditions)


def kubectl() -> str:
    """Return the kubectl that is installed beside this program."""
    beside = Path(sys.executable).parent / "kubectl"
    return str(beside) if beside.exists() else "kubectl"
