"""Groups: all or none, at one version, and whom the others wait for."""

from datetime import timedelta

import msgspec
import pytest

from gotk.api.image import TagFilter
from image_automation.gating import chain, gates
from image_automation.update.proposal import Hold
from tests.image_automation.gating.facing import NOW, changes, facts, policy


def held(*policies, changing=("web", "migrate"), **automation: str) -> list[Hold]:
    return chain.found(changes(*changing), gates.gates(facts(*policies, **automation)))


def extracting(made, pattern: str, extract: str):
    filter_ = TagFilter(pattern=pattern, extract=extract)
    return msgspec.structs.replace(made, spec=msgspec.structs.replace(made.spec, filter_tags=filter_))


def test_a_group_moves_when_all_offer_the_same_version():
    assert held(policy(group="shop"), policy("migrate", group="shop")) == []


def test_who_is_ahead_waits_for_the_others():
    found = held(policy(group="shop"), policy("migrate", "1.0", group="shop"), policy("api"), changing=("web", "api"))
    assert [(hold.path, hold.kind, hold.message) for hold in found] == [
        ("web.yaml", "GroupIncomplete", "group shop waits for one version: web offers 1.1, migrate offers 1.0")
    ]


def test_a_group_waits_for_who_has_not_chosen():
    found = held(policy(group="shop"), policy("migrate", "", group="shop"), changing=("web",))
    assert [hold.message for hold in found] == ["group shop waits for migrate, which has not chosen"]


def test_what_keeps_one_keeps_all():
    until = NOW + timedelta(hours=1)
    frozen = policy("migrate", group="shop", freeze=f"{{reason: backup, until: {until.isoformat()}, by: jane}}")
    found = held(policy(group="shop"), frozen)
    assert [(hold.path, hold.kind) for hold in found] == [("migrate.yaml", "Frozen"), ("web.yaml", "GroupIncomplete")]
    message = "group shop waits for migrate: frozen until 2026-11-29T13:00:00Z by jane: backup"
    assert (found[1].message, found[1].until, found[1].by) == (message, until, "jane")


def test_what_a_person_took_back_keeps_all():
    def taken_back(pending):
        return [Hold(path, change, "c" * 40, "Jane") for path, change in pending.changes if path == "migrate.yaml"]

    given = gates.gates(facts(policy(group="shop"), policy("migrate", group="shop")))
    found = chain.found(changes("web", "migrate"), [taken_back, *given])
    assert [hold.message for hold in found] == [
        "",
        f"group shop waits for migrate: commit {'c' * 12} by Jane took it back",
    ]


@pytest.mark.parametrize(
    ("web", "migrate", "together"),
    [
        ("main-abc-1700000000", "main-abc-1700000009", True),
        ("main-abc-1700000000", "main-def-1700000009", False),
    ],
)
def test_extracted_keys_are_compared_where_policies_extract(web: str, migrate: str, together: bool):
    pattern = r"^main-(?P<sha>[a-z]+)-\d+$"
    members = [
        extracting(policy(name, tag, group="shop"), pattern, "$sha")
        for name, tag in (("web", web), ("migrate", migrate))
    ]
    assert (held(*members) == []) == together


def test_groups_do_not_mind_each_other():
    found = held(policy(group="shop"), policy("migrate", "1.0", group="other"))
    assert found == []
