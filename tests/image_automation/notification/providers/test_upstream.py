"""Our requests beside those of Flux's notification-controller, case by case and field by field."""

import re
from typing import Any

import pytest

from tests.image_automation.notification.providers.upstream import chat, delivery, differences, replay, systems
from tests.image_automation.notification.providers.upstream.case import Case

FILES = {"chat": chat.CASES, "systems": systems.CASES, "delivery": delivery.CASES}
RECORDS = {name: entry for file in FILES for name, entry in replay.recorded(file).items()}
CASES = [case for cases in FILES.values() for case in cases]
ALIKE = [case for case in CASES if case.name not in differences.OTHERWISE]
SIGNED = [case for case in CASES if case.provider["type"] in {"generic", "generic-hmac"}]


def named(cases: list[Case]) -> list[Any]:
    return [pytest.param(case, id=case.name) for case in cases]


def both(case: Case) -> tuple[dict[str, Any], dict[str, Any]]:
    flux = RECORDS[case.name]
    found = replay.ours(case, flux["uids"])
    shown = [{**each, "requests": [replay.comparable(one) for one in each["requests"]]} for each in (found, flux)]
    return shown[0], shown[1]


@pytest.mark.parametrize("case", named(ALIKE))
def test_what_is_sent_is_what_flux_sends_but_for_what_the_tables_name(case: Case) -> None:
    found, flux = both(case)
    type_ = case.provider["type"]
    flux = {**flux, "requests": differences.escaped(flux["requests"], type_)}
    for one in (found, flux):
        one["complaints"] = [differences.unwrapped(text) for text in one["complaints"]]
    if case.name in differences.WORDS:
        assert flux["complaints"]
        flux["complaints"] = [differences.complaint(case.name, differences.WORDS[case.name])]
    always = differences.ALWAYS.get(type_, "$^")
    differs = replay.differences(found, flux)
    ours = {path: pair[0] for path, pair in differs.items() if not re.fullmatch(always, path)}
    assert ours == differences.FIELDS.get(case.name, {})


@pytest.mark.parametrize("case", named([case for case in CASES if case.name in differences.OTHERWISE]))
def test_what_flux_leaves_to_luck_is_refused_or_put_right(case: Case) -> None:
    found, flux = both(case)
    requests, words = differences.OTHERWISE[case.name]
    assert (len(found["requests"]), bool(found["complaints"])) != (len(flux["requests"]), bool(flux["complaints"]))
    assert len(found["requests"]) == requests
    assert [differences.unwrapped(text) for text in found["complaints"]] == (
        [differences.complaint(case.name, words)] if words else []
    )
    assert found["requests"] == flux["requests"][:1] or not (found["requests"] and flux["requests"])


@pytest.mark.parametrize("case", named(SIGNED))
def test_the_bytes_that_are_signed_are_those_of_flux(case: Case) -> None:
    flux = RECORDS[case.name]
    found = replay.ours(case, flux["uids"])
    bodies = [request["body"] for request in found["requests"]]
    assert bodies == [request["body"] for request in flux["requests"]][: len(bodies)]


def test_every_difference_is_of_a_case_that_there_is() -> None:
    tables = (differences.FIELDS, differences.OTHERWISE, differences.WORDS)
    assert [name for table in tables for name in table if name not in RECORDS] == []


def test_every_case_is_recorded_and_every_record_is_of_a_case() -> None:
    assert sorted(RECORDS) == sorted(case.name for case in CASES)
