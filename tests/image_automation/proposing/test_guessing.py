"""What is guessed from a tag in use, and what is not."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from image_automation.proposing import guessing
from image_automation.proposing.guessing import Guess, Undecided

DECIDED = [
    ("a version keeps its major", "1.2.3", ["1.2.3", "1.9.0", "2.0.0"], "1.9.0"),
    ("a v is kept", "v1.2.3", ["v1.2.3", "v1.10.0", "v1.9.0"], "v1.10.0"),
    ("a v is kept where both are there", "1.2.3", ["1.2.3", "1.2.4", "v1.2.4", "v1.3.0"], "1.2.4"),
    ("a variant is kept", "1.25.3-alpine", ["1.25.3-alpine", "1.26.0", "1.25.4-alpine"], "1.25.4-alpine"),
    ("a variant's own version may move", "1.2.3-alpine3.18", ["1.2.4-alpine3.19", "1.2.3-alpine3.18"],
     "1.2.4-alpine3.19"),
    ("a prerelease may be followed by its release", "1.0.0-rc.1", ["1.0.0-rc.1", "1.0.0-rc.2", "2.0.0-rc.1"],
     "1.0.0-rc.2"),
    ("two numbers are compared as numbers", "1.9", ["1.9", "1.25", "1.25.3", "2.0"], "1.25"),
    ("a calendar version goes on next year", "2024.5.1", ["2024.5.1", "2025.1.0"], "2025.1.0"),
    ("a padded date is compared as text", "2024.05.01", ["2024.05.01", "2025.01.30", "latest"], "2025.01.30"),
    ("a date with a time", "RELEASE.2024-05-01T12-00-00Z",
     ["RELEASE.2024-05-01T12-00-00Z", "RELEASE.2024-06-01T00-00-00Z", "x"], "RELEASE.2024-06-01T00-00-00Z"),
    ("a date in one number", "20240501", ["20240501", "20241231"], "20241231"),
    ("a build number", "1234", ["999", "1234", "10000", "latest"], "10000"),
    ("a build number behind a word", "build-9", ["build-9", "build-10", "other-11"], "build-10"),
    ("branch, commit, time", "main-a1b2c3d-1700000000",
     ["main-a1b2c3d-1700000000", "main-0000001-1700000009", "dev-a1b2c3d-1800000000"], "main-0000001-1700000009"),
    ("a commit without a letter", "main-12345678-1700000000",
     ["main-12345678-1700000000", "main-abcdef0-1700000001"], "main-abcdef0-1700000001"),
    ("branch, date, commit", "main-2024-05-01-a1b2c3d",
     ["main-2024-05-01-a1b2c3d", "main-2024-06-01-b1b2c3d"], "main-2024-06-01-b1b2c3d"),
]  # fmt: skip


@pytest.mark.parametrize(("tag", "known", "latest"), [row[1:] for row in DECIDED], ids=[row[0] for row in DECIDED])
def test_a_tag_in_use_is_guessed(tag: str, known: list[str], latest: str):
    guess = guessing.guess(tag, known)
    assert isinstance(guess, Guess)
    assert guessing.check(guess, tag, known) == latest


@pytest.mark.parametrize(
    "tag", ["", "latest", "main", "a1b2c3d", "main-a1b2c3d", "16", "1.4.2.3", "1-2", "20240501-3", "release-7-build-9"]
)
def test_what_has_no_order_is_undecided(tag: str):
    assert isinstance(guessing.guess(tag), Undecided)


def test_a_number_whose_versions_are_there_is_no_build():
    assert isinstance(guessing.guess("1600", ["1600", "1600.1"]), Undecided)


def test_a_guess_is_refused_where_the_registry_has_neither_the_tag_nor_a_later_one():
    guess = guessing.guess("1.4.0")
    assert isinstance(guess, Guess)
    assert isinstance(refused := guessing.check(guess, "1.4.0", ["1.3.0", "2.0.0"]), Undecided)
    assert refused.cause == "the registry has no tag '1.4.0', and none that would come after it"


@given(st.text("0123456789abcdefv.-_T", min_size=1, max_size=30))
def test_a_guess_takes_the_tag_that_it_was_made_of(tag: str):
    guess = guessing.guess(tag)
    if isinstance(guess, Guess):
        assert guessing.check(guess, tag, [tag]) == tag
