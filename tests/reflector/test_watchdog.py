"""The watchdog over a cluster in memory, in virtual time."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any

import pytest
from prometheus_client import CollectorRegistry, generate_latest

from gotk.api import extensions, scheme
from gotk.api.image import ImageRepository
from gotk.kube import errors
from gotk.kube.cache import Caches
from gotk.runtime.events import Recorder
from gotk.runtime.metrics import Metrics
from reflector import watchdog
from reflector.metrics import StateCollector
from reflector.watchdog import Watchdog
from tests.gotk.runtime.managed import Collected
from tests.memory_cluster import MemoryCluster, image_repository
from tests.virtual_clock import EPOCH, VirtualClock, in_virtual_time

OVERDUE = extensions.SCAN_OVERDUE


def never(image: str) -> str:
    return ""


def scanned(minutes: float, **spec: Any) -> dict[str, Any]:
    time = f"{EPOCH + timedelta(minutes=minutes):%Y-%m-%dT%H:%M:%SZ}"
    return image_repository(**spec) | {"status": {"lastScanResult": {"tagCount": 1, "scanTime": time}}}


CASES = {
    "scanned just now": (scanned(100), 100, None),
    "three intervals ago": (scanned(70), 100, None),
    "longer ago": (scanned(69), 100, 31 * 60),
    "before this process began": (scanned(-1000), 30, None),
    "never, and made long ago": (image_repository(), 31, 31 * 60),
    "suspended": (scanned(0, suspend=True), 1000, None),
    "a time that is none": (
        image_repository() | {"status": {"lastScanResult": {"tagCount": 1, "scanTime": "x"}}}, 31, 31 * 60,
    ),
}  # fmt: skip


@pytest.mark.parametrize(("obj", "minutes", "seconds"), CASES.values(), ids=CASES)
def test_who_is_overdue(obj, minutes, seconds):
    found = watchdog.late(scheme.convert(obj, ImageRepository), EPOCH + timedelta(minutes=minutes), started=EPOCH)
    assert (found and found.seconds) == seconds


def test_a_scan_of_this_process_counts_before_the_status_tells_of_it():
    obj, now = scheme.convert(scanned(0), ImageRepository), EPOCH + timedelta(minutes=100)
    assert watchdog.late(obj, now, started=EPOCH, scanned="2026-01-01T13:20:00Z") is None
    assert watchdog.late(obj, now, started=EPOCH, scanned="2026-01-01T13:00:00Z").seconds == 40 * 60


@contextlib.asynccontextmanager
async def watching(cluster: MemoryCluster) -> AsyncIterator[tuple[Collected, CollectorRegistry]]:
    clock, events = VirtualClock(), Collected()
    caches = Caches(cluster, clock=clock)
    cache = caches.of(ImageRepository)
    recorder = Recorder([events], clock=clock, metrics=Metrics(process=False))
    dog = Watchdog(objects=caches, client=cluster, recorder=recorder, clock=clock, scanned=never)
    registry = CollectorRegistry()
    registry.register(StateCollector(caches, dog.overdue))
    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(cache.run()), group.create_task(recorder.run())]
        await cache.synced.wait()
        async with dog.beside():
            yield events, registry
        for task in tasks:
            task.cancel()


@in_virtual_time
async def test_an_overdue_repository_gets_a_condition_an_event_and_a_metric_until_it_is_scanned():
    cluster = MemoryCluster()
    cluster.put(scanned(0))
    async with watching(cluster) as (events, registry):
        await asyncio.sleep(29 * 60)
        assert OVERDUE not in cluster.conditions("ImageRepository", "default", "app")
        await asyncio.sleep(2 * 60)
        condition = cluster.conditions("ImageRepository", "default", "app")[OVERDUE]
        message = (
            "not scanned for 3 intervals of 10m0s, since 2026-01-01T12:00:00Z; the Ready condition says what the last"
            " attempt met"
        )
        assert (condition["status"], condition["reason"], condition["message"]) == ("True", "ScanOverdue", message)
        assert events.told() == [("Warning", "ScanOverdue", message)]
        assert 'image_automation_scan_overdue_seconds{name="app",namespace="default"} 186' in (
            generate_latest(registry).decode()
        )
        await asyncio.sleep(3600)
        assert len(events.told()) == 1
        cluster.put(scanned(91) | {"metadata": cluster.objects["ImageRepository", "default", "app"]["metadata"]})
        await asyncio.sleep(30)
        assert OVERDUE not in cluster.conditions("ImageRepository", "default", "app")
        assert "overdue_seconds{" not in generate_latest(registry).decode()


@in_virtual_time
async def test_other_conditions_stay_and_a_refused_write_is_tried_again():
    cluster = MemoryCluster()
    ready = {"type": "Ready", "status": "False", "reason": "ReadOperationFailed", "message": "scan failed: gone",
             "lastTransitionTime": "2026-01-01T12:00:00Z", "observedGeneration": 1}  # fmt: skip
    obj = scanned(0)
    obj["status"]["conditions"] = [ready]
    cluster.put(obj)
    async with watching(cluster) as (events, _):
        await asyncio.sleep(1801 - 10)
        cluster.refusals.append(errors.Unreachable(0, "Unreachable", "connection refused"))
        await asyncio.sleep(60)
        found = cluster.conditions("ImageRepository", "default", "app")
        assert (found["Ready"], OVERDUE in found) == (ready, True)
        assert len(events.told()) == 1


@in_virtual_time
async def test_what_happens_in_the_block_is_raised_as_it_is():
    cluster, clock = MemoryCluster(), VirtualClock()
    caches = Caches(cluster, clock=clock)
    recorder = Recorder([], clock=clock, metrics=Metrics(process=False))

    async def fail() -> None:
        async with Watchdog(objects=caches, client=cluster, recorder=recorder, clock=clock, scanned=never).beside():
            await asyncio.sleep(100)
            raise OSError("address already in use")

    with pytest.raises(OSError, match="address already in use"):
        await fail()


def test_held_tags_are_a_metric():
    held = {"type": extensions.TAGS_HELD, "status": "True", "reason": "TagListEmpty", "message": "none",
            "lastTransitionTime": "2026-01-01T12:00:00Z"}  # fmt: skip
    obj = scheme.convert(image_repository() | {"status": {"conditions": [held]}}, ImageRepository)

    class Objects:
        def get(self, kind: Any, namespace: str, name: str) -> Any:
            return obj

        def list(self, kind: Any, namespace: str | None = None) -> list[Any]:
            return [obj]

    registry = CollectorRegistry()
    registry.register(StateCollector(Objects(), lambda: iter(())))
    assert 'image_automation_tags_held{name="app",namespace="default"} 1.0' in generate_latest(registry).decode()
