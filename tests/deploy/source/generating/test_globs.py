import pytest
from hypothesis import given
from hypothesis import strategies as st

from deploy.source.generating import globs
from deploy.source.generating.globs import BadPattern

PATHS = ["a", "a/b", "a/b/c.md", "a/d.md", "e.md", "x.tgz"]


@pytest.mark.parametrize(
    ("pattern", "found"),
    [
        ("*", ["a", "e.md", "x.tgz"]),
        ("**", ["a", "e.md", "x.tgz"]),
        ("a/**", ["a/b", "a/d.md"]),
        ("a/*/*.md", ["a/b/c.md"]),
        ("?/[b-d]*", ["a/b", "a/d.md"]),
        ("a/*/", []),
    ],
)
def test_what_is_copied_is_found_name_by_name(pattern: str, found: list[str]) -> None:
    assert globs.plain(pattern, PATHS) == found


@pytest.mark.parametrize(
    ("pattern", "path", "matches"),
    [
        ("*.md", "e.md", True),
        ("*.md", "a/d.md", False),
        ("**/*.md", "e.md", True),
        ("**/*.md", "a/b/c.md", True),
        ("a/**", "a", True),
        ("a/**", "a/b/c.md", True),
        ("a/**/c.md", "a/c.md", True),
        ("a/**/c.md", "a/x/y/c.md", True),
        ("a/**/c.md", "b/c.md", False),
        ("**/tests/**", "tests", True),
        ("**/.*", "a/.hidden", True),
        ("{a,b/c}/*.md", "b/c/x.md", True),
        ("{a,b{1,2}}.md", "b2.md", True),
        ("[!a]*", "b", True),
        ("[!a]*", "a", False),
        ("a**b", "axxb", True),
        ("a**b", "ax/xb", False),
        (r"\{a", "{a", True),
    ],
)
def test_what_is_left_out_is_found_at_any_depth(pattern: str, path: str, matches: bool) -> None:
    assert globs.deep(pattern)(path) is matches


@pytest.mark.parametrize("pattern", ["[", "{a", "a}", "[a-", "{a,b}" * 9])
def test_a_pattern_that_is_none_is_refused(pattern: str) -> None:
    with pytest.raises(BadPattern):
        globs.deep(pattern)


def test_a_pattern_s_own_folder_is_what_comes_before_its_first_sign() -> None:
    assert [globs.root(each) for each in ("**", "a/b/*.md", "a/b*/c/d", "a")] == [".", "a/b", "a", "a"]


@given(st.integers(1, 60), st.text(alphabet="ab", max_size=60))
def test_no_pattern_takes_long(depth: int, name: str) -> None:
    pattern = "/".join(["**", "*a*b*a*"] * depth)
    assert globs.deep(pattern)("/".join(name) or "x") in {True, False}
