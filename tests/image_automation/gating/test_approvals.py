"""Approvals: who counts, how often, until when; what a no does; and whose word a commit tells of."""

import json
from datetime import timedelta

import pytest

from gotk import decisions
from gotk.api import extensions
from gotk.decisions import Decision
from image_automation.gating import approvals, chain, gates
from image_automation.gating.facts import Facts, Misread
from image_automation.update.proposal import Hold
from tests.image_automation.gating.facing import NOW, changes, facts, policy


def said(*words: str, tag: str = "1.1") -> str:
    """Write decisions: `jane approve`, or with a group, `jane approve sre`."""
    found = []
    for each in words:
        by, verdict, *groups = each.split()
        found.append({"tag": tag, "verdict": verdict, "by": by, "groups": groups})
    return json.dumps(found)


NONE, ONE = "awaiting approval: 0 of 1 approvals", "awaiting approval: 1 of 2 approvals (jane)"


def held(given: Facts) -> list[Hold]:
    return chain.found(changes("web"), [approvals.gate(given)])


@pytest.mark.parametrize(
    ("asked", "words", "kind", "message"),
    [
        pytest.param("1", [], "AwaitingApproval", NONE, id="nobody yet"),
        pytest.param("1", ["jane approve"], None, "", id="one of one"),
        pytest.param("2", ["jane approve"], "AwaitingApproval", ONE, id="one of two"),
        pytest.param("2", ["jane approve", "jane approve"], "AwaitingApproval", ONE,
                     id="one person counts once"),
        pytest.param("2", ["jane approve", "joe allow"], None, "", id="allow is an approval"),
        pytest.param("1", ["jane approve", "joe reject"], "Rejected", "rejected by joe", id="one no is enough"),
        pytest.param("1", ["jane reject", "jane approve"], None, "", id="the last word counts"),
        pytest.param("{needed: 1, of: [joe]}", ["jane approve"], "AwaitingApproval", NONE,
                     id="not asked"),
        pytest.param("{needed: 1, of: [joe]}", ["jane reject", "joe approve"], None, "", id="no of a stranger"),
        pytest.param("{needed: 1, of: ['group:sre']}", ["jane approve sre"], None, "", id="one of a group"),
        pytest.param("{needed: 1, of: ['group:sre']}", ["jane approve dev"], "AwaitingApproval",
                     NONE, id="one of another group"),
        pytest.param("", ["joe reject"], "Rejected", "rejected by joe", id="a no where nobody asked"),
    ],
)  # fmt: skip
def test_who_lets_a_version_through(asked: str, words: list[str], kind: str | None, message: str):
    annotations = {"decisions": said(*words)} | ({"approvals": asked} if asked else {})
    found = held(facts(policy(**annotations)))
    assert [(hold.kind, hold.message) for hold in found] == ([(kind, message)] if kind else [])


def test_a_decision_is_on_one_version_of_one_image_and_on_its_bytes():
    assert held(facts(policy(approvals="1", decisions=said("jane approve", tag="1.0"))))
    one, other = "sha256:" + "1" * 64, "sha256:" + "2" * 64
    for image, counts in (("a/web", True), ("a/other", False)):
        word = json.dumps([{"tag": "1.1", "verdict": "approve", "by": "jane", "image": image}])
        assert bool(held(facts(policy(approvals="1", decisions=word)))) is not counts
    word = json.dumps([{"tag": "1.1", "verdict": "approve", "by": "jane", "digest": one}])
    assert held(facts(policy(approvals="1", decisions=word, digest=one))) == []
    assert held(facts(policy(approvals="1", decisions=word, digest=other)))


def test_an_automation_and_a_policy_have_both_to_be_content():
    mine = policy(approvals="{needed: 1, of: [jane]}", decisions=said("jane approve"))
    (hold,) = held(facts(mine, approvals="2"))
    assert hold.message == "awaiting approval: 1 of 2 approvals (jane)"
    both = policy(approvals="{needed: 1, of: [jane]}", decisions=said("jane approve", "joe approve"))
    assert held(facts(both, approvals="2")) == []


LATE = "{needed: 1, deadline: 48h, then: %s}"


def waiting(asked: str, hours: int, decisions: str = "[]") -> list[Hold]:
    given = facts(policy(approvals=asked, decisions=decisions))
    since = {("apps:web", "a/web:1.1"): NOW - timedelta(hours=hours)}
    return held(Facts(now=given.now, policies=given.policies, since=since))


def test_a_deadline_reminds_or_rejects():
    (hold,) = waiting(LATE % "remind", 47)
    assert (hold.message, hold.until) == (
        "awaiting approval: 0 of 1 approvals, overdue at 2026-11-29T13:00:00Z", NOW + timedelta(hours=1)
    )  # fmt: skip
    (hold,) = waiting(LATE % "remind", 48)
    assert (hold.kind, hold.message) == (
        "ApprovalOverdue", "awaiting approval: 0 of 1 approvals, overdue since 2026-11-29T12:00:00Z"
    )  # fmt: skip
    (hold,) = waiting(LATE % "reject", 47)
    assert hold.message.endswith("rejected at 2026-11-29T13:00:00Z")
    (hold,) = waiting(LATE % "reject", 48)
    assert (hold.kind, hold.message) == ("Rejected", "rejected at 2026-11-29T12:00:00Z: 0 of 1 approvals in time")


