"""A separate push branch: rebuilt on top of the checkout while it is ours alone, stacked upon where it is not."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest

from gotk.api import extensions
from gotk.git.mirrors.mirror import Mirror, Mirrors
from gotk.git.objects.seed import seed
from gotk.runtime import errors
from tests.image_automation.automating import FILE, World, automation, git_spec, policy

STACK = {extensions.PUSH_BRANCH: "stack"}
PUSH: dict[str, Any] = {"git": git_spec(push={"branch": "automation"})}


def switching(uid: str = "u-1", annotations: dict[str, str] | None = None, **spec: Any) -> Any:
    made = automation(**{**PUSH, **spec})
    metadata = msgspec.structs.replace(made.metadata, uid=uid, annotations=annotations or {})
    return msgspec.structs.replace(made, metadata=metadata)


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    made = World(tmp_path)
    yield made
    made.limiter.close()


def chain(world: World, branch: str = "automation") -> list[str]:
    return [str(commit.id) for commit in world.commits(branch)]


async def test_it_is_made_from_the_checkout_with_one_commit(world: World):
    ended = await world.run(switching())
    assert chain(world)[1:] == [world.first]
    assert world.head() == world.first
    assert "a/web:1.1" in world.text("apps/web.yaml", "automation")
    assert ended.obj.status.observed_source_revision == f"main@sha1:{world.first}"
    assert ended.obj.status.last_push_commit == world.head("automation")
    assert ended.outcome
    assert " to branch 'automation'\n" in (ended.outcome.event or "")


async def test_a_new_choice_replaces_the_commit_instead_of_stacking_upon_it(world: World):
    first = await world.run(switching())
    world.store.put(policy("web", "a/web", "1.2"))
    await world.run(msgspec.structs.replace(switching(), status=first.obj.status))
    assert chain(world)[1:] == [world.first]
    assert "a/web:1.2" in world.text("apps/web.yaml", "automation")


async def test_it_follows_the_checkout_and_never_goes_stale(world: World):
    await world.run(switching())
    newer = seed(world.remote, {"apps/db.yaml": FILE, "README.md": "new\n"}, message="A human")
    await world.run(switching())
    assert chain(world)[1:] == [newer, world.first]
    assert "a/web:1.1" in world.text("apps/db.yaml", "automation")
    assert world.text("README.md", "automation") == "new\n"


async def test_nothing_new_makes_no_commit_even_after_a_restart(world: World):
    await world.run(switching())
    head = world.head("automation")
    world.restarted()
    world.repositories = Mirrors(world.folder / "other-mirrors")
    world.restarted()
    ended = await world.run(switching())
    assert world.head("automation") == head
    assert ended.outcome
    assert not ended.outcome.changed


async def test_a_commit_of_somebody_else_is_kept_and_stacked_upon_for_good(world: World):
    await world.run(switching())
    theirs = seed(world.remote, {"fix.txt": "by hand\n"}, branch="automation", message="A human")
    world.store.put(policy("web", "a/web", "1.2"))
    await world.run(switching())
    world.store.put(policy("web", "a/web", "1.3"))
    seed(world.remote, {"README.md": "new\n"})
    await world.run(switching())
    assert chain(world)[2] == theirs
    assert world.text("fix.txt", "automation") == "by hand\n"
    assert "a/web:1.3" in world.text("apps/web.yaml", "automation")


async def test_two_automations_of_one_push_branch_stack_and_do_not_undo_each_other(tmp_path: Path):
    world = World(tmp_path, {"a/x.yaml": FILE, "b/x.yaml": FILE})
    one, two = switching("u-1", update={"path": "a"}), switching("u-2", update={"path": "b"})
    for each in (one, two, one, two, one):
        await world.run(each)
    assert len(chain(world)) == 3
    assert all("a/web:1.1" in world.text(path, "automation") for path in ("a/x.yaml", "b/x.yaml"))


async def test_a_merged_branch_that_stayed_behind_is_begun_anew(world: World):
    await world.run(switching())
    merged = seed(world.remote, {"apps/web.yaml": FILE.replace("1.0", "1.1"), "more.txt": "x"}, message="Squashed")
    head = world.head("automation")
    await world.run(switching())
    assert world.head("automation") == head
    world.store.put(policy("web", "a/web", "1.2"))
    await world.run(switching())
    assert chain(world)[1:] == [merged, world.first]


async def test_a_proposal_that_is_no_longer_wanted_is_taken_back(world: World):
    await world.run(switching())
    world.store.put(policy("web", "a/web", "1.0"))
    await world.run(switching())
    assert world.text("apps/web.yaml", "automation") == FILE
    world.store.put(policy("web", "a/web", "1.2"))
    await world.run(switching())
    assert chain(world)[1:] == [world.first]


async def test_the_annotation_keeps_flux_s_stacking(world: World):
    first = await world.run(switching(annotations=STACK))
    seed(world.remote, {"README.md": "new\n"})
    world.store.put(policy("web", "a/web", "1.2"))
    second = await world.run(msgspec.structs.replace(switching(annotations=STACK), status=first.obj.status))
    assert len(chain(world)) == 3
    assert world.text("README.md", "automation") == "hello\n"
    assert len(chain(world)) == 3
    third = await world.run(msgspec.structs.replace(switching(annotations=STACK), status=second.obj.status))
    assert third.outcome
    assert not third.outcome.changed


async def test_an_annotation_that_says_neither_stalls(world: World):
    ended = await world.run(switching(annotations={extensions.PUSH_BRANCH: "squash"}))
    assert isinstance(ended.error, errors.Stalled)
    assert ended.ready[2] == "annotation image-automation.dev/push-branch is 'squash': it must be 'rebuild' or 'stack'"
    assert "refs/heads/automation" not in world.git().references


async def test_a_push_between_our_look_and_our_push_is_not_overwritten(world: World):
    await world.run(switching())

    class Late(Mirror):
        pushed = False

        def push(self, *arguments: Any, **options: Any) -> None:
            if not Late.pushed:
                Late.pushed = True
                seed(world.remote, {"fix.txt": "by hand\n"}, branch="automation", message="A human")
            super().push(*arguments, **options)

    class Opening(Mirrors):
        def open(self, url: str, *arguments: Any, timeout: float = 60, depth: int = 1, **_: Any) -> Mirror:
            return Late(world.folder / "late" / "one.git", url, *arguments, timeout=timeout, depth=depth)

    world.repositories = Opening(world.folder / "late")
    world.restarted()
    world.store.put(policy("web", "a/web", "1.2"))
    await world.run(switching())
    assert world.text("fix.txt", "automation") == "by hand\n"
    assert "a/web:1.2" in world.text("apps/web.yaml", "automation")
    assert len(world.clock.slept) == 1
