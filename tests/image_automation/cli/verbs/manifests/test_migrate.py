"""`migrate`, of files and of a cluster."""

from pathlib import Path

import pytest

from image_automation.cli import root
from tests.deploy.kustomize.sources import write
from tests.image_automation.cli.test_cluster_verbs import Terminal, put, terminal

__all__ = ["terminal"]

POLICY = "apiVersion: image.toolkit.fluxcd.io/v1beta1\nkind: ImagePolicy\nmetadata: {name: web}\nspec: {policy: {}}\n"
OLD = """\
apiVersion: kustomize.toolkit.fluxcd.io/v1beta2
kind: Kustomization
metadata: {name: apps}
spec:
  validation: client
"""


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return write(
        tmp_path,
        {"a/policy.yaml": POLICY, "apps.yml": OLD, "notes.txt": POLICY, "new.yaml": "kind: X\n", ".git/x.yaml": POLICY},
    )


def test_manifests_are_migrated_in_place(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (folder / "a" / "policy.yaml").chmod(0o640)
    assert root.run(["migrate", "-f", ".", "--yes"]) == 0
    out, err = capsys.readouterr()
    assert (out, err.splitlines()) == ("", [
        "► starting migration of custom resources",
        "✚ apps.yml:1: Kustomization v1beta2 -> v1",
        "⚠️ apps.yml:5: Kustomization v1 has no field spec.validation: move it by hand",
        "✚ a/policy.yaml:1: ImagePolicy v1beta1 -> v1",
        "✔ file apps.yml migrated successfully",
        "✔ file a/policy.yaml migrated successfully",
        "✔ custom resources migrated successfully",
    ])  # fmt: skip
    assert (folder / "a" / "policy.yaml").read_text() == POLICY.replace("v1beta1", "v1")
    assert (folder / "a" / "policy.yaml").stat().st_mode & 0o777 == 0o640
    assert (folder / "notes.txt").read_text() == POLICY
    assert (folder / ".git" / "x.yaml").read_text() == POLICY
    assert root.run(["migrate", "-f", "."]) == 0
    assert "✔ no custom resources found that require migration" in capsys.readouterr().err


def test_a_dry_run_and_a_refusal_change_nothing(
    folder: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    assert root.run(["migrate", "-f", "a", "--dry-run", "-v", "2.6"]) == 0
    assert "✚ a/policy.yaml:1: ImagePolicy v1beta1 -> v1beta2\n" in capsys.readouterr().err
    monkeypatch.setattr("click.confirm", lambda *_, **__: False)
    assert root.run(["migrate", "-f", "a/policy.yaml"]) == 1
    assert capsys.readouterr().err.endswith("✗ aborting\n")
    assert (folder / "a" / "policy.yaml").read_text() == POLICY


def test_mistakes_name_what_is_wrong(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for arguments, message in (
        (["-f", "none"], "there is no 'none': --path names a folder of manifests, or one"),
        (["-f", "notes.txt"], "file notes.txt does not match the specified extensions: .yaml, .yml"),
        (["--dry-run"], "--dry-run: only with --path, which names manifests"),
    ):
        assert root.run(["migrate", *arguments]) == 1
        assert capsys.readouterr().err.splitlines()[-1] == f"✗ {message}"


async def test_a_cluster_stores_every_object_in_one_version_afterwards(terminal: Terminal) -> None:
    await put(terminal.client, "GitRepository", "fleet", {"url": "https://example.com/fleet", "interval": "1m"})
    crd = ("apiextensions.k8s.io/v1", "CustomResourceDefinition", "", "gitrepositories.source.toolkit.fluxcd.io")
    old = {"status": {"storedVersions": ["v1beta2", "v1"]}}
    await terminal.client.patch_object(*crd, old, subresource="status")
    result = await terminal.run("migrate")
    assert (result.code, result.err.splitlines()) == (0, [
        "► starting migration of custom resources",
        "✔ GitRepository/flux-system/fleet migrated to version v1",
        "✔ gitrepositories.source.toolkit.fluxcd.io migrated to storage version v1",
        "✔ custom resources migrated successfully",
    ])  # fmt: skip
    assert (await terminal.client.get_object(*crd))["status"]["storedVersions"] == ["v1"]
