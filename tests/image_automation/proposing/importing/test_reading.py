"""How importers read patterns of other updaters."""

import re

import pytest

from image_automation.proposing.importing import reading


@pytest.mark.parametrize(
    ("pattern", "tag", "is_found"),
    [
        ("dev-*", "dev-1", True),
        ("dev-*", "a-dev-1", False),
        ("v1.?", "v1.2", True),
        ("v1.?", "v1x2", False),
        ("[0-9]", "7", True),
        ("[^0-9]", "7", False),
        (r"a\*", "a*", True),
        (r"a\*", "ab", False),
    ],
)
def test_globs_of_go(pattern: str, tag: str, *, is_found: bool) -> None:
    assert (re.search(reading.path_glob(pattern), tag) is not None) == is_found


def test_a_glob_of_keel_has_one_wildcard() -> None:
    assert re.search(reading.simple_glob("v1.*"), "v1.2") is not None
    assert re.search(reading.simple_glob("v1.*"), "v1x2") is None


@pytest.mark.parametrize(
    ("image", "name", "tag"),
    [
        ("nginx:~1.2", "nginx", "~1.2"),
        ("localhost:5000/web", "localhost:5000/web", ""),
        ("localhost:5000/web:1.x", "localhost:5000/web", "1.x"),
    ],
)
def test_an_image_is_split_from_its_constraint(image: str, name: str, tag: str) -> None:
    assert reading.split(image) == (name, tag)
