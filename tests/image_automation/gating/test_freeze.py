"""Freezes: what they hold, until when, and what is no freeze at all."""

from datetime import timedelta

import pytest

from image_automation.gating import chain, freeze
from image_automation.gating.facts import Misread
from tests.image_automation.gating.facing import NOW, changes, facts, policy

UNTIL = "{reason: Black Friday, until: 2026-11-30T08:00:00+01:00, by: jane}"


def held(given):
    return chain.found(changes("web", "api"), [freeze.gate(given)])


def test_a_frozen_automation_writes_nothing_and_says_until_when():
    found = held(facts(policy(), policy("api"), freeze=UNTIL))
    assert [hold.path for hold in found] == ["web.yaml", "api.yaml"]
    assert {(hold.kind, hold.by, hold.message) for hold in found} == {
        ("Frozen", "jane", "frozen until 2026-11-30T07:00:00Z by jane: Black Friday")
    }
    assert {hold.until for hold in found} == {NOW + timedelta(hours=19)}


def test_a_frozen_policy_holds_its_own_places():
    found = held(facts(policy(freeze="{reason: broken}"), policy("api")))
    assert [(hold.path, hold.message, hold.until) for hold in found] == [("web.yaml", "frozen: broken", None)]


def test_a_freeze_ends_at_its_end():
    end = NOW + timedelta(hours=19)
    assert held(facts(policy(), policy("api"), now=end, freeze=UNTIL)) == []
    assert len(held(facts(policy(), policy("api"), now=end - timedelta(seconds=1), freeze=UNTIL))) == 2


@pytest.mark.parametrize(
    ("text", "cause"),
    [
        pytest.param("until tomorrow", "Expected `object`", id="bare text"),
        pytest.param("{until: 2026-11-30T08:00:00Z}", "missing required field `reason`", id="no reason"),
        pytest.param("{reason: x, til: y}", "unknown field `til`", id="misspelt field"),
        pytest.param("{reason: x, until: tomorrow}", "until 'tomorrow' is no time", id="no time"),
        pytest.param("{reason: x, until: 2026-11-30T08:00:00}", "lacks the offset from UTC", id="no offset"),
        pytest.param("{reason: x", "freeze: line", id="no YAML"),
        pytest.param("", "Expected `object`", id="nothing"),
        pytest.param("x" * 20_000, "longer than 16384", id="endless"),
    ],
)
def test_what_is_misread_is_named_and_holds_the_policys_places(text: str, cause: str):
    with pytest.raises(Misread, match=cause):
        held(facts(policy(), freeze=text))
    found = held(facts(policy(freeze=text), policy("api")))
    assert [(hold.path, hold.kind) for hold in found] == [("web.yaml", "InvalidAnnotation")]
    assert found[0].message.startswith("ImagePolicy web: annotation image-automation.dev/freeze")
