"""The whole of the runtime at once: one object's or kind's trouble stays with it; a stop is clean and in time."""

import asyncio
import io
import json
from typing import Any

import pytest

from gotk.api.image import ImagePolicy
from gotk.kube import errors as kube
from gotk.runtime import logging
from gotk.runtime.reconciler import Outcome
from gotk.runtime.settings import Settings
from tests.gotk.runtime.managed import managed, policies, repositories
from tests.memory_cluster import MemoryCluster, image_policy, image_repository
from tests.virtual_clock import in_virtual_time


async def succeed(obj: Any, run: Any) -> Outcome:
    return Outcome(message="all good", requeue_after=600)


async def panic(obj: Any, run: Any) -> Outcome:
    token = "s3cr3t-in-a-local"  # noqa: F841 - a traceback with locals would show it
    raise ZeroDivisionError("Authorization: Bearer abcdefghijklmnop")


@in_virtual_time
async def test_one_kinds_panics_and_one_objects_nonsense_stop_nobody_else(logged: io.StringIO) -> None:
    cluster = MemoryCluster()
    for n in range(20):
        cluster.put(image_repository(f"good-{n}"))
        cluster.put(image_policy(f"bad-{n}"))
    cluster.put(image_repository("undecodable", interval="1d"))
    healthy, broken = repositories(succeed), policies(panic)
    async with managed(cluster, healthy, broken) as world:
        await asyncio.sleep(3600)
        for n in range(20):
            assert world.ready(name=f"good-{n}")[0] == "True"
            assert world.ready("ImagePolicy", f"bad-{n}")[:2] == ("False", "Failed")
            assert len(healthy.times(f"good-{n}")) >= 6
            assert 8 <= len(broken.times(f"bad-{n}")) <= 16, "it backs off"
        assert healthy.times("undecodable") == []
        assert world.ready(name="undecodable") == (
            "False",
            "InvalidObject",
            'the object does not fit its schema: spec.interval: time: invalid duration "1d"',
        )
        assert world.cluster.conditions("ImageRepository", "default", "undecodable")["Stalled"]["status"] == "True"
        assert [e.severity for e in world.sink.events if e.about.name == "undecodable"] == ["Warning"]
        cluster.change("ImageRepository", "default", "undecodable", {"spec": {"interval": "1m"}})
        await asyncio.sleep(5)
        assert world.ready(name="undecodable")[0] == "True"
    text = logged.getvalue()
    assert "ZeroDivisionError" in text
    assert "abcdefghijklmnop" not in text
    assert "s3cr3t-in-a-local" not in text
    assert all(json.loads(line) for line in text.splitlines())


class Full(io.StringIO):
    """A log that takes no more lines for a while."""

    refused = 0

    def write(self, text: str) -> int:
        if self.refused:
            self.refused -= 1
            raise OSError("No space left on device")
        return super().write(text)


@in_virtual_time
async def test_a_controller_that_is_started_again_sees_after_every_object() -> None:
    cluster, stream = MemoryCluster(), Full()
    logging.configure(stream=stream)
    for n in range(20):
        cluster.put(image_repository(f"app-{n}"))

    async def work(obj: Any, run: Any) -> Outcome:
        await asyncio.sleep(1)
        if obj.metadata.name == "app-9" and not stream.getvalue().count("unexpected"):
            stream.refused = 2  # the line of the run's end, and that this was unexpected
        return Outcome(message="all good", requeue_after=600)

    reconciler = repositories(work)
    async with managed(cluster, reconciler) as world:
        await asyncio.sleep(3600)
        assert {len(reconciler.times(f"app-{n}")) >= 5 for n in range(20)} == {True}
        assert {world.ready(name=f"app-{n}")[0] for n in range(20)} == {"True"}
    assert "starting again" in stream.getvalue()


