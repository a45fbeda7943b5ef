"""The examples of the guide's page on `create`, run."""

import re
import shlex
from pathlib import Path

import click
import pytest

from image_automation.cli import root
from image_automation.cli.verbs.create.create import create

_GUIDE = Path(__file__).parents[5] / "docs" / "guide" / "create.md"
_BLOCK = re.compile(r"^```\n(\$ .*?)^```$", re.MULTILINE | re.DOTALL)


def examples() -> list[tuple[str, str]]:
    blocks = "".join(_BLOCK.findall(_GUIDE.read_text()))
    return [(call, shown) for call, _, shown in (part.partition("\n") for part in blocks.split("$ ")[1:])]


@pytest.mark.parametrize(("call", "shown"), examples(), ids=lambda text: text.split(" --")[0])
def test_the_guide_shows_what_is_printed(call: str, shown: str, capsys: pytest.CaptureFixture[str]):
    program, *arguments = shlex.split(call)
    assert program == "image-automation"
    assert root.run(arguments) == 0
    assert capsys.readouterr().out == shown


def nouns(group: click.Group, *words: str) -> list[str]:
    """Every noun of `create`, as it is typed."""
    found = []
    for name, command in group.commands.items():
        if isinstance(command, click.Group):
            found += nouns(command, *words, name)
        elif not command.hidden:
            found.append(" ".join((*words, name)))
    return found


def listed() -> set[str]:
    """The nouns of the page's synopsis, in which `|` stands between the last words."""
    found = set()
    for words in re.findall(r"^image-automation create ([a-z|-]+(?: [a-z|]+)?) NAME", _GUIDE.read_text(), re.MULTILINE):
        *first, last = words.split(" ")
        found |= {" ".join((*first, each)) for each in last.split("|")}
    return found


def test_the_guide_lists_every_noun_and_no_other():
    assert listed() == set(nouns(create))
