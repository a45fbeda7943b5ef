"""Two instances, clocks that disagree, branches that go or move meanwhile: nothing is lost and nothing is done twice.

Each over a real repository, with gates, groups and recoveries. Two instances share the cluster and the remote, and
nothing else.
"""

import asyncio
import copy
import json
from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import msgspec
import pytest

from gotk.api import extensions
from gotk.api.image import ImageUpdateAutomation
from gotk.api.kustomize import Kustomization
from gotk.git import errors as git
from gotk.git.mirrors.mirror import Mirror, Mirrors
from gotk.git.objects.commit import Person
from gotk.git.objects.seed import seed
from gotk.runtime.blocking import Limiter
from gotk.runtime.errors import Conflict, Retry
from image_automation import report
from tests import running
from tests.image_automation.automating import FILE, Opening, World, automation, policy
from tests.image_automation.failing import deployed

Auto = ImageUpdateAutomation
JANE = Person("Jane", "jane@example.com")
JOB = FILE.replace("web", "job")
NEW, NEW_JOB = FILE.replace("1.0", "1.1"), JOB.replace("1.0", "1.1")
FILES = {"apps/web.yaml": FILE, "apps/job.yaml": JOB, "README.md": "hello\n"}
REQUEST = '{"id": "one", "by": "jane"}'
MAY = json.dumps([{"tag": "1.1", "verdict": "approve", "by": "jane"}])


def saying(obj: Any, **annotations: str) -> Any:
    ours = {f"{extensions.PREFIX}{key.replace('_', '-')}": text for key, text in annotations.items()}
    metadata = msgspec.structs.replace(obj.metadata, annotations={**obj.metadata.annotations, **ours})
    return msgspec.structs.replace(obj, metadata=metadata)


def made(folder: Path) -> World:
    world = World(folder, FILES)
    world.git().references.create("refs/heads/other", world.first)
    world.store.put(policy("job", "a/job", "1.0"))
    world.restarted(deployers=(Kustomization,))
    return world


def texts(world: World) -> tuple[str, str]:
    return world.text("apps/web.yaml"), world.text("apps/job.yaml")


async def turn(world: World, obj: Auto, now: datetime = running.NOON) -> running.Ended[Auto]:
    return await running.run_once(world.reconciler, obj, now=now)


async def updated(world: World, **annotations: str) -> Auto:
    """Let web be updated, before what a scene is about."""
    return saying((await turn(world, automation())).obj, **annotations)


# Two instances.


async def in_a_window(world: World) -> Auto:
    return saying(automation(), windows='[{allow: "00:00-24:00"}]')


async def frozen(world: World) -> Auto:
    return saying(automation(), freeze="{reason: sale}")


async def approved(world: World) -> Auto:
    world.store.put(saying(policy("web", "a/web", "1.1"), approvals="1", decisions=MAY))
    return automation()


async def unapproved(world: World) -> Auto:
    world.store.put(saying(policy("web", "a/web", "1.1"), approvals="2", decisions=MAY))
    return automation()


async def whole_group(world: World) -> Auto:
    for name in ("web", "job"):
        world.store.put(saying(policy(name, f"a/{name}", "1.1"), group="shop"))
    return automation()


async def half_a_group(world: World) -> Auto:
    for name, tag in (("web", "1.1"), ("job", "1.0")):
        world.store.put(saying(policy(name, f"a/{name}", tag), group="shop"))
    return automation()


async def rolled_back(world: World) -> Auto:
    return await updated(world, rollback=REQUEST)


async def recovered(world: World) -> Auto:
    obj = await updated(world, on_failure="revert")
    world.store.put(deployed(world.head(), world.first))
    return obj


TWO: dict[str, tuple[Callable[[World], Any], int, tuple[str, str]]] = {
    "in a window": (in_a_window, 1, (NEW, JOB)),
    "frozen": (frozen, 0, (FILE, JOB)),
    "approved": (approved, 1, (NEW, JOB)),
    "not approved": (unapproved, 0, (FILE, JOB)),
    "a group that is whole": (whole_group, 1, (NEW, NEW_JOB)),
    "half a group": (half_a_group, 0, (FILE, JOB)),
    "a rollback": (rolled_back, 2, (FILE, JOB)),
    "a recovery": (recovered, 2, (FILE, JOB)),
}


