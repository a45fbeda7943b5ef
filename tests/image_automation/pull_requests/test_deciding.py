"""What becomes of a scope, as a table: its branch, its pull requests and what is wished in, actions out."""

from dataclasses import replace

import pytest

from gotk.forge.pull_request import PullRequest, State
from image_automation.pull_requests import deciding, section
from image_automation.pull_requests.deciding import (
    CHECKING,
    SOON,
    Branch,
    CallOff,
    Close,
    Delete,
    MergeWhenGreen,
    Open,
    Pause,
    Push,
    Schedule,
    Wish,
    Withdrawal,
    Write,
)
from image_automation.pull_requests.section import Note

TIP = "a" * 40
OPEN, MERGED, CLOSED = State.OPEN, State.MERGED, State.CLOSED
NOWHERE = Branch(name="up")
CURRENT = Branch(name="up", tip=TIP, current=True)
STALE = Branch(name="up", tip=TIP)
THEIRS = Branch(name="up", tip=TIP, ours=False)
WISH = Wish(title="t", text="x", base="main")
AUTO = Wish(title="t", text="x", base="main", merge="auto")
GREEN = Wish(title="t", text="x", base="main", merge="when-green")


def pull(
    number: int = 1, state: State = OPEN, *, mark: str = "me", text: str = "x", sha: str = TIP, base: str = "main"
) -> PullRequest:
    body = section.write(Note(automation=mark, scope="web", title="t", text=text), "…") if mark else "By hand."
    assert body is not None
    return PullRequest(
        number=number, url="", title="T", body=body, head="up", head_sha=sha, base=base, state=state
    )  # fmt: skip


OLD, THIRD, HAND = pull(text="old"), pull(3), pull(mark="")
ELSEWHERE, TURNED = pull(4, mark="", base="production"), pull(base="production")


@pytest.mark.parametrize(
    ("branch", "pulls", "wish", "actions"),
    [
        pytest.param(NOWHERE, [], WISH, [Push(), Open()], id="the first time"),
        pytest.param(CURRENT, [], WISH, [Open()], id="after a crash between push and open"),
        pytest.param(CURRENT, [pull()], WISH, [], id="all as wished"),
        pytest.param(STALE, [pull()], WISH, [Push()], id="the base moved"),
        pytest.param(STALE, [OLD], WISH, [Push(), Write(OLD)], id="a newer choice"),
        pytest.param(NOWHERE, [OLD], WISH, [Push(), Write(OLD)], id="somebody deleted the branch"),
        pytest.param(CURRENT, [pull(1, MERGED)], WISH, [Open()], id="merged long ago"),
        pytest.param(NOWHERE, [pull(1, CLOSED)], WISH, [Push(), Open()], id="closed, and forgiven or older"),
        pytest.param(THEIRS, [OLD], WISH, [], id="somebody committed to it"),
        pytest.param(THEIRS, [], WISH, [], id="a branch of somebody else's"),
        pytest.param(STALE, [HAND], WISH, [Push()], id="one that a person opened from our branch"),
        pytest.param(CURRENT, [ELSEWHERE], GREEN, [Open()], id="a person proposes it to another branch"),
        pytest.param(CURRENT, [ELSEWHERE, pull()], GREEN, [MergeWhenGreen(pull())], id="to another branch, too"),
        pytest.param(CURRENT, [TURNED], GREEN, [], id="turned to another branch, green"),
        pytest.param(CURRENT, [TURNED], AUTO, [], id="turned to another branch, auto"),
        pytest.param(CURRENT, [THIRD, pull()], WISH, [Close(pull(), "The same as #3.")], id="two for one branch"),
        pytest.param(NOWHERE, [], AUTO, [Push(), Open(), Schedule()], id="auto-merge with the first push"),
        pytest.param(CURRENT, [pull()], AUTO, [Schedule()], id="auto-merge not told yet"),
        pytest.param(NOWHERE, [], GREEN, [Push(), Open()], id="nothing to check before there is a commit"),
        pytest.param(STALE, [pull()], GREEN, [Push()], id="no checks of a commit that is replaced"),
        pytest.param(CURRENT, [pull()], GREEN, [MergeWhenGreen(pull())], id="checks of the commit that stands"),
        pytest.param(THEIRS, [pull()], GREEN, [], id="no merge of what others committed"),
        pytest.param(STALE, [pull()], Pause("frozen"), [], id="all of it waits"),
        pytest.param(STALE, [pull()], Withdrawal("w"), [Close(pull(), "w"), Delete(TIP)], id="nothing is left"),
        pytest.param(STALE, [pull(1, MERGED)], Withdrawal("w"), [Delete(TIP)], id="merged"),
        pytest.param(THEIRS, [pull(1, MERGED)], Withdrawal("w"), [Delete(TIP)], id="merged with commits of others"),
        pytest.param(THEIRS, [pull(1, MERGED, sha=TIP[:12])], Withdrawal("w"), [Delete(TIP)], id="merged at Bitbucket"),
        pytest.param(THEIRS, [pull()], Withdrawal("w"), [], id="nothing is left but commits of others"),
        pytest.param(STALE, [HAND], Withdrawal("w"), [], id="a person's pull request needs the branch"),
        pytest.param(NOWHERE, [], Withdrawal("w"), [], id="nothing there, nothing wished"),
    ],
)
def test_the_actions(branch: Branch, pulls: list[PullRequest], wish: Wish | Pause | Withdrawal, actions: list[object]):
    assert list(deciding.decide(branch, pulls, wish, mark="me").actions) == actions


