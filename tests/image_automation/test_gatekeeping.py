"""Gates around a run, over a real repository: what waits, how it is told, when it goes on, what closes at the end."""

import json
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import msgspec
import pytest

from gotk.api import extensions, scheme
from gotk.api.core import Namespace
from gotk.git.objects.clone import Clone
from gotk.runtime.errors import Conflict, Stalled
from image_automation import audit, report, triggers
from image_automation.report import Report
from tests import running
from tests.image_automation.automating import FILE, Client, World, automation, policy


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


@pytest.mark.parametrize("name", ["freeze", "windows", "approvals"])
async def test_an_annotation_that_says_nothing_stalls_the_automation_before_there_is_something_to_write(
    world: World, name: str
):
    done = await world.run(automation())
    ended = await world.run(asking(done.obj, **{name: "yes"}))
    assert isinstance(ended.error, Stalled)
    assert ended.error.message.startswith(f"annotation image-automation.dev/{name}: Expected `")


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


def namespace(name: str, **annotations: str) -> Namespace:
    empty = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}}
    return asking(scheme.convert(empty, Namespace), **annotations)


WHOLE = {
    "a namespace": (namespace("apps", freeze="{reason: audit, by: jane}"), "namespace apps", "Namespace", "apps"),
    "the installation": (
        namespace("flux-system", freeze_installation="{reason: audit, by: jane}"),
        "the installation",
        "Installation",
        "flux-system",
    ),
}


@pytest.mark.parametrize(("frozen", "words", "scope", "name"), WHOLE.values(), ids=WHOLE)
async def test_with_it_everything_in_it_is_frozen_and_says_so(
    world: World, frozen: Namespace, words: str, scope: str, name: str
):
    head = world.head()
    world.store.put(namespace("other", freeze="{reason: elsewhere}"))
    world.store.put(frozen)
    ended = await world.run(automation())
    said = f"frozen with {words} by jane: audit"
    assert (world.head(), ended.ready[2]) == (head, f"repository up-to-date; 1 update waits: {said}")
    assert ended.conditions[extensions.FROZEN] == ("True", "Frozen", said)
    found = report.read(ended.obj.metadata.annotations)
    assert found.frozen == report.Stop(scope=scope, name=name, message=said, by="jane")
    assert [(held.kind, held.message) for held in found.held] == [("Frozen", said)]
    world.store.put(namespace(name))
    thawed = await world.run(ended.obj)
    assert world.head() != head
    assert extensions.FROZEN not in thawed.conditions
    assert report.read(thawed.obj.metadata.annotations).frozen is None
    world.store.put(frozen)
    again = await world.run(thawed.obj)  # nothing is new, and it is said all the same
    assert again.ready[2] == f"repository up-to-date; {said}"
    assert report.read(again.obj.metadata.annotations).frozen == found.frozen


async def test_a_namespace_that_is_frozen_between_decision_and_push_stops_the_push(world: World):
    head, looks = world.head(), 0

    class Late(Client):
        async def get(self, kind: type[Any], namespace_: str, name: str) -> Any:
            nonlocal looks
            if kind is Namespace and name == "apps":
                looks += 1
                return namespace("apps", **({} if looks == 1 else {"freeze": "{reason: late}"}))
            return await super().get(kind, namespace_, name)

    world.store.put(automation())
    world.restarted(client=Late(world.store))
    ended = await world.run(automation())
    assert isinstance(ended.error, Conflict)
    assert ended.error.message.endswith("may not be written any more: frozen with namespace apps: late")
    assert world.head() == head


async def test_a_rollback_heeds_the_freeze_of_a_namespace(world: World):
    first = await world.run(automation())
    world.store.put(namespace("apps", freeze="{reason: audit}"))
    ended = await world.run(asking(first.obj, rollback='{"id": "one", "by": "jane"}'))
    found = report.read(ended.obj.metadata.annotations).answer
    assert found is not None
    assert found.message.startswith("the automation is frozen with namespace apps: audit; add --during-freeze")
    assert "a/web:1.1" in world.text("apps/web.yaml")


def decided(*words: tuple[str, str, str], tag: str = "1.1") -> str:
    """Write decisions, each a verdict, by whom and why."""
    return json.dumps(
        [{"tag": tag, "verdict": v, "by": by, "reason": why, "at": "2026-01-01T11:00:00Z"} for v, by, why in words]
    )


