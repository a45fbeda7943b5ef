"""Events: what the cluster stores, what a notification-controller is sent, and that neither ever makes a run wait."""

import asyncio
import contextlib
import dataclasses
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import Any

import pytest
from aiohttp import web

from gotk.api.meta import ObjectMeta
from gotk.http.errors import OutOfReach, Unreachable
from gotk.http.transport import Transport
from gotk.kube import errors
from gotk.runtime import events
from gotk.runtime.clock import SystemClock
from gotk.runtime.event_sinks import KubernetesEvents, PostedEvents, posted
from gotk.runtime.events import Event, Recorder, Reference
from gotk.runtime.metrics import Metrics
from gotk.runtime.reconciler import Severity
from tests.memory_cluster import MemoryCluster
from tests.virtual_clock import VirtualClock, in_virtual_time

ABOUT = Reference(
    api_version="kustomize.toolkit.fluxcd.io/v1",
    kind="Kustomization",
    namespace="apps",
    name="podinfo",
    uid="u-1",
    resource_version="42",
)


def event(severity: Any = "Normal", message: str = "Deployment/apps/podinfo configured", **more: Any) -> Event:
    return Event(
        about=more.pop("about", ABOUT),
        severity=severity,
        reason="Progressing",
        message=message,
        controller="kustomize-controller",
        time=more.pop("time", datetime(2026, 1, 2, 3, 4, 5, 678, tzinfo=UTC)),
        metadata=more,
    )


@pytest.mark.parametrize(
    ("severity", "metadata", "expected"),
    [
        pytest.param(
            "Normal",
            {"kustomize.toolkit.fluxcd.io/revision": "main@sha1:abc"},
            {"severity": "info", "metadata": {"kustomize.toolkit.fluxcd.io/revision": "main@sha1:abc"}},
            id="normal is info",
        ),
        pytest.param("Warning", {}, {"severity": "error"}, id="a warning is an error, no metadata no field"),
    ],
)
def test_what_is_posted_is_flux_letter_for_letter(
    severity: str, metadata: dict[str, str], expected: dict[str, Any]
) -> None:
    body = posted(event(severity, **metadata), "pod-1")
    assert body == {
        "involvedObject": {
            "kind": "Kustomization",
            "namespace": "apps",
            "name": "podinfo",
            "uid": "u-1",
            "apiVersion": "kustomize.toolkit.fluxcd.io/v1",
            "resourceVersion": "42",
        },
        "timestamp": "2026-01-02T03:04:05Z",
        "message": "Deployment/apps/podinfo configured",
        "reason": "Progressing",
        "reportingController": "kustomize-controller",
        "reportingInstance": "pod-1",
        **expected,
    }


def test_an_objects_own_event_annotations_are_added() -> None:
    meta = ObjectMeta(name="a", annotations={"event.toolkit.fluxcd.io/team": "web", "other": "x"})
    assert events.annotated(meta, {"group/revision": "1"}) == {
        "group/revision": "1",
        "event.toolkit.fluxcd.io/team": "web",
    }


def stored(cluster: MemoryCluster) -> list[tuple[str, str, int]]:
    return [(obj["type"], obj["message"], obj["count"]) for obj in cluster.objects.values()]


@in_virtual_time
async def test_the_same_event_counts_up_the_one_that_is_there() -> None:
    cluster = MemoryCluster()
    sink = KubernetesEvents(client=cluster, clock=VirtualClock())
    later = datetime(2026, 1, 2, 4, tzinfo=UTC)
    await sink.send(event(team="web"))
    moved = dataclasses.replace(ABOUT, resource_version="43")
    await sink.send(event(time=later, about=moved))
    await sink.send(event("Warning", "other"))
    assert stored(cluster) == [("Normal", "Deployment/apps/podinfo configured", 2), ("Warning", "other", 1)]
    (kind, namespace, name), first = next(iter(cluster.objects.items()))
    assert (kind, namespace) == ("Event", "apps")
    assert name.startswith("podinfo.")
    assert int(name.removeprefix("podinfo."), 16) > 0
    assert (first["firstTimestamp"], first["lastTimestamp"]) == ("2026-01-02T03:04:05Z", "2026-01-02T04:00:00Z")
    assert first["metadata"]["annotations"] == {"team": "web"}
    assert first["source"] == {"component": "kustomize-controller"}
    assert first["involvedObject"]["uid"] == "u-1"


