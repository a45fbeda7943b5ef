"""The guide's page of that name, typed line by line on what `demo --keep` leaves running."""

import asyncio
import os
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

from image_automation.app.demo import playground, scenario, view

PAGE = Path(__file__).parents[2] / "docs" / "guide" / "from-push-to-production.md"
_BEGINS = "@@ "


class Line(NamedTuple):
    """A command of the page, and what the page shows of its answer."""

    command: str
    shown: list[str]


def lines() -> list[Line]:
    found: list[Line] = []
    for block in re.findall(r"^```console\n(.*?)^```", PAGE.read_text(), re.MULTILINE | re.DOTALL):
        for text in block.splitlines():
            if text.startswith("$ "):
                found.append(Line(text[2:], []))
            else:
                found[-1].shown.append(text)
    return found


def script() -> str:
    """The page as one script, so that a variable lives on; it ends at the first command that fails."""
    typed = (f"echo '{_BEGINS}{number}'\n{line.command}\n" for number, line in enumerate(lines()))
    return "set -e\n" + "".join(typed)


def answers(printed: str) -> Iterator[str]:
    for each in printed.split(_BEGINS)[1:]:
        yield each.partition("\n")[2]


@pytest.mark.timeout(180)
async def test_every_line_of_the_page_does_what_the_page_says(tmp_path: Path) -> None:
    programs = tmp_path / "bin"
    programs.mkdir()
    own = programs / "image-automation"
    own.write_text(f'#!/bin/sh\nexec {sys.executable} -m image_automation "$@"\n')
    own.chmod(0o755)
    (programs / "kubectl").symlink_to(Path(sys.executable).parent / "kubectl")
    async with playground.open_playground(tmp_path / "demo") as ground:
        await scenario.prepare(ground, view.Plain())
        await scenario.travel(ground, view.Plain())
        environment = {
            "HOME": str(tmp_path),
            "PATH": f"{programs}:{os.environ['PATH']}",
            "PYTHONPATH": str(Path.cwd()),
            "KUBECONFIG": str(ground.kubeconfig),
        }
        process = await asyncio.create_subprocess_exec(
            "bash", "-c", script(), env=environment, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT
        )
        output, _ = await process.communicate()
    printed = output.decode()
    assert process.returncode == 0, printed
    for line, answer in zip(lines(), answers(printed), strict=True):
        plain = " ".join(answer.split())
        for shown in line.shown:
            assert " ".join(shown.split()) in plain, (line.command, answer)