async def test_a_version_is_written_once_two_approved_it_and_the_commit_says_who(world: World):
    head, asked = world.head(), asking(policy("web", "a/web", "1.1"), approvals="2")
    world.store.put(asking(asked, decisions=decided(("approve", "jane", "seen on staging"))))
    first = await world.run(automation())
    assert world.head() == head
    status, reason, message = first.conditions[extensions.UPDATES_WAITING]
    assert (status, reason) == ("True", "AwaitingApproval")
    assert message.endswith("a/web:1.1 is not written yet: awaiting approval: 1 of 2 approvals (jane)")
    both = decided(("approve", "jane", "seen on staging"), ("allow", "joe\u00e9", ""))
    world.store.put(asking(asked, decisions=both))
    second = await world.run(first.obj)
    subject, _, rest = world.commits()[0].message.partition("\n")
    assert subject == "Update from image update automation"
    assert rest.endswith(
        "Image-Update-Automation: apps/auto\n"
        "Approved-by: jane (web 1.1 of a/web: seen on staging; 2026-01-01T11:00:00Z)\n"
        "Allowed-by: joe\u00e9 (web 1.1 of a/web; 2026-01-01T11:00:00Z)"
    )
    push = report.read(second.obj.metadata.annotations).push
    assert push is not None
    assert [(each.by, each.verdict) for each in push.grants] == [("jane", "approve"), ("joe\u00e9", "allow")]
    past = Clone(world.git(), world.remote, {}).history(world.head(), 1)[0]
    assert [(e.what, e.by, e.version, e.reason, e.at) for e in audit.of_commit(past)] == [
        ("approved, committed", "jane", "1.1", "seen on staging", "2026-01-01T11:00:00Z"),
        ("allowed, committed", "joe\u00e9", "1.1", "", "2026-01-01T11:00:00Z"),
    ]


async def test_a_rejected_version_is_held_and_the_next_one_waits_for_itself(world: World):
    rejected = asking(policy("web", "a/web", "1.1"), decisions=decided(("reject", "jane", "slow")))
    world.store.put(rejected)
    first = await world.run(automation())
    status, reason, message = first.conditions[extensions.UPDATES_HELD]
    assert (status, reason) == ("True", "Rejected")
    assert message.endswith("a/web:1.1 is not written: rejected by jane: slow")
    newer = policy("web", "a/web", "1.2")
    world.store.put(msgspec.structs.replace(rejected, status=newer.status))
    await world.run(first.obj)
    assert "a/web:1.2" in world.text("apps/web.yaml")


async def test_a_deadline_counts_from_the_first_run_that_saw_the_version(world: World):
    world.store.put(asking(policy("web", "a/web", "1.1"), approvals="{needed: 1, deadline: 1h, then: reject}"))
    first = await world.run(automation())
    assert first.outcome is not None
    assert first.outcome.requeue_after == 300
    late = running.NOON + timedelta(minutes=58)
    second = await running.run_once(world.restarted(), first.obj, now=late)
    assert second.outcome is not None
    assert second.outcome.requeue_after == 120
    third = await running.run_once(world.reconciler, second.obj, now=running.NOON + timedelta(hours=1))
    assert third.conditions[extensions.UPDATES_HELD][1] == "Rejected"
    assert third.conditions[extensions.UPDATES_HELD][2].endswith(
        "rejected at 2026-01-01T13:00:00Z: 0 of 1 approvals in time"
    )


async def test_a_group_is_written_whole_in_one_commit_or_not_at_all(tmp_path: Path):
    job = FILE.replace("web", "migrate")
    world = World(tmp_path, {"apps/web.yaml": FILE, "apps/migrate.yaml": job})
    head = world.head()
    world.store.put(asking(policy("web", "a/web", "1.1"), group="shop"))
    world.store.put(asking(policy("migrate", "a/migrate", "1.0"), group="shop"))
    first = await world.run(automation())
    assert world.head() == head
    assert "group shop waits for one version" in first.ready[2]
    world.store.put(asking(policy("migrate", "a/migrate", "1.1"), group="shop"))
    await world.run(first.obj)
    assert len(world.commits()) == 2
    assert "a/web:1.1" in world.text("apps/web.yaml")
    assert "a/migrate:1.1" in world.text("apps/migrate.yaml")
    world.limiter.close()


def test_what_is_said_of_a_policy_wakes_its_automations():
    old = policy("web", "a/web", "1.1")
    assert triggers.chosen(old, asking(old, freeze="{reason: x}"))
    assert not triggers.chosen(old, msgspec.structs.replace(old, metadata=msgspec.structs.replace(
        old.metadata, annotations={"somebody.else/says": "x"})))  # fmt: skip
