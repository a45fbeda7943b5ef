"""Running a program to its end: what it says is bounded, and what it complains of keeps its beginning and its end."""

import sys
from pathlib import Path

import pytest

from gotk.sandbox import program


async def run(code: str, tmp_path: Path, *, largest_output: int = 1 << 20) -> program.Ended:
    return await program.run(
        (sys.executable, "-I", "-S", "-c", code), cwd=tmp_path, env={}, timeout=20, largest_output=largest_output
    )


async def test_a_long_complaint_keeps_its_beginning_and_its_end(tmp_path: Path) -> None:
    ended = await run("import sys; sys.stderr.write('first ' + 'x' * 500_000 + ' last'); sys.exit(3)", tmp_path)
    assert ended.status == 3
    assert ended.errors.startswith("first x")
    assert ended.errors.endswith("x last")
    assert len(ended.errors) == (64 << 10) + (4 << 10)


async def test_a_short_complaint_is_whole(tmp_path: Path) -> None:
    assert (await run("import sys; sys.stderr.write('why')", tmp_path)).errors == "why"


async def test_a_program_that_says_too_much_is_ended(tmp_path: Path) -> None:
    with pytest.raises(program.TooMuchOutput):
        await run("while True: print('x' * 1000)", tmp_path, largest_output=10_000)