@in_virtual_time
async def test_an_event_that_has_expired_is_created_anew() -> None:
    cluster = MemoryCluster()
    sink = KubernetesEvents(client=cluster, clock=VirtualClock())
    await sink.send(event())
    cluster.objects.clear()
    await sink.send(event(time=datetime(2026, 1, 2, 4, tzinfo=UTC)))
    assert stored(cluster) == [("Normal", "Deployment/apps/podinfo configured", 1)]


@pytest.mark.parametrize(
    ("refusals", "written", "seconds"),
    [
        pytest.param([errors.APIError(429, "TooManyRequests", "busy")] * 3, 1, 3.5, id="busy for a while"),
        pytest.param([errors.APIError(503, "", "starting"), errors.Unreachable(0, "", "refused")], 1, 1.5, id="away"),
        pytest.param([errors.APIError(500, "", "broken")] * 12, 0, 75.5, id="for good"),
        pytest.param([errors.Forbidden(403, "Forbidden", "no")], 0, 0, id="not allowed"),
        pytest.param([errors.Fenced(0, "Fenced", "not the leader")], 0, 0, id="not the leader"),
    ],
)
def test_an_event_is_written_again_while_the_api_is_busy_or_away(
    refusals: list[Exception], written: int, seconds: float
) -> None:
    class Refusing(MemoryCluster):
        async def create_object(self, obj: Mapping[str, Any]) -> dict[str, Any]:
            if left:
                raise left.pop()
            return await super().create_object(obj)

    left = [*refusals]

    @in_virtual_time
    async def scenario() -> None:
        cluster, clock = Refusing(), VirtualClock()
        sink = KubernetesEvents(client=cluster, clock=clock)
        began = clock.monotonic()
        with contextlib.suppress(errors.APIError):
            await sink.send(event())
        assert (len(stored(cluster)), clock.monotonic() - began) == (written, seconds)

    scenario()


@in_virtual_time
async def test_an_event_whose_first_answer_was_lost_is_written_once() -> None:
    class Losing(MemoryCluster):
        asked = 0

        async def create_object(self, obj: Mapping[str, Any]) -> dict[str, Any]:
            self.asked += 1
            if self.asked > 1:
                raise errors.AlreadyExists(409, "AlreadyExists", "there is one")
            await super().create_object(obj)
            raise errors.Unreachable(0, "", "connection reset")

    cluster = Losing()
    await KubernetesEvents(client=cluster, clock=VirtualClock()).send(event())
    assert (len(stored(cluster)), cluster.asked) == (1, 2)


@in_virtual_time
async def test_who_waits_for_an_event_waits_for_every_sink_that_wants_it() -> None:
    class Slow:
        name = "slow"

        def wants(self, event: Event) -> bool:
            return event.severity != "Trace"

        async def send(self, event: Event) -> None:
            await asyncio.sleep(3)

    class Failing(Slow):
        name = "failing"

        async def send(self, event: Event) -> None:
            raise errors.Forbidden(403, "Forbidden", "no")

    clock = VirtualClock()
    recorder = Recorder([Slow(), Failing()], clock=clock, metrics=Metrics(process=False))
    async with asyncio.TaskGroup() as group:
        delivering = group.create_task(recorder.run())
        began = clock.monotonic()
        await recorder.emit(ABOUT, "Trace", "Succeeded", "wanted by nobody", controller="c").ended()
        assert clock.monotonic() == began
        await recorder.emit(ABOUT, "Normal", "Succeeded", "wanted by both", controller="c").ended()
        assert clock.monotonic() == began + 3
        delivering.cancel()


@in_virtual_time
async def test_an_object_gets_25_events_at_once_then_one_every_five_minutes() -> None:
    sink = KubernetesEvents(client=MemoryCluster(), clock=VirtualClock())
    assert sum(sink.wants(event(message=str(n))) for n in range(100)) == 25
    other = Reference(api_version="v1", kind="Kustomization", namespace="apps", name="other")
    assert sink.wants(event(about=other))
    await asyncio.sleep(601)
    assert sum(sink.wants(event(message=str(n))) for n in range(100)) == 2


class Receiver:
    """A notification-controller that answers as it is told, then 202."""

    def __init__(self) -> None:
        self.answers: list[int] = []
        self.bodies: list[dict[str, Any]] = []

    async def take(self, request: web.BaseRequest) -> web.Response:
        self.bodies.append(await request.json())
        assert request.content_type == "application/json"
        return web.Response(status=self.answers.pop(0) if self.answers else 202)


class Hurried(SystemClock):
    """Real time without its waits."""

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(0)


@asynccontextmanager
async def receiving(receiver: Receiver) -> AsyncIterator[PostedEvents]:
    runner = web.ServerRunner(web.Server(receiver.take))
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    port = runner.addresses[0][1]
    async with Transport() as transport:
        yield PostedEvents(address=f"http://127.0.0.1:{port}/", instance="pod-1", transport=transport, clock=Hurried())
    await runner.cleanup()


