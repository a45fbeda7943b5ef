"""Every scene, played to ours, against what image-reflector-controller 1.2.0 answered to it.

`scripts/record_reflector.py` wrote the answers down. Where ours differ on purpose the scene says why, and what ours say
stands beside it.
"""

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator
from pathlib import Path

from gotk.kube import config
from image_automation.app import service
from image_automation.app.settings import Settings
from tests.reflector.upstream import player
from tests.reflector.upstream.scenes import SCENES

ANSWERS = json.loads((Path(__file__).parent / "answers.json").read_text())


@contextlib.asynccontextmanager
async def ours(ground: player.Ground, folder: Path) -> AsyncIterator[None]:
    address = await config.from_kubeconfig([ground.kubeconfig])
    settings = Settings(
        data_dir=folder / "ours", controllers=frozenset({"imagerepository", "imagepolicy"}),
        storage_addr="127.0.0.1:0", metrics_addr="0", health_addr="0", events_addr=ground.events_addr,
        min_retry_delay=0.2, max_retry_delay=60.0, grace=1.0,
    )  # fmt: skip
    async with service.beside(settings, address):
        yield


async def play(ground: player.Ground, scene: player.Scene, places: asyncio.Semaphore) -> list[player.Seen]:
    async with places:
        await player.begin(ground, scene)
        seen = []
        for step, wanted in zip(scene.steps, ANSWERS[scene.name], strict=True):
            await player.do(ground, scene, step)
            seen.append(await player.until(ground, scene, wanted.__eq__, seconds=8))
        return seen


async def test_what_users_see_is_what_flux_shows_them(tmp_path: Path):
    async with player.ground(tmp_path) as ground, ours(ground, tmp_path):
        places = asyncio.Semaphore(30)
        async with asyncio.TaskGroup() as group:
            tasks = {scene.name: group.create_task(play(ground, scene, places)) for scene in SCENES}
        found = {name: task.result() for name, task in tasks.items()}
    Path("/tmp/scan-ours.json").write_text(json.dumps(found, indent=1, ensure_ascii=False))
    assert found == ANSWERS
