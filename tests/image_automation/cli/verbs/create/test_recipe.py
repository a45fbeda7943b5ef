"""What every `create` has in common: names, labels, switches, and an object on the cluster that is awaited."""

import asyncio
import sys

import pytest

from gotk.api.kustomize import Kustomization
from gotk.api.source import GitRepository
from tests.image_automation.cli.test_cluster_verbs import Terminal, answer, put, ready, terminal
from tests.image_automation.cli.verbs.create.said import export, refuse

__all__ = ["terminal"]
GIT = ("source", "git", "podinfo", "--url=https://example.com/podinfo", "--branch=main")
SHA = "696f056df216eea4f9401adbee0ff744d4df390f"
ARTIFACT = {
    "digest": "sha256:" + "0" * 64, "path": "p", "url": "http://localhost/p",
    "revision": f"main@sha1:{SHA}", "lastUpdateTime": "2026-01-02T03:04:05Z",
}  # fmt: skip


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("source", "git"), "✗ name is required"),
        (("source", "git", "one", "two"), "✗ one name is expected, not 2: quote values that hold spaces"),
        (("source", "git", "Pod.Info"), "✗ name 'Pod.Info' is invalid, it should adhere to standard defined in RFC"),
        ((*GIT, "--label", "a"), "✗ invalid label format 'a', must be key=value"),
        ((*GIT, "--label", "a=b=c"), "✗ invalid label format 'a=b=c', must be key=value"),
        ((*GIT, "--label", "-a=b"), "✗ invalid label '-a': the name has at most 63 letters"),
        ((*GIT, "--label", "a_/b=c"), "✗ invalid label 'a_/b': the name has at most 63 letters"),
        ((*GIT, "--label", "a=b c"), "✗ invalid label value 'b c': it has at most 63 letters"),
        ((*GIT, "-n", "A_B"), '✗ namespace must be a valid DNS label: "A_B"'),
    ],
)  # fmt: skip
def test_what_cannot_be_made_is_one_line(arguments: tuple[str, ...], message: str, capsys: pytest.CaptureFixture[str]):
    assert refuse(capsys, *arguments).startswith(message)


def test_labels_are_given_one_by_one_or_with_commas(capsys: pytest.CaptureFixture[str]):
    said = export(capsys, *GIT, "--label", "team=a,example.com/tier=", "--label=x=y", "-n", "apps")
    assert said.out.startswith(
        "---\n"
        "apiVersion: source.toolkit.fluxcd.io/v1\n"
        "kind: GitRepository\n"
        "metadata:\n"
        "  labels:\n"
        '    example.com/tier: ""\n'
        "    team: a\n"
        '    x: "y"\n'
        "  name: podinfo\n"
        "  namespace: apps\n"
    )  # fmt: skip


def test_a_switch_may_have_a_value_and_takes_no_name(capsys: pytest.CaptureFixture[str]):
    ks = ("kustomization", "--source=podinfo")
    assert "prune: true" in export(capsys, *ks, "--prune", "podinfo").spec
    assert "prune: true" in export(capsys, *ks, "podinfo", "--prune=true").spec
    assert "prune: false" in export(capsys, *ks, "podinfo", "--prune=false").spec


async def test_an_object_is_made_awaited_and_then_replaced(terminal: Terminal) -> None:
    client = terminal.client
    async with asyncio.TaskGroup() as group:
        status = {"artifact": ARTIFACT, "conditions": [ready("True", "stored artifact")]}
        group.create_task(answer(client, GitRepository, 1, status))
        made = await terminal.run("create", *GIT, "--label=a=b,c=d", "--ignore-paths=x", "--tag-semver=")
    assert (made.code, made.out) == (0, "")
    assert made.err.splitlines() == [
        "✚ generating GitRepository source",
        "► applying GitRepository source",
        "✔ GitRepository source created",
        "◎ waiting for GitRepository source reconciliation",
        "✔ GitRepository source reconciliation completed",
        f"✔ fetched revision: main@sha1:{SHA}",
    ]
    async with asyncio.TaskGroup() as group:
        status = {"artifact": ARTIFACT, "conditions": [ready("True", "stored artifact", generation=2)]}
        group.create_task(answer(client, GitRepository, 2, status))
        changed = await terminal.run("create", *GIT[:-1], "--tag=6.0.0", "--label=a=z", "--interval=5m")
    assert (changed.code, changed.err.splitlines()[2]) == (0, "✔ GitRepository source updated")
    found = await client.get_object("source.toolkit.fluxcd.io/v1", "GitRepository", "flux-system", "podinfo")
    assert found["metadata"]["labels"] == {"a": "z"}
    assert found["spec"] == {
        "interval": "5m0s", "ref": {"tag": "6.0.0"}, "timeout": "60s", "url": "https://example.com/podinfo",
    }  # fmt: skip


async def test_an_object_that_fails_ends_the_wait_with_its_message(terminal: Terminal) -> None:
    await put(
        terminal.client, "GitRepository", "podinfo", {"url": "https://example.com/podinfo", "interval": "1m"},
        {"conditions": [ready("False", "failed to checkout", generation=2)], "observedGeneration": 2},
    )  # fmt: skip
    result = await terminal.run("create", *GIT)
    assert (result.code, result.err.splitlines()[-1]) == (1, "✗ failed to checkout")


async def test_what_waits_for_another_object_is_waited_for(terminal: Terminal) -> None:
    late = ready("False", "dependency 'flux-system/first' is not ready") | {"reason": "DependencyNotReady"}
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "image_automation", "create", "ks", "second", "--source=podinfo", "--depends-on=first",
        env=terminal.environment, stderr=asyncio.subprocess.PIPE,
    )  # fmt: skip
    assert process.stderr
    await answer(terminal.client, Kustomization, 1, {"conditions": [late]})
    while (line := (await process.stderr.readline()).decode()) and "is not ready" not in line:
        pass
    assert line == "◎ dependency 'flux-system/first' is not ready\n"
    status = {"lastAppliedRevision": "main@sha1:0", "conditions": [ready("True", "Applied")]}
    await answer(terminal.client, Kustomization, 1, status)
    said = (await process.stderr.read()).decode().splitlines()
    assert (await process.wait(), said) == (0, ["✔ Kustomization second is ready", "✔ applied revision main@sha1:0"])


async def test_what_the_cluster_refuses_is_said(terminal: Terminal) -> None:
    result = await terminal.run("create", *GIT, "-n", "nowhere")
    assert result.code == 1
    assert "nowhere" in result.err.splitlines()[-1]
