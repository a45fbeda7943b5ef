"""The second push: what it may be, where it goes, and that it is not forgotten when it fails."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pygit2
import pytest

from gotk.git.objects.seed import seed
from gotk.git.reference import Target
from gotk.runtime import errors
from image_automation.writing import refspec
from image_automation.writing.checkout import Checkout
from tests.image_automation.automating import FILE, World, automation, git_spec, policy

TARGET = Target(reference="refs/heads/main", label="main")
MAIN = Checkout(wanted=TARGET, branch="main")
FORCED = "refspecs prefixed with '+' are not supported: push refspec must not specify a force update"
AWAY = Checkout(wanted=TARGET, branch="auto")


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    made = World(tmp_path)
    yield made
    made.limiter.close()


def pushing(text: str, **push: Any) -> dict[str, Any]:
    return git_spec(push={"refspec": text, **push})


@pytest.mark.parametrize(
    ("text", "target", "expected"),
    [
        pytest.param("refs/heads/main:refs/heads/x", MAIN, [("new", "refs/heads/x")], id="the branch"),
        pytest.param("HEAD:refs/for/main", MAIN, [("new", "refs/for/main")], id="where it is, for a review"),
        pytest.param("refs/heads/auto:refs/heads/x", AWAY, [("new", "refs/heads/x")], id="the push branch"),
        pytest.param("refs/heads/main:refs/heads/x", AWAY, [("old", "refs/heads/x")], id="the branch checked out"),
        pytest.param(
            "refs/heads/*:refs/heads/copy/*",
            AWAY,
            [("old", "refs/heads/copy/main"), ("new", "refs/heads/copy/auto")],
            id="all of them",
        ),
    ],
)
def test_a_refspec_says_what_goes_where(text: str, target: Checkout, expected: list[tuple[str, str]]) -> None:
    parsed = refspec.parse(text, target)
    assert parsed is not None
    local = {"HEAD": "new", target.reference: "old", target.push_reference: "new"}
    assert parsed.pairs(local) == expected


@pytest.mark.parametrize(
    ("text", "cause"),
    [
        ("refs/heads/main", "it must be <source>:<destination>"),
        ("a:b:c", "it must be <source>:<destination>"),
        ("HEAD:refs/heads/a b", "it must be <source>:<destination>"),
        (":refs/heads/x", "push refspec must not specify a deletion"),
        (":", "push refspec must not specify a deletion"),
        ("+refs/heads/main:refs/heads/x", FORCED),
        ("+HEAD:refs/heads/x", FORCED),
        ("+refs/heads/*:refs/heads/copy/*", FORCED),
        ("+:refs/heads/x", FORCED),
        ("+", FORCED),
        (" +HEAD:refs/heads/x", "it must be <source>:<destination>"),
        ("HEAD:+refs/heads/x", "the destination must be a full name such as refs/heads/release"),
        ("++HEAD:refs/heads/x", FORCED),
        ("refs/heads/*:refs/heads/x", "source and destination must hold one '*' each, or none"),
        ("HEAD:x", "the destination must be a full name such as refs/heads/release"),
        ("refs/heads/no:refs/heads/x", "the source must be one of HEAD, refs/heads/main"),
    ],
)
async def test_what_can_never_be_pushed_stalls_before_anything_happens(world: World, text: str, cause: str) -> None:
    ended = await world.run(automation(git=pushing(text)))
    assert isinstance(ended.error, errors.Stalled)
    assert ended.error.reason == "InvalidSourceConfiguration"
    assert ended.error.message == f"spec.git.push.refspec '{text}': {cause}: invalid source configuration"
    assert world.head() == world.first


async def test_the_commit_goes_to_both_places_and_the_event_says_so(world: World) -> None:
    text = "refs/heads/main:refs/heads/release"
    for tag in ("1.1", "1.2"):
        world.store.put(policy("web", "a/web", tag))
        ended = await world.run(automation(git=pushing(text)))
        assert world.head("release") == world.head()
    assert ended.outcome
    assert ended.outcome.event is not None
    first, _, message = ended.outcome.event.partition("\n")
    assert first == f"pushed commit '{world.head()[:7]}' to branch 'main' and refspecs '{text}'"
    assert message.splitlines()[0] == "Update from image update automation"


async def test_a_reference_that_is_behind_moves_forward(world: World) -> None:
    world.git().references.create("refs/heads/release", world.first)
    seed(world.remote, {"README.md": "more\n"})
    await world.run(automation(git=pushing("HEAD:refs/heads/release")))
    assert world.head("release") == world.head() != world.first


async def test_a_reference_with_commits_of_its_own_is_kept_until_they_are_gone(world: World) -> None:
    world.git().references.create("refs/heads/release", world.first)
    theirs = seed(world.remote, {"NEWS.md": "theirs\n"}, "release")
    obj = automation(git=pushing("HEAD:refs/heads/release"))
    for _ in range(2):
        ended = await world.run(obj)
        obj = ended.obj
        assert ended.ready[1] == "GitOperationFailed"
        assert "failed to update source: failed to push to remote" in ended.ready[2]
        assert world.head("release") == theirs
    pushed = world.head()
    assert pushed != world.first
    assert (obj.status.last_push_commit, ended.run.told) == ("", [])
    world.git().references["refs/heads/release"].set_target(world.first)
    world.restarted()
    ended = await world.run(obj)
    assert ended.ready == ("True", "Succeeded", "repository up-to-date")
    assert world.head("release") == world.head() == pushed
    assert ended.obj.status.last_push_commit == pushed
    assert "and refspecs 'HEAD:refs/heads/release'" in ended.run.told[0].message


async def test_a_commit_owed_is_not_pushed_once_the_branch_has_moved_on(world: World) -> None:
    world.git().references.create("refs/heads/release", world.first)
    seed(world.remote, {"NEWS.md": "theirs\n"}, "release")
    failed = await world.run(automation(git=pushing("HEAD:refs/heads/release")))
    assert failed.ready[1] == "GitOperationFailed"
    owed = world.head()
    moved = seed(world.remote, {"README.md": "moved on\n"})
    world.git().references["refs/heads/release"].set_target(world.first)
    ended = await world.run(failed.obj)
    assert ended.ready == ("True", "Succeeded", "repository up-to-date")
    assert world.head() == moved != owed
    assert world.head("release") == world.first
    assert ended.obj.status.last_push_commit == owed
    assert ended.run.told[0].message.startswith(f"pushed commit '{owed[:7]}' to branch 'main'\n")


async def test_a_proposal_made_anew_replaces_the_old_one_and_no_more(world: World) -> None:
    spec = git_spec(push={"branch": "auto", "refspec": "refs/heads/auto:refs/heads/review"})
    assert (await world.run(automation(git=spec))).ready[0] == "True"
    seed(world.remote, {"README.md": "moved on\n"})
    world.store.put(policy("web", "a/web", "1.2"))
    assert (await world.run(automation(git=spec))).ready[0] == "True"
    rebuilt = world.head("auto")
    assert world.head("review") == rebuilt
    assert world.text("README.md", "review") == "moved on\n"
    theirs = seed(world.remote, {"NEWS.md": "theirs\n"}, "review")
    seed(world.remote, {"README.md": "once more\n"})
    world.store.put(policy("web", "a/web", "1.3"))
    ended = await world.run(automation(git=spec))
    assert ended.ready[1] == "GitOperationFailed"
    assert world.head("auto") != rebuilt
    assert world.head("review") == theirs


async def test_a_proposal_on_top_of_what_only_the_destination_has_is_kept(world: World) -> None:
    spec = git_spec(push={"branch": "auto", "refspec": "refs/heads/auto:refs/heads/review"})
    assert (await world.run(automation(git=spec))).ready[0] == "True"
    seed(world.remote, {"NEWS.md": "only here\n"}, "review")
    marked = world.git()[world.head("auto")].read_raw()
    repo = world.git()
    above = marked.replace(world.first.encode(), world.head("review").encode())
    kept = str(repo.write(pygit2.enums.ObjectType.COMMIT, above))
    repo.references["refs/heads/review"].set_target(kept)
    seed(world.remote, {"README.md": "moved on\n"})
    world.store.put(policy("web", "a/web", "1.2"))
    assert (await world.run(automation(git=spec))).ready[1] == "GitOperationFailed"
    assert world.head("review") == kept


async def test_nothing_new_pushes_nothing(world: World) -> None:
    await world.run(automation(git=pushing("HEAD:refs/heads/release")))
    world.git().references.delete("refs/heads/release")
    ended = await world.run(automation(git=pushing("HEAD:refs/heads/release")))
    assert ended.ready == ("True", "Succeeded", "repository up-to-date")
    assert "refs/heads/release" not in list(world.git().references)
    assert world.text("apps/web.yaml") == FILE.replace("1.0", "1.1")
