"""Every scene, played to ours, against what image-reflector-controller 1.2.0 answered to it.

`scripts/record_reflector.py` wrote the answers down. `differences.json` holds the scenes in which ours differ on
purpose, why they do, and what users see instead.
"""

import asyncio
import json
from collections.abc import Sequence
from pathlib import Path

import pytest

from tests import registries
from tests.reflector.upstream import player, programs
from tests.reflector.upstream.scenes import SCENES, STOCKED, stock

HERE = Path(__file__).parent
ANSWERS = json.loads((HERE / "answers.json").read_text())
DIFFERENCES = json.loads((HERE / "differences.json").read_text())
EXPECTED = ANSWERS | {name: difference["ours"] for name, difference in DIFFERENCES.items()}


async def play(ground: player.Ground, scene: player.Scene, places: asyncio.Semaphore) -> list[player.Seen]:
    async with places:
        await player.begin(ground, scene)
        seen = []
        for step, wanted in zip(scene.steps, EXPECTED[scene.name], strict=True):
            await player.do(ground, scene, step)
            seen.append(await player.until(ground, scene, wanted.__eq__, seconds=120))
        return seen


def unlike(scene: player.Scene, found: Sequence[player.Seen]) -> list[str]:
    """Say line by line what was seen too little (-) and too much (+) after each step."""
    said = []
    for number, (seen, wanted) in enumerate(zip(found, EXPECTED[scene.name], strict=True)):
        ours, theirs = lines(seen), lines(wanted)
        said += [f"- {scene.name} {number}: {line}" for line in sorted(theirs - ours)]
        said += [f"+ {scene.name} {number}: {line}" for line in sorted(ours - theirs)]
    return said


def lines(seen: player.Seen) -> set[str]:
    told = {f"{name} {line}" for name in ("events", "posted") for line in seen[name]}
    for name, obj in seen.items():
        if isinstance(obj, dict):
            told |= {f"{name} {line}" for line in (*obj["conditions"], *obj["finalizers"])}
            told |= {f"{name} {field}={json.dumps(value, sort_keys=True)}" for field, value in obj["status"].items()}
            told.add(f"{name} is there")
    return told


async def compare(folder: Path, scenes: Sequence[player.Scene], *, docker: str = "") -> None:
    places = asyncio.Semaphore(30)
    async with player.ground(folder, docker=docker) as ground, programs.ours(ground, folder):
        async with asyncio.TaskGroup() as group:
            tasks = {scene.name: group.create_task(play(ground, scene, places)) for scene in scenes}
        found = {name: task.result() for name, task in tasks.items()}
        last = {
            scene.name: await player.until(ground, scene, EXPECTED[scene.name][-1].__eq__, seconds=30)
            for scene in scenes
        }
    assert [line for scene in scenes for line in unlike(scene, found[scene.name])] == []
    assert [line for scene in scenes for line in unlike(scene, [*found[scene.name][:-1], last[scene.name]])] == []


@pytest.mark.timeout(400)
async def test_users_see_what_flux_shows_them(tmp_path: Path):
    await compare(tmp_path, SCENES)


@pytest.mark.real
@pytest.mark.timeout(400)
async def test_so_they_do_with_a_real_registry(tmp_path: Path):
    if not registries.installed():
        pytest.skip("docker-registry is not installed")
    with registries.docker_registry(tmp_path) as address:
        await stock(address)
        await compare(tmp_path, STOCKED, docker=address)


def test_every_difference_is_one_and_says_why():
    for name, difference in DIFFERENCES.items():
        assert difference["ours"] != ANSWERS[name], f"{name}: no difference any more"
        assert difference["why"]
