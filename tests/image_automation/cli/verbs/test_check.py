import json
import re
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest
from click.testing import CliRunner

from gotk.runtime import logging
from gotk.sandbox import walls
from image_automation.app import presence
from image_automation.cli import walls as told
from image_automation.cli.root import root
from tests.conformance.helm import Helm
from tests.gotk.sandbox.children import needs_walls
from tests.image_automation.cli.test_cluster_verbs import Terminal, terminal

__all__ = ["terminal"]

FREE = replace(walls.inspect(), refused=("network",), open=("files",), landlock=0)


@pytest.fixture(autouse=True)
def no_cluster(monkeypatch, tmp_path):
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.delenv("KUBECONFIG", raising=False)


def said(*arguments: str) -> tuple[int, str]:
    result = CliRunner().invoke(root, arguments)
    return result.exit_code, result.output


@needs_walls
def test_a_machine_that_has_everything_passes():
    code, text = said("check")
    lines = text.splitlines()
    assert code == 0
    assert lines[0] == "► checking prerequisites"
    assert any(line.startswith("✔ kustomize builds: ") for line in lines)
    assert any(line.startswith("✔ children are confined: files, network, processes, signals, memory") for line in lines)
    assert lines[-1] == "✔ prerequisites checks passed"


def test_a_missing_wall_is_named_with_its_cause(monkeypatch):
    monkeypatch.setattr(walls, "inspect", lambda: FREE)
    code, text = said("check")
    assert code == 1
    assert "✗ confined children can still reach files: no Landlock" in text
    assert text.splitlines()[-1] == "✗ prerequisites checks failed"


def test_no_kustomize_is_a_failure(monkeypatch, tmp_path):
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr("sys.executable", str(tmp_path / "python"))
    code, text = said("check")
    assert code == 1
    assert "✗ neither kustomize nor kubectl is on the path" in text


@pytest.mark.real
@pytest.mark.skipif(Helm.path is None, reason="there is no helm here")
def test_helm_is_named_with_its_place_and_version(monkeypatch, tmp_path):
    program = tmp_path / "helm"
    program.symlink_to(Path(Helm.path))
    monkeypatch.setenv("PATH", str(tmp_path), prepend=":")
    _, text = said("check")
    (line,) = (line for line in text.splitlines() if "chart packaging" in line)
    assert line.startswith(f"✔ chart packaging: {program} (v")


@needs_walls
def test_no_helm_is_told_with_what_needs_it_and_is_no_failure(monkeypatch, tmp_path):
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr("deploy.source.charts.packaged.PACKAGE", "no-such-package")
    code, text = said("check")
    (line,) = (line for line in text.splitlines() if "helm is" in line)
    assert code == 0
    assert line == "⚠️ helm is not installed: charts in folders and charts with valuesFiles need it, Helm 3 or 4"


def test_a_helm_that_does_not_run_is_a_failure(monkeypatch, tmp_path):
    program = tmp_path / "helm"
    program.write_text("#!/bin/sh\nexit 3\n")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=":")
    code, text = said("check")
    assert code == 1
    assert f"✗ chart packaging: {program} does not run: " in text


def test_a_service_that_insists_does_not_start_without_its_walls(monkeypatch, tmp_path):
    monkeypatch.setattr(walls, "inspect", lambda: FREE)
    code, text = said("run", "--embedded", "--data-dir", str(tmp_path), "--require-sandbox")
    assert code == 1
    assert "✗ --require-sandbox: confined children can still reach files: no Landlock" in text
    assert not (tmp_path / "kubeconfig").exists()


@pytest.mark.parametrize("found", [FREE, replace(FREE, refused=("files", "network"), open=(), landlock=7)])
def test_the_start_logs_which_walls_stand(monkeypatch, found, capsys):
    logging.configure(level="info", encoding="json")
    monkeypatch.setattr(walls, "inspect", lambda: found)
    told.tell(required=False)
    output = capsys.readouterr()
    words = "children are not fully confined" if found.open else "children are confined"
    assert words in output.out + output.err


@needs_walls
async def test_a_cluster_is_checked_before_and_after_an_installation(terminal: Terminal):
    before = await terminal.run("check", "--pre")
    assert (before.code, before.err.splitlines()[-2:]) == (
        0,
        [
            f"✔ Kubernetes {(await terminal.client.version()).removeprefix('v')} >=1.29.0-0",
            "✔ prerequisites checks passed",
        ],
    )
    without = await terminal.run("check")
    assert without.code == 1
    assert "✔ bootstrapped: false" in without.err
    assert (
        "✗ no controllers found in the 'flux-system' namespace with the label selector 'app.kubernetes.io/part-of=flux'"
    ) in without.err
    assert without.err.splitlines()[-1] == "✗ check failed"
    await presence.show(terminal.client, "v0.1.0", datetime(2026, 1, 1, tzinfo=UTC))
    after = await terminal.run("check")
    lines = after.err.splitlines()
    assert after.code == 0, after.err
    at = lines.index("► checking version in cluster")
    assert lines[at + 1].startswith("✔ distribution: flux-v2.")
    assert lines[at + 2 : at + 7] == [
        "✔ bootstrapped: false",
        "► checking controllers",
        "✔ image-automation: deployment ready",
        "► image-automation:v0.1.0",
        "► checking crds",
    ]
    assert "✔ alerts.notification.toolkit.fluxcd.io/v1beta3" in lines
    assert lines[-1] == "✔ all checks passed"
    told = json.loads((await terminal.run("version", "-o", "json")).out)
    assert list(told) == ["image-automation", "kubernetes", "distribution", "installed"]
    assert told["installed"] == "v0.1.0"
    assert told["distribution"].startswith("flux-v2.")


@needs_walls
async def test_a_cluster_that_does_not_answer_fails_the_prerequisites(terminal: Terminal, tmp_path: Path):
    away = elsewhere(Path(terminal.environment["KUBECONFIG"]), tmp_path / "away")
    result = await terminal.run("check", "--pre", "--kubeconfig", str(away))
    assert result.code == 1
    assert "✗ Kubernetes API call failed: " in result.err
    assert result.err.splitlines()[-1] == "✗ prerequisites checks failed"


def elsewhere(kubeconfig: Path, copy: Path) -> Path:
    copy.write_text(re.sub(r"https://127\.0\.0\.1:\d+", "https://127.0.0.1:1", kubeconfig.read_text()))
    return copy
