"""`create source oci|bucket` as flux prints them, what they refuse, and the Secret of a bucket."""

import asyncio
import base64

import pytest

from gotk.api.source import Bucket, OCIRepository
from tests.image_automation.cli.test_cluster_verbs import Terminal, answer, ready, terminal
from tests.image_automation.cli.verbs.create.said import export, refuse
from tests.image_automation.cli.verbs.create.test_recipe import ARTIFACT, SHA

__all__ = ["terminal"]
OCI = ("source", "oci", "podinfo", "--url=oci://ghcr.io/stefanprodan/manifests/podinfo")
BUCKET = ("source", "bucket", "podinfo", "--bucket-name=podinfo", "--endpoint=minio:9000")


def test_an_artifact_of_a_registry(capsys: pytest.CaptureFixture[str]):
    assert export(capsys, *OCI, "--tag=6.6.2", "--interval=10m").spec == [
        "interval: 10m0s", "provider: generic", "ref:", "  tag: 6.6.2",
        "url: oci://ghcr.io/stefanprodan/manifests/podinfo",
    ]  # fmt: skip


def test_all_that_can_be_said_of_an_artifact(capsys: pytest.CaptureFixture[str]):
    said = export(
        capsys, *OCI, "--digest=sha256:1", "--tag-semver=6.x", "--provider=aws", "--secret-ref=pull",
        "--cert-ref=certs",
        "--service-account=robot", "--proxy-secret-ref=proxy", "--insecure", "--ignore-paths=a,b", "--fetch-timeout=9s",
        "--layer-selector=application/vnd.cncf.helm.chart.content.v1.tar+gzip:copy",
        "--verify-provider=cosign", "--verify-secret-ref=keys", "--verify-subject=^s$", "--verify-issuer=^i$",
    )  # fmt: skip
    assert said.spec == [
        "certSecretRef:", "  name: certs", "ignore: |-", "  a", "  b", "insecure: true", "interval: 1m0s",
        "layerSelector:", "  mediaType: application/vnd.cncf.helm.chart.content.v1.tar+gzip", "  operation: copy",
        "provider: aws", "proxySecretRef:", "  name: proxy", "ref:", "  digest: sha256:1", "  semver: 6.x",
        "secretRef:", "  name: pull", "serviceAccountName: robot", "timeout: 9s",
        "url: oci://ghcr.io/stefanprodan/manifests/podinfo", "verify:", "  matchOIDCIdentity:",
        "  - issuer: ^i$", "    subject: ^s$", "  provider: cosign", "  secretRef:", "    name: keys",
    ]  # fmt: skip


def test_a_bucket(capsys: pytest.CaptureFixture[str]):
    said = export(capsys, *BUCKET, "--provider=aws", "--region=eu", "--insecure=true", "--proxy-secret-ref=proxy")
    assert said.spec == [
        "bucketName: podinfo", "endpoint: minio:9000", "insecure: true", "interval: 1m0s", "provider: aws",
        "proxySecretRef:", "  name: proxy", "region: eu",
    ]  # fmt: skip


def test_keys_are_not_printed_and_that_is_said(capsys: pytest.CaptureFixture[str]):
    said = export(capsys, *BUCKET, "--access-key=mine", "--secret-key=hush")
    assert "hush" not in said.out
    assert said.err == (
        "⚠️ --access-key, --secret-key are not printed: make a Secret with `accesskey` and `secretkey`, and name it with"
        " --secret-ref\n"
    )


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (OCI[:3], "url is required"),
        (
            (*OCI[:3], "--url=https://ghcr.io/a/b", "--tag=1"),
            "url 'https://ghcr.io/a/b' is none of a registry: write it as oci://HOST/REPOSITORY",
        ),
        (OCI, "--tag, --tag-semver or --digest is required"),
        (
            (*OCI, "--tag=1", "--provider=ibm"),
            "source OCI provider 'ibm' is not supported, must be one of: generic, aws, azure, gcp",
        ),
        (
            (*OCI, "--tag=1", "--layer-selector=tar"),
            "invalid --layer-selector \"tar\": must be in the format '<media-type>:<operation>'",
        ),
        (
            (*OCI, "--tag=1", "--layer-selector=tar:move"),
            'invalid --layer-selector "tar:move": operation must be "extract" or "copy"',
        ),
        (
            (*OCI, "--tag=1", "--verify-provider=notation"),
            "source OCI verify provider 'notation' is not supported, must be one of: cosign",
        ),
        (
            (*OCI, "--tag=1", "--verify-secret-ref=s"),
            "a verification provider must be specified when a secret is specified",
        ),
        (
            (*OCI, "--tag=1", "--verify-subject=s"),
            "a verification provider must be specified when OIDC issuer/subject is specified",
        ),
        (BUCKET[:3], "bucket-name is required"),
        (BUCKET[:4], "endpoint is required"),
        ((*BUCKET, "--access-key=a"), "--access-key and --secret-key go together"),
        (
            (*BUCKET, "--provider=ibm"),
            "source bucket provider 'ibm' is not supported, must be one of: generic, aws, azure, gcp",
        ),
    ],
)
def test_what_is_missing_or_wrong_is_named(
    arguments: tuple[str, ...], message: str, capsys: pytest.CaptureFixture[str]
):
    assert refuse(capsys, *arguments) == f"✗ {message}"


async def test_both_are_made_and_awaited(terminal: Terminal) -> None:
    status = {"artifact": ARTIFACT, "conditions": [ready("True", "stored artifact")]}
    async with asyncio.TaskGroup() as group:
        group.create_task(answer(terminal.client, OCIRepository, 1, status))
        oci = await terminal.run("create", *OCI, "--tag=1")
    assert (oci.code, oci.out) == (0, "")
    assert oci.err.splitlines() == [
        "► applying OCIRepository",
        "✔ OCIRepository created",
        "◎ waiting for OCIRepository reconciliation",
        "✔ OCIRepository reconciliation completed",
        f"✔ fetched revision: main@sha1:{SHA}",
    ]
    async with asyncio.TaskGroup() as group:
        group.create_task(answer(terminal.client, Bucket, 1, status))
        bucket = await terminal.run("create", *BUCKET, "--access-key=mine", "--secret-key=hush", "--label=a=b")
    assert (bucket.code, bucket.out) == (0, "")
    assert bucket.err.splitlines() == [
        "✚ generating Bucket source",
        "► applying secret with the bucket credentials",
        "✔ authentication configured",
        "► applying Bucket source",
        "✔ Bucket source created",
        "◎ waiting for Bucket source reconciliation",
        "✔ Bucket source reconciliation completed",
        f"✔ fetched revision: main@sha1:{SHA}",
    ]
    secret = await terminal.client.get_object("v1", "Secret", "flux-system", "bucket-podinfo")
    assert secret["metadata"]["labels"] == {"a": "b"}
    assert {key: base64.b64decode(value).decode() for key, value in secret["data"].items()} == {
        "accesskey": "mine", "secretkey": "hush",
    }  # fmt: skip
    made = await terminal.client.get(Bucket, "flux-system", "podinfo")
    assert made.spec.secret_ref
    assert made.spec.secret_ref.name == "bucket-podinfo"
