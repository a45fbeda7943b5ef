"""`create source helm|chart` as flux prints them, what they refuse, and the Secret of a Helm repository."""

import asyncio
import base64
from pathlib import Path

import pytest

from gotk.api.source import HelmChart, HelmRepository
from tests.image_automation.cli.test_cluster_verbs import Terminal, answer, ready, terminal
from tests.image_automation.cli.verbs.create.said import export, refuse
from tests.image_automation.cli.verbs.create.test_recipe import ARTIFACT, SHA

__all__ = ["terminal"]
HELM = ("source", "helm", "podinfo", "--url=https://stefanprodan.github.io/podinfo")
OCI = ("source", "helm", "podinfo", "--url=oci://ghcr.io/stefanprodan/charts")
CHART = ("source", "chart", "podinfo", "--source=helmrepository/podinfo", "--chart=podinfo")


def test_a_repository(capsys: pytest.CaptureFixture[str]):
    assert export(capsys, *HELM, "--interval=5m", "--pass-credentials").spec == [
        "interval: 5m0s", "url: https://stefanprodan.github.io/podinfo",
    ]  # fmt: skip
    assert export(capsys, *HELM, "--secret-ref=creds", "--pass-credentials", "--fetch-timeout=20s").spec == [
        "interval: 1m0s", "passCredentials: true", "secretRef:", "  name: creds", "timeout: 20s",
        "url: https://stefanprodan.github.io/podinfo",
    ]  # fmt: skip
    assert export(capsys, *OCI, "--secret-ref=creds", "--oci-provider=aws").spec == [
        "interval: 1m0s", "provider: aws", "secretRef:", "  name: creds", "type: oci",
        "url: oci://ghcr.io/stefanprodan/charts",
    ]  # fmt: skip


def test_a_chart(capsys: pytest.CaptureFixture[str]):
    said = export(
        capsys, *CHART, "--chart-version=6.x", "--reconcile-strategy=Revision", "--verify-provider=cosign",
        "--verify-issuer=foo", "--verify-subject=bar",
    )  # fmt: skip
    assert said.spec == [
        "chart: podinfo", "interval: 1m0s", "reconcileStrategy: Revision",
        "sourceRef:", "  kind: HelmRepository", "  name: podinfo",
        "verify:", "  matchOIDCIdentity:", "  - issuer: foo", "    subject: bar", "  provider: cosign", "version: 6.x",
    ]  # fmt: skip
    assert export(capsys, *CHART).spec[2] == "reconcileStrategy: ChartVersion"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (HELM[:3], "url is required"),
        ((*HELM[:3], "--url=ftp://a/b"), "url scheme 'ftp' not supported, can be: http, https and oci"),
        ((*HELM[:3], "--url=https:///b"), "url host is required"),
        ((*HELM, "--oci-provider=aws"), "--oci-provider is for addresses that begin with oci://"),
        (
            (*OCI, "--oci-provider=ibm"),
            "source OCI provider 'ibm' is not supported, must be one of: generic, aws, azure, gcp",
        ),
        (CHART[:3], "chart source is required"),
        (
            (*CHART[:3], "--source=podinfo", "--chart=a"),
            "invalid helm chart source 'podinfo', must be in format <kind>/<name>",
        ),
        (
            (*CHART[:3], "--source=OCIRepository/a", "--chart=a"),
            "source kind 'OCIRepository' is not supported, must be one of: HelmRepository, GitRepository, Bucket",
        ),
        (CHART[:4], "chart name or path is required"),
        (
            (*CHART, "--reconcile-strategy=Often"),
            "'Often' is an invalid reconcile strategy(valid: Revision, ChartVersion)",
        ),
    ],
)
def test_what_is_missing_or_wrong_is_named(
    arguments: tuple[str, ...], message: str, capsys: pytest.CaptureFixture[str]
):
    assert refuse(capsys, *arguments) == f"✗ {message}"


async def test_a_repository_of_a_registry_is_ready_by_being_there(terminal: Terminal) -> None:
    made = await terminal.run("create", *OCI)
    assert (made.code, made.out) == (0, "")
    assert made.err.splitlines() == [
        "✚ generating HelmRepository source",
        "► applying HelmRepository source",
        "✔ source created",
        "◎ waiting for HelmRepository source reconciliation",
        "✔ HelmRepository source reconciliation completed",
    ]


async def test_both_are_made_and_awaited(terminal: Terminal, tmp_path: Path) -> None:
    status = {"artifact": ARTIFACT, "conditions": [ready("True", "stored artifact")]}
    authority = tmp_path / "ca.crt"
    authority.write_text("authority")
    async with asyncio.TaskGroup() as group:
        group.create_task(answer(terminal.client, HelmRepository, 1, status))
        helm = await terminal.run("create", *HELM, "-u=jane", "-p=hush", f"--ca-file={authority}", "--pass-credentials")
    assert (helm.code, helm.out) == (0, "")
    assert helm.err.splitlines()[1:3] == [
        "► applying secret with repository credentials",
        "✔ authentication configured",
    ]
    assert helm.err.splitlines()[-1] == f"✔ fetched revision: main@sha1:{SHA}"
    secret = await terminal.client.get_object("v1", "Secret", "flux-system", "helm-podinfo")
    assert secret["type"] == "kubernetes.io/basic-auth"
    assert {key: base64.b64decode(value).decode() for key, value in secret["data"].items()} == {
        "ca.crt": "authority", "password": "hush", "username": "jane",
    }  # fmt: skip
    repository = await terminal.client.get(HelmRepository, "flux-system", "podinfo")
    assert repository.spec.secret_ref
    assert (repository.spec.secret_ref.name, repository.spec.pass_credentials) == ("helm-podinfo", True)
    async with asyncio.TaskGroup() as group:
        group.create_task(answer(terminal.client, HelmChart, 1, status))
        chart = await terminal.run("create", *CHART)
    assert chart.err.splitlines() == [
        "✚ generating HelmChart source",
        "► applying HelmChart source",
        "✔ source created",
        "◎ waiting for HelmChart source reconciliation",
        "✔ HelmChart source reconciliation completed",
        f"✔ fetched revision: main@sha1:{SHA}",
    ]