def test_one_that_has_just_been_merged_is_not_opened_again_before_the_base_shows_it():
    decision = deciding.decide(STALE, [pull(4, MERGED)], WISH, mark="me", known={4})
    assert (decision.actions, decision.again) == ((), SOON)
    assert decision.note == "pull request #4 was merged, and 'main' is about to have it"


def test_a_commit_is_scheduled_once():
    assert deciding.decide(CURRENT, [pull()], AUTO, mark="me", scheduled=TIP).actions == ()
    assert deciding.decide(STALE, [pull()], AUTO, mark="me", scheduled=TIP).actions == (Push(), Schedule())


@pytest.mark.parametrize(
    ("pulls", "scheduled", "actions"),
    [
        ([pull()], TIP, (CallOff(pull(), "Not to be merged now: frozen."),)),
        ([ELSEWHERE, pull()], TIP, (CallOff(pull(), "Not to be merged now: frozen."),)),
        ([pull()], "", ()),
    ],
    ids=["told to merge", "told to merge, and a person's", "not told"],
)
def test_what_the_forge_was_told_to_merge_is_called_off_where_it_may_not_be_written(
    pulls: list[PullRequest], scheduled: str, actions: tuple[object, ...]
):
    decision = deciding.decide(CURRENT, pulls, Pause("frozen", held=True), mark="me", known={1}, scheduled=scheduled)
    assert decision.actions == actions


@pytest.mark.parametrize(
    ("wish", "scheduled", "actions"),
    [
        (GREEN, "", ()),
        (AUTO, "", ()),
        (AUTO, TIP, (CallOff(pull(), "Not to be merged now: awaiting approval."),)),
    ],
    ids=["by us", "by the forge", "by the forge, which was told so already"],
)
def test_what_lacks_an_approval_is_not_merged(wish: Wish, scheduled: str, actions: tuple[object, ...]):
    lacking = replace(wish, lacks="awaiting approval")
    decision = deciding.decide(CURRENT, [pull()], lacking, mark="me", known={1}, scheduled=scheduled)
    assert (decision.actions, decision.note, decision.again) == (actions, "awaiting approval", CHECKING)


def test_what_was_withdrawn_is_written_anew_when_it_is_wished_again():
    note = Note(automation="me", scope="web", title="t", text="x", withdrawn=True)
    there = pull()
    body = section.rewritten(there.body, note)
    (action,) = deciding.decide(CURRENT, [PullRequest(**{**_fields(there), "body": body})], WISH, mark="me").actions
    assert isinstance(action, Write)


def _fields(found: PullRequest) -> dict[str, object]:
    return {name: getattr(found, name) for name in found.__slots__}


@pytest.mark.parametrize(("wish", "again"), [(WISH, None), (AUTO, None), (GREEN, CHECKING)])
def test_checks_are_looked_at_again(wish: Wish, again: float | None):
    assert deciding.decide(CURRENT, [pull()], wish, mark="me").again == again


@pytest.mark.parametrize(
    ("pulls", "note"),
    [
        ([pull()], "branch 'up' has commits of others: it is not refreshed any more, merge or close it"),
        ([], "branch 'up' has commits of others and is left alone: delete it, or name another one in `branch`"),
    ],
)
def test_commits_of_others_are_said(pulls: list[PullRequest], note: str):
    assert deciding.decide(THEIRS, pulls, WISH, mark="me").note == note
