import ast
import asyncio
import json
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from gotk import process

ROOT = Path(__file__).parents[2]
PACKAGES = ("gotk", "reflector", "policies", "image_automation", "deploy")


def test_a_child_runs_this_code_whatever_its_directory_and_sees_only_what_it_is_given(tmp_path, monkeypatch):
    monkeypatch.setenv("TOKEN", "secret")
    (tmp_path / "gotk.py").write_text("raise SystemExit('another gotk')")
    (tmp_path / "seen.py").write_text("import gotk, json, os; print(json.dumps([gotk.__file__, dict(os.environ)]))")
    monkeypatch.syspath_prepend(str(tmp_path / "given"))
    (tmp_path / "given").mkdir()
    (tmp_path / "seen.py").rename(tmp_path / "given" / "seen.py")
    said = subprocess.run(
        process.interpreter("seen"), env=process.environment(GIVEN="yes"), cwd=tmp_path, capture_output=True, check=True
    )
    file, environment = json.loads(said.stdout)
    assert Path(file).parent == ROOT / "gotk"
    assert environment.keys() - {"LC_CTYPE"} == {"GIVEN", "PYTHONPATH", "PYTHONUTF8"}


def test_arguments_follow_the_module():
    assert process.interpreter("a.b", "1", "2")[-3:] == ("a.b", "1", "2")


def test_a_child_that_wants_no_more_than_folders_loads_no_event_loop():
    code = "import sys, gotk.process; print('asyncio' in sys.modules)"
    command = [sys.executable, "-P", "-c", code]
    said = subprocess.run(command, env=process.environment(), capture_output=True, text=True, check=True)
    assert said.stdout == "False\n"


def test_nobody_else_makes_an_import_path_or_a_command_line_of_the_interpreter():
    found = [
        f"{path.relative_to(ROOT)}: {node.value}"
        for package in PACKAGES
        for path in (ROOT / package).rglob("*.py")
        if path != Path(process.__file__)
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Constant) and node.value in {"PYTHONPATH", "PYTHONUTF8", "-P"}
    ]
    assert found == []


async def test_a_child_that_nobody_reads_is_reaped() -> None:
    talker = (sys.executable, "-c", "import os\nwhile True: os.write(1, b'x' * 50_000)")
    child = await asyncio.create_subprocess_exec(*talker, stdout=asyncio.subprocess.PIPE, limit=1024)
    assert child.stdout is not None
    with pytest.raises(asyncio.LimitOverrunError):  # more has been said than the reader takes: it reads no further
        await child.stdout.readuntil(b"never")
    child.kill()
    async with asyncio.timeout(60):
        await process.reap(child)
    assert child.returncode == -signal.SIGKILL
