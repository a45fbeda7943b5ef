"""`create image …` as flux prints it, and what it refuses."""

import pytest

from tests.image_automation.cli.verbs.create.said import export, refuse

POLICY = ("image", "policy", "podinfo", "--image-ref=podinfo")
UPDATE = (
    "image", "update", "flux-system", "--git-repo-ref=flux-system", "--checkout-branch=main",
    "--author-name=flux", "--author-email=flux@example.com",
)  # fmt: skip


def test_a_repository(capsys: pytest.CaptureFixture[str]):
    said = export(
        capsys, "image", "repository", "app", "--image=registry.example.com/app", "--interval=5m",
        "--secret-ref=pull", "--cert-ref=certs", "--scan-timeout", "30s",
    )  # fmt: skip
    assert said.out == (
        "---\n"
        "apiVersion: image.toolkit.fluxcd.io/v1\n"
        "kind: ImageRepository\n"
        "metadata:\n"
        "  name: app\n"
        "  namespace: flux-system\n"
        "spec:\n"
        "  certSecretRef:\n"
        "    name: certs\n"
        "  image: registry.example.com/app\n"
        "  interval: 5m0s\n"
        "  secretRef:\n"
        "    name: pull\n"
        "  timeout: 30s\n"
    )


@pytest.mark.parametrize(
    ("arguments", "spec"),
    [
        (("--select-semver=>=1.0.0",), ["policy:", "  semver:", "    range: '>=1.0.0'"]),
        (("--select-alpha=asc",), ["policy:", "  alphabetical:", "    order: asc"]),
        (
            ("--select-numeric=desc", "--filter-regex=^main-(?P<ts>[0-9]+)", "--filter-extract=$ts"),
            ["filterTags:", "  extract: $ts", "  pattern: ^main-(?P<ts>[0-9]+)",
             "imageRepositoryRef:", "  name: podinfo", "policy:", "  numerical:", "    order: desc"],
        ),
        (
            ("--select-semver=1.x", "--reflect-digest=Always", "--interval=10m"),
            ["digestReflectionPolicy: Always", "imageRepositoryRef:", "  name: podinfo", "interval: 10m0s",
             "policy:", "  semver:", "    range: 1.x"],
        ),
    ],
)  # fmt: skip
def test_a_policy(arguments: tuple[str, ...], spec: list[str], capsys: pytest.CaptureFixture[str]):
    assert export(capsys, *POLICY, *arguments).spec[-len(spec) :] == spec


@pytest.mark.parametrize(
    ("arguments", "spec"),
    [
        ((), []),
        (("--signing-key-secret=key",), ["    signingKey:", "      secretRef:", "        name: key"]),
        (
            ("--signing-key-secret=key", "--signing-key-type=ssh"),
            ["    signingKey:", "      secretRef:", "        name: key", "      type: ssh"],
        ),
    ],
)
def test_an_automation(arguments: tuple[str, ...], spec: list[str], capsys: pytest.CaptureFixture[str]):
    assert export(capsys, *UPDATE, *arguments).spec == [
        "git:", "  checkout:", "    ref:", "      branch: main",
        "  commit:", "    author:", "      email: flux@example.com", "      name: flux",
        *spec,
        "interval: 1m0s", "sourceRef:", "  kind: GitRepository", "  name: flux-system",
    ]  # fmt: skip


def test_an_automation_of_another_namespace_that_pushes_elsewhere(capsys: pytest.CaptureFixture[str]):
    said = export(
        capsys, *UPDATE, "--git-repo-namespace=ns", "--git-repo-path=./clusters", "--push-branch=updates",
        "--commit-template={{range .Changed.Changes}}{{.}}{{end}}",
    )  # fmt: skip
    assert said.spec[8:] == [
        "    messageTemplate: '{{range .Changed.Changes}}{{.}}{{end}}'",
        "  push:", "    branch: updates", "interval: 1m0s",
        "sourceRef:", "  kind: GitRepository", "  name: flux-system", "  namespace: ns",
        "update:", "  path: ./clusters", "  strategy: Setters",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("image", "repository", "app"), "an image repository (--image) is required"),
        (
            ("image", "repository", "app", "--image=alpine:3"),
            "unable to parse image value: image 'alpine:3' should not include a tag; remove ':3'",
        ),
        (("image", "policy", "app"), "the name of an ImageRepository in the namespace is required (--image-ref)"),
        (POLICY, "a policy must be provided with either --select-semver, --select-alpha or --select-numeric"),
        (
            (*POLICY, "--select-semver=1.x", "--select-alpha=asc"),
            "only one of --select-semver, --select-alpha or --select-numeric can be specified",
        ),
        ((*POLICY, "--select-alpha=up"), '--select-alpha must be one of ["asc", "desc"]'),
        ((*POLICY, "--select-semver=one"), "--select-semver is no range of versions: "),
        ((*POLICY, "--select-alpha=asc", "--filter-regex=("), "--filter-regex is an invalid regex pattern: "),
        (
            (*POLICY, "--select-alpha=asc", "--filter-regex=a", "--filter-extract=$ts"),
            "capture group $ts used in --filter-extract not found in --filter-regex",
        ),
        ((*POLICY, "--select-alpha=asc", "--filter-regex=a", "--filter-extract=${"), "--filter-extract is malformed"),
        (
            (*POLICY, "--select-alpha=asc", "--filter-extract=$1"),
            "cannot specify --filter-extract without specifying --filter-regex",
        ),
        (
            (*POLICY, "--select-alpha=asc", "--reflect-digest=Often"),
            "invalid value for --reflect-digest, must be one of 'Never', 'IfNotPresent', 'Always'",
        ),
        (
            (*POLICY, "--select-alpha=asc", "--interval=1m"),
            "the --interval flag can only be used with the 'Always' digest reflection policy",
        ),
        (UPDATE[:3], "a reference to a GitRepository is required (--git-repo-ref)"),
        (UPDATE[:4], "the Git repository branch is required (--checkout-branch)"),
        (UPDATE[:5], "the author name is required (--author-name)"),
        (UPDATE[:6], "the author email is required (--author-email)"),
        ((*UPDATE, "--signing-key-type=ssh"), "--signing-key-type requires --signing-key-secret"),
        (
            (*UPDATE, "--signing-key-secret=k", "--signing-key-type=x509"),
            "--signing-key-type must be one of: gpg, ssh",
        ),
    ],
)
def test_what_is_missing_or_wrong_is_named(
    arguments: tuple[str, ...], message: str, capsys: pytest.CaptureFixture[str]
):
    assert refuse(capsys, *arguments).startswith(f"✗ {message}")
