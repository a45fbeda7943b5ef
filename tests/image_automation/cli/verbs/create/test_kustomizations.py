"""`create kustomization` as flux prints it, and what it refuses."""

import asyncio

import pytest

from gotk.api.kustomize import Kustomization
from tests.image_automation.cli.test_cluster_verbs import Terminal, answer, ready, terminal
from tests.image_automation.cli.verbs.create.said import export, refuse

__all__ = ["terminal"]
KS = ("kustomization", "podinfo", "--source=podinfo")


def test_the_least_that_there_can_be(capsys: pytest.CaptureFixture[str]):
    assert export(capsys, "ks", "podinfo", "--source=ocirepository/podinfo.v2.apps").spec == [
        "interval: 1m0s", "path: ./", "prune: false",
        "sourceRef:", "  kind: OCIRepository", "  name: podinfo.v2", "  namespace: apps",
    ]  # fmt: skip


def test_everything_at_once(capsys: pytest.CaptureFixture[str]):
    said = export(
        capsys, *KS, "--path=./a/../b/", "--prune=true", "--depends-on=one,ns/two", "--service-account=robot",
        "--health-check=Deployment/web.apps", "--health-check", "HelmRelease/db.apps", "--health-check-timeout=3m",
        "--decryption-provider=sops", "--decryption-secret=age", "--target-namespace=apps", "--retry-interval=20s",
        "--kubeconfig-secret-ref=remote", "--interval=60m",
    )  # fmt: skip
    assert said.spec == [
        "decryption:", "  provider: sops", "  secretRef:", "    name: age",
        "dependsOn:", "- name: one", "- name: two", "  namespace: ns",
        "healthChecks:", "- kind: Deployment", "  name: web", "  namespace: apps",
        "- apiVersion: helm.toolkit.fluxcd.io/v2", "  kind: HelmRelease", "  name: db", "  namespace: apps",
        "interval: 1h0m0s", "kubeConfig:", "  secretRef:", "    name: remote", "path: ./b", "prune: true",
        "retryInterval: 20s", "serviceAccountName: robot", "sourceRef:", "  kind: GitRepository", "  name: podinfo",
        "targetNamespace: apps", "timeout: 3m0s",
    ]  # fmt: skip


def test_waiting_for_everything_leaves_single_checks_out(capsys: pytest.CaptureFixture[str]):
    assert export(capsys, *KS, "--wait", "--health-check=Deployment/web.apps").spec[-2:] == [
        "timeout: 2m0s",
        "wait: true",
    ]


def test_validation_of_older_articles_is_taken_with_a_word(capsys: pytest.CaptureFixture[str]):
    said = export(capsys, *KS, "--validation=client")
    assert said.err == "⚠️ --validation is deprecated: every object is validated by a dry run on the server\n"
    assert "validation" not in said.out


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (KS[:2], "source is required"),
        ((*KS, "--path="), "path is required"),
        ((*KS[:2], "--source=Bucket"), "no kind specified for source 'Bucket': write Bucket/NAME"),
        ((*KS[:2], "--source=Bucket/"), "no name given for source of kind 'Bucket'"),
        (
            (*KS[:2], "--source=HelmRepository/a"),
            "source kind 'HelmRepository' is not supported, must be one of: OCIRepository, GitRepository, Bucket",
        ),
        (
            (*KS, "--health-check=Deployment/web"),
            "invalid health check 'Deployment/web' must be in the format 'kind/name.namespace'",
        ),
        (
            (*KS, "--health-check=Job/web.apps"),
            "invalid health check kind 'Job' can be HelmRelease, Deployment, DaemonSet or StatefulSet",
        ),
        ((*KS, "--decryption-provider=gpg"), "unsupported decryption provider 'gpg', must be one of: sops"),
        ((*KS, "--decryption-secret=age"), "--decryption-secret needs --decryption-provider=sops"),
    ],
)
def test_what_is_missing_or_wrong_is_named(
    arguments: tuple[str, ...], message: str, capsys: pytest.CaptureFixture[str]
):
    assert refuse(capsys, *arguments) == f"✗ {message}"


async def test_one_is_made_and_awaited(terminal: Terminal) -> None:
    async with asyncio.TaskGroup() as group:
        status = {"lastAppliedRevision": "main@sha1:0", "conditions": [ready("True", "Applied")]}
        group.create_task(answer(terminal.client, Kustomization, 1, status))
        made = await terminal.run("create", *KS, "--prune")
    assert made.err.splitlines() == [
        "✚ generating Kustomization",
        "► applying Kustomization",
        "✔ Kustomization created",
        "◎ waiting for Kustomization reconciliation",
        "✔ Kustomization podinfo is ready",
        "✔ applied revision main@sha1:0",
    ]
    assert (made.code, made.out) == (0, "")
