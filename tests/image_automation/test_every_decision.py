"""Each decision not to write is one record: status, events, explain, plan, the dashboard and digests tell it alike."""

import json
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

import msgspec
import pytest

from gotk.api import extensions, scheme
from gotk.api.core import Namespace
from gotk.api.image import ImagePolicy, ImageRepository, ImageUpdateAutomation
from gotk.api.kustomize import Kustomization
from gotk.git.objects.commit import Person
from gotk.git.objects.seed import seed
from gotk.runtime.blocking import Limiter
from image_automation import report, report_status
from image_automation.app.settings import Settings
from image_automation.app.telling import pending
from image_automation.app.telling.pending import Pending
from image_automation.cli import planned as plans
from image_automation.cli import reports, verdicts
from image_automation.dashboard import explained as explained_page
from image_automation.dashboard import holds, states
from image_automation.dashboard.page import Look
from image_automation.explanation import Explainer
from image_automation.oneshot import clustered
from image_automation.oneshot.record import Plan
from image_automation.report import Held
from policies.image_policy import ImagePolicyReconciler
from reflector.first_seen import FirstSeen
from reflector.store import TagStore
from tests import running
from tests.image_automation.automating import FILE, Client, Store, Waits, World, automation, policy
from tests.image_automation.failing import deployed
from tests.image_automation.notification import scene
from tests.image_automation.pull_requests.forging import Forge
from tests.memory_cluster import image_repository
from tests.reflector import storing

Auto = ImageUpdateAutomation
Ended = running.Ended[Auto]
JANE = Person("Jane", "jane@example.com")
WEB = "a/web"
PLACE = {"namespace": "apps", "name": "web"}


def saying(obj: Any, **annotations: str) -> Any:
    ours = {f"{extensions.PREFIX}{key.replace('_', '-')}": text for key, text in annotations.items()}
    metadata = msgspec.structs.replace(obj.metadata, annotations={**obj.metadata.annotations, **ours})
    return msgspec.structs.replace(obj, metadata=metadata)


# The decisions of automations: each leads to one place that is not written.


async def by_window(world: World) -> Ended:
    return await world.run(saying(automation(), windows='[{deny: "00:00-24:00"}]'))


async def by_freeze(world: World) -> Ended:
    return await world.run(saying(automation(), freeze="{reason: sale, until: 2026-01-02T00:00:00Z, by: jane}"))


async def by_the_freeze_of_a_policy(world: World) -> Ended:
    world.store.put(saying(policy("web", WEB, "1.1"), freeze="{reason: broken, by: jane}"))
    return await world.run(automation())


async def by_the_freeze_of_a_namespace(world: World) -> Ended:
    empty = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "apps"}}
    world.store.put(saying(scheme.convert(empty, Namespace), freeze="{reason: audit, by: jane}"))
    return await world.run(automation())


async def by_approval(world: World) -> Ended:
    world.store.put(saying(policy("web", WEB, "1.1"), approvals="{needed: 2, of: [jane, joe], deadline: 48h}"))
    return await world.run(automation())


async def by_rejection(world: World) -> Ended:
    word = json.dumps([{"tag": "1.1", "verdict": "reject", "by": "jane", "reason": "slow", "image": WEB}])
    world.store.put(saying(policy("web", WEB, "1.1"), decisions=word))
    return await world.run(automation())


async def by_group(world: World) -> Ended:
    world.store.put(saying(policy("web", WEB, "1.1"), group="shop"))
    world.store.put(saying(policy("job", "a/job", "1.0"), group="shop"))
    return await world.run(automation())


async def by_a_person_s_revert(world: World) -> Ended:
    first = await world.run(automation())
    seed(world.remote, {"apps/web.yaml": FILE}, author=JANE)
    return await world.run(first.obj)


async def by_quarantine(world: World) -> Ended:
    world.restarted(deployers=(Kustomization,))
    first = await world.run(saying(automation(), on_failure="revert"))
    world.store.put(deployed(world.head(), world.first))
    return await running.run_once(world.reconciler, first.obj, now=running.NOON + timedelta(minutes=3))