@pytest.mark.parametrize(("scene", "commits", "after"), TWO.values(), ids=TWO)
async def test_two_instances_at_once_write_one_commit_and_agree(
    tmp_path: Path, scene: Callable[[World], Any], commits: int, after: tuple[str, str]
) -> None:
    one = made(tmp_path)
    obj = await scene(one)
    other = copy.copy(one)
    other.limiter, other.repositories = Limiter(width=2), Mirrors(tmp_path / "mirrors-of-another")
    other.restarted(deployers=(Kustomization,))
    later = running.NOON + timedelta(minutes=3)  # commits of the same second would be one and the same
    ended = await asyncio.gather(turn(one, obj, later), turn(other, obj, later + timedelta(seconds=20)))
    assert all(each.error is None or isinstance(each.error, Conflict | Retry) for each in ended)
    for world, each in zip((one, other), ended, strict=True):
        await turn(world, each.obj, later + timedelta(minutes=1))
    assert (len(one.commits()) - 1, texts(one)) == (commits, after)
    for world in (one, other):
        world.limiter.close()


# Clocks.


@pytest.mark.parametrize("hours", [-30, -1, 1, 30], ids=lambda hours: f"git is {hours} hours off")
async def test_what_git_says_of_the_time_opens_no_window_and_ends_no_hold(tmp_path: Path, hours: int) -> None:
    world, off = made(tmp_path), running.NOON + timedelta(hours=hours)
    first = await turn(world, automation())
    seed(world.remote, {"apps/web.yaml": FILE}, author=JANE, when=off)
    held = await turn(world, first.obj)
    assert held.conditions[extensions.UPDATES_HELD][1] == "TakenBack"
    world.store.put(policy("web", "a/web", "1.2"))
    windows = '[{allow: "11:30-12:30"}]'
    shut = await turn(world, saying(held.obj, windows=windows), running.NOON + timedelta(hours=1))
    assert shut.conditions[extensions.UPDATES_WAITING][1] == "OutsideWindow"
    await turn(world, shut.obj, running.NOON + timedelta(minutes=10))  # our clock was set back: it is open
    assert world.text("apps/web.yaml") == FILE.replace("1.0", "1.2")
    world.limiter.close()


SKEWED = {
    "the cluster's clock is behind ours": (timedelta(hours=-2), "2026-01-01T09:55:00Z"),
    "the cluster's clock is ahead of ours": (timedelta(hours=2), "2026-01-01T14:30:00Z"),
}


@pytest.mark.parametrize(("skew", "at"), SKEWED.values(), ids=SKEWED)
async def test_an_approval_before_the_deadline_counts_by_whatever_clock_it_was_dated(
    tmp_path: Path, skew: timedelta, at: str
) -> None:
    world = made(tmp_path)
    asked = saying(policy("web", "a/web", "1.1"), approvals="{needed: 1, deadline: 1h, then: reject}")
    world.store.put(asked)
    first = await turn(world, automation())
    assert world.text("apps/web.yaml") == FILE
    word = json.dumps([{"tag": "1.1", "verdict": "approve", "by": "jane", "at": at}])
    world.store.put(saying(asked, decisions=word))
    await turn(world, first.obj, running.NOON + timedelta(minutes=30))
    assert world.text("apps/web.yaml") == NEW
    world.limiter.close()


