"""A manager over a cluster in memory, and reconcilers that do what a test tells them."""

import asyncio
import random
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from typing import Any

from deploy.kustomize.kustomization import KustomizationReconciler
from gotk.api.image import ImagePolicy, ImageRepository
from gotk.api.kustomize import Kustomization
from gotk.api.meta import Object
from gotk.kube.cache import Caches
from gotk.runtime import conditions
from gotk.runtime.events import Event, Recorder
from gotk.runtime.manager import Manager
from gotk.runtime.metrics import Metrics
from gotk.runtime.reconciler import Outcome, Watch
from gotk.runtime.settings import Settings
from policies.image_policy import ImagePolicyReconciler
from tests.memory_cluster import MemoryCluster
from tests.virtual_clock import VirtualClock


class Collected:
    """A sink that keeps what it is sent."""

    name = "collected"

    def __init__(self) -> None:
        self.events: list[Event] = []

    def wants(self, event: Event) -> bool:
        return True

    async def send(self, event: Event) -> None:
        self.events.append(event)

    def told(self, name: str = "app") -> list[tuple[str, str, str]]:
        return [(e.severity, e.reason, e.message) for e in self.events if e.about.name == name]


class Scripted:
    """A reconciler of any kind: `reconcile` is a function of the test's, `runs` tells when it was called for whom."""

    controller = "test-controller"

    def __init__(
        self,
        kind: type[Object],
        work: Callable[[Any, Any], Awaitable[Outcome]],
        *,
        rules: conditions.Rules = ImagePolicyReconciler.rules,
        watches: Sequence[Watch[Any]] = (),
        unsupported: Sequence[str] = (),
        finalize: Callable[[Any, Any], Awaitable[None]] | None = None,
    ) -> None:
        self.kind = kind
        self.rules = rules
        self.watches = watches
        self.unsupported = unsupported
        self.runs: list[tuple[float, str]] = []
        self.finalized: list[str] = []
        self._work = work
        self._finalize = finalize

    async def reconcile(self, obj: Any, run: Any) -> Outcome:
        self.runs.append((asyncio.get_running_loop().time(), obj.metadata.name))
        return await self._work(obj, run)

    async def finalize(self, obj: Any, run: Any) -> None:
        self.finalized.append(obj.metadata.name)
        if self._finalize:
            await self._finalize(obj, run)

    def times(self, name: str = "app") -> list[float]:
        return [round(time, 2) for time, of in self.runs if of == name]


def repositories(work: Callable[[Any, Any], Awaitable[Outcome]], **options: Any) -> Scripted:
    return Scripted(ImageRepository, work, **options)


def policies(work: Callable[[Any, Any], Awaitable[Outcome]], **options: Any) -> Scripted:
    return Scripted(ImagePolicy, work, **options)


def kustomizations(work: Callable[[Any, Any], Awaitable[Outcome]], **options: Any) -> Scripted:
    return Scripted(Kustomization, work, rules=KustomizationReconciler.rules, **options)


class World:
    """What a test looks at."""

    def __init__(
        self, cluster: MemoryCluster, caches: Caches, sink: Collected, metrics: Metrics, manager: Manager
    ) -> None:
        self.cluster = cluster
        self.caches = caches
        self.sink = sink
        self.metrics = metrics
        self.manager = manager
        self.stop = asyncio.Event()

    def ready(self, kind: str = "ImageRepository", name: str = "app") -> tuple[str, str, str]:
        condition = self.cluster.conditions(kind, "default", name)["Ready"]
        return condition["status"], condition["reason"], condition["message"]

    def status(self, kind: str = "ImageRepository", name: str = "app") -> dict[str, Any]:
        return self.cluster.objects[kind, "default", name]["status"]


@asynccontextmanager
async def managed(
    cluster: MemoryCluster, *reconcilers: Scripted, settings: Settings | None = None
) -> AsyncIterator[World]:
    clock, metrics, sink = VirtualClock(), Metrics(process=False), Collected()
    recorder = Recorder([sink], clock=clock, metrics=metrics)
    caches = Caches(cluster, clock=clock, random=random.Random(1))
    manager = Manager(
        client=cluster,
        caches=caches,
        reconcilers=reconcilers,
        recorder=recorder,
        metrics=metrics,
        clock=clock,
        settings=settings,
        random=random.Random(1),
    )
    world = World(cluster, caches, sink, metrics, manager)
    async with asyncio.TaskGroup() as group:
        group.create_task(manager.run(world.stop))
        yield world
        world.stop.set()
