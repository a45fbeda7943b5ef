"""Alerts and Providers that a notification-controller put its finalizer on can be deleted."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from typing import Any

from gotk.kube import errors
from gotk.kube.cache import Caches
from gotk.runtime.events import Recorder
from gotk.runtime.metrics import Metrics
from image_automation.notification.alerts.finalizers import FINALIZER, Finalizers
from tests.image_automation.notification.alerts.test_notifier import Told, World
from tests.memory_cluster import MemoryCluster
from tests.virtual_clock import VirtualClock, in_virtual_time

MINE = "example.com/mine"


def held(kind: str, **spec: Any) -> dict[str, Any]:
    usual = {"Alert": {"providerRef": {"name": "chat"}, "eventSources": []}, "Provider": {"type": "slack"}}
    return {
        "apiVersion": "notification.toolkit.fluxcd.io/v1beta3", "kind": kind,
        "metadata": {"name": "a", "namespace": "apps", "finalizers": [FINALIZER, MINE]},
        "spec": usual[kind] | spec,
    }  # fmt: skip


@contextlib.asynccontextmanager
async def releasing(cluster: MemoryCluster, world: World) -> AsyncIterator[None]:
    clock = VirtualClock()
    caches = Caches(cluster, clock=clock)
    recorder = Recorder([Told(world)], clock=clock, metrics=Metrics())
    finalizers = Finalizers(caches=caches, client=cluster, recorder=recorder, clock=clock)
    async with asyncio.TaskGroup() as group:
        runs = (*(cache.run for cache in caches), finalizers.run, recorder.run)
        tasks = [group.create_task(run()) for run in runs]
        await asyncio.sleep(1)
        yield
        for task in tasks:
            task.cancel()


def left(cluster: MemoryCluster, kind: str) -> list[str]:
    return list(cluster.objects[kind, "apps", "a"]["metadata"]["finalizers"])


@in_virtual_time
async def test_an_alert_loses_fluxs_finalizer_at_once_and_is_told_so() -> None:
    cluster, world = MemoryCluster(), World()
    cluster.put(held("Alert"))
    async with releasing(cluster, world):
        assert left(cluster, "Alert") == [MINE]
    [told] = world.told
    assert (told.severity, told.reason, told.about.name) == ("Normal", "Migration", "a")


@in_virtual_time
async def test_a_suspended_alert_loses_it_only_at_the_end() -> None:
    cluster, world = MemoryCluster(), World()
    cluster.put(held("Alert", suspend=True))
    async with releasing(cluster, world):
        assert left(cluster, "Alert") == [FINALIZER, MINE]
        cluster.delete("Alert", "apps", "a")
        await asyncio.sleep(1)
        assert left(cluster, "Alert") == [MINE]


@in_virtual_time
async def test_a_provider_loses_it_only_at_the_end_since_flux_may_put_it_there_again() -> None:
    cluster, world = MemoryCluster(), World()
    cluster.put(held("Provider"))
    async with releasing(cluster, world):
        assert left(cluster, "Provider") == [FINALIZER, MINE]
        cluster.delete("Provider", "apps", "a")
        await asyncio.sleep(1)
        assert left(cluster, "Provider") == [MINE]
    assert world.told == []


@in_virtual_time
async def test_a_failure_to_take_it_off_is_tried_again() -> None:
    cluster, world = MemoryCluster(), World()
    cluster.put(held("Alert"))
    cluster.refusals += [errors.Unreachable(0, "Unreachable", "connection refused") for _ in range(3)]
    async with releasing(cluster, world):
        assert left(cluster, "Alert") == [FINALIZER, MINE]
        await asyncio.sleep(20)
        assert left(cluster, "Alert") == [MINE]
