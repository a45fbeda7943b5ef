"""Pull requests mean the same at every forge: the same questions to each, answered in its own published words."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest

from gotk.forge import paging, repository
from gotk.forge.azuredevops import AzureDevOps
from gotk.forge.bitbucket import Bitbucket
from gotk.forge.bitbucket_server import BitbucketServer
from gotk.forge.gitea import Gitea
from gotk.forge.github import GitHub
from gotk.forge.gitlab import GitLab
from gotk.forge.pull_request import Message, Method, NotOffered, Opinion, Outcome, Proposing, State, Wanted
from gotk.forge.release import Releasing
from gotk.forge.status import State as Progress
from gotk.http.exchange import Unusable, bearer
from tests.gotk.forge.standins import azuredevops, bitbucket, bitbucket_server, gitea, github, gitlab
from tests.gotk.forge.standins.facts import ME, Facts, Pull, Said
from tests.gotk.forge.standins.standin import StandIn

HEAD, MOVED = "a" * 40, "b" * 40
WANTED = Wanted(title="Update web to 1.2.3", body="Because <it> & more.\n", head="update", base="main")


@dataclass
class Place:
    """A forge's class, and what stands in for the forge."""

    name: str
    forge: Proposing
    standin: StandIn

    @property
    def facts(self) -> Facts:
        return self.standin.facts

    def hold(self, conversation: Any) -> Any:
        return self.standin.hold(conversation)


def _github() -> tuple[Proposing, StandIn]:
    here = repository.parse("https://github.com/org/web.git")
    return GitHub(repository=here, token="t"), github.GitHub(Facts())


def _gitea() -> tuple[Proposing, StandIn]:
    here = repository.parse("https://git.example.com/org/web.git")
    return Gitea(repository=here, token="t"), gitea.Gitea(Facts())


def _gitlab() -> tuple[Proposing, StandIn]:
    here = repository.parse("https://gitlab.com/org/group/web.git")
    return GitLab(repository=here, token="t"), gitlab.GitLab(Facts())


def _bitbucket() -> tuple[Proposing, StandIn]:
    here = repository.parse("https://bitbucket.org/org/web.git")
    return Bitbucket(repository=here, username="u", password="p"), bitbucket.Bitbucket(Facts())


def _bitbucket_server() -> tuple[Proposing, StandIn]:
    address = "https://git.example.com/scm/ORG/web.git"
    return BitbucketServer(address=address, identity=bearer("t")), bitbucket_server.BitbucketServer(Facts())


def _azure() -> tuple[Proposing, StandIn]:
    here = repository.parse("https://dev.azure.com/org/project/_git/web")
    return AzureDevOps(repository=here, token="t"), azuredevops.AzureDevOps(Facts())


FORGES: dict[str, Callable[[], tuple[Proposing, StandIn]]] = {
    "GitHub": _github,
    "Gitea": _gitea,
    "GitLab": _gitlab,
    "Bitbucket": _bitbucket,
    "Bitbucket Data Center": _bitbucket_server,
    "Azure DevOps": _azure,
}
_LISTED = {"reviews that take people from the list", "rights of reviewers"}
#: What a forge does not have.
LACKING: dict[str, set[str]] = {
    "Gitea": {"merge queue"},
    "GitLab": _LISTED,
    "Bitbucket": {"labels", "assignees", "auto-merge", *_LISTED},
    "Bitbucket Data Center": {"labels", "assignees", "merge queue", *_LISTED},
    "Azure DevOps": {"assignees", "merge queue", *_LISTED},
}


@pytest.fixture(params=FORGES)
def place(request: pytest.FixtureRequest) -> Place:
    """Return each forge in turn."""
    return Place(request.param, *FORGES[request.param]())


def offers(place: Place, *names: str) -> None:
    """Leave a test out where the forge has no such thing."""
    if missing := LACKING.get(place.name, set()).intersection(names):
        pytest.skip(f"{place.name} has no {', '.join(missing)}")


def test_one_is_opened_with_all_that_was_asked_for(place: Place) -> None:
    wanted = Wanted(title="t", body="b", head="update", base="main", reviewers=("ann",))
    kept = place.hold(place.forge.open_pull_request(wanted))
    assert (kept.opened, kept.warnings) == (True, ())
    (pull,) = place.facts.pulls
    assert (pull.title, pull.body, pull.head, pull.base) == ("t", "b", "update", "main")
    assert pull.reviewers == ["ann"]
    found = kept.pull_request
    assert (found.number, found.head, found.base) == (pull.number, "update", "main")
    assert (found.is_at(HEAD), found.is_at(MOVED)) == (True, False)
    assert (found.state, found.author) == (State.OPEN, ME)
    assert found.url.startswith("https://")


