"""Record what Flux's image-reflector-controller answers to the scenes of tests/reflector/upstream.

    python scripts/record_reflector.py [PROGRAM] [--only WORD]
    python scripts/record_reflector.py --ours SCENE --why SENTENCE

PROGRAM is a path or a name on PATH (`image-reflector-controller`). It runs against an embedded control plane of ours
and registries on loopback, and its answers are written to answers.json. With `--ours` our own answer to one scene is
written to differences.json, as one that differs on purpose.
"""

import argparse
import asyncio
import contextlib
import json
import shutil
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parent.parent))

from tests import registries
from tests.reflector.upstream import player, programs
from tests.reflector.upstream import scenes as scenes_

ALL = [*scenes_.SCENES, *scenes_.STOCKED]
FOLDER = Path(__file__).parent.parent / "tests/reflector/upstream"


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


async def play(scenes: Sequence[player.Scene], program: str | None) -> dict[str, list[player.Seen]]:
    """Play scenes to a program, or to ours."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        async with contextlib.AsyncExitStack() as stack:
            docker = stack.enter_context(registries.docker_registry(folder))
            await scenes_.stock(docker)
            ground = await stack.enter_async_context(player.ground(folder, docker=docker))
            running = programs.flux(program, ground, folder) if program else programs.ours(ground, folder)
            await stack.enter_async_context(running)
            places = asyncio.Semaphore(30)
            async with asyncio.TaskGroup() as group:
                tasks = {scene.name: group.create_task(record(ground, scene, places)) for scene in scenes}
    return {name: task.result() for name, task in tasks.items()}


def keep(path: Path, more: dict[str, Any]) -> None:
    """Add to a file of answers, in the order of the scenes."""
    known = {**(json.loads(path.read_text()) if path.exists() else {}), **more}
    kept = {scene.name: known[scene.name] for scene in ALL if scene.name in known}
    path.write_text(json.dumps(kept, indent=1, ensure_ascii=False) + "\n")


def main() -> None:
    """Play what is asked for and write it down."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("program", nargs="?", default="image-reflector-controller")
    parser.add_argument("--only", default="", help="scenes whose name has this in it")
    parser.add_argument("--ours", default="", metavar="SCENE", help="record our own answer to this scene")
    parser.add_argument("--why", default="", help="why ours differs")
    given = parser.parse_args()
    if given.ours:
        found = asyncio.run(play([scene for scene in ALL if scene.name == given.ours], None))
        keep(FOLDER / "differences.json", {name: {"why": given.why, "ours": seen} for name, seen in found.items()})
        return
    program = shutil.which(given.program)
    if program is None:
        sys.exit(f"{given.program} is not installed: give its path")
    keep(FOLDER / "answers.json", asyncio.run(play([s for s in ALL if given.only in s.name], program)))


if __name__ == "__main__":
    main()
