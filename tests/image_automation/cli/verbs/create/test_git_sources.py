"""`create source git` as flux prints it, what it refuses, and credentials that become a Secret."""

import asyncio
import base64
from pathlib import Path

import pytest

from gotk.api.source import GitRepository
from tests.image_automation.cli.test_cluster_verbs import Terminal, answer, ready, terminal
from tests.image_automation.cli.verbs.create.said import export, refuse

__all__ = ["terminal"]
GIT = ("source", "git", "podinfo", "--url=https://github.com/stefanprodan/podinfo")


@pytest.mark.parametrize(
    ("arguments", "ref"),
    [
        (("--branch=test",), ["  branch: test"]),
        (("--tag=test", "--branch=main"), ["  tag: test"]),
        (("--tag-semver=>=3.2.0 <3.3.0", "--tag=test"), ["  semver: '>=3.2.0 <3.3.0'"]),
        (("--ref-name=refs/heads/main", "--tag-semver=1.x"), ["  name: refs/heads/main"]),
        (("--commit=c88a2f41", "--ref-name=refs/heads/main"), ["  commit: c88a2f41"]),
        (("--commit=c88a2f41", "--branch=main"), ["  branch: main", "  commit: c88a2f41"]),
    ],
    ids=["branch", "tag", "range", "name", "commit", "commit of a branch"],
)
def test_the_reference_that_counts_is_kept(
    arguments: tuple[str, ...], ref: list[str], capsys: pytest.CaptureFixture[str]
):
    assert export(capsys, *GIT, *arguments).spec == [
        "interval: 1m0s", "ref:", *ref, "url: https://github.com/stefanprodan/podinfo",
    ]  # fmt: skip


def test_a_repository_on_this_disk_is_one_for_the_embedded_mode(capsys: pytest.CaptureFixture[str]):
    said = export(capsys, "source", "git", "podinfo", "--url=file:///srv/fleet.git", "--branch=main")
    assert said.spec == ["interval: 1m0s", "ref:", "  branch: main", "url: file:///srv/fleet.git"]


def test_everything_at_once(capsys: pytest.CaptureFixture[str]):
    said = export(
        capsys, *GIT, "--branch=main", "--ignore-paths=.cosign,old/", "--sparse-checkout-paths=a,b",
        "--provider=github",
        "--recurse-submodules", "--secret-ref=auth", "--proxy-secret-ref=proxy", "--fetch-timeout=2m", "--interval=30s",
    )  # fmt: skip
    assert said.spec == [
        "ignore: |-", "  .cosign", "  old/", "interval: 30s", "provider: github",
        "proxySecretRef:", "  name: proxy", "recurseSubmodules: true", "ref:", "  branch: main",
        "secretRef:", "  name: auth", "sparseCheckout:", "- a", "- b", "timeout: 2m0s",
        "url: https://github.com/stefanprodan/podinfo",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (GIT[:3], "url is required"),
        (
            (*GIT[:3], "--url=git://a/b", "--branch=m"),
            "git URL scheme 'git' not supported, can be: ssh, http and https",
        ),
        (
            GIT,
            "a Git ref is required, use one of the following: --branch, --tag, --commit, --ref-name or --tag-semver",
        ),
        (
            (*GIT[:3], "--url=ssh://git@a/b", "--branch=m", "--ca-file=x"),
            "specifying a CA file is not supported for Git over SSH",
        ),
        (
            (*GIT, "--branch=m", "--provider=dummy"),
            "source Git provider 'dummy' is not supported, must be one of: generic|github|aws|azure",
        ),
    ],
)
def test_what_is_missing_or_wrong_is_named(
    arguments: tuple[str, ...], message: str, capsys: pytest.CaptureFixture[str]
):
    assert refuse(capsys, *arguments) == f"✗ {message}"


async def test_credentials_become_a_secret_that_nobody_is_shown(terminal: Terminal, tmp_path: Path) -> None:
    ca = tmp_path / "ca.crt"
    ca.write_text("authority")
    async with asyncio.TaskGroup() as group:
        status = {"conditions": [ready("True", "stored")]}
        group.create_task(answer(terminal.client, GitRepository, 1, status))
        made = await terminal.run("create", *GIT, "--branch=m", "-u", "jane", "--password", "hush", f"--ca-file={ca}")
    assert made.err.splitlines() == [
        "✚ generating GitRepository source",
        "► applying secret with repository credentials",
        "✔ authentication configured",
        "► applying GitRepository source",
        "✔ GitRepository source created",
        "◎ waiting for GitRepository source reconciliation",
        "✔ GitRepository source reconciliation completed",
        "✗ GitRepository source reconciliation completed but no artifact was found",
    ]
    assert made.code == 1
    source = await terminal.client.get(GitRepository, "flux-system", "podinfo")
    assert source.spec.secret_ref
    assert source.spec.secret_ref.name == "podinfo"
    secret = await terminal.client.get_object("v1", "Secret", "flux-system", "podinfo")
    assert {key: base64.b64decode(value).decode() for key, value in secret["data"].items()} == {
        "ca.crt": "authority", "password": "hush", "username": "jane",
    }  # fmt: skip
