"""How a cache keeps up with a real control plane that restarts, loses a definition, or is not there yet."""

import asyncio
import dataclasses
import random
import socket
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from deploy import crds
from gotk.api.image import ImageRepository
from gotk.apiserver import ControlPlane
from gotk.kube import config, errors
from gotk.kube.cache import KindCache
from gotk.kube.client import Client
from gotk.kube.config import Config
from tests.gotk.kube.waiting import until
from tests.memory_cluster import image_repository
from tests.real.muting import muting

NAME = "imagerepositories.image.toolkit.fluxcd.io"
DEFINITION = ("apiextensions.k8s.io/v1", "CustomResourceDefinition", "", NAME)


class Hasty:
    """A clock that never waits for long, so that a test does not either."""

    def monotonic(self) -> float:
        return time.monotonic()

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(min(seconds, 0.05))


@asynccontextmanager
async def following(address: Config) -> AsyncIterator[KindCache[ImageRepository]]:
    async with Client(address) as client, asyncio.TaskGroup() as group:
        cache = KindCache(ImageRepository, client=client, clock=Hasty(), random=random.Random(1))
        task = group.create_task(cache.run())
        yield cache
        task.cancel()


async def seen(cache: KindCache[ImageRepository], *names: str) -> None:
    await until(lambda: {obj.metadata.name for obj in cache.list()} == set(names))


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        return int(taken.getsockname()[1])


async def test_watches_that_break_go_on_and_nothing_is_listed_again(tmp_path: Path) -> None:
    trace = tmp_path / "trace"
    async with ControlPlane(tmp_path / "plane", crds=crds.load(), trace=trace) as plane:
        direct = await config.from_kubeconfig([plane.kubeconfig])
        address = urlsplit(direct.host)
        async with muting(str(address.hostname), int(address.port or 0)) as proxy, Client(direct) as client:
            await client.create_object(image_repository("before"))
            async with following(dataclasses.replace(direct, host=f"https://127.0.0.1:{proxy.port}")) as cache:
                await seen(cache, "before")
                for name in ("one", "two"):
                    proxy.cut()
                    await client.create_object(image_repository(name))
                    await seen(cache, *{"before", "one", name})
    lists = [line for line in trace.read_text().splitlines() if "/imagerepositories?limit=500" in line]
    assert len(lists) == 1


async def test_a_definition_that_is_made_again_is_picked_up(tmp_path: Path) -> None:
    async with ControlPlane(tmp_path, crds=crds.load()) as plane:
        address = await config.from_kubeconfig([plane.kubeconfig])
        async with Client(address) as client, following(address) as cache:
            await client.create_object(image_repository("old"))
            await seen(cache, "old")
            await client.delete_object(*DEFINITION)
            await until(lambda: cache.trouble is not None)
            assert isinstance(cache.trouble.error, errors.NotFound)
            assert cache.list() == []
            [definition] = [each for each in crds.load() if each["metadata"]["name"] == NAME]
            await client.create_object(definition)
            await made(client, image_repository("new"))
            await seen(cache, "new")


async def test_it_waits_for_a_server_and_for_a_definition(tmp_path: Path) -> None:
    port = free_port()
    async with ControlPlane(tmp_path, port=port) as plane:
        address = await config.from_kubeconfig([plane.kubeconfig])
    async with following(address) as cache:
        await until(lambda: cache.trouble is not None)
        assert isinstance(cache.trouble.error, errors.Unreachable)
        async with ControlPlane(tmp_path, port=port), Client(address) as client:
            await until(lambda: isinstance(cache.trouble.error, errors.NotFound))
            for definition in crds.load():
                await client.create_object(definition)
            await made(client, image_repository("late"))
            await seen(cache, "late")


async def made(client: Client, obj: dict[str, Any]) -> None:
    """Create an object as soon as its definition is served."""
    for _ in range(3000):
        try:
            await client.create_object(obj)
        except errors.NotFound:
            await asyncio.sleep(0.02)
        else:
            return
    raise AssertionError("the definition was never served")
