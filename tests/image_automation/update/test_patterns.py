"""Patterns of paths: what they mean, and that no pattern can make a machine think for long."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from image_automation.update import patterns

NAMES = st.lists(st.sampled_from(["a", "b", "ab", "a.b"]), min_size=1, max_size=4)
SEGMENTS = st.lists(st.sampled_from(["a", "*", "?", "a*", "[ab]", "[!a]", "**"]), min_size=1, max_size=4)


@pytest.mark.parametrize(
    ("pattern", "path", "fits"),
    [
        pytest.param("a/*.env", "a/x.env", True, id="a star is any name"),
        pytest.param("a/*.env", "a/b/x.env", False, id="and stops at a slash"),
        pytest.param("**/x.env", "x.env", True, id="two stars are no folder"),
        pytest.param("**/x.env", "a/b/x.env", True, id="or many"),
        pytest.param("a/**", "a/b/c", True, id="everything below a folder"),
        pytest.param("a/**", "a", False, id="but not the folder"),
        pytest.param("a/**/c", "a/c", True, id="nothing between"),
        pytest.param("a/**/c", "a/b/b/c", True, id="something between"),
        pytest.param("a/**/c", "a/b", False, id="the end counts"),
        pytest.param("[ab].txt", "b.txt", True, id="a set"),
        pytest.param("[!ab].txt", "b.txt", False, id="all but a set"),
        pytest.param("a?c", "a/c", False, id="a question mark is no slash"),
    ],
)
def test_a_pattern_fits_whole_paths(pattern: str, path: str, fits: bool):
    assert patterns.matches(path, pattern) is fits


@given(NAMES, SEGMENTS)
def test_a_folder_on_the_way_to_what_fits_is_entered(names: list[str], segments: list[str]):
    path, pattern = "/".join(names), "/".join(segments)
    if patterns.matches(path, pattern):
        assert all(patterns.reaches("/".join(names[:n]), pattern) for n in range(len(names)))


def test_a_folder_beside_the_way_is_not_entered():
    assert not patterns.reaches("apps", "docker/*/Dockerfile")
    assert not patterns.reaches("docker/a/b", "docker/*/Dockerfile")


def test_many_ways_to_fit_are_tried_at_once():
    assert not patterns.matches("a/" * 200 + "b", "**/a/" * 60 + "c")
    assert not patterns.matches("a" * 250, "*a" * 100 + "b")