def test_labels_and_assignees_are_added_and_a_label_that_is_new_is_made(place: Place) -> None:
    offers(place, "labels", "assignees")
    wanted = Wanted(title="t", body="b", head="update", base="main", labels=("images", "new"), assignees=("ann",))
    kept = place.hold(place.forge.open_pull_request(wanted))
    assert kept.warnings == ()
    assert place.facts.pulls[0].labels == ["images", "new"]
    assert place.facts.pulls[0].assignees == ["ann"]


def test_what_is_open_already_is_updated_and_not_doubled(place: Place) -> None:
    place.hold(place.forge.open_pull_request(WANTED))
    later = Wanted(title="Update web to 1.2.4", body="b", head="update", base="main")
    kept = place.hold(place.forge.open_pull_request(later))
    assert [each.title for each in place.facts.pulls] == ["Update web to 1.2.4"]
    assert (kept.opened, kept.changed, kept.pull_request.title) == (False, True, "Update web to 1.2.4")


def test_updating_what_is_as_wanted_writes_nothing(place: Place) -> None:
    wanted = Wanted(title="t", body="a\nb\n", head="update", base="main", reviewers=("ann",))
    opened = place.hold(place.forge.open_pull_request(wanted))
    place.facts.pulls[0].body = "a\r\nb"
    place.facts.asked.clear()
    kept = place.hold(place.forge.update_pull_request(opened.pull_request.number, wanted))
    assert (place.facts.writes(), kept.changed) == ([], False)


def test_a_long_text_is_cut_in_the_middle_and_found_whole(place: Place) -> None:
    body = "first\n" + "x" * 70_000 + "\nlast\n"
    wanted = Wanted(title="t", body=body, head="update", base="main")
    place.hold(place.forge.open_pull_request(wanted))
    (found,) = place.hold(place.forge.find_pull_requests("update"))
    assert found.body.startswith("first\nxxx")
    assert found.body.endswith("\nlast\n")
    assert 400 < len(found.body) < len(body)
    place.facts.asked.clear()
    assert not place.hold(place.forge.update_pull_request(1, wanted)).changed


def test_what_people_added_stays(place: Place) -> None:
    offers(place, "labels", "assignees")
    place.facts.pulls.append(
        Pull(1, "old", "b", "update", HEAD, "main", labels=["theirs"], reviewers=["bob"], assignees=["bob"])
    )
    wanted = Wanted(
        title="new", body="b", head="update", base="main", labels=("images",), reviewers=("ann",), assignees=("ann",)
    )
    assert place.hold(place.forge.update_pull_request(1, wanted)).warnings == ()
    (pull,) = place.facts.pulls
    assert (pull.title, pull.labels) == ("new", ["theirs", "images"])
    assert (pull.reviewers, pull.assignees) == (["bob", "ann"], ["bob", "ann"])


def test_who_cannot_review_is_a_warning_and_the_others_are_asked(place: Place) -> None:
    wanted = Wanted(title="t", body="b", head="update", base="main", reviewers=("nobody", "ann"))
    kept = place.hold(place.forge.open_pull_request(wanted))
    assert len(place.facts.pulls) == 1
    assert place.facts.pulls[0].reviewers == ["ann"]
    assert len(kept.warnings) == 1
    assert "nobody" in kept.warnings[0]


def test_what_the_forge_does_not_have_is_said_and_left_out(place: Place) -> None:
    wanted = Wanted(title="t", body="b", head="update", base="main", labels=("images",), assignees=("ann",))
    kept = place.hold(place.forge.open_pull_request(wanted))
    assert len(place.facts.pulls) == 1
    for what, name in (("labels", "images"), ("assignees", "ann")):
        missing = what in LACKING.get(place.name, set())
        assert missing == any(place.forge.title in each and name in each for each in kept.warnings)


def test_labels_and_assignees_that_fail_are_warnings(place: Place) -> None:
    offers(place, "labels", "assignees")
    place.facts.refused.add("labels")
    wanted = Wanted(title="t", body="b", head="update", base="main", labels=("new",), assignees=("nobody",))
    kept = place.hold(place.forge.open_pull_request(wanted))
    assert len(place.facts.pulls) == 1
    assert ["new" in kept.warnings[0], "nobody" in kept.warnings[1]] == [True, True]


def test_who_has_reviewed_is_not_asked_again(place: Place) -> None:
    offers(place, "reviews that take people from the list")
    place.facts.pulls.append(Pull(1, "t", "b", "update", HEAD, "main"))
    place.facts.reviews.append(Said("ann", "approves"))
    wanted = Wanted(title="t", body="b", head="update", base="main", reviewers=("ann",))
    place.facts.asked.clear()
    place.hold(place.forge.update_pull_request(1, wanted))
    assert place.facts.writes() == []


