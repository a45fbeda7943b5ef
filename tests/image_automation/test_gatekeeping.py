"""Gates around a run, over a real repository: what waits, how it is told, when it goes on, what closes at the end."""

from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

import msgspec
import pytest

from gotk.api import extensions
from gotk.runtime.errors import Conflict, Stalled
from image_automation import report, triggers
from image_automation.report import Report
from tests import running
from tests.image_automation.automating import Client, World, automation, policy


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    made = World(tmp_path)
    yield made
    made.limiter.close()


def asking(obj: Any, **annotations: str | None) -> Any:
    """Return an object with annotations of ours, given without the prefix."""
    ours = {f"{extensions.PREFIX}{key.replace('_', '-')}": text for key, text in annotations.items()}
    merged = {name: text for name, text in {**obj.metadata.annotations, **ours}.items() if text is not None}
    return msgspec.structs.replace(obj, metadata=msgspec.structs.replace(obj.metadata, annotations=merged))


def until(moment: datetime) -> str:
    return f"{{reason: Black Friday, until: {moment.isoformat()}, by: jane}}"


async def test_a_frozen_automation_waits_says_so_and_goes_on_when_it_thaws(world: World):
    head = world.head()
    frozen = asking(automation(), freeze=until(running.NOON.replace(minute=1)))
    first = await world.run(frozen)
    said = f"frozen until {running.NOON:%Y-%m-%d}T12:01:00Z by jane: Black Friday"
    assert world.head() == head
    assert first.ready[0] == "True"
    assert first.ready[2] == f"repository up-to-date; 1 update waits: {said}"
    assert first.conditions[extensions.FROZEN] == ("True", "Frozen", said)
    line = f"apps/web.yaml:5: policy web: a/web:1.0 stays, a/web:1.1 is not written yet: {said}"
    assert first.conditions[extensions.UPDATES_WAITING] == ("True", "Frozen", f"not written yet:\n{line}")
    assert [(event.severity, event.reason) for event in first.run.events] == [("Normal", "UpdatesWaiting")]
    assert first.outcome is not None
    assert first.outcome.requeue_after == 60
    again = await world.run(first.obj)
    assert again.run.events == []
    thawed = await world.run(asking(again.obj, freeze=None))
    assert world.head() != head
    assert not {extensions.FROZEN, extensions.UPDATES_WAITING} & set(thawed.conditions)
    assert report.read(thawed.obj.metadata.annotations).held == ()


async def test_what_is_not_frozen_is_written_beside_what_is(world: World, tmp_path: Path):
    world.store.put(asking(policy("web", "a/web", "1.1"), freeze="{reason: broken}"))
    ended = await world.run(automation())
    assert ended.outcome is not None
    assert isinstance(ended.outcome.record, Report)
    assert [(held.kind, held.message) for held in ended.outcome.record.held] == [("Frozen", "frozen: broken")]
    assert ended.outcome.requeue_after == 300
    assert "a/web:1.0" in world.text("apps/web.yaml")


async def test_an_annotation_that_says_nothing_stalls_the_automation(world: World):
    ended = await world.run(asking(automation(), freeze="yes"))
    assert isinstance(ended.error, Stalled)
    assert ended.error.message.startswith("annotation image-automation.dev/freeze: Expected `object`")


async def test_a_freeze_between_decision_and_push_stops_the_push(world: World):
    head, given = world.head(), automation()

    class Late(Client):
        async def get(self, kind: type[Any], namespace: str, name: str) -> Any:
            found = await super().get(kind, namespace, name)
            return asking(found, freeze="{reason: late}") if kind is type(given) else found

    world.store.put(given)
    world.restarted(client=Late(world.store))
    ended = await world.run(given)
    assert isinstance(ended.error, Conflict)
    assert ended.error.message == "'apps/web.yaml' may not be written any more: frozen: late"
    assert world.head() == head


def test_what_is_said_of_a_policy_wakes_its_automations():
    old = policy("web", "a/web", "1.1")
    assert triggers.chosen(old, asking(old, freeze="{reason: x}"))
    assert not triggers.chosen(old, msgspec.structs.replace(old, metadata=msgspec.structs.replace(
        old.metadata, annotations={"somebody.else/says": "x"})))  # fmt: skip