@pytest.mark.parametrize(
    ("answers", "posts", "fails"),
    [
        pytest.param([], 1, False, id="accepted"),
        pytest.param([500, 503], 3, False, id="server errors are tried again"),
        pytest.param([500] * 9, 5, True, id="but not for ever"),
        pytest.param([429], 1, False, id="a duplicate is no failure"),
        pytest.param([400], 1, True, id="a refusal is not tried again"),
    ],
)
async def test_posting(answers: list[int], posts: int, fails: bool) -> None:
    receiver = Receiver()
    receiver.answers = answers
    async with receiving(receiver) as sink:
        metrics = Metrics(process=False)
        recorder = Recorder([sink], clock=Hurried(), metrics=metrics)
        async with asyncio.TaskGroup() as group:
            task = group.create_task(recorder.run())
            recorder.emit(ABOUT, "Trace", "Succeeded", "never posted", controller="c")
            recorder.emit(ABOUT, "Normal", "Succeeded", "posted", controller="c", metadata={"a": "b"})
            await recorder.flush()
            task.cancel()
        assert [body["message"] for body in receiver.bodies] == ["posted"] * posts
        assert receiver.bodies[0]["metadata"] == {"a": "b"}
        dropped = metrics.registry.get_sample_value("gotk_events_dropped_total", {"sink": "events-addr"})
        assert dropped == (1.0 if fails else None)


async def test_a_receiver_that_is_not_there_costs_the_event_and_nothing_else() -> None:
    async with receiving(Receiver()) as gone:
        pass
    async with Transport() as transport:
        sink = PostedEvents(address=gone._address, instance="p", transport=transport, clock=Hurried())
        with pytest.raises(Unreachable):
            await sink.send(event())


async def test_events_are_not_posted_to_a_clouds_metadata() -> None:
    async with Transport() as transport:
        sink = PostedEvents(address="http://169.254.169.254/", instance="p", transport=transport, clock=Hurried())
        with pytest.raises(OutOfReach):
            await sink.send(event())


@in_virtual_time
async def test_a_sink_that_hangs_never_holds_up_who_emits() -> None:
    class Hanging:
        name = "hanging"

        def wants(self, event: Event) -> bool:
            return True

        async def send(self, event: Event) -> None:
            await asyncio.Event().wait()

    metrics = Metrics(process=False)
    recorder = Recorder([Hanging()], clock=VirtualClock(), metrics=metrics, size=10)
    async with asyncio.TaskGroup() as group:
        task = group.create_task(recorder.run())
        for n in range(50):
            recorder.emit(ABOUT, "Normal", "Succeeded", str(n), controller="c")
        await asyncio.sleep(1)
        task.cancel()
    assert metrics.registry.get_sample_value("gotk_events_dropped_total", {"sink": "hanging"}) == 40
    assert asyncio.get_running_loop().time() == 1


@pytest.mark.parametrize("severity", ["Trace", "Routine"])
def test_what_is_routine_and_says_the_same_is_written_every_half_hour(severity: Severity) -> None:
    routine(severity)


@in_virtual_time
async def routine(severity: Severity) -> None:
    sink = KubernetesEvents(client=MemoryCluster(), clock=VirtualClock())

    def trace(message: str) -> bool:
        return sink.wants(event(severity, message))

    assert trace("Reconciliation finished in 1.2s, next run in 1m0s")
    assert not trace("Reconciliation finished in 3.4ms, next run in 59s")
    assert trace("no changes since last reconciliation")
    await asyncio.sleep(1790)
    assert not trace("Reconciliation finished in 3.4s, next run in 1m0s")
    assert sink.wants(event("Normal", "Reconciliation finished in 3.4s, next run in 1m0s"))
    await asyncio.sleep(10)
    assert trace("Reconciliation finished in 3.4s, next run in 1m0s")


def test_of_what_many_objects_say_by_routine_so_much_is_written_in_a_second() -> None:
    routine_of_many()


@in_virtual_time
async def routine_of_many() -> None:
    sink = KubernetesEvents(client=MemoryCluster(), clock=VirtualClock())

    def traces() -> int:
        return sum(sink.wants(event("Trace", about=about)) for about in many)

    many = [dataclasses.replace(ABOUT, name=f"app-{n}") for n in range(1000)]
    assert traces() == 100
    assert sink.wants(event("Normal", "new tags", about=many[-1]))
    await asyncio.sleep(10)
    assert traces() == 10
