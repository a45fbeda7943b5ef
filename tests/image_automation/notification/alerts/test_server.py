"""The address for events: what it answers, and that a flood leaves it standing."""

import asyncio
import io

import aiohttp
import pytest

from gotk.runtime import health
from gotk.runtime.clock import SystemClock
from gotk.runtime.events import Event, Recorder, Reference
from gotk.runtime.metrics import Metrics
from image_automation.notification.alerts import server
from image_automation.notification.alerts.notifier import CONTROLLER, Notifier
from image_automation.notification.delivery.accounts import Accounts
from image_automation.notification.journal import Journal
from tests.image_automation.notification import scene
from tests.image_automation.notification.alerts.test_notifier import Cache, Told, World


def notifier(world: World, **options: object) -> Notifier:
    clock = SystemClock()
    return Notifier(
        objects=Cache(world), live=world, sender=world,
        accounts=Accounts(client=world, clock=clock, expressions=scene.Expressions()),
        recorder=Recorder([Told(world)], clock=clock, metrics=Metrics()), clock=clock,
        journal=Journal(clock, lambda: None),
        **{"interval": 300.0, "no_cross_namespace_refs": False, **options},
    )  # fmt: skip


BODIES: dict[str, tuple[bytes, int]] = {
    "an event": (b'{"message": "x", "involvedObject": {"kind": "Kustomization"}}', 202),
    "an event with fields of tomorrow": (b'{"message": "y", "new": 1, "timestamp": null}', 202),
    "no JSON": (b"{", 400),
    "a list": (b"[]", 400),
    "a number for a text": (b'{"message": 1}', 400),
    "a bad time": (b'{"timestamp": "yesterday"}', 400),
    "deep nesting": (b"[" * 100_000, 400),
    "more than three MiB": (b" " * (3 << 20) + b"{}", 413),
}


@pytest.mark.parametrize(("body", "status"), BODIES.values(), ids=BODIES)
async def test_the_answer_to(body: bytes, status: int) -> None:
    app = server.app(notifier(World()), SystemClock())
    async with (
        health.serve("127.0.0.1:0", app) as port,
        aiohttp.ClientSession() as session,
        session.post(f"http://127.0.0.1:{port}/any/path", data=io.BytesIO(body)) as answer,
    ):
        assert answer.status == status


async def test_a_flood_of_the_same_event_is_one_notification() -> None:
    world = World([scene.alert()], [scene.provider()])
    found = notifier(world)
    body = scene.notice().as_json()
    async with (
        health.serve("127.0.0.1:0", server.app(found, SystemClock())) as port,
        aiohttp.ClientSession() as session,
    ):

        async def call() -> int:
            async with session.post(f"http://127.0.0.1:{port}/", json=body) as answer:
                return answer.status

        async with asyncio.TaskGroup() as group:
            calls = [group.create_task(call()) for _ in range(500)]
    statuses = [call.result() for call in calls]
    assert (statuses.count(202), statuses.count(429)) == (1, 499)


@pytest.mark.parametrize(
    ("kind", "severity", "controller", "wanted"),
    [
        ("Kustomization", "Warning", "kustomize-controller", True),
        ("Kustomization", "Trace", "kustomize-controller", False),
        ("Alert", "Warning", CONTROLLER, False),
    ],
    ids=["a failure", "a trace", "trouble with alerts"],
)
async def test_the_sink_wants_what_alerts_may_tell(kind: str, severity: str, controller: str, wanted: bool) -> None:
    about = Reference(api_version="v1", kind=kind, namespace="apps", name="web")
    event = Event(
        about=about,
        severity=severity,
        reason="R",
        message="m",
        controller=controller,
        time=scene.NOON,  # type: ignore[arg-type]
    )
    assert server.AlertSink(notifier(World())).wants(event) is wanted
