"""Ages, as kubectl writes them."""

import datetime as dt

import pytest

from gotk import elapsed

AGES = {0: "0s", -1: "0s", -9: "<invalid>", 119: "119s", 120: "2m", 185: "3m5s", 900: "15m", 3 * 3600: "3h",
        3 * 3600 + 60: "3h1m", 10 * 3600: "10h", 50 * 3600: "2d2h", 9 * 86400: "9d", 800 * 86400: "2y70d",
        3000 * 86400: "8y"}  # fmt: skip


@pytest.mark.parametrize(("seconds", "text"), AGES.items(), ids=AGES.values())
def test_ages_have_at_most_two_units(seconds: int, text: str) -> None:
    assert elapsed.human(seconds) == text


def test_a_time_that_is_not_there_or_none_is_said_to_be_so() -> None:
    now = dt.datetime(2026, 1, 2, tzinfo=dt.UTC)
    assert elapsed.age(None, now) == "<unknown>"
    assert elapsed.age("yesterday", now) == "<invalid>"
    assert elapsed.age("2026-01-01T23:58:00Z", now) == "2m"
