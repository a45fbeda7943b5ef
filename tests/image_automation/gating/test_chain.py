"""Gates one behind the other, and what they hold."""

from collections.abc import Iterable

from image_automation.gating import chain
from image_automation.gating.chain import Pending
from image_automation.update.proposal import Hold, Proposal
from image_automation.update.result import FileResult
from tests.image_automation.gating.facing import changes


def holding(*paths: str, kind: str):
    def gate(pending: Pending) -> Iterable[Hold]:
        return [Hold(path, change, kind=kind) for path, change in pending.changes if path in paths]

    return gate


def test_a_change_is_held_by_the_first_gate_that_is_closed():
    gates = [holding("web.yaml", kind="One"), holding("web.yaml", "api.yaml", kind="Two")]
    held = chain.found(changes("web", "api", "db"), gates)
    assert [(hold.path, hold.kind) for hold in held] == [("web.yaml", "One"), ("api.yaml", "Two")]


def test_a_gate_sees_what_those_before_it_held():
    def last(pending: Pending) -> Iterable[Hold]:
        assert [hold.path for hold in pending.holds] == ["web.yaml"]
        return [Hold(path, change, kind="Together") for path, change in pending.changes]

    held = chain.found(changes("web", "api"), [holding("web.yaml", kind="One"), last])
    assert [hold.kind for hold in held] == ["One", "Together"]


def test_the_proposal_is_made_anew_without_what_is_held():
    asked: list[chain.Places] = []

    def apply(held: chain.Places) -> Proposal:
        asked.append(held)
        return Proposal(tuple(FileResult(path, b"x", (each,)) for path, each in changes("web", "api")))

    proposal = chain.respected(apply, [holding("api.yaml", kind="One")])
    assert list(asked[1]) == ["api.yaml"]
    assert [hold.path for hold in proposal.holds] == ["api.yaml"]
    asked.clear()
    assert chain.respected(apply, [holding(kind="None")]).holds == ()
    assert asked == [{}]


def test_a_gate_judges_only_what_is_its_automations():
    everything = holding("web.yaml", "api.yaml", kind="One")
    gate = chain.only(everything, lambda path, setter: setter == "apps:api")
    assert [hold.path for hold in chain.found(changes("web", "api"), [gate])] == ["api.yaml"]
