"""Record which tags Flux's image-reflector-controller chooses, for tests/policies/choices.json.

    python scripts/record_choices.py [PROGRAM] [--seed N] [--lists N] [--policies N] [--out FILE]

Lists of tags and policies over them are made up from a seed. The program scans the lists and chooses, several times,
as it walks filtered tags in an order that is another one every time: all its answers are kept. PROGRAM is a path or a
name on PATH; it runs against an embedded control plane of ours and a registry on loopback.
"""

import argparse
import asyncio
import json
import random
import shutil
import sys
import tempfile
from collections import defaultdict
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parent.parent))

from tests.policies import invented
from tests.reflector.upstream import player, programs

CHOICES = Path(__file__).parent.parent / "tests/policies/choices.json"
TURNS = 4
SPACE = "default"


async def record(program: str, lists: list[list[str]], policies: dict[str, list[dict[str, Any]]]) -> dict[str, Any]:
    """Return every answer to every policy, by the policy's name."""
    with tempfile.TemporaryDirectory() as folder:
        async with player.ground(Path(folder)) as ground, programs.flux(program, ground, Path(folder)):
            for number, tags in enumerate(lists):
                ground.registry.put(f"list{number}", tags=tags)
                spec = {"image": f"{ground.words['PLAIN']}/list{number}", "interval": "10h"}
                await create(ground, "ImageRepository", f"list{number}", spec)
            await scanned(ground, len(lists))
            for list_, specs in policies.items():
                for number, spec in enumerate(specs):
                    await create(
                        ground, "ImagePolicy", f"{list_}-{number}", {"imageRepositoryRef": {"name": list_}, **spec}
                    )
            found: dict[str, set[str]] = defaultdict(set)
            for turn in range(TURNS):
                for name, answer in (await answered(ground, str(turn))).items():
                    found[name].add(answer)
    return {name: sorted(answers) for name, answers in found.items()}


async def create(ground: player.Ground, kind: str, name: str, spec: dict[str, Any]) -> None:
    """Make an object."""
    obj = {"apiVersion": player.API, "kind": kind, "metadata": {"name": name, "namespace": SPACE}, "spec": spec}
    await ground.client.create_object(obj)


async def scanned(ground: player.Ground, count: int) -> None:
    """Wait until every list was scanned."""
    while True:
        objects = await ground.client.list_objects(player.API, "ImageRepository", SPACE)
        if sum("lastScanResult" in obj.get("status", {}) for obj in objects) == count:
            return
        await asyncio.sleep(0.3)


async def answered(ground: player.Ground, turn: str) -> dict[str, str]:
    """Have every policy choose, and return what it did."""
    patch = {"metadata": {"annotations": {"reconcile.fluxcd.io/requestedAt": turn}}}
    objects = await ground.client.list_objects(player.API, "ImagePolicy", SPACE)
    for obj in objects:
        await ground.client.patch_object(player.API, "ImagePolicy", SPACE, obj["metadata"]["name"], patch)
    while True:
        await asyncio.sleep(0.5)
        objects = await ground.client.list_objects(player.API, "ImagePolicy", SPACE)
        if all(obj["status"].get("lastHandledReconcileAt") == turn for obj in objects):
            return {obj["metadata"]["name"]: answer(obj["status"]) for obj in objects}


def answer(status: dict[str, Any]) -> str:
    """Say what a policy chose, or why it did not."""
    ready = next(c for c in status["conditions"] if c["type"] == "Ready")
    return status["latestRef"]["tag"] if ready["status"] == "True" else f"{ready['reason']}: {ready['message']}"


def main() -> None:
    """Make up, ask and write down."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("program", nargs="?", default="image-reflector-controller")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--lists", type=int, default=30)
    parser.add_argument("--policies", type=int, default=20)
    parser.add_argument("--out", type=Path, default=CHOICES)
    given = parser.parse_args()
    program = shutil.which(given.program)
    if program is None:
        sys.exit(f"{given.program} is not installed: give its path")
    chance = random.Random(given.seed)
    lists = [invented.tags(chance) for _ in range(given.lists)]
    policies = {f"list{n}": [invented.policy(chance) for _ in range(given.policies)] for n in range(given.lists)}
    found = asyncio.run(record(program, lists, policies))
    kept = [
        {"tags": tags, "choices": [
            {"policy": spec, "answers": found[f"list{n}-{i}"]} for i, spec in enumerate(policies[f"list{n}"])
        ]}
        for n, tags in enumerate(lists)
    ]  # fmt: skip
    given.out.write_text("[\n" + ",\n".join(json.dumps(one, ensure_ascii=False) for one in kept) + "\n]\n")


if __name__ == "__main__":
    main()
