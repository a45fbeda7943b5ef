"""The demo, where it cannot begin."""

from pathlib import Path

import pytest

from deploy.source.charts import packaged
from image_automation.cli import root


def test_the_demo_of_a_release_says_that_it_needs_helm(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr(packaged, "PACKAGE", "no-such-package")
    assert root.run(["demo", "--helm", "--data-dir", str(tmp_path / "demo")]) == 1
    assert capsys.readouterr().err == (
        "✗ demo --helm: there is no program helm: install Helm 3 or 4 and put it on the path, or leave out --helm\n"
    )
    assert not (tmp_path / "demo").exists()


@pytest.mark.parametrize(
    ("option", "there", "wanted"),
    [([], "releases.git", "apps.git"), (["--helm"], "apps.git", "releases.git")],
    ids=["manifests", "releases"],
)
def test_a_folder_of_the_other_demo_is_left_alone(
    option: list[str],
    there: str,
    wanted: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    (tmp_path / "helm").touch(mode=0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    (tmp_path / "demo" / "git" / there).mkdir(parents=True)
    assert root.run(["demo", *option, "--data-dir", str(tmp_path / "demo")]) == 1
    assert capsys.readouterr().err == (
        f"✗ {tmp_path / 'demo'} holds the other demo, {there} instead of {wanted}:"
        " add or leave out --helm, or choose another --data-dir\n"
    )
    assert not (tmp_path / "demo" / "git" / wanted).exists()
