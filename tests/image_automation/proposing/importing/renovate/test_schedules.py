"""Renovate's schedules as windows, each read by what reads windows in the service."""

import pytest

from gotk import go_yaml
from gotk.api import extensions
from image_automation.gating import windows
from image_automation.proposing.importing.renovate import schedules

WEEK = "Mon,Tue,Wed,Thu,Fri"
WRITTEN = [
    ("at any time", []),
    ("before 5am", [("00:00-05:00", "")]),
    ("after 10:30pm every weekday", [(f"{WEEK} 22:30-24:00", "")]),
    ("after 10pm and before 5am every weekday", [(f"{WEEK} 00:00-05:00", ""), (f"{WEEK} 22:00-24:00", "")]),
    ("every weekend", [("Sat,Sun 00:00-24:00", "")]),
    ("on friday and saturday", [("Fri,Sat 00:00-24:00", "")]),
    ("* 0-3 * * *", [("00:00-04:00", "")]),
    ("* * * * 0,6", [("Sat,Sun 00:00-24:00", "")]),
    ("* 0-4,22-23 * * mon-fri", [(f"{WEEK} 00:00-05:00", ""), (f"{WEEK} 22:00-24:00", "")]),
    ("* 0-3 1 * *", [("0 0 1 * *", "4h")]),
    ("* * 1 */3 *", [("0 0 1 */3 *", "24h")]),
]


@pytest.mark.parametrize(("text", "entries"), WRITTEN, ids=[row[0] for row in WRITTEN])
def test_a_schedule_becomes_windows(text: str, entries: list[tuple[str, str]]) -> None:
    found = schedules.windows([text], "Europe/Berlin")
    assert [(each["allow"], each.get("duration", "")) for each in found] == entries
    assert all(each["timeZone"] == "Europe/Berlin" for each in found)
    windows.of({extensions.WINDOWS: go_yaml.write(found)})


@pytest.mark.parametrize(
    "text", ["every 3 months on the first day of the month", "on doomsday", "30 1 * * *", "* 25 * * *", "* a * * *"]
)
def test_what_is_not_known_is_refused(text: str) -> None:
    with pytest.raises(schedules.Unreadable):
        schedules.windows([text], "")
