"""`policy.numerical`: numbers as Go's ParseFloat reads them, and what wins among them."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from policies.numerical import Numerical, parse_float
from tests.damage import damaged
from tests.gotk.go_answers import ANSWERS


@pytest.mark.parametrize("case", ANSWERS["floats"], ids=lambda case: ascii(case["text"])[:40])
def test_a_number_is_what_go_reads(case):
    if not case["answer"]:
        with pytest.raises(ValueError):
            parse_float(case["text"])
        return
    value = parse_float(case["text"])
    if case["answer"] == "NaN":
        assert math.isnan(value)
    else:
        expected = float.fromhex(case["answer"])
        assert (value, math.copysign(1, value)) == (expected, math.copysign(1, expected))


@pytest.mark.parametrize(
    ("descending", "candidates", "latest"),
    [
        (False, "-62 -88 73 72 15 16 15 29 -33 -91", "73"),
        (True, "5 -8 -78 25 70 -4 80 92 -20 -24", "-78"),
        (False, "10.40 -42.5 55.7 3.88 -57.8", "55.7"),
        (True, "10.40 -42.5 55.7 3.88 -57.8", "-57.8"),
        (False, "1 1.0 01 1e0", "01"),
        (True, "1 1.0 01 1e0", "01"),
        (False, "9007199254740993 9007199254740992", "9007199254740992"),
        (False, "-inf 3 inf", "inf"),
        (True, "-inf 3 inf", "-inf"),
        (False, "0 -0", "-0"),
        (False, "nan 1 2", "2"),
        (True, "nan 1 2", "1"),
        (False, "nan", "nan"),
    ],
    ids=str,
)
def test_the_greatest_or_the_smallest_number_wins(descending, candidates, latest):
    assert Numerical(descending=descending).latest(candidates.split()) == latest


def test_one_bad_value_fails_all():
    with pytest.raises(ValueError, match=r"^failed to parse invalid numeric value 'b'$"):
        Numerical(descending=False).latest(["0", "1a", "b"])


@given(st.lists(st.floats().map(repr) | st.integers().map(str), min_size=1), st.booleans())
def test_the_fast_way_chooses_what_a_walk_in_descending_byte_order_chooses(candidates, descending):
    policy = Numerical(descending=descending)
    walk = [(parse_float(candidate), candidate) for candidate in sorted(candidates, reverse=True)]
    assert policy.latest(candidates) == policy._walk(walk)


@given(st.text(max_size=12) | st.text("0123456789abcdefxXpPeE_+-. ", max_size=12))
def test_what_is_read_python_reads_alike_or_is_hexadecimal(text):
    try:
        value = parse_float(text)
    except ValueError:
        return
    expected = float.fromhex(text.replace("_", "")) if "x" in text.lower() else float(text)
    assert value == expected or math.isnan(expected)


NUMBERS = (
    st.floats().map(repr) | st.floats(allow_nan=False, allow_infinity=False).map(float.hex) | st.integers().map(str)
)


@given(damaged(NUMBERS, ("", "_", "e", "p", "0x", ".", "-", "+", " ", "\0", "٣", "inf")))
def test_a_damaged_number_is_one_or_a_value_error(text):
    try:
        value = parse_float(text)
    except ValueError as error:
        assert text in str(error)  # noqa: PT017 - or no error
        return
    # What was read, written down and read again, is what was read.
    assert parse_float(repr(value)) == value or math.isnan(value)
    assert text.isascii()
