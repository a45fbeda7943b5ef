"""A commit that the forge makes is on top of what was looked at, or is not made; nobody's work is lost to it."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest

from gotk.forge import repository
from gotk.forge.commit import Change, Committing, Moved
from gotk.forge.gitea import Gitea
from gotk.forge.github import GitHub
from gotk.forge.gitlab import GitLab
from gotk.forge.pull_request import NotOffered
from tests.gotk.forge.standins import committing
from tests.gotk.forge.standins.committing import BASE, OLD, Repository
from tests.gotk.forge.standins.standin import StandIn

BRANCH = "image-updates/web"
FILES = {"a/b.yaml": b"2 \xff", "new.yaml": b"x", "gone.yaml": None}


@dataclass
class Place:
    """A forge's class, and what stands in for the forge."""

    forge: Committing
    standin: StandIn
    facts: Repository

    def commit(self, *, replaces: str = "", parent: str = BASE) -> str:
        change = Change(branch=BRANCH, parent=parent, message="Update web\n\nBecause.", files=FILES, replaces=replaces)
        return str(self.standin.hold(self.forge.commit(change)))


FORGES: dict[str, tuple[Callable[..., Any], Callable[[Repository], StandIn], str]] = {
    "GitHub": (GitHub, committing.GitHub, "https://github.com/org/web.git"),
    "GitLab": (GitLab, committing.GitLab, "https://gitlab.com/org/web.git"),
    "Gitea": (Gitea, committing.Gitea, "https://git.example.com/org/web.git"),
}


@pytest.fixture(params=FORGES)
def place(request: pytest.FixtureRequest) -> Place:
    """Return each forge in turn."""
    forge, standin, address = FORGES[request.param]
    facts = Repository()
    return Place(forge(repository=repository.parse(address), token="t"), standin(facts), facts)


def written(place: Place, sha: str) -> None:
    assert place.facts.branches[BRANCH] == sha
    assert place.facts.parents[sha] == BASE
    assert place.facts.texts[sha].rstrip("\n") == "Update web\n\nBecause."
    assert place.facts.trees[sha] == {"a/b.yaml": b"2 \xff", "new.yaml": b"x"}
    assert place.facts.branches.keys() == {"main", BRANCH}


def test_a_branch_begins_at_the_parent(place: Place) -> None:
    written(place, place.commit())


def test_a_branch_that_is_at_the_parent_goes_on(place: Place) -> None:
    place.facts.put(BRANCH, BASE)
    written(place, place.commit())


def test_a_branch_that_is_elsewhere_is_left_alone(place: Place) -> None:
    place.facts.put(BRANCH, OLD)
    with pytest.raises(Moved, match=f"branch '{BRANCH}' is at {OLD}"):
        place.commit()
    with pytest.raises(Moved):
        place.commit(replaces="d" * 40)
    assert place.facts.branches == {"main": BASE, BRANCH: OLD}


def test_a_branch_is_built_anew_in_one_step(place: Place) -> None:
    place.facts.put(BRANCH, OLD)
    if isinstance(place.forge, Gitea):
        with pytest.raises(NotOffered, match="Gitea offers no way"):
            place.commit(replaces=OLD)
        return
    sha = place.commit(replaces=OLD)
    written(place, sha)
    assert [at for branch, at in place.facts.been if branch == BRANCH] == [OLD, sha], "never at its base between"


def test_who_was_faster_is_not_overwritten(place: Place) -> None:
    place.facts.put(BRANCH, BASE)
    place.facts.meanwhile = "z"
    if isinstance(place.forge, Gitea):
        # It compares the files alone, so both commits stand.
        place.commit()
    else:
        with pytest.raises(Moved):
            place.commit()
    assert place.facts.trees[place.facts.branches[BRANCH]]["theirs"] == b"z"


def test_a_branch_that_is_gone_is_not_built_anew(place: Place) -> None:
    with pytest.raises(Moved, match="is at no commit"):
        place.commit(replaces=OLD)
