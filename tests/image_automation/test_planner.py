"""A plan is what a run would write, and is written exactly, by the rights of who asks, or not at all."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from gotk.api import scheme
from gotk.api.core import Namespace
from gotk.git.objects.seed import seed
from gotk.kube import errors
from image_automation import report
from image_automation.planner import CannotPlanError, MovedError
from tests.image_automation.automating import FILE
from tests.image_automation.planned import Ground
from tests.running import NOON

UPDATED = FILE.replace("a/web:1.0", "a/web:1.1")


@pytest.fixture
def ground(tmp_path: Path) -> Iterator[Ground]:
    made = Ground(tmp_path)
    yield made
    made.limiter.close()


class Nobody:
    async def merge_patch(self, *_: Any) -> Any:
        raise errors.Forbidden(403, "Forbidden", "you may not")


async def write(ground: Ground, identity: str) -> Any:
    return await ground.planner.write("apps", "auto", identity, ground.person)


async def test_a_plan_names_the_step_the_place_and_the_file(ground: Ground) -> None:
    plan = await ground.plan()
    assert [(each.policy, each.old, each.new, each.level) for each in plan.bumps] == [
        ("apps/web", "1.0", "1.1", "minor")
    ]
    assert [(each.path, each.before, each.after) for each in plan.files] == [
        ("apps/web.yaml", FILE.encode(), UPDATED.encode())
    ]
    assert (plan.branch, plan.base, plan.revision) == ("main", ground.head, f"main@sha1:{ground.head}")
    assert len(plan.identity) == 24


async def test_a_plan_writes_nothing_and_asks_the_remote_once_for_all_who_look(ground: Ground) -> None:
    before, first = ground.head, await ground.plan()
    assert await ground.plan() is first
    assert ground.head == before


async def test_what_is_written_is_the_plan_and_a_run_tells_of_it(ground: Ground) -> None:
    plan = await ground.plan()
    written = await write(ground, plan.identity)
    assert (ground.text(), ground.head) == (UPDATED, written.commit)
    assert written.summary.startswith(f"pushed commit '{written.commit[:7]}' to branch 'main'")
    assert ground.automation.status.last_push_commit == ""
    ended = await ground.run()
    assert [each.message for each in ended.run.told] == [written.summary]
    assert ended.obj.status.last_push_commit == ground.head == written.commit


async def test_while_suspended_the_status_tells_and_nothing_is_left_to_write(tmp_path: Path) -> None:
    ground = Ground(tmp_path, suspend=True)
    with ground.limiter:
        written = await write(ground, (await ground.plan()).identity)
        obj = ground.automation
        assert (obj.status.last_push_commit, obj.status.last_push_time) == (written.commit, "2026-01-01T12:00:00Z")
        push = report.read(obj.metadata.annotations).push
        assert push is not None
        assert [(each.path, each.new) for each in push.changes] == [("apps/web.yaml", "a/web:1.1")]
        after = await ground.plan()
        assert (after.identity, after.files, after.current) == ("", (), 1)


@pytest.mark.parametrize("moves", ["branch", "choice"])
async def test_a_plan_that_has_moved_is_not_written(ground: Ground, moves: str) -> None:
    plan = await ground.plan()
    if moves == "branch":
        seed(ground.remote, {"README.md": "hello"})
    else:
        ground.choose("1.2")
    before = ground.head
    with pytest.raises(MovedError, match="have moved since this plan"):
        await write(ground, plan.identity)
    assert ground.head == before
    assert report.read(ground.automation.metadata.annotations).push is None


async def test_a_person_without_the_right_writes_nothing(ground: Ground) -> None:
    before, plan = ground.head, await ground.plan()
    with pytest.raises(errors.Forbidden):
        await ground.planner.write("apps", "auto", plan.identity, Nobody())
    assert ground.head == before


async def test_an_automation_that_changes_meanwhile_is_written_nothing_for(ground: Ground) -> None:
    class Meanwhile:
        async def merge_patch(self, *what: Any) -> Any:
            ground.cluster.change("ImageUpdateAutomation", "apps", "auto", {"metadata": {"labels": {"a": "b"}}})
            return await ground.person.merge_patch(*what)

    before, plan = ground.head, await ground.plan()
    with pytest.raises(MovedError, match="modified"):
        await ground.planner.write("apps", "auto", plan.identity, Meanwhile())
    assert ground.head == before


async def test_a_record_of_a_push_that_never_arrived_stands_in_nobodys_way(ground: Ground) -> None:
    lost = report.Report(push=report.Push(commit="d" * 40, branch="main", changes=(), checked_out=ground.head))
    annotations = {"image-automation.dev/report": report.write(lost)}
    ground.cluster.change("ImageUpdateAutomation", "apps", "auto", {"metadata": {"annotations": annotations}})
    plan = await ground.plan()
    assert (await write(ground, plan.identity)).commit == ground.head


async def test_a_push_that_is_not_told_of_yet_comes_first(ground: Ground) -> None:
    first = await write(ground, (await ground.plan()).identity)
    ground.choose("1.2")
    plan = await ground.plan()
    with pytest.raises(MovedError, match=f"tell of {first.commit[:12]} first"):
        await write(ground, plan.identity)


async def test_what_becomes_a_pull_request_is_shown_and_not_written_by_hand(ground: Ground) -> None:
    asks = "address: https://github.com/org/web"
    wants = {"metadata": {"annotations": {"image-automation.dev/pull-request": asks}}}
    ground.cluster.change("ImageUpdateAutomation", "apps", "auto", wants)
    plan = await ground.plan()
    assert (plan.proposes, len(plan.files)) == (True, 1)
    with pytest.raises(CannotPlanError, match="merge these"):
        await write(ground, plan.identity)


async def test_pull_requests_at_a_forge_that_does_not_show_cannot_be_planned(ground: Ground) -> None:
    asks = "address: https://git.example.com/org/web"
    wants = {"metadata": {"annotations": {"image-automation.dev/pull-request": asks}}}
    ground.cluster.change("ImageUpdateAutomation", "apps", "auto", wants)
    with pytest.raises(CannotPlanError, match="does not show which forge it is: name its type"):
        await ground.plan()


async def test_what_is_held_and_what_has_no_effect_is_told_beside_it(tmp_path: Path) -> None:
    stray = '  image: b/db:1.0 # {"$imagepolicy": "apps:db"}\n'
    ground = Ground(tmp_path, {"apps/web.yaml": FILE, "apps/db.yaml": f"spec:\n{stray}"})
    with ground.limiter:
        await ground.run()
        ground.commit({"apps/web.yaml": FILE}, when=NOON)
        plan = await ground.plan()
        assert (plan.identity, plan.files) == ("", ())
        assert [(each.path, each.new, each.by) for each in plan.report.held] == [("apps/web.yaml", "a/web:1.1", "Ada")]
        assert [(each.path, each.line, each.cause) for each in plan.report.ignored] == [
            ("apps/db.yaml", 2, "there is no ImagePolicy db in namespace apps")
        ]


async def test_a_freeze_of_the_installation_holds_for_a_person_as_well(ground: Ground) -> None:
    plan = await ground.plan()
    frozen = {"image-automation.dev/freeze-installation": "reason: a migration"}
    meta = {"name": "flux-system", "annotations": frozen}
    ground.cluster.put({"apiVersion": "v1", "kind": "Namespace", "metadata": meta})
    before = ground.head
    with pytest.raises(MovedError, match="or it is held"):
        await write(ground, plan.identity)
    assert ground.head == before
    assert [each.kind for each in (await ground.plan()).report.held] == ["Frozen"]


async def test_a_repository_that_is_not_there_is_said_to_be_so(ground: Ground) -> None:
    ground.cluster.change("GitRepository", "apps", "fleet", {"spec": {"url": "file:///nowhere/at/all"}})
    with pytest.raises(CannotPlanError, match="nowhere"):
        await ground.plan()


async def test_with_a_namespace_that_is_frozen_nothing_is_planned_and_nothing_that_was_is_written(
    ground: Ground,
) -> None:
    plan = await ground.plan()
    annotations = {"image-automation.dev/freeze": "{reason: audit}"}
    frozen = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "apps", "annotations": annotations}}
    ground.put(scheme.convert(frozen, Namespace))
    with pytest.raises(MovedError):
        await write(ground, plan.identity)
    after = await ground.plan()
    assert [held.message for held in after.report.held] == ["frozen with namespace apps: audit"]
    assert (after.identity, ground.head) == ("", plan.base)
