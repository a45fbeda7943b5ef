"""Every scene, played to ours, against what image-reflector-controller 1.2.0 answered to it.

`scripts/record_reflector.py` wrote the answers down. `differences.json` holds the scenes in which ours differ on
purpose, why they do, and what users see instead.
"""

import asyncio
import json
from pathlib import Path

from tests.reflector.upstream import player, programs
from tests.reflector.upstream.scenes import SCENES

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
            seen.append(await player.until(ground, scene, wanted.__eq__, seconds=15))
        return seen


async def test_users_see_what_flux_shows_them(tmp_path: Path):
    places = asyncio.Semaphore(30)
    async with player.ground(tmp_path) as ground, programs.ours(ground, tmp_path):
        async with asyncio.TaskGroup() as group:
            tasks = {scene.name: group.create_task(play(ground, scene, places)) for scene in SCENES}
        found = {name: task.result() for name, task in tasks.items()}
        wrong = [scene.name for scene in SCENES if found[scene.name] != EXPECTED[scene.name]]
        last = {scene.name: await player.look(ground, scene) for scene in SCENES}
    assert {name: found[name] for name in wrong} == {name: EXPECTED[name] for name in wrong}
    assert last == {name: steps[-1] for name, steps in EXPECTED.items()}


def test_every_difference_is_one_and_says_why():
    for name, difference in DIFFERENCES.items():
        assert difference["ours"] != ANSWERS[name], f"{name}: no difference any more"
        assert difference["why"]
