"""Our part of a description: found again whatever a forge or a person does around it, and never mistaken."""

import pytest

from image_automation.pull_requests import section
from image_automation.pull_requests.section import Note

NOTE = Note(automation="u--1", scope="web--x", choices=("a", "b"), title="t", text="x")


def written(text: str = "Text.") -> str:
    found = section.write(NOTE, text)
    assert found is not None
    return found


def test_what_is_written_is_read():
    assert section.read(written()) == NOTE
    assert "Text." in written()


@pytest.mark.parametrize(
    "description",
    [
        pytest.param(f"Before.\n\n{written()}\n\nAfter.", id="text around it"),
        pytest.param(written().replace("\n", "\r\n"), id="a web form"),
        pytest.param(written().rstrip(), id="no break at the end"),
    ],
)
def test_it_is_replaced_and_nothing_else(description: str):
    new = section.write(Note(automation="u--1", scope="web"), "New.", description)
    assert new is not None
    assert "New." in new
    assert "Text." not in new
    assert ("Before." in new, "After." in new) == ("Before." in description, "After." in description)
    assert section.read(new) == Note(automation="u--1", scope="web")


@pytest.mark.parametrize(
    "description", ["", "Text.", written().partition("\n")[2], "[//]: # (image-automation:begin x)"]
)
def test_what_is_not_ours_is_not_taken_for_it(description: str):
    assert section.read(description) is None


def test_without_its_end_it_is_left_as_it_is():
    assert section.write(NOTE, "New.", written().replace("image-automation:end", "")) is None


def test_it_can_say_that_it_was_withdrawn_with_its_text_as_it_is():
    gone = section.rewritten(written(), Note(automation="u--1", scope="web", withdrawn=True))
    assert section.read(gone) == Note(automation="u--1", scope="web", withdrawn=True)
    assert "Text." in gone