def test_a_draft_is_opened_as_one_and_stays_one(place: Place) -> None:
    offers(place, "drafts")
    wanted = Wanted(title="t", body="b", head="update", base="main", draft=True)
    kept = place.hold(place.forge.open_pull_request(wanted))
    assert (kept.pull_request.draft, kept.pull_request.title, kept.warnings) == (True, "t", ())
    again = place.hold(place.forge.update_pull_request(1, Wanted(title="u", body="b", head="update", base="main")))
    assert (again.pull_request.draft, again.pull_request.title) == (True, "u")


def test_a_forks_branch_of_the_same_name_is_never_ours(place: Place) -> None:
    place.facts.pulls.append(Pull(1, "theirs", "b", "update", HEAD, "main", author="eve", fork=True))
    assert place.hold(place.forge.find_pull_requests("update", "main", State.OPEN)) == ()
    kept = place.hold(place.forge.open_pull_request(WANTED))
    assert kept.pull_request.number == 2
    assert place.facts.pulls[0].title == "theirs"


def test_the_newest_come_first_and_only_what_is_looked_for(place: Place) -> None:
    states = ["open", "closed", "merged", "open", "open"]
    heads = ["update", "update", "update", "update", "other"]
    bases = ["main", "main", "main", "next", "main"]
    for number, (state, head, base) in enumerate(zip(states, heads, bases, strict=True), 1):
        commit = "c" * 40 if state == "merged" else ""
        place.facts.pulls.append(Pull(number, "t", "b", head, HEAD, base, state=state, merge_commit=commit))
    find = place.forge.find_pull_requests
    assert [each.number for each in place.hold(find("update"))] == [4, 3, 2, 1]
    assert [each.number for each in place.hold(find("update", "main", State.OPEN))] == [1]
    assert [each.number for each in place.hold(find("u*"))] == [4, 3, 2, 1]
    assert [each.number for each in place.hold(find(state=State.OPEN))] == [5, 4, 1]
    (closed,) = place.hold(find(state=State.CLOSED))
    assert (closed.number, closed.merge_commit) == (2, "")
    (merged,) = place.hold(find(state=State.MERGED))
    assert (merged.number, merged.head) == (3, "update")
    assert merged.merge_commit in {"c" * 40, "c" * 12}


