"""A dashboard over a cluster in memory, asked as a browser or a program asks."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Mapping
from typing import Any

from aiohttp.test_utils import TestClient, TestServer

from gotk.api.image import ImagePolicy, ImageRepository, ImageUpdateAutomation
from gotk.kube.cache import Caches
from image_automation.dashboard.server import Dashboard
from tests.memory_cluster import MemoryCluster
from tests.running import NOON

HTML = {"Accept": "text/html,application/xhtml+xml,*/*;q=0.8"}
JSON = {"Accept": "application/json"}


class Noon:
    """A clock that stands still for pages, and runs for watches."""

    def now(self) -> Any:
        return NOON

    def monotonic(self) -> float:
        return asyncio.get_running_loop().time()

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(seconds)


@contextlib.asynccontextmanager
async def shown(cluster: MemoryCluster) -> AsyncIterator[TestClient[Any, Any]]:
    """Serve the pages over what the cluster holds now."""
    caches = Caches(cluster, clock=Noon())
    for kind in (ImageRepository, ImagePolicy, ImageUpdateAutomation):
        caches.of(kind)
    dashboard = Dashboard(caches=caches, explains=None, clock=Noon())
    async with asyncio.TaskGroup() as group:
        watching = [group.create_task(cache.run()) for cache in caches]
        for cache in caches:
            await cache.synced.wait()
        async with TestClient(TestServer(dashboard.app())) as client:
            yield client
        for task in watching:
            task.cancel()


def condition(type_: str, status: str, message: str = "", reason: str = "Some") -> dict[str, Any]:
    return {
        "type": type_,
        "status": status,
        "reason": reason,
        "message": message,
        "lastTransitionTime": "2026-01-01T11:00:00Z",
        "observedGeneration": 1,
    }


def ready(status: str = "True", message: str = "fine") -> dict[str, Any]:
    return {"conditions": [condition("Ready", status, message)], "observedGeneration": 1}


def with_status(obj: Mapping[str, Any], **status: Any) -> dict[str, Any]:
    return {**obj, "status": {**obj.get("status", {}), **status}}
