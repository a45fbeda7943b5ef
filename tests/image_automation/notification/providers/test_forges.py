"""What Git forges are asked, beside what Flux's notification-controller asked them (`upstream/forges.json`)."""

from typing import Any

import pytest

from tests.image_automation.notification.providers.upstream import forges, replay
from tests.image_automation.notification.providers.upstream.case import Case

RECORD = replay.recorded("forges")
#: What Flux's libraries ask beside: which API there is. We ask for what we need at once.
ABOUT_THE_API = ("OPTIONS ", "/api/v1/version")
#: We look at the event before we ask who we are.
CHECKED_FIRST = {case.name for case in forges.CASES if case.name.endswith("-no-number")}


def plain(request: dict[str, Any]) -> dict[str, Any]:
    """Return a request without what has no meaning to the forge: the API's version, and spellings of the same."""
    dull = {"x-github-api-version", "x-tfs-session"} | ({"content-type"} if not request["body"] else set())
    said = {name.lower(): value.partition(";")[0] for name, value in request["headers"].items()}
    headers = {name: value for name, value in said.items() if name not in dull}
    target = request["request"].replace("&page=1", "").replace("?api-version=7.1", "")
    return {**replay.comparable(request), "request": target, "headers": headers}


def asked(requests: list[dict[str, Any]]) -> list[dict[str, Any]]:
    about = [request for request in requests if not any(part in request["request"] for part in ABOUT_THE_API)]
    return [plain(request) for request in about]


def steps(found: dict[str, Any]) -> list[str]:
    """Return what failed, without the cause: ours names the key, and Flux the function."""
    return [": ".join(complaint.split(": ")[:2]) for complaint in found["complaints"]]


@pytest.mark.parametrize(
    "case", [case for case in forges.CASES if case.name not in CHECKED_FIRST], ids=lambda c: c.name
)
def test_a_forge_is_asked_what_flux_asks(case: Case) -> None:
    flux = RECORD[case.name]
    ours = replay.ours(case, flux["uids"])
    assert asked(ours["requests"]) == asked(flux["requests"])
    assert steps(ours) == steps(flux)


@pytest.mark.parametrize("name", sorted(CHECKED_FIRST))
def test_nobody_is_asked_about_an_event_without_a_number(name: str) -> None:
    case = next(case for case in forges.CASES if case.name == name)
    ours = replay.ours(case, RECORD[name]["uids"])
    assert (ours["requests"], steps(ours)) == ([], steps(RECORD[name]))
