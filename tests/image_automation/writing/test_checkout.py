"""What keeps a push branch from being made, on the remote as Git keeps its branches: as files in folders."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from gotk.git.reference import Target
from image_automation.writing.checkout import Checkout
from tests.image_automation.automating import World, automation, git_spec


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    made = World(tmp_path)
    yield made
    made.limiter.close()


@pytest.mark.parametrize(
    ("branch", "there", "in_the_way"),
    [
        pytest.param("a/b", "a", "a", id="a folder's name is a branch"),
        pytest.param("a", "a/b", "a/b", id="a branch's name is a folder"),
        pytest.param("a/b/c", "a", "a", id="two folders down"),
        pytest.param("a", "a/b/c", "a/b/c", id="two folders up"),
        pytest.param("a", "ab", "", id="a name that begins alike"),
        pytest.param("ab", "a", "", id="a name that goes on"),
        pytest.param("a", "a", "", id="the branch itself"),
        pytest.param("a/b", "a/c", "", id="a branch beside it"),
    ],
)
async def test_a_branch_in_the_way_of_the_push_branch_is_named(
    world: World, branch: str, there: str, in_the_way: str
) -> None:
    world.git().references.create(f"refs/heads/{there}", world.first)
    ended = await world.run(automation(git=git_spec(push={"branch": branch})))
    if in_the_way:
        cause = f"could not checkout to branch '{branch}': branch '{in_the_way}' is in the way"
        assert ended.ready == ("False", "GitOperationFailed", f"failed to checkout source: {cause}")
        assert world.head(there) == world.first
    else:
        assert ended.ready[0] == "True"
        assert world.head(branch) != world.first


def test_a_tag_is_never_in_the_way() -> None:
    target = Checkout(wanted=Target(label="main", reference="refs/heads/main"), branch="a")
    assert target.in_the_way(["refs/tags/a/b", "refs/heads/main", "HEAD"]) is None
