"""kill -9, again and again, amid writes: what was acknowledged is there afterwards, and no version goes back."""

import asyncio
import os
import random
import signal
import subprocess
import sys
from contextlib import AsyncExitStack
from pathlib import Path

import aiohttp

from tests.gotk.apiserver import lives
from tests.gotk.apiserver.caller import Answer, Caller
from tests.gotk.apiserver.widgets import config_map

LIVES, LANES = 50, 6
PATH = "/api/v1/namespaces/default/configmaps"
GONE = ""


class World:
    """What has been acknowledged, what was under way when the end came, and the newest version that anybody saw."""

    def __init__(self) -> None:
        self.known: dict[str, str] = {}
        self.doubtful: dict[str, str] = {}
        self.revision = 0
        self.random = random.Random(1)
        self.acknowledged = 0

    async def write(self, api: Caller, lane: int) -> None:
        """Create, change or delete one of the lane's own objects."""
        names = [name for name, value in self.known.items() if value != GONE and name.startswith(f"{lane}-")]
        name = self.random.choice(names) if names else ""
        value = str(self.random.random())
        kind = self.random.choice(["create", "patch", "patch", "delete"]) if names else "create"
        if kind == "create":
            name = f"{lane}-{len(self.known)}"
        self.doubtful[name] = GONE if kind == "delete" else value
        match kind:
            case "create":
                answer = await api.post(PATH, config_map(name, value=value))
            case "patch":
                answer = await api.patch(f"{PATH}/{name}", {"data": {"value": value}})
            case _:
                answer = await api.delete(f"{PATH}/{name}")
        self._acknowledge(name, answer)

    def _acknowledge(self, name: str, answer: Answer) -> None:
        assert answer.status in {200, 201}, answer
        self.known[name] = self.doubtful.pop(name)
        self.acknowledged += 1
        self.revision = max(self.revision, int(answer.body["metadata"].get("resourceVersion", 0)))

    async def check(self, api: Caller) -> None:
        """Compare with what is there; what was in doubt becomes known."""
        listed = (await api.get(PATH)).body
        assert int(listed["metadata"]["resourceVersion"]) >= self.revision
        found = {item["metadata"]["name"]: item["data"].get("value") for item in listed["items"]}
        found.pop("kube-root-ca.crt", None)
        assert found.keys() <= self.known.keys() | self.doubtful.keys()
        for name in self.known.keys() | self.doubtful.keys():
            possible = {self.known.get(name, GONE), self.doubtful.get(name, self.known.get(name, GONE))}
            assert found.get(name, GONE) in possible, name
            self.known[name] = found.get(name, GONE)
        self.doubtful.clear()


async def one_life(world: World, api: Caller, process: int) -> None:
    """Write until enough has been acknowledged, then kill."""
    end = world.acknowledged + world.random.randrange(1, 40)
    killed = asyncio.Event()

    async def lane(number: int) -> None:
        try:
            while not killed.is_set():
                await world.write(api, number)
                if world.acknowledged >= end and not killed.is_set():
                    killed.set()
                    os.kill(process, signal.SIGKILL)
        except (aiohttp.ClientError, ConnectionError):
            return

    async with asyncio.timeout(60), asyncio.TaskGroup() as group:
        for number in range(LANES):
            group.create_task(lane(number))


async def test_fifty_deaths_lose_nothing_that_was_acknowledged(tmp_path: Path) -> None:
    world = World()
    program = await asyncio.create_subprocess_exec(
        sys.executable, lives.__file__, tmp_path, str(LIVES + 1), stdout=subprocess.PIPE, start_new_session=True
    )
    assert program.stdout is not None
    async with AsyncExitStack() as stack:
        stack.callback(lambda: os.killpg(program.pid, signal.SIGKILL))
        for life in range(LIVES + 1):
            async with asyncio.timeout(60):
                process = int(await program.stdout.readline())
            async with Caller(tmp_path / "kubeconfig") as api:
                await world.check(api)
                if life < LIVES:
                    await one_life(world, api, process)
    await program.wait()
    assert world.acknowledged > LIVES