@in_virtual_time
async def test_a_kind_that_is_not_served_keeps_only_its_own_controller_waiting() -> None:
    cluster = MemoryCluster()
    cluster.put(image_repository())
    real = cluster.list_raw

    async def without_policies(kind: type[Any], namespace: str | None = None) -> Any:
        if kind is ImagePolicy and not served.is_set():
            raise kube.NoMatch(404, "NotFound", "the server could not find the requested resource")
        return await real(kind, namespace)

    served = asyncio.Event()
    cluster.list_raw = without_policies  # type: ignore[method-assign] # the kind's definition is not there yet
    waiting = policies(succeed)
    async with managed(cluster, repositories(succeed), waiting) as world:
        await asyncio.sleep(60)
        assert world.ready()[0] == "True"
        [reason] = world.manager.unready()
        assert reason.startswith("the cluster does not serve imagepolicies.image.toolkit.fluxcd.io in v1: ")
        cluster.put(image_policy())
        served.set()
        await asyncio.sleep(60)
        assert world.manager.unready() == []
        assert world.ready("ImagePolicy")[0] == "True"


@in_virtual_time
async def test_a_stop_lets_the_runs_under_way_finish_and_begins_no_more() -> None:
    async def slow(obj: Any, run: Any) -> Outcome:
        await asyncio.sleep(5)
        return Outcome(message="all good")

    cluster = MemoryCluster()
    for n in range(6):
        cluster.put(image_repository(f"app-{n}"))
    reconciler = repositories(slow)
    async with managed(cluster, reconciler, settings=Settings(workers=2)) as world:
        await asyncio.sleep(1)
    assert asyncio.get_running_loop().time() == pytest.approx(5, abs=0.1)
    assert [world.ready(name=name) for _, name in reconciler.runs] == [("True", "Succeeded", "all good")] * 2
    assert len(world.sink.events) == 2, "their events were delivered"


@in_virtual_time
async def test_a_stop_cancels_what_does_not_finish_within_the_grace() -> None:
    cancelled = []

    async def endless(obj: Any, run: Any) -> Outcome:
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            cancelled.append(obj.metadata.name)
            raise
        return Outcome(message="never")

    cluster = MemoryCluster()
    cluster.put(image_repository())
    async with managed(cluster, repositories(endless)) as world:
        await asyncio.sleep(1)
    assert cancelled == ["app"]
    assert asyncio.get_running_loop().time() <= 10
    assert world.ready()[0] == "Unknown", "a cancelled run does not claim an end"
    assert world.manager.unready() == ["the controllers do not run"]


@in_virtual_time
async def test_a_stop_does_not_wait_for_caches_that_never_filled() -> None:
    cluster = MemoryCluster()
    cluster.list_failures = [kube.Unreachable(0, "", "no route") for _ in range(100)]
    async with managed(cluster, repositories(succeed)):
        await asyncio.sleep(1)
    assert asyncio.get_running_loop().time() < 2


@in_virtual_time
async def test_cancelling_the_manager_ends_everything_at_once() -> None:
    async def endless(obj: Any, run: Any) -> Outcome:
        await asyncio.Event().wait()
        return Outcome(message="never")

    cluster = MemoryCluster()
    cluster.put(image_repository())

    async def work() -> None:
        async with managed(cluster, repositories(endless)):
            await asyncio.sleep(100)

    with pytest.raises(TimeoutError):
        await asyncio.wait_for(work(), timeout=3)
    assert asyncio.get_running_loop().time() == pytest.approx(3)


@in_virtual_time
async def test_metrics_tell_what_was_done() -> None:
    cluster = MemoryCluster()
    cluster.put(image_repository())
    cluster.put(image_policy())
    async with managed(cluster, repositories(succeed), policies(panic)) as world:
        await asyncio.sleep(2)
        text = world.metrics.render()[0].decode()
    for line in (
        'controller_runtime_reconcile_total{controller="imagerepository",result="requeue_after"} 1.0',
        'controller_runtime_reconcile_total{controller="imagepolicy",result="error"} 2.0',
        'controller_runtime_reconcile_errors_total{controller="imagepolicy"} 2.0',
        'controller_runtime_reconcile_panics_total{controller="imagepolicy"} 2.0',
        'controller_runtime_active_workers{controller="imagerepository"} 0.0',
        'controller_runtime_max_concurrent_reconciles{controller="imagerepository"} 4.0',
        'gotk_reconcile_duration_seconds_count{kind="ImageRepository",name="app",namespace="default"} 1.0',
        'workqueue_depth{name="imagerepository"} 0.0',
        'workqueue_retries_total{name="imagepolicy"} 2.0',
    ):
        assert line in text
