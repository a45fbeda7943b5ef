"""Go's regular expressions over RE2: what compiles, what a template makes of a match, and the bounds."""

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gotk.goregexp import MAX_PATTERN, MAX_REFERENCES, MAX_TEMPLATE, Regexp
from tests.gotk.go_answers import ANSWERS


@pytest.mark.parametrize("case", ANSWERS["patterns"], ids=lambda case: ascii(case["pattern"])[:40])
def test_a_pattern_compiles_where_it_compiles_in_go(case):
    if not case["error"]:
        Regexp(case["pattern"])
        return
    with pytest.raises(ValueError) as caught:
        Regexp(case["pattern"])
    assert str(caught.value) == case["error"]


@pytest.mark.parametrize(
    "case", ANSWERS["expands"], ids=lambda case: ascii(case["pattern"] + " " + case["template"])[:60]
)
def test_a_template_expands_as_in_go(case):
    assert Regexp(case["pattern"]).template(case["template"]).expand(case["text"]) == case["answer"]


@pytest.mark.parametrize(
    ("pattern", "text", "found"),
    [
        ("b", "abc", True),
        ("^b", "abc", False),
        ("", "", True),
        ("a$", "a\n", False),
        (r"\d", "٣", False),
        ("é", "caf\u00e9", True),
        (".", "\ud800", True),
    ],
)
def test_a_search_is_unanchored_and_reads_classes_as_ascii(pattern, text, found):
    assert Regexp(pattern).matches(text) is found


def test_a_pattern_past_the_limit_is_refused():
    Regexp("a" * MAX_PATTERN)
    with pytest.raises(ValueError, match="longer than 4096 characters"):
        Regexp("a" * (MAX_PATTERN + 1))


@pytest.mark.parametrize("template", ["$0" * (MAX_REFERENCES + 1), "x" * (MAX_TEMPLATE + 1)])
def test_a_template_past_the_limits_is_refused(template):
    with pytest.raises(ValueError, match="the template"):
        Regexp("a").template(template)


@pytest.mark.parametrize("pattern", ["^(a+)+$", "(a|aa)+$", "(.*)*x", "a{1,1000}b", "(x+x+)+y"])
def test_no_pattern_takes_long_over_a_long_text(pattern):
    start = time.process_time()
    Regexp(pattern).matches("a" * 100_000 + "!")
    assert time.process_time() - start < 2


@pytest.mark.parametrize(
    "pattern",
    [
        pytest.param("^v(?P<n>[0-9]+)$", id="plain"),
        pytest.param("(v|w)(?P<n>[0-9]+)", id="a choice"),
        pytest.param("^(v?)(?P<n>.*?)(?P<n>[0-9])", id="groups of one name"),
        pytest.param("v[0-9]|" + "(?:x{30}){30}", id="too large for a set"),
        pytest.param("", id="anything"),
    ],
)
@pytest.mark.parametrize("texts", [["v1", "w22", "x", "", "v12"], ["v1", "é", "v2é", "v3\n", "\ud800v4"]])
def test_many_texts_are_searched_as_each_of_them(pattern, texts):
    regexp = Regexp(pattern)
    assert regexp.found_in(texts) == [regexp.matches(text) for text in texts]
    for template in ("$n", "${n}-$0", "$1$$", "x", "$none"):
        filled = regexp.template(template)
        assert filled.expand_all(texts) == [filled.expand(text) for text in texts]


@given(st.text(max_size=20))
def test_a_template_without_dollars_stands_for_itself(template):
    template = template.replace("$", "")
    assert Regexp("").template(template).expand("x") == template


@given(st.text(max_size=20))
def test_doubled_dollars_stand_for_dollars(template):
    assert Regexp("").template(template.replace("$", "$$")).expand("x") == template


@given(st.text("ab()[]{}*+?\\|.^$PQEC<>:0123456789-é", max_size=30))
def test_any_text_is_a_pattern_or_a_value_error(pattern):
    try:
        Regexp(pattern).template("$1").expand("ab")
    except ValueError as error:
        assert str(error).startswith("error parsing regexp: ")  # noqa: PT017 - or no error
