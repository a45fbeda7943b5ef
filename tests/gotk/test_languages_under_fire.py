"""Ranges, patterns and templates under generated input: their own errors or a sound result, and the laws of both."""

import re

from hypothesis import given
from hypothesis import strategies as st

from gotk.goregexp import Regexp
from gotk.semver import Range, Version
from tests.damage import damaged
from tests.gotk.go_answers import ANSWERS

RANGES = st.sampled_from([case["range"] for case in ANSWERS["ranges"] if not case["error"]])
GROUPS = RANGES.filter(lambda text: "||" not in text and " - " not in text)
VERSIONS = st.sampled_from([Version.parse(text) for text in ANSWERS["versions"]])
RANGE_PIECES = ("", "||", ",", " ", "-", " - ", "x", "*", ".", "0", "~", "^", ">=", "!", "v", "\n", "\0", "é", "+a")
TOO_LONG = 512


def inside(text: str, version: Version) -> bool:
    return Range.parse(text).contains(version)


@given(damaged(RANGES, RANGE_PIECES), VERSIONS)
def test_a_damaged_range_is_one_or_a_value_error(text: str, version: Version):
    try:
        range_ = Range.parse(text)
    except ValueError as error:
        assert re.match("improper constraint: |constraint parser error|constraint string is|too many", str(error))  # noqa: PT017 - or no error
        return
    assert Range.parse(range_.text) == range_
    # A prerelease is never in a range that holds none, and `latest` agrees with `contains`.
    assert range_.prereleases or not (version.prerelease and range_.contains(version))
    if version.original.count(".") >= 2:
        assert (range_.latest([version.original]) is not None) == range_.contains(version)


@given(RANGES, RANGES, VERSIONS)
def test_bars_are_or_in_either_order_and_twice_is_once(one: str, other: str, version: Version):
    if len(one) + len(other) > 200 or "|" in one + other:
        return
    either = inside(one, version) or inside(other, version)
    assert inside(f"{one} || {other}", version) == inside(f"{other} || {one}", version) == either
    assert inside(f"{one} || {one}", version) == inside(one, version)


@given(GROUPS, GROUPS, VERSIONS)
def test_a_comma_is_and_for_releases_and_twice_is_once(one: str, other: str, version: Version):
    if len(one) + len(other) > 200 or "|" in one + other:
        return
    one, other = one.strip(), other.strip()
    both = inside(f"{one}, {other}", version)
    assert both == inside(f"{other}, {one}", version)
    assert inside(f"{one}, {one}", version) == inside(one, version)
    if not version.prerelease:
        assert both == (inside(one, version) and inside(other, version))


PATTERNS = st.sampled_from([case["pattern"] for case in ANSWERS["patterns"] if not case["error"]])
PATTERN_PIECES = (
    "",
    "(",
    ")",
    "[",
    "]",
    "\\",
    "*",
    "+?",
    "{2,3}",
    "(?P<a>",
    "(?i)",
    "|",
    "^",
    "$",
    "\\Q",
    "\\pL",
    "\0",
    "é",
)
TEMPLATE_PIECES = ("", "$", "$$", "${", "}", "$1", "${1}", "$name", "$0", "\\", "\0", "é", "٣", "_")
TAGS = st.from_regex(r"[A-Za-z0-9_][A-Za-z0-9._-]{0,30}", fullmatch=True)


@given(damaged(PATTERNS, PATTERN_PIECES), TAGS)
def test_a_damaged_pattern_is_one_or_a_value_error(pattern: str, tag: str):
    try:
        regexp = Regexp(pattern)
    except ValueError as error:
        assert str(error).startswith("error parsing regexp: ")  # noqa: PT017 - or no error
        return
    whole = regexp.template("$0").expand(tag)
    assert (whole is not None) == regexp.matches(tag)
    assert whole is None or whole in tag


TEMPLATES = st.sampled_from([case["template"] for case in ANSWERS["expands"]])


@given(damaged(TEMPLATES, TEMPLATE_PIECES), TAGS)
def test_a_damaged_template_always_expands_and_its_expansion_can_be_a_template(template: str, tag: str):
    regexp = Regexp("^(?P<name>[A-Za-z0-9_])(.*?)(-never)?$")
    expanded = regexp.template(template).expand(tag)
    assert expanded is not None
    assert regexp.template(expanded.replace("$", "$$")).expand(tag) == expanded


@given(TAGS, st.integers(0, 9))
def test_a_group_is_inserted_by_number_and_by_name_alike(tag: str, end: int):
    regexp = Regexp(f"^(?P<head>.{{0,{end}}})(?P<tail>.*)$")
    for template in ("$head$tail", "${1}${2}", "$0", "$1$tail"):
        assert regexp.template(template).expand(tag) == tag
