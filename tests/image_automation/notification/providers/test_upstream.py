"""Our requests beside those of Flux's notification-controller, case by case."""

from typing import Any

import pytest

from tests.image_automation.notification.providers.upstream import chat, replay, systems
from tests.image_automation.notification.providers.upstream.case import Case

FILES = {"chat": chat.CASES, "systems": systems.CASES}
RECORDS = {file: replay.recorded(file) for file in FILES}
CASES = [pytest.param(case, RECORDS[file], id=case.name) for file, cases in FILES.items() for case in cases]


@pytest.mark.parametrize(("case", "record"), CASES)
def test_what_is_sent_is_what_flux_sends(case: Case, record: dict[str, Any]) -> None:
    flux = record[case.name]
    found = replay.ours(case, flux["uids"])
    assert [replay.comparable(each) for each in found["requests"]] == [
        replay.comparable(each) for each in flux["requests"]
    ]
    assert found["complaints"] == flux["complaints"]
