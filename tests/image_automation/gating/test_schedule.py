"""Spans that come again, on both sides of a change of the clocks, and what is no schedule."""

import itertools
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from image_automation.gating import schedule

BERLIN = ZoneInfo("Europe/Berlin")
MINUTE = timedelta(minutes=1)


def spans(text: str, begin: str, *, duration: str = "", zone: str = "Europe/Berlin", most: int = 2) -> list[str]:
    """Return the first spans as a zone's clock reads them, with its offset where that changes."""
    found = schedule.parse(text, duration, zone).spans(datetime.fromisoformat(begin).replace(tzinfo=UTC))
    local = ZoneInfo(zone)
    return [
        f"{span.begin.astimezone(local):%a %d %H:%M%z} - {span.end.astimezone(local):%a %d %H:%M%z}"
        for span in itertools.islice(found, most)
    ]


# In Berlin 2026-03-29 has no 02:00-03:00, and 2026-10-25 has it twice.


@pytest.mark.parametrize(
    ("text", "begin", "found"),
    [
        pytest.param(
            "Mon-Fri 09:00-16:30", "2026-11-27T12:00", ["Fri 27 09:00+0100 - Fri 27 16:30+0100",
            "Mon 30 09:00+0100 - Mon 30 16:30+0100"], id="a span that has begun, then the next working day"),
        pytest.param(
            "22:00-06:00", "2026-11-27T12:00", ["Fri 27 22:00+0100 - Sat 28 06:00+0100",
            "Sat 28 22:00+0100 - Sun 29 06:00+0100"], id="into the next day"),
        pytest.param(
            "Fri-Mon,Wed 00:00-24:00", "2026-11-30T12:00", ["Mon 30 00:00+0100 - Tue 01 00:00+0100",
            "Wed 02 00:00+0100 - Thu 03 00:00+0100"], id="days over the week's end, whole"),
        pytest.param(
            "02:30-05:00", "2026-03-29T00:00", ["Sun 29 03:00+0200 - Sun 29 05:00+0200",
            "Mon 30 02:30+0200 - Mon 30 05:00+0200"], id="a begin that is skipped"),
        pytest.param(
            "01:00-02:30", "2026-03-28T23:30", ["Sun 29 01:00+0100 - Sun 29 03:00+0200",
            "Mon 30 01:00+0200 - Mon 30 02:30+0200"], id="an end that is skipped"),
        pytest.param(
            "02:10-02:50", "2026-03-29T00:00", ["Mon 30 02:10+0200 - Mon 30 02:50+0200",
            "Tue 31 02:10+0200 - Tue 31 02:50+0200"], id="skipped as a whole"),
        pytest.param(
            "02:10-02:50", "2026-10-24T12:00", ["Sun 25 02:10+0200 - Sun 25 02:50+0100",
            "Mon 26 02:10+0100 - Mon 26 02:50+0100"], id="an hour that comes twice"),
    ],
)  # fmt: skip
def test_hours_are_what_the_clock_reads(text: str, begin: str, found: list[str]):
    assert spans(text, begin) == found


@pytest.mark.parametrize(
    ("begin", "found"),
    [
        pytest.param("2026-11-27T18:00", "Fri 27 16:00+0100 - Mon 30 04:00+0100", id="a weekend that has begun"),
        pytest.param("2026-03-27T18:00", "Fri 27 16:00+0100 - Mon 30 05:00+0200", id="sixty hours are sixty hours"),
    ],
)
def test_cron_begins_and_lasts(begin: str, found: str):
    assert spans("0 16 * * Fri", begin, duration="60h", most=1) == [found]


def test_cron_in_a_skipped_hour_begins_at_its_end_and_in_a_doubled_one_once():
    assert spans("30 2 * * *", "2026-03-29T00:00", duration="10m", most=1) == ["Sun 29 03:00+0200 - Sun 29 03:10+0200"]
    assert spans("50 2 * * *", "2026-10-24T12:00", duration="2h", most=2) == [
        "Sun 25 02:50+0200 - Sun 25 03:50+0100",
        "Mon 26 02:50+0100 - Mon 26 04:50+0100",
    ]
    inside = "2026-10-25T01:20"  # the second 02:20, which reads less than the begin did
    assert spans("50 2 * * *", inside, duration="2h", most=1) == ["Sun 25 02:50+0200 - Sun 25 03:50+0100"]


