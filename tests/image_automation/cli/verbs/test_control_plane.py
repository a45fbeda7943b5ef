"""Caring for a control plane's data from the command line."""

from pathlib import Path

import pytest
from click.testing import CliRunner

from gotk.apiserver import ControlPlane
from image_automation.cli.root import root


def run(*arguments: str) -> tuple[int, str]:
    result = CliRunner().invoke(root, ["control-plane", *arguments])
    return result.exit_code, result.output


async def test_backup_restore_and_compact(tmp_path: Path) -> None:
    plane, saved = tmp_path / "plane", tmp_path / "saved"
    async with ControlPlane(plane):
        code, said = run("backup", str(saved), "--data-dir", str(plane))
        assert code == 0
        assert "objects at revision" in said
        assert run("--data-dir", str(plane), "compact")[0] == 1
    code, said = run("restore", str(saved), "--data-dir", str(plane))
    assert code == 1
    assert "--force" in said
    assert run("restore", str(saved), "--force", "--data-dir", str(plane))[0] == 0
    code, said = run("compact", "--data-dir", str(plane))
    assert code == 0
    assert "given back" in said


@pytest.mark.parametrize("option", ["--trace=x", "--simulate-workloads", "--authorization-mode=RBAC", "--host=::"])
def test_run_takes_the_control_planes_options_only_with_one(option: str) -> None:
    result = CliRunner().invoke(root, ["run", option])
    assert result.exit_code == 1
    assert "only with --embedded" in result.output
