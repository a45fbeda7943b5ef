import pytest
from hypothesis import given
from hypothesis import strategies as st

from gotk.goregexp import Regexp
from reflector import exclusion

TAGS = ["1.0", "sha256-abc.sig", "1.0.sig", "sig", "1.0-rc"]


@pytest.mark.parametrize(
    ("patterns", "left"),
    [
        ([], ["1.0", "sig", "1.0-rc"]),
        ([r"^.*\.sig$"], ["1.0", "sig", "1.0-rc"]),
        (["sig"], ["1.0", "1.0-rc"]),
        (["rc", "^sha256-"], ["1.0", "1.0.sig", "sig"]),
        (["(?i)RC$"], ["1.0", "sha256-abc.sig", "1.0.sig", "sig"]),
        (["nothing"], TAGS),
    ],
    ids=["empty is the default", "default", "found anywhere", "any of two", "flags", "none found"],
)
def test_tags_in_which_a_pattern_is_found_are_left_out(patterns: list[str], left: list[str]):
    assert exclusion.exclude(patterns, TAGS) == left


@pytest.mark.parametrize(
    ("pattern", "message"),
    [
        ("[a", "failed to compile regex [a: error parsing regexp: missing closing ]: `[a`"),
        ("(?=x)", "failed to compile regex (?=x): error parsing regexp: invalid or unsupported Perl syntax: `(?=`"),
    ],
)
def test_a_pattern_that_cannot_be_compiled_is_said_in_flux_words(pattern: str, message: str):
    with pytest.raises(exclusion.InvalidExclusion) as raised:
        exclusion.exclude([pattern], [])
    assert str(raised.value) == message


@given(st.from_regex(r"[A-Za-z0-9_.-]{0,20}(\.sig)?", fullmatch=True))
def test_the_shortcut_for_the_default_means_the_same(tag: str):
    assert (exclusion.exclude([], [tag]) == []) is Regexp(exclusion.DEFAULT[0]).matches(tag)


PATTERNS = st.sampled_from(
    ["^a", "b$", "(?i)C", "a|b", "(?P<x>b)", "(?P<x>a)c", r"\Qa.", r"\Qb", "x{2}", "", "^.*\\.sig$"]
)


@given(st.lists(PATTERNS, min_size=1, max_size=6), st.lists(st.text("abcABC.xsig", max_size=5)))
def test_patterns_together_exclude_what_each_excludes(patterns, tags):
    left = tags
    for pattern in patterns:
        left = exclusion.exclude([pattern], left)
    assert exclusion.exclude(patterns, tags) == left