async def test_a_clock_that_is_set_back_waits_longer_and_forgets_nothing(tmp_path: Path) -> None:
    world = made(tmp_path)
    world.store.put(saying(policy("web", "a/web", "1.1"), approvals="{needed: 1, deadline: 1h, then: reject}"))
    first = await turn(world, automation(), running.NOON + timedelta(hours=5))
    second = await turn(world, first.obj)
    (held,) = report.read(second.obj.metadata.annotations).held
    assert (held.kind, held.since, held.until) == ("AwaitingApproval", "2026-01-01T17:00:00Z", "2026-01-01T18:00:00Z")
    assert second.outcome is not None
    assert second.outcome.requeue_after == 300
    third = await turn(world, second.obj, running.NOON + timedelta(hours=6))
    assert third.conditions[extensions.UPDATES_HELD][1] == "Rejected"
    world.limiter.close()


# Branches that go, and bases that move.


class Raced(Mirror):
    """A mirror of a remote at which something happens right before a push arrives, once."""

    happens: Callable[[], Any] | None = None

    def push(self, *arguments: Any, **options: Any) -> None:
        if Raced.happens is not None:
            happens, Raced.happens = Raced.happens, None
            happens()
        super().push(*arguments, **options)


@pytest.fixture
def raced(tmp_path: Path) -> World:
    world = made(tmp_path)
    world.repositories = Opening(tmp_path / "mirrors", Raced)
    world.restarted(deployers=(Kustomization,))
    return world


MOVED: dict[str, tuple[Callable[[World], Any], tuple[str, str]]] = {
    "in a window": (in_a_window, (NEW, JOB)),
    "a group": (whole_group, (NEW, NEW_JOB)),
    "a rollback": (rolled_back, (FILE, JOB)),
    "a recovery": (recovered, (FILE, JOB)),
}


@pytest.mark.parametrize(("scene", "after"), MOVED.values(), ids=MOVED)
async def test_a_base_that_moves_is_built_on_and_loses_nothing(
    raced: World, scene: Callable[[World], Any], after: tuple[str, str]
) -> None:
    obj = await scene(raced)
    Raced.happens = lambda: seed(raced.remote, {"README.md": "theirs\n"}, author=JANE, when=running.NOON)
    ended = await turn(raced, obj, running.NOON + timedelta(minutes=3))
    assert ended.error is None or isinstance(ended.error, Conflict)
    if ended.error is not None:
        await turn(raced, ended.obj, running.NOON + timedelta(minutes=4))
    assert (raced.text("README.md"), texts(raced)) == ("theirs\n", after)
    raced.limiter.close()


@pytest.mark.parametrize(("scene", "after"), MOVED.values(), ids=MOVED)
async def test_a_branch_that_is_deleted_meanwhile_is_named_and_gone_on_with_once_it_is_back(
    raced: World, scene: Callable[[World], Any], after: tuple[str, str]
) -> None:
    obj = await scene(raced)
    tip = raced.head()
    Raced.happens = lambda: raced.git().references.delete("refs/heads/main")
    ended = await turn(raced, obj, running.NOON + timedelta(minutes=3))
    assert "refs/heads/main" not in raced.git().references  # nobody makes a branch that somebody deleted
    gone = await turn(raced, ended.obj, running.NOON + timedelta(minutes=4))
    assert (gone.ready[0], gone.ready[1]) == ("False", "GitOperationFailed")
    assert "main" in gone.ready[2]
    raced.git().references.create("refs/heads/main", tip)
    back = await turn(raced, gone.obj, running.NOON + timedelta(minutes=5))
    assert back.ready[0] == "True"
    assert texts(raced) == after
    raced.limiter.close()


async def test_a_hold_and_its_time_outlive_a_branch_that_is_gone_for_a_while(raced: World) -> None:
    world = raced
    first = await turn(world, await unapproved(world))
    tip = world.head()
    world.git().references.delete("refs/heads/main")
    gone = await turn(world, first.obj, running.NOON + timedelta(minutes=5))
    assert isinstance(gone.error, Retry)
    assert not isinstance(gone.error.__cause__, git.NonFastForward)
    world.git().references.create("refs/heads/main", tip)
    back = await turn(world, gone.obj, running.NOON + timedelta(minutes=10))
    (held,) = report.read(back.obj.metadata.annotations).held
    assert (held.kind, held.since) == ("AwaitingApproval", "2026-01-01T12:00:00Z")
    world.limiter.close()
