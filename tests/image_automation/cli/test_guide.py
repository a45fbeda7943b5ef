"""Every verb of the command line stands in the guide, with every option that its help has."""

import re
from collections.abc import Iterator
from pathlib import Path

import click
import pytest

from image_automation.cli import cluster, root

_GUIDE = Path(__file__).parents[3] / "docs" / "guide"
_PAGE = (_GUIDE / "command-line.md").read_text()
_LINK = re.compile(r"\]\(([a-z-]+\.md)?(?:#([a-z-]+))?\)")


def sections() -> dict[str, str]:
    """The sections of the page by the verbs in their headings."""
    found: dict[str, str] = {}
    for part in re.split(r"^## ", _PAGE, flags=re.MULTILINE)[1:]:
        heading, _, text = part.partition("\n")
        for word in re.findall(r"[a-z0-9-]+", heading):
            found[word] = found.get(word, "") + text
    return found


def read(verb: str) -> str:
    """What a reader of a verb's section reads: it, the pages and the sections of this page that it links to."""
    every = sections()
    linked = (every[below] if not page else (_GUIDE / page).read_text() for page, below in _LINK.findall(every[verb]))
    return "\n".join((every[verb], *linked))


def commands(command: click.Command, *words: str) -> Iterator[tuple[str, click.Command]]:
    """Every command below a verb that its help lists, as it is typed."""
    yield " ".join(words), command
    if isinstance(command, click.Group):
        for name, below in command.commands.items():
            if not below.hidden:
                yield from commands(below, *words, name)


def unnamed(verb: str) -> list[str]:
    """The options and words of a verb that its section does not name."""
    command = root.root.get_command(click.Context(root.root), verb)
    assert command is not None
    text, missing = read(verb), []
    for words, each in commands(command, verb):
        missing += [f"{words}: the word" for word in words.split() if not _names(_PAGE, word)]
        missing += [
            f"{words}: {option.opts[0]}"
            for option in each.params
            if isinstance(option, click.Option)
            and not option.hidden
            and not isinstance(option, cluster.Anywhere)
            and not any(_names(text, spelt) for spelt in option.opts)
        ]
    return missing


def _names(text: str, word: str) -> bool:
    return re.search(rf"(?<![\w-]){re.escape(word)}(?![\w-])", text) is not None


def test_every_verb_has_a_section() -> None:
    assert set(root.VERBS) - set(sections()) == set()


@pytest.mark.parametrize("verb", root.VERBS)
def test_the_guide_names_every_option_of_the_verb(verb: str):
    assert unnamed(verb) == []


def test_options_of_a_cluster_are_explained_once() -> None:
    text = _PAGE.partition("## Which cluster")[2].partition("\n## ")[0]
    options = [option for option in cluster.parameters() if not any(_names(text, each) for each in option.opts)]
    assert options == []
