r"""Every `\p{...}` that Go takes, in every spelling, matches what it matches in Go; and what Go refuses is refused."""

import json
from pathlib import Path

import pytest

from gotk.goregexp import Regexp

ANSWERS: dict[str, str] = json.loads(Path(__file__).with_name("go_unicode_answers.json").read_text("utf-8"))
PRINTABLE = [chr(code) for code in range(0x20, 0x7F)]


def answer(pattern: str) -> str:
    try:
        compiled = Regexp(pattern)
    except ValueError as error:
        return f"!{error}"
    return "".join(character for character in PRINTABLE if compiled.matches(character))


def test_every_spelling_of_every_class_means_what_it_means_in_go():
    assert len(ANSWERS) > 7000
    found = {pattern: answer(pattern) for pattern in ANSWERS}
    assert {pattern: said for pattern, said in found.items() if said != ANSWERS[pattern]} == {}


@pytest.mark.parametrize(
    ("pattern", "inside", "outside"),
    [
        (r"^\p{letter}+$", "aäß字", "1"),
        (r"^\p{ASCII}+$", "az09-", "é"),
        (r"^\P{ascii}+$", "éß", "e"),
        (r"^[\P{ascii}x]+$", "éx", "y"),
        (r"^\p{greek}+$", "αβγ", "abc"),
        (r"^\p{Cn}$", "\u0378", "a"),
        (r"^[^\p{Assigned}]$", "\u0378", "a"),
        (r"^\p{LC}+$", "aBǅ", "字"),
        (r"^\Q\p{Letter}\E$", r"\p{Letter}", "a"),
    ],
)
def test_classes_beyond_ascii(pattern: str, inside: str, outside: str):
    assert Regexp(pattern).matches(inside)
    assert not Regexp(pattern).matches(outside)
