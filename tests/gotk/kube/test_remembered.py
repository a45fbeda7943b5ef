"""Objects read from what is watched of them: no request where one is known, and one where none is."""

import asyncio
from typing import Any

import pytest

from gotk.api.core import ConfigMap, Secret
from gotk.kube.cache import Caches
from gotk.kube.errors import NotFound
from gotk.kube.remembered import Remembered
from tests.memory_cluster import MemoryCluster
from tests.virtual_clock import VirtualClock, in_virtual_time


class Counted(MemoryCluster):
    """A cluster that counts what is asked for."""

    def __init__(self) -> None:
        super().__init__()
        self.asked: list[str] = []

    async def get(self, kind: type[Any], namespace: str, name: str) -> Any:
        self.asked.append(f"{kind.__name__}/{name}")
        return await super().get(kind, namespace, name)


def config_map(name: str, value: str) -> dict[str, Any]:
    metadata = {"name": name, "namespace": "apps"}
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata, "data": {"key": value}}


@in_virtual_time
async def test_what_is_watched_is_read_without_a_request() -> None:
    cluster = Counted()
    cluster.put(config_map("known", "one"))
    caches = Caches(cluster, clock=VirtualClock())
    objects = Remembered(cluster, caches=caches, kinds=(ConfigMap,))
    async with asyncio.TaskGroup() as group:
        (cache,) = caches
        following = group.create_task(cache.run())
        assert (await objects.get(ConfigMap, "apps", "known")).data == {"key": "one"}
        assert cluster.asked == ["ConfigMap/known"], "nothing has been listed yet"
        await cache.synced.wait()
        cluster.change("ConfigMap", "apps", "known", {"data": {"key": "two"}})
        await asyncio.sleep(1)
        assert (await objects.get(ConfigMap, "apps", "known")).data == {"key": "two"}
        assert cluster.asked == ["ConfigMap/known"]
        with pytest.raises(NotFound):
            await objects.get(ConfigMap, "apps", "missing")
        with pytest.raises(NotFound):
            await objects.get(Secret, "apps", "other")
        assert cluster.asked[1:] == ["ConfigMap/missing", "Secret/other"]
        following.cancel()