DECISIONS: dict[str, tuple[Callable[[World], Awaitable[Ended]], str]] = {
    "a window": (by_window, "OutsideWindow"),
    "a freeze": (by_freeze, "Frozen"),
    "the freeze of a policy": (by_the_freeze_of_a_policy, "Frozen"),
    "the freeze of a namespace": (by_the_freeze_of_a_namespace, "Frozen"),
    "approvals that lack": (by_approval, "AwaitingApproval"),
    "a rejection": (by_rejection, "Rejected"),
    "a group": (by_group, "GroupIncomplete"),
    "a person's revert": (by_a_person_s_revert, "TakenBack"),
    "quarantine": (by_quarantine, "Quarantined"),
}


@pytest.mark.parametrize(("decide", "kind"), DECISIONS.values(), ids=DECISIONS)
async def test_a_decision_of_an_automation_is_told_alike_everywhere(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], decide: Callable[[World], Awaitable[Ended]], kind: str
) -> None:
    world = World(tmp_path)
    ended = await decide(world)
    assert alone(ended).kind == kind
    await is_told_everywhere(ended, world, tmp_path, capsys)
    world.limiter.close()


async def test_a_pull_request_that_was_closed_is_told_alike_everywhere(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    forge = Forge(tmp_path)
    await forge.run()
    forge.close(forge.open[0])
    ended = await forge.run()
    assert alone(ended).kind == "PullRequestClosed"
    await is_told_everywhere(ended, forge.world, tmp_path, capsys)
    forge.world.limiter.close()


def alone(ended: Ended) -> Held:
    (held,) = report.read(ended.obj.metadata.annotations).held
    return held


async def is_told_everywhere(ended: Ended, world: World, folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    held, obj = alone(ended), ended.obj
    cause, sign = report_status.held_cause(held), "waits" if held.waits else "held"
    # Status and events.
    about = extensions.UPDATES_WAITING if held.waits else extensions.UPDATES_HELD
    assert ended.conditions[about][:2] == ("True", held.kind)
    assert ended.conditions[about][2].endswith(cause)
    assert any(event.message.endswith(cause) for event in ended.run.events)
    assert (cause in ended.ready[2]) is held.waits or "held back" in ended.ready[2]
    # explain update.
    told = f"{held.old} stays, not {held.new}: {cause}"
    capsys.readouterr()
    reports.show(report.read(obj.metadata.annotations), untold=False)
    shown = [line.split() for line in capsys.readouterr().out.splitlines()]
    assert [f"{held.path}:{held.line}", held.setter, sign, *told.split()] in shown
    # plan.
    plan = await planned(obj, world, folder)
    assert plan.errors == ()
    assert [msgspec.structs.replace(each, since=held.since) for each in plan.held] == [held]
    plans.show(plan, {}, {}, running.NOON)
    assert told in capsys.readouterr().out
    # The dashboard, and digests.
    page = holds.of([obj], (), lambda *_: False)
    (row,) = page.waiting if held.waits else page.held
    assert (row.reason, row.cause, row.until, row.since) == (held.kind, cause, held.until, held.since)
    digest = pending.digest(scene.alert(), [Pending(obj)], running.NOON)
    assert digest is not None
    assert f": {cause}" in digest.message


async def planned(obj: Auto, world: World, folder: Path) -> Plan:
    """Return the plan that somebody makes elsewhere, by what the cluster says."""
    world.store.put(obj)
    seen = await clustered.plan(
        Elsewhere(world.store),
        "apps",
        named=(),
        folder=folder / "plan",
        settings=Settings(data_dir=folder),
        clock=Waits(),
    )
    return seen.plan


class Elsewhere(Client):
    """The cluster as whoever plans reaches it."""

    def __init__(self, store: Store) -> None:
        super().__init__(store)
        self._all = store

    async def list(self, kind: type[Any], namespace: str | None = None) -> Any:
        return self._all.list(kind, namespace)


# The decisions of policies: which tag is not chosen yet, or any more.


@dataclass(frozen=True)
class Chosen:
    """A policy after its run, and what explains it."""

    ended: running.Ended[ImagePolicy]
    store: Store
    tags: TagStore


class NoDigests:
    async def __call__(self, *_: Any) -> Any:
        raise AssertionError("nobody wants a digest")


async def chosen(tags: TagStore, obj: ImagePolicy) -> Chosen:
    image = image_repository("web", namespace="apps") | {"status": {"canonicalImageName": WEB}}
    image["spec"]["image"] = WEB
    image["status"]["lastScanResult"] = {"tagCount": 3, "revision": "1", "scanTime": "2026-01-01T12:00:00Z"}
    store = Store(scheme.convert(image, ImageRepository))
    with Limiter(width=1) as limiter:
        reconciler = ImagePolicyReconciler(
            objects=store,
            client=Client(store),
            tags=tags,
            digests=NoDigests(),  # type: ignore[arg-type]
            image_names=str,
            limiter=limiter,
            no_cross_namespace_refs=False,
            object_level_workload_identity=False,
            requeue_dependency=30.0,
        )
        return Chosen(await running.run_once(reconciler, obj), store, tags)


@pytest.fixture
def tags(tmp_path: Path) -> Iterator[TagStore]:
    """Two tags since long, and one since an hour."""
    names, noon = ["1.0.0", "1.1.0", "1.2.0"], int(running.NOON.timestamp())
    seen = FirstSeen(names=names, first=[0, 0, noon - 3600], missing=bytes(3), began=0)
    with TagStore(tmp_path / "tags.db") as store:
        storing.write(store, WEB, names, "1", first_seen=seen)
        yield store


SAID = {
    "a minimum age": ({"minimum_age": "72h"}, "1.1.0", "too young: eligible in 2d 23h"),
    "a pin": ({"pin": '{"tag": "1.0.0", "by": "jane", "reason": "1.1 is slow"}'}, "1.0.0", "by jane: 1.1 is slow"),
}


@pytest.mark.parametrize(("annotations", "tag", "said"), SAID.values(), ids=SAID)
async def test_a_decision_of_a_policy_is_told_alike_everywhere(
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    tags: TagStore,
    annotations: dict[str, str],
    tag: str,
    said: str,
) -> None:
    made = await chosen(tags, saying(policy("web", WEB, "1.0.0"), **annotations))
    obj, outcome = made.ended.obj, made.ended.outcome
    assert obj.status.latest_ref is not None
    assert (obj.status.latest_ref.tag, made.ended.ready[0]) == (tag, "True")
    # Status, and the event that ends the run.
    assert said in made.ended.ready[2]
    assert outcome is not None
    assert said in outcome.message
    assert outcome.changed
    # explain policy.
    made.store.put(obj)
    explainer = Explainer(objects=made.store, tags=tags, clock=Waits())
    explained = explainer.explain("apps", "web")
    assert (explained.chosen, explained.policy) == (tag, "apps/web")
    verdicts.show(explained, "table")
    assert said in capsys.readouterr().out
    # plan.
    world = World(tmp_path)
    world.store.put(obj)
    plan = await planned(automation(), world, tmp_path)
    assert any(said in note for note in plan.notes)
    assert [(each.new, each.policy) for each in plan.bumps] == [(tag, "apps/web")]
    # The dashboard, and digests.
    look = Look(objects=made.store, explains=explainer, now=running.NOON, place=PLACE)
    page = json.dumps(msgspec.to_builtins((explained_page.record(look), holds.record(look), states.of(obj))))
    assert said in page
    ageing = explainer.ageing(obj)
    told = pending.digest(scene.alert(), [Pending(automation(), [("web", ageing)] if ageing else [])], running.NOON)
    assert told is None if ageing is None else said in told.message
    world.limiter.close()