@pytest.mark.parametrize(
    ("text", "duration", "zone", "cause"),
    [
        pytest.param("at night", "", "UTC", "neither hours, such as Mon-Fri 09:00-16:30, nor five fields", id="words"),
        pytest.param("Mon-Fry 09:00-10:00", "", "UTC", "'Fry' is no day: write Mon, Tue", id="no day"),
        pytest.param("09:00-25:00", "", "UTC", "'25:00' is no time of a day", id="no hour"),
        pytest.param("09:61-10:00", "", "UTC", "'09:61' is no time of a day", id="no minute"),
        pytest.param("09:00-09:00", "", "UTC", "write 00:00-24:00", id="nothing or everything"),
        pytest.param("24:00-02:00", "", "UTC", "is no span", id="begins when the day is over"),
        pytest.param("09:00-10:00", "1h", "UTC", "leave duration out", id="two ends"),
        pytest.param("0 9 * * *", "", "UTC", "add a duration", id="no end"),
        pytest.param("0 9 * * *", "1 hour", "UTC", "invalid duration", id="no duration"),
        pytest.param("0 9 * * *", "0s", "UTC", "is not between nothing and a year", id="nothing"),
        pytest.param("0 9 * * *", "9000h", "UTC", "is not between nothing and a year", id="more than a year"),
        pytest.param("0 99 * * *", "1h", "UTC", "Bad hour", id="no cron"),
        pytest.param("0 9 31 2 *", "1h", "UTC", "Bad day-of-month", id="a day that never is"),
        pytest.param("*/5 9 * * *", "1h", "UTC", "write one minute", id="too often"),
        pytest.param("0 0 9 * * *", "1h", "UTC", "five fields", id="seconds"),
        pytest.param("09:00-10:00", "", "Europe/Atlantis", "timeZone 'Europe/Atlantis' is none", id="no zone"),
        pytest.param("09:00-10:00", "", "../../etc/passwd", "is none that is known", id="a path"),
        pytest.param("09:00-10:00", "", "America", "is none that is known", id="a folder"),
        pytest.param("09:00-10:00", "", "", "is none that is known", id="nowhere"),
    ],
)
def test_what_is_no_schedule_says_how_it_is_written(text: str, duration: str, zone: str, cause: str):
    with pytest.raises(ValueError, match=cause.replace("*", r"\*")):
        schedule.parse(text, duration, zone)


ZONES = ("Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "America/Santiago", "Africa/Casablanca", "UTC")
MOMENTS = st.integers(0, 5 * 366 * 24 * 60).map(lambda minutes: datetime(2025, 1, 1, tzinfo=UTC) + minutes * MINUTE)
#: Around the changes of 2026 in these zones, where the laws are at stake.
CHANGES = st.builds(
    lambda day, minutes: datetime.fromisoformat(day).replace(tzinfo=UTC) + minutes * MINUTE,
    st.sampled_from(["2026-03-29", "2026-10-25", "2026-03-08", "2026-11-01", "2026-04-04", "2026-10-03", "2026-09-06"]),
    st.integers(-600, 1800),
)
CLOCK = st.integers(0, 23 * 60 + 59)


@settings(max_examples=120, deadline=None)
@given(moment=MOMENTS | CHANGES, zone=st.sampled_from(ZONES), begin=CLOCK, end=CLOCK)
def test_every_moment_at_which_the_clock_reads_within_hours_is_inside(
    moment: datetime, zone: str, begin: int, end: int
):
    if begin == end:
        return
    text = f"{begin // 60:02}:{begin % 60:02}-{end // 60:02}:{end % 60:02}"
    span = next(schedule.parse(text, "", zone).spans(moment))
    assert moment < span.end
    local = moment.astimezone(ZoneInfo(zone))
    reads = local.hour * 60 + local.minute
    within = begin <= reads < end if begin < end else reads >= begin or reads < end
    if within:
        assert span.begin <= moment
    elif local.utcoffset() == (local + timedelta(days=2)).utcoffset() == (local - timedelta(days=2)).utcoffset():
        assert moment < span.begin  # and no other, where the clocks are not changed


@settings(max_examples=50, deadline=None)
@given(moment=MOMENTS | CHANGES, zone=st.sampled_from(ZONES), hour=st.integers(0, 23), minute=st.integers(0, 59))
def test_cron_spans_come_in_order_and_last_as_long_as_they_say(moment: datetime, zone: str, hour: int, minute: int):
    found = schedule.parse(f"{minute} {hour} * * *", "7h", zone).spans(moment)
    first, second, third = itertools.islice(found, 3)
    assert moment < first.end
    assert first.begin <= moment + timedelta(hours=26)
    assert first.begin < second.begin < third.begin
    assert {each.end - each.begin for each in (first, second, third)} == {timedelta(hours=7)}
