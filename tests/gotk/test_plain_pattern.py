"""Patterns that Python's engine answers as RE2 does: which they are, and that it does."""

import pytest
import re2
from hypothesis import assume, example, given
from hypothesis import strategies as st

from gotk import plain_pattern

ATOMS = ["a", "b", "-", "1", ".", r"\d", r"\w", r"\.", "[ab]", "[a-]", "[-b.]", r"[\d.]", "[0-9a-b]"]
COUNTS = ["", "", "", "*", "+", "?", "{2}", "{1,2}", "{0,3}", "{1,}"]
PIECE = st.builds("".join, st.tuples(st.sampled_from(ATOMS), st.sampled_from(COUNTS)))
RUN = st.lists(PIECE, max_size=4).map("".join)
PATTERNS = st.builds(
    "".join,
    st.tuples(st.sampled_from(["", "^"]), RUN, st.sampled_from(["(", "(?:", "(?P<x>"]), RUN, st.just(")"), RUN,
              st.sampled_from(["", "$"])),
)  # fmt: skip


@given(PATTERNS, st.lists(st.text("ab-.1c", max_size=9), min_size=1, max_size=6))
@example("^(?P<x>a?)b?", ["ab", "b", ""])
@example("(.*)-", ["a-b-c", "--", "-"])
@example("^([ab]{1,2})a$", ["aba", "aa", "aaa"])
def test_a_plain_pattern_finds_what_re2_finds(pattern, texts):
    assume((search := plain_pattern.search_of(pattern)) is not None)
    compiled = re2.compile(pattern)
    for text in texts:
        found, expected = search(text), compiled.search(text)
        assert (found and (found.span(), found.groups())) == (expected and (expected.span(), expected.groups()))


@pytest.mark.parametrize(
    ("pattern", "is_plain"),
    [
        ("^main-[a-f0-9]+-(?P<ts>[0-9]+)$", True),
        (r"^v?(\d+\.\d+\.\d+)$", True),
        ("-alpine$", True),
        (".*-alpine$", True),
        (r"^RELEASE\.(?P<timestamp>.*)Z$", True),
        pytest.param("^a*a*$", False, id="two runs of the same"),
        pytest.param("^a*b?a*c$", False, id="two runs of the same, with what may be absent between them"),
        pytest.param("^.*a[0-9]*$", False, id="a run that may be gone back on, and then no end"),
        pytest.param("[0-9]+$", False, id="a beginning anywhere, and then no end"),
        pytest.param("^a{0,99}[a-b]{70}$", False, id="a long one behind a run that may be gone back on"),
        pytest.param("^(a|b)$", False, id="a choice"),
        pytest.param("^(a)*$", False, id="a repeated group"),
        pytest.param("^(?i)a$", False, id="an option"),
        pytest.param("^a+?$", False, id="a lazy run"),
        pytest.param("^[^a]$", False, id="what is not in a set"),
        pytest.param("^[[:alpha:]]$", False, id="a named set"),
        pytest.param(r"^\Aa", False, id="an escape"),
        pytest.param("^é", False, id="beyond ASCII"),
        pytest.param("^a\n", False, id="a line break"),
        pytest.param("", False, id="nothing"),
        pytest.param("^" + "(" * 500 + "a" + ")" * 500, False, id="groups too deep for calls within calls"),
    ],
)
def test_a_pattern_is_plain_where_nothing_is_tried_twice(pattern, is_plain):
    assert (plain_pattern.search_of(pattern) is not None) is is_plain


@pytest.mark.parametrize(("text", "suits"), [("v1.2-rc", True), ("", True), ("é", False), ("a\nb", False)])
def test_texts_of_one_line_of_ascii_suit(text, suits):
    assert plain_pattern.suits(text) is suits
