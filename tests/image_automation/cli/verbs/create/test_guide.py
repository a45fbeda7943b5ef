"""The examples of the guide's page on `create`, run."""

import re
import shlex
from pathlib import Path

import pytest

from image_automation.cli import root

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
