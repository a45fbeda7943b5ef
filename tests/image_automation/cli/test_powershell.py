"""Completion in PowerShell: what its script sends and reads. No PowerShell is started: there is none here."""

import os
import subprocess
import sys

import pytest

from image_automation.cli import root


def completed(words: str, word: str = "") -> list[tuple[str, ...]]:
    environment = {**os.environ, "_IMAGE_AUTOMATION_COMPLETE": "powershell_complete", "COMP_WORDS": words}
    if word:
        environment["COMP_CWORD"] = word
    done = subprocess.run(
        [sys.executable, "-m", "image_automation"], env=environment, capture_output=True, text=True, check=True
    )
    return [tuple(line.split("\t")) for line in done.stdout.splitlines() if line]


def test_verbs_and_options_are_completed_with_what_they_are_for() -> None:
    assert [value for value, _ in completed("image-automation re", "re")] == ["reconcile", "reject", "resume"]
    assert [value for value, _ in completed("image-automation get sources")] == [
        "all", "bucket", "chart", "external-artifact", "git", "helm", "oci",
    ]  # fmt: skip
    assert completed("image-automation version --cl", "--cl") == [("--client", "Print this program's version only.")]


def test_paths_are_left_to_the_shell() -> None:
    assert completed("image-automation build kustomization app --path ") == []


def test_the_script_names_the_program_and_the_protocol(capsys: pytest.CaptureFixture[str]) -> None:
    assert root.run(["completion", "powershell"]) == 0
    script = capsys.readouterr().out
    assert "Register-ArgumentCompleter -Native -CommandName 'image-automation'" in script
    assert "$env:_IMAGE_AUTOMATION_COMPLETE = 'powershell_complete'" in script
    assert "%(" not in script