def test_an_approval_after_the_deadline_reminds_in_time_and_rejects_too_late():
    late = json.dumps([{"tag": "1.1", "verdict": "approve", "by": "jane", "at": "2026-11-29T11:59:59Z"}])
    assert waiting(LATE % "remind", 49, late) == []
    assert [hold.kind for hold in waiting(LATE % "reject", 49, late)] == ["Rejected"]
    assert waiting(LATE % "reject", 48, late) == []


def test_before_the_deadline_a_word_is_in_time_whatever_clock_dated_it():
    ahead = json.dumps([{"tag": "1.1", "verdict": "approve", "by": "jane", "at": "2026-11-29T14:30:00Z"}])
    assert waiting(LATE % "reject", 47, ahead) == []


def test_a_version_that_was_not_seen_before_waits_since_now():
    (hold,) = held(facts(policy(approvals=LATE % "reject")))
    assert hold.until == NOW + timedelta(hours=48)


@pytest.mark.parametrize(
    ("text", "cause"),
    [
        pytest.param("0", "Expected `int` >= 1", id="none"),
        pytest.param("many", "Expected `object`", id="a word"),
        pytest.param("{of: [jane]}", "missing required field `needed`", id="how many"),
        pytest.param("{needed: 1, from: [jane]}", "unknown field `from`", id="misspelt"),
        pytest.param("{needed: 1, deadline: soon}", "invalid duration", id="no duration"),
        pytest.param("{needed: 1, deadline: 0s}", "leaves no time", id="no time"),
        pytest.param("{needed: 1, then: forget}", "Invalid enum value 'forget'", id="another end"),
    ],
)
def test_what_is_misread_lets_nothing_through(text: str, cause: str):
    (hold,) = held(facts(policy(approvals=text, decisions=said("jane approve"))))
    assert hold.kind == "InvalidAnnotation"
    assert cause in hold.message
    with pytest.raises(Misread, match=r"image-automation\.dev/approvals"):
        held(facts(policy(), approvals=text))


@pytest.mark.parametrize(
    "text",
    [
        "[",
        "{}",
        '[{"tag": "1.1", "verdict": "yes", "by": "jane"}]',
        '[{"tag": "1.1", "verdict": "approve", "by": ""}]',
        '[{"tag": "1.1", "verdict": "approve", "by": "jane", "note": "x"}]',
        '[{"tag": "1.1\\n", "verdict": "approve", "by": "jane"}]',
        '[{"tag": "1.1", "verdict": "approve", "by": "jane\\nSigned-off-by: joe"}]',
        "[" + " " * decisions.LIMIT + "]",
    ],
)
def test_decisions_that_cannot_be_read_let_nothing_through(text: str):
    (hold,) = held(facts(policy(decisions=text)))
    assert hold.kind == "InvalidAnnotation"
    assert "annotation image-automation.dev/decisions" in hold.message


def test_allow_lets_past_freezes_and_windows_and_not_past_a_no_or_missing_approvals():
    closed = {"freeze": "{reason: x}", "windows": "[{deny: '00:00-24:00'}]"}

    def kinds(**annotations: str) -> list[str]:
        given = facts(policy(**annotations), **closed)
        return [hold.kind for hold in chain.found(changes("web"), gates.gates(given))]

    assert kinds() == ["Frozen"]
    assert kinds(decisions=said("jane allow")) == []
    assert kinds(decisions=said("jane allow", tag="1.0")) == ["Frozen"]
    assert kinds(decisions=said("jane allow"), approvals="2") == ["AwaitingApproval"]
    assert kinds(decisions=said("jane allow", "joe reject")) == ["Rejected"]
    assert kinds(decisions="[") == ["Frozen"]


def test_grants_are_of_those_whose_word_counted():
    given = facts(
        policy(approvals="{needed: 1, of: [jane]}", decisions=said("jane approve", "joe approve", "ann allow")),
        policy("api", decisions=said("jim approve")),
    )
    found = gates.grants((change for _, change in changes("web")), given)
    assert [(grant.by, grant.verdict, grant.policy, grant.tag) for grant in found] == [
        ("jane", "approve", "web", "1.1"), ("ann", "allow", "web", "1.1")
    ]  # fmt: skip


def test_a_persons_new_word_replaces_the_old_one_and_the_oldest_go_when_there_is_no_room():
    annotations = {extensions.DECISIONS: said("jane approve", "joe approve")}
    text = decisions.added(annotations, Decision(tag="1.1", verdict="reject", by="jane", reason="x"))
    assert [(each.by, each.verdict) for each in decisions.read({extensions.DECISIONS: text})] == [
        ("joe", "approve"), ("jane", "reject")
    ]  # fmt: skip
    for number in range(120):
        decision = Decision(tag=f"1.{number}", verdict="approve", by="jane", reason="x" * 500)
        annotations = {extensions.DECISIONS: decisions.added(annotations, decision)}
    kept = decisions.read(annotations)
    assert 20 < len(kept) < 120
    assert kept[-1].tag == "1.119"
