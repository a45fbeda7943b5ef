"""Record what Flux's image-reflector-controller answers to the scenes of tests/reflector/upstream.

    python scripts/record_reflector.py [PROGRAM] [--only WORD]

PROGRAM is a path or a name on PATH (`image-reflector-controller`). It runs against an embedded control plane of ours
and registries on loopback, and its answers are written to tests/reflector/upstream/answers.json.
"""

import argparse
import asyncio
import contextlib
import json
import os
import shutil
import sys
import tempfile
from collections.abc import AsyncIterator
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent.parent))

from tests.reflector.upstream import player
from tests.reflector.upstream.scenes import SCENES
from tests.registries import free_port

ANSWERS = Path(__file__).parent.parent / "tests/reflector/upstream/answers.json"


@contextlib.asynccontextmanager
async def running(program: str, ground: player.Ground, folder: Path) -> AsyncIterator[None]:
    """Run the program on the ground as long as the block lasts."""
    flags = {
        "events-addr": ground.events_addr, "health-addr": f"127.0.0.1:{free_port()}", "metrics-addr": "0",
        "storage-path": str(folder / "tags"), "concurrent": "40", "kube-api-qps": "500", "kube-api-burst": "1000",
    }  # fmt: skip
    with (folder / "program.log").open("wb") as log:
        process = await asyncio.create_subprocess_exec(
            program, *(f"--{name}={value}" for name, value in flags.items()), stdout=log, stderr=log,
            env={**os.environ, "KUBECONFIG": str(ground.kubeconfig), "RUNTIME_NAMESPACE": "default"},
        )  # fmt: skip
        try:
            yield
        finally:
            process.terminate()
            await process.wait()


async def record(ground: player.Ground, scene: player.Scene, places: asyncio.Semaphore) -> list[player.Seen]:
    """Play a scene and return what was seen after each step."""
    loop = asyncio.get_running_loop()
    async with places:
        began = loop.time()
        await player.begin(ground, scene)
        seen = []
        for step in scene.steps:
            await player.do(ground, scene, step)
            seen.append(await player.quiet(ground, scene, seconds=2.5))
        print(f"{loop.time() - began:6.1f} s  {scene.name}", flush=True)
        return seen


async def main() -> None:
    """Play every scene."""
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("program", nargs="?", default="image-reflector-controller")
    arguments.add_argument("--only", default="", help="scenes whose name has this in it")
    given = arguments.parse_args()
    program = shutil.which(given.program)
    if program is None:
        sys.exit(f"{given.program} is not installed: give its path")
    answers = json.loads(ANSWERS.read_text()) if ANSWERS.exists() else {}
    scenes = [scene for scene in SCENES if given.only in scene.name]
    with tempfile.TemporaryDirectory() as folder:
        async with player.ground(Path(folder)) as ground, running(program, ground, Path(folder)):
            places = asyncio.Semaphore(30)
            async with asyncio.TaskGroup() as group:
                tasks = {scene.name: group.create_task(record(ground, scene, places)) for scene in scenes}
    answers |= {name: task.result() for name, task in tasks.items()}
    kept = {scene.name: answers[scene.name] for scene in SCENES if scene.name in answers}
    ANSWERS.write_text(json.dumps(kept, indent=1, ensure_ascii=False) + "\n")


if __name__ == "__main__":
    asyncio.run(main())
