import pytest
from hypothesis import given
from hypothesis import strategies as st

from gotk.duration import Duration

PRINTED = {
    "nothing": (0, "0s"),
    "a nanosecond": (1, "1ns"),
    "microseconds": (1_500, "1.5µs"),
    "milliseconds": (44_850_000, "44.85ms"),
    "almost a second": (999_999_999, "999.999999ms"),
    "a second": (1_000_000_000, "1s"),
    "a second and a half": (1_500_000_000, "1.5s"),
    "a minute": (60_000_000_000, "1m0s"),
    "ten minutes": (600_000_000_000, "10m0s"),
    "an hour": (3_600_000_000_000, "1h0m0s"),
    "all units": (5_415_500_000_000, "1h30m15.5s"),
    "before now": (-90_000_000_000, "-1m30s"),
}


@pytest.mark.parametrize(("nanoseconds", "text"), PRINTED.values(), ids=PRINTED)
def test_prints_as_go_does(nanoseconds: int, text: str) -> None:
    assert str(Duration(nanoseconds)) == text


READ = {
    "hours": ("1h", 3_600_000_000_000),
    "fraction": ("1.5h", 5_400_000_000_000),
    "fraction without digits before": (".5s", 500_000_000),
    "fraction without digits after": ("1.s", 1_000_000_000),
    "several parts": ("1m30s", 90_000_000_000),
    "milliseconds are no minutes": ("100ms", 100_000_000),
    "plus": ("+5s", 5_000_000_000),
    "minus": ("-5s", -5_000_000_000),
    "bare zero": ("0", 0),
}


@pytest.mark.parametrize(("text", "nanoseconds"), READ.values(), ids=READ)
def test_reads_what_go_reads(text: str, nanoseconds: int) -> None:
    assert Duration.parse(text).nanoseconds == nanoseconds


@pytest.mark.parametrize("text", ["", "1", "1y", "1d", "s", "1 s", " 1s", "1s ", "-", "1h1", "١s", "1e3s", "3000000h"])
def test_refuses_what_go_refuses(text: str) -> None:
    with pytest.raises(ValueError, match="invalid duration"):
        Duration.parse(text)


@given(st.integers(min_value=-(2**62), max_value=2**62))
def test_reading_what_was_printed_gives_it_back(nanoseconds: int) -> None:
    assert Duration.parse(str(Duration(nanoseconds))) == Duration(nanoseconds)


@given(st.integers(min_value=0, max_value=2**40), st.integers(min_value=0, max_value=2**40))
def test_durations_compare_by_length(a: int, b: int) -> None:
    assert (Duration(a) < Duration(b)) == (a < b)
