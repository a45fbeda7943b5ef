"""Freezes: what they hold, until when, and what is no freeze at all."""

from dataclasses import replace
from datetime import timedelta

import pytest

from image_automation.gating import chain, freeze
from image_automation.gating.facts import Around, Misread
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


def around(**texts: str) -> list[Around]:
    """A namespace that is frozen, or an installation."""
    known = {
        "apps": ("image-automation.dev/freeze", "Namespace", "namespace apps"),
        "flux": ("image-automation.dev/freeze-installation", "Installation", "the installation"),
    }
    return [
        Around(namespace=name, key=known[name][0], kind=known[name][1], words=known[name][2],
               annotations={known[name][0]: text})
        for name, text in texts.items()
    ]  # fmt: skip


def test_with_a_namespace_or_the_installation_everything_in_it_is_frozen():
    for name, words in (("apps", "namespace apps"), ("flux", "the installation")):
        given = replace(facts(policy(), policy("api")), around=around(**{name: UNTIL}))
        found = held(given)
        assert [hold.path for hold in found] == ["web.yaml", "api.yaml"]
        said = f"frozen with {words} until 2026-11-30T07:00:00Z by jane: Black Friday"
        assert {(hold.kind, hold.by, hold.message) for hold in found} == {("Frozen", "jane", said)}
        assert held(replace(given, now=NOW + timedelta(hours=19))) == []


def test_of_several_freezes_the_nearest_is_told():
    given = replace(facts(policy(), freeze="{reason: mine}"), around=around(apps=UNTIL, flux="{reason: all}"))
    assert held(given)[0].message == "frozen: mine"
    assert held(replace(given, automation={}))[0].message.startswith("frozen with namespace apps")


def test_a_namespace_s_freeze_that_is_misread_is_named_and_stalls():
    with pytest.raises(Misread, match=r"Namespace apps: annotation image-automation\.dev/freeze: "):
        held(replace(facts(policy()), around=around(apps="yes")))


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