def test_one_that_lies_behind_others_is_found_and_reading_ends(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    place.facts.pulls += [Pull(1, "t", "b", "update", HEAD, "main")]
    place.facts.pulls += [Pull(number, "t", "b", "x", HEAD, "main") for number in range(2, 150)]
    assert [each.number for each in place.hold(place.forge.find_pull_requests("u*"))] == [1]
    monkeypatch.setattr(paging, "MOST", 1)
    place.facts.asked.clear()
    assert place.hold(place.forge.find_pull_requests("u*")) == ()
    assert len(place.facts.asked) == 1


def test_closing_says_why_once(place: Place) -> None:
    place.facts.pulls.append(Pull(1, "t", "b", "update", HEAD, "main"))
    assert place.hold(place.forge.close_pull_request(1, "Superseded by 2."))
    assert not place.hold(place.forge.close_pull_request(1, "Superseded by 2."))
    assert place.facts.comments == {1: ["Superseded by 2."]}
    assert place.facts.pulls[0].state == "closed"


def test_who_closed_it_is_told_apart_from_us(place: Place) -> None:
    place.facts.pulls.append(Pull(1, "t", "b", "update", HEAD, "main", state="closed", closed_by="ann"))
    there = place.hold(place.forge.get_pull_request(1))
    assert (place.hold(place.forge.who_closed(1)), there.author) == ("ann", ME)


def test_merging_names_the_commit_that_was_looked_at(place: Place) -> None:
    place.facts.pulls.append(Pull(1, "t", "b", "update", HEAD, "main"))
    moved = place.hold(place.forge.merge(1, MOVED, Method.SQUASH))
    assert (moved.outcome, place.facts.pulls[0].state) == (Outcome.MOVED, "open")
    merged = place.hold(place.forge.merge(1, HEAD, Method.SQUASH))
    assert (merged.outcome, place.facts.pulls[0].state) == (Outcome.MERGED, "merged")
    assert merged.commit in {"c" * 40, "c" * 12}


@pytest.mark.parametrize("method", [Method.MERGE, Method.SQUASH])
def test_the_commit_of_a_merge_says_what_it_is_to_say(place: Place, method: Method) -> None:
    place.facts.pulls.append(Pull(1, "t", "b", "update", HEAD, "main"))
    message = Message(title="Update web (#1)", text="Approved-by: ann (web 1.2.3)")
    if "auto-merge" not in LACKING.get(place.name, set()):
        place.hold(place.forge.enable_auto_merge(1, HEAD, method, message))
    place.hold(place.forge.merge(1, HEAD, method, message))
    assert place.facts.messages
    assert {each.removeprefix("Update web (#1)\n\n") for each in place.facts.messages} == {message.text}


def test_why_it_may_not_be_merged_is_said(place: Place) -> None:
    place.facts.pulls.append(Pull(1, "t", "b", "update", HEAD, "main"))
    place.facts.unmergeable = "At least 1 approving review is required"
    merging = place.hold(place.forge.merge(1, HEAD, Method.MERGE))
    assert merging.outcome is Outcome.REFUSED
    assert "approving review" in merging.message
    assert place.facts.pulls[0].state == "open"


def test_queued_is_not_merged(place: Place) -> None:
    offers(place, "merge queue")
    place.facts.queue = True
    place.facts.pulls.append(Pull(1, "t", "b", "update", HEAD, "main"))
    for _ in range(2):
        assert place.hold(place.forge.merge(1, HEAD, Method.MERGE)).outcome is Outcome.QUEUED
    assert (place.facts.pulls[0].queued, place.facts.pulls[0].state) == (True, "open")


def test_the_forge_merges_by_itself_where_it_can(place: Place) -> None:
    place.facts.pulls.append(Pull(1, "t", "b", "update", HEAD, "main"))
    ask = place.forge.enable_auto_merge(1, HEAD, Method.MERGE)
    if "auto-merge" in LACKING.get(place.name, set()):
        with pytest.raises(NotOffered, match=place.forge.title):
            place.hold(ask)
        return
    assert place.hold(ask).outcome is Outcome.SCHEDULED
    assert place.facts.pulls[0].scheduled


def test_what_the_forge_was_to_merge_by_itself_is_called_off(place: Place) -> None:
    offers(place, "auto-merge")
    place.facts.pulls.append(Pull(1, "t", "b", "update", HEAD, "main"))
    place.hold(place.forge.enable_auto_merge(1, HEAD, Method.MERGE))
    assert place.hold(place.forge.call_off(1))
    assert (place.facts.pulls[0].scheduled, place.facts.pulls[0].state) == (False, "open")


def test_what_stands_in_a_queue_or_is_merged_cannot_be_called_off(place: Place) -> None:
    place.facts.pulls.append(Pull(1, "t", "b", "update", HEAD, "main", state="merged", merge_commit="c" * 40))
    if "merge queue" not in LACKING.get(place.name, set()):
        place.facts.queue = True
        place.facts.pulls.append(Pull(2, "t", "b", "queued", HEAD, "main", queued=True))
        assert not place.hold(place.forge.call_off(2))
    if place.name != "GitLab":  # whether it is merged it does not say there
        assert not place.hold(place.forge.call_off(1))


@pytest.mark.parametrize(
    ("listed", "state"),
    [
        pytest.param([], None, id="nothing has looked yet"),
        pytest.param([("build", "success"), ("ci/lint", "success")], Progress.SUCCESS, id="all are content"),
        pytest.param([("build", "success"), ("ci/lint", "pending")], Progress.PENDING, id="one is still at it"),
        pytest.param([("build", "failure"), ("ci/lint", "pending")], Progress.FAILURE, id="one has failed"),
    ],
)
def test_checks_come_to_one_state(place: Place, listed: list[tuple[str, str]], state: Progress | None) -> None:
    place.facts.pulls.append(Pull(1, "t", "b", "update", HEAD, "main"))
    place.facts.checks = listed
    checks = place.hold(place.forge.checks(HEAD))
    assert checks.state is state
    assert sorted(each.name for each in checks.listed) == sorted(name for name, _ in listed)


def test_each_persons_last_word_stands(place: Place) -> None:
    place.facts.pulls.append(Pull(1, "t", "b", "update", HEAD, "main"))
    place.facts.reviews = [
        Said("ann", "objects"),
        Said("ann", "approves"),
        Said("bob", "objects"),
        Said("ann", "comments"),
    ]
    if "requests for changes" in LACKING.get(place.name, set()):
        place.facts.reviews = [Said("ann", "approves")]
    found = {each.who: each for each in place.hold(place.forge.reviews(1))}
    assert found["ann"].opinion is Opinion.APPROVED
    assert found["ann"].known_as[0] == ("{ann}" if place.name == "Bitbucket" else "ann")
    if "bob" in found or len(place.facts.reviews) > 1:
        assert found["bob"].opinion is Opinion.CHANGES_REQUESTED


def test_a_strangers_approval_does_not_count_where_the_forge_tells(place: Place) -> None:
    offers(place, "rights of reviewers")
    place.facts.pulls.append(Pull(1, "t", "b", "update", HEAD, "main"))
    place.facts.reviews = [Said("ann", "approves"), Said("bob", "approves"), Said("eve", "approves")]
    official = {each.who: each.official for each in place.hold(place.forge.reviews(1))}
    assert official == {"ann": True, "bob": False, "eve": False}


def test_more_reviews_than_are_read_are_no_consent(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    offers(place, "rights of reviewers")
    monkeypatch.setattr(paging, "MOST", 1)
    place.facts.pulls.append(Pull(1, "t", "b", "update", HEAD, "main"))
    place.facts.reviews = [Said("ann", "approves"), *(Said(f"eve{at}", "comments") for at in range(100))]
    with pytest.raises(Unusable, match="reviews, of which no more are read"):
        place.hold(place.forge.reviews(1))


def test_a_review_that_was_dismissed_does_not_stand(place: Place) -> None:
    offers(place, "dismissals")
    place.facts.pulls.append(Pull(1, "t", "b", "update", HEAD, "main"))
    place.facts.reviews = [Said("ann", "dismissed")]
    assert place.hold(place.forge.reviews(1)) == ()


def test_no_more_checks_than_were_read_are_taken_for_green(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(paging, "MOST", 1)
    place.facts.checks = [(f"ci/{number}", "success") for number in range(110)]
    assert place.hold(place.forge.checks(HEAD)).state is Progress.PENDING


def test_what_github_has_no_drafts_for_is_opened_and_said() -> None:
    place = Place("GitHub", *_github())
    place.facts.drafts = False
    wanted = Wanted(title="t", body="b", head="update", base="main", draft=True)
    kept = place.hold(place.forge.open_pull_request(wanted))
    assert kept.opened
    assert "draft" in kept.warnings[0]


@pytest.mark.parametrize(
    ("checks", "merged"), [([], False), ([("build", "pending")], False), ([("build", "success")], True)]
)
def test_github_merges_what_it_need_not_wait_for_only_after_checks(checks: list[tuple[str, str]], merged: bool) -> None:
    place = Place("GitHub", *_github())
    place.facts.pulls.append(Pull(1, "t", "b", "update", HEAD, "main"))
    place.facts.clean, place.facts.checks = True, checks
    merging = place.hold(place.forge.enable_auto_merge(1, HEAD, Method.MERGE))
    assert merging.outcome is (Outcome.MERGED if merged else Outcome.REFUSED)
    assert merged or "clean status" in merging.message


def test_a_team_is_asked_by_its_last_name_and_once() -> None:
    place = Place("GitHub", *_github())
    wanted = Wanted(title="t", body="b", head="update", base="main", reviewers=("org/team",))
    place.hold(place.forge.open_pull_request(wanted))
    assert place.facts.pulls[0].reviewers == ["team"]
    place.hold(place.forge.update_pull_request(1, wanted))
    assert place.facts.pulls[0].reviewers == ["team"]


def test_why_nothing_could_be_opened_is_said() -> None:
    place = Place("Gitea", *_gitea())
    place.facts.open = lambda *_, **__: None  # type: ignore[method-assign]
    with pytest.raises(Unusable, match="Gitea refuses a pull request from 'update' into 'main': pull request already"):
        place.hold(place.forge.open_pull_request(WANTED))


@pytest.mark.parametrize("name", ["GitHub", "GitLab", "Gitea"])
def test_releases_are_read_until_there_is_an_old_one(name: str) -> None:
    place = Place(name, *FORGES[name]())
    place.facts.releases = [("draft-9", "later"), ("v1.1", "More.")] + [(f"v0.{at}", "") for at in range(100, 0, -1)]
    assert isinstance(place.forge, Releasing)
    found = place.hold(place.forge.releases(lambda tag: tag == "v0.100"))
    assert len(place.facts.asked) == 1
    assert (found[0].tag, found[0].text) == ("v1.1", "More.")
    assert found[0].url.endswith("/v1.1")
    assert "v0.60" in {each.tag for each in place.hold(place.forge.releases(lambda tag: tag == "v0.60"))}


def test_a_forge_without_releases_is_none_that_has_them() -> None:
    assert not any(isinstance(FORGES[name]()[0], Releasing) for name in ("Bitbucket", "Azure DevOps"))
