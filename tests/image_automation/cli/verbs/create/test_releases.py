"""`create helmrelease` as flux prints it, and what it refuses."""

import asyncio
from pathlib import Path

import pytest

from gotk.api.helm import HelmRelease
from tests.image_automation.cli.test_cluster_verbs import Terminal, answer, ready, terminal
from tests.image_automation.cli.verbs.create.said import export, refuse

__all__ = ["terminal"]
HR = ("helmrelease", "podinfo")
CHART = (*HR, "--source=HelmRepository/podinfo", "--chart=podinfo")


def test_a_chart_of_a_repository(capsys: pytest.CaptureFixture[str]):
    said = export(capsys, *CHART)
    assert said.out.startswith("---\napiVersion: helm.toolkit.fluxcd.io/v2\nkind: HelmRelease\n")
    assert said.spec == [
        "chart:", "  spec:", "    chart: podinfo", "    reconcileStrategy: ChartVersion",
        "    sourceRef:", "      kind: HelmRepository", "      name: podinfo", "interval: 1m0s",
    ]  # fmt: skip


@pytest.mark.parametrize("kind", ["HelmChart", "OCIRepository"])
def test_a_chart_that_is_there(kind: str, capsys: pytest.CaptureFixture[str]):
    said = export(capsys, "hr", "podinfo", f"--chart-ref={kind}/podinfo.flux-system", "-n=apps")
    assert said.spec == [
        "chartRef:", f"  kind: {kind}", "  name: podinfo", "  namespace: flux-system", "interval: 1m0s",
    ]  # fmt: skip


def test_everything_at_once(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    one, two, none = (tmp_path / name for name in ("one.yaml", "two.yaml", "none.yaml"))
    one.write_text("replicas: 1\nimage: {tag: '1'}\n")
    two.write_text("image: {pull: on}\nreplicas: 2\n")
    none.write_text("# nothing\n")
    said = export(
        capsys, *HR, "--source=gitrepository/podinfo.infra", "--chart=./charts/podinfo", "--chart-version=>4.0.0",
        "--chart-interval=1h", "--reconcile-strategy=Revision", "--release-name=pod", "--target-namespace=test",
        "--create-target-namespace=true", "--crds=CreateReplace", "--depends-on=one,ns/two", "--service-account=robot",
        f"--values={one},{two}", f"--values={none}", "--values-from=secret/more", "--kubeconfig-secret-ref=remote",
    )  # fmt: skip
    assert said.spec == [
        "chart:", "  spec:", "    chart: ./charts/podinfo", "    interval: 1h0m0s", "    reconcileStrategy: Revision",
        "    sourceRef:", "      kind: GitRepository", "      name: podinfo", "      namespace: infra",
        "    version: '>4.0.0'", "dependsOn:", "- name: one", "- name: two", "  namespace: ns",
        "install:", "  crds: Create", "  createNamespace: true", "interval: 1m0s",
        "kubeConfig:", "  secretRef:", "    name: remote", "releaseName: pod", "serviceAccountName: robot",
        "storageNamespace: test", "targetNamespace: test", "upgrade:", "  crds: CreateReplace",
        "values:", "  image:", "    pull: true", '    tag: "1"', "  replicas: 2",
        "valuesFrom:", "- kind: Secret", "  name: more",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (HR, "chart or chart-ref is required"),
        ((*CHART, "--chart-ref=HelmChart/a"), "cannot use --chart in combination with --chart-ref"),
        ((*HR, "--chart=a"), "--source is required with --chart: KIND/NAME of the chart's source"),
        (
            (*HR, "--chart=a", "--source=podinfo"),
            "invalid helm chart source 'podinfo', must be in format <kind>/<name>",
        ),
        (
            (*HR, "--chart=a", "--source=OCIRepository/a"),
            "source kind 'OCIRepository' is not supported, must be one of: HelmRepository, GitRepository, Bucket",
        ),
        (
            (*HR, "--chart-ref=Bucket/a"),
            "chart reference kind 'Bucket' is not supported, must be one of: OCIRepository, HelmChart",
        ),
        ((*CHART, "--reconcile-strategy=x"), "'x' is an invalid reconcile strategy(valid: Revision, ChartVersion)"),
        (
            (*CHART, "--crds=x"),
            "unsupported upgrade CRDs policy 'x', must be one of: Skip, Create, CreateReplace",
        ),
        (
            (*CHART, "--values-from=a"),
            "invalid Kubernetes object reference 'a', must be in format <kind>/<name>",
        ),
        (
            (*CHART, "--values-from=Pod/a"),
            "reference kind 'Pod' is not supported, must be one of: Secret, ConfigMap",
        ),
        (
            (*CHART, "--values=/none"),
            "unable to read values from /none: open /none: no such file or directory",
        ),
    ],
)
def test_what_is_missing_or_wrong_is_named(
    arguments: tuple[str, ...], message: str, capsys: pytest.CaptureFixture[str]
):
    assert refuse(capsys, *arguments) == f"✗ {message}"


@pytest.mark.parametrize(
    ("text", "message"), [("a: [", "line "), ("- a\n", "it is not one map"), ("a: 1\n---\nb: 1\n", "it is not one map")]
)
def test_values_that_are_none_are_refused(text: str, message: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    file = tmp_path / "values.yaml"
    file.write_text(text)
    assert refuse(capsys, *CHART, f"--values={file}").startswith(f"✗ reading values from {file} failed: {message}")


async def test_one_is_made_and_awaited(terminal: Terminal) -> None:
    async with asyncio.TaskGroup() as group:
        status = {"lastAttemptedRevision": "6.3.5", "conditions": [ready("True", "Helm install succeeded")]}
        group.create_task(answer(terminal.client, HelmRelease, 1, status))
        made = await terminal.run("create", *CHART)
    assert (made.code, made.out) == (0, "")
    assert made.err.splitlines() == [
        "✚ generating HelmRelease",
        "► applying HelmRelease",
        "✔ HelmRelease created",
        "◎ waiting for HelmRelease reconciliation",
        "✔ HelmRelease podinfo is ready",
        "✔ applied revision 6.3.5",
    ]
