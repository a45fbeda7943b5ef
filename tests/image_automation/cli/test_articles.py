"""What articles about Flux, old and new, tell their readers to type, and what comes of it here."""

import asyncio
import base64
import shlex
import sys
from typing import Any

import pytest
import yaml

from gotk.api.kustomize import Kustomization
from gotk.api.source import GitRepository
from image_automation.app.demo import scenario
from image_automation.cli import root
from tests.image_automation.cli.test_cluster_verbs import SHA, Terminal, answering, filled, put, terminal

__all__ = ["filled", "terminal"]

GIT = {
    "apiVersion": "source.toolkit.fluxcd.io/v1",
    "kind": "GitRepository",
    "metadata": {"name": "podinfo", "namespace": "flux-system"},
    "spec": {"interval": "30s", "ref": {"branch": "master"}, "url": "https://github.com/stefanprodan/podinfo"},
}
KS = {
    "apiVersion": "kustomize.toolkit.fluxcd.io/v1",
    "kind": "Kustomization",
    "metadata": {"name": "podinfo", "namespace": "flux-system"},
    "spec": {
        "interval": "5m0s", "path": "./kustomize", "prune": True,
        "sourceRef": {"kind": "GitRepository", "name": "podinfo"}, "targetNamespace": "default",
    },
}  # fmt: skip
POLICY = {
    "apiVersion": "image.toolkit.fluxcd.io/v1",
    "kind": "ImagePolicy",
    "metadata": {"name": "podinfo", "namespace": "flux-system"},
    "spec": {"imageRepositoryRef": {"name": "podinfo"}, "policy": {"semver": {"range": "5.0.x"}}},
}
HR = {
    "apiVersion": "helm.toolkit.fluxcd.io/v2",
    "kind": "HelmRelease",
    "metadata": {"name": "sealed-secrets", "namespace": "flux-system"},
    "spec": {
        "interval": "1h0m0s", "releaseName": "sealed-secrets-controller", "targetNamespace": "flux-system",
        "storageNamespace": "flux-system", "install": {"crds": "Create"}, "upgrade": {"crds": "CreateReplace"},
        "chart": {"spec": {
            "chart": "sealed-secrets", "version": ">=1.15.0-0", "reconcileStrategy": "ChartVersion",
            "sourceRef": {"kind": "HelmRepository", "name": "sealed-secrets"},
        }},
    },
}  # fmt: skip
REPOSITORY = {
    "apiVersion": "image.toolkit.fluxcd.io/v1",
    "kind": "ImageRepository",
    "metadata": {"name": "podinfo", "namespace": "flux-system"},
    "spec": {"image": "ghcr.io/stefanprodan/podinfo", "interval": "5m0s"},
}
UPDATE = {
    "apiVersion": "image.toolkit.fluxcd.io/v1",
    "kind": "ImageUpdateAutomation",
    "metadata": {"name": "flux-system", "namespace": "flux-system"},
    "spec": {
        "interval": "30m0s", "sourceRef": {"kind": "GitRepository", "name": "flux-system"},
        "git": {
            "checkout": {"ref": {"branch": "main"}},
            "commit": {
                "author": {"email": "fluxcdbot@users.noreply.github.com", "name": "fluxcdbot"},
                "messageTemplate": "{{range .Updated.Images}}{{println .}}{{end}}",
            },
            "push": {"branch": "main"},
        },
        "update": {"path": "./clusters/my-cluster", "strategy": "Setters"},
    },
}  # fmt: skip
PRINTED: dict[str, tuple[str, dict[str, Any]]] = {
    "get started": (
        "flux create source git podinfo --url=https://github.com/stefanprodan/podinfo --branch=master --interval=30s",
        GIT,
    ),
    "get started, older": (
        "flux create source git podinfo --url https://github.com/stefanprodan/podinfo --branch master --interval 30s",
        GIT,
    ),
    "get started, deploy": (
        (
            "flux create kustomization podinfo --target-namespace=default --source=podinfo --path='./kustomize'"
            " --prune=true --interval=5m"
        ),
        KS,
    ),
    "get started, deploy, older": (
        (
            "flux create kustomization podinfo --source=podinfo --path=./kustomize --prune=true --validation=client"
            " --interval=5m --target-namespace=default"
        ),
        KS,
    ),
    "the alias, the name last": (
        (
            "flux create ks --prune --source=GitRepository/podinfo --path=./kustomize --target-namespace default"
            " --interval 5m podinfo"
        ),
        KS,
    ),
    "image guide": (
        "flux create image policy podinfo --image-ref=podinfo --select-semver=5.0.x",
        POLICY,
    ),
    "image guide, repository": (
        "flux create image repository podinfo --image=ghcr.io/stefanprodan/podinfo --interval=5m",
        REPOSITORY,
    ),
    "image guide, update": (
        (
            "flux create image update flux-system --interval=30m --git-repo-ref=flux-system"
            " --git-repo-path='./clusters/my-cluster' --checkout-branch=main --push-branch=main --author-name=fluxcdbot"
            " --author-email=fluxcdbot@users.noreply.github.com"
            " --commit-template='{{range .Updated.Images}}{{println .}}{{end}}'"
        ),
        UPDATE,
    ),
    "image guide, older": ("flux create image policy podinfo --image-ref podinfo --semver 5.0.x", POLICY),
    "sealed secrets guide": (
        (
            "flux create helmrelease sealed-secrets --interval=1h --release-name=sealed-secrets-controller"
            " --target-namespace=flux-system --source=HelmRepository/sealed-secrets --chart=sealed-secrets"
            ' --chart-version=">=1.15.0-0" --crds=CreateReplace'
        ),
        HR,
    ),
    "the namespace first": (
        "flux -n flux-system create image policy podinfo --image-ref=podinfo --select-semver=5.0.x",
        POLICY,
    ),
}


@pytest.mark.parametrize("article", PRINTED)
def test_what_articles_write_into_a_file(article: str, capsys: pytest.CaptureFixture[str]) -> None:
    typed, expected = PRINTED[article]
    assert root.run([*shlex.split(typed)[1:], "--export"]) == 0
    printed = capsys.readouterr().out
    assert printed.startswith("---\n")
    assert yaml.safe_load(printed) == expected


#: What is typed, its exit code, and of what it prints the first cells of the first lines, or what it says.
TYPED = {
    "flux get sources git": (0, ["NAME", "podinfo", "young"]),
    "flux get source git": (0, ["NAME", "podinfo", "young"]),
    "flux get sources git podinfo": (0, ["NAME", "podinfo"]),
    "flux get sources all": (0, ["NAME", "gitrepository/podinfo", "gitrepository/young", ""]),
    "flux get sources git -A": (0, ["NAMESPACE", "flux-system", "flux-system"]),
    "flux -n flux-system get sources git": (0, ["NAME", "podinfo", "young"]),
    "flux get sources git -n=flux-system --no-header=true": (0, ["podinfo", "young"]),
    "flux get sources external --all-namespaces": (1, "✗ no ExternalArtifact objects found in any namespace"),
    "flux get kustomizations": (0, ["NAME", "podinfo"]),
    "flux get kustomization podinfo": (0, ["NAME", "podinfo"]),
    "flux get ks --all-namespaces=true": (0, ["NAMESPACE", "flux-system"]),
    "flux get images all": (0, ["NAME", "imagerepository/podinfo", "", "NAME", "imagepolicy/podinfo", ""]),
    "flux get image repository podinfo": (0, ["NAME", "podinfo"]),
    "flux get images policy": (0, ["NAME", "podinfo"]),
    "flux get image update": (1, '✗ no ImageUpdateAutomation objects found in "flux-system" namespace'),
    "flux get helmreleases -A": (1, "✗ no HelmRelease objects found in any namespace"),
    "flux get hr podinfo": (1, '✗ HelmRelease object \'podinfo\' not found in "flux-system" namespace'),
    "flux suspend hr podinfo": (1, "✗ HelmRelease podinfo not found in flux-system namespace"),
    "flux export helmrelease --all": (1, "✗ no objects found in flux-system namespace"),
    "flux reconcile hr podinfo --with-source": (
        1, '✗ HelmRelease object \'podinfo\' not found in "flux-system" namespace',
    ),
    "flux get alerts": (1, '✗ no Alert objects found in "flux-system" namespace'),
    "flux get all -n empty": (0, []),
    "flux get all": (0, [
        *("NAME", "gitrepository/podinfo", "gitrepository/young", ""),
        *("NAME", "imagerepository/podinfo", "", "NAME", "imagepolicy/podinfo", ""),
        *("NAME", "kustomization/podinfo", ""),
    ]),
    "flux reconcile kustomization podinfo --with-source": (1, "✗ resource is suspended"),
    "flux reconcile kustomization flux-system": (
        1, '✗ Kustomization object \'flux-system\' not found in "flux-system" namespace',
    ),
    "flux suspend kustomization podinfo": (0, "✔ kustomization suspended"),
    "flux suspend ks podinfo other": (0, "✗ Kustomization other not found in flux-system namespace"),
    "flux suspend image repository podinfo": (0, "✔ image repository suspended"),
    "flux suspend source git --all": (0, "✔ source git suspended"),
    "flux resume alert-provider chat": (1, "✗ Provider chat not found in flux-system namespace"),
    "flux export source git --all": (0, ["---", "apiVersion: source.toolkit.fluxcd.io/v1", "kind: GitRepository"]),
    "flux export kustomization podinfo": (0, ["---", "apiVersion: kustomize.toolkit.fluxcd.io/v1"]),
    "flux export image policy podinfo": (0, ["---", "apiVersion: image.toolkit.fluxcd.io/v1", "kind: ImagePolicy"]),
    "flux export source external --all": (1, "✗ no objects found in flux-system namespace"),
    "flux export kustomization": (1, "✗ name is required"),
}  # fmt: skip


async def test_what_articles_ask_of_a_cluster(filled: Terminal) -> None:
    for typed, (code, expected) in TYPED.items():
        result = await filled.run(*shlex.split(typed)[1:])
        assert result.code == code, (typed, result.err)
        if isinstance(expected, str):
            assert expected in result.err.splitlines()[-1:], typed
        else:
            cells = [line.split("\t")[0].rstrip() for line in result.out.splitlines()]
            shown = len(expected) if typed.startswith("flux export") else None
            assert cells[:shown] == expected, typed


async def test_a_watch_goes_on_until_it_is_stopped(filled: Terminal) -> None:
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "image_automation", "get", "kustomizations", "--watch",
        env=filled.environment, stdout=asyncio.subprocess.PIPE,
    )  # fmt: skip
    assert process.stdout
    try:
        seen = [(await process.stdout.readline()).split(b"\t")[0].rstrip() for _ in range(2)]
        await filled.client.merge_patch(Kustomization, "flux-system", "podinfo", {"spec": {"suspend": None}})
        later = (await process.stdout.readline()).split(b"\t")
    finally:
        process.kill()
        await process.wait()
    assert seen == [b"NAME", b"podinfo"]
    assert [cell.strip() for cell in later[:3]] == [b"podinfo", b"main@sha1:696f056d", b"False"]


async def test_a_sync_with_its_source_says_what_it_did(filled: Terminal) -> None:
    await filled.client.merge_patch(Kustomization, "flux-system", "podinfo", {"spec": {"suspend": None}})
    status = {"conditions": [{
        "type": "Ready", "status": "True", "reason": "ReconciliationSucceeded", "message": "Applied",
        "lastTransitionTime": "2026-01-02T03:04:05Z", "observedGeneration": 2,
    }]}  # fmt: skip
    async with asyncio.TaskGroup() as group:
        group.create_task(answering(filled, GitRepository, lambda _: {}))
        group.create_task(answering(filled, Kustomization, lambda _: status))
        result = await filled.run("reconcile", "kustomization", "podinfo", "--with-source")
    assert (result.code, result.out) == (0, "")
    assert result.err.splitlines() == [
        "► annotating GitRepository podinfo in flux-system namespace",
        "✔ GitRepository annotated",
        "◎ waiting for GitRepository reconciliation",
        f"✔ fetched revision main@sha1:{SHA}",
        "► annotating Kustomization podinfo in flux-system namespace",
        "✔ Kustomization annotated",
        "◎ waiting for Kustomization reconciliation",
        f"✔ applied revision main@sha1:{SHA}",
    ]


async def test_credentials_are_exported_with_their_source_where_they_are_asked_for(terminal: Terminal) -> None:
    spec = {"url": "https://example.com/podinfo", "interval": "1m"}
    await put(terminal.client, "GitRepository", "open", spec)
    await put(terminal.client, "GitRepository", "private", spec | {"secretRef": {"name": "auth"}})
    call = ("export", "source", "git", "--all", "--with-credentials")
    missing = await terminal.run(*call)
    assert (missing.code, missing.err) == (1, '✗ failed to retrieve secret auth, error: secrets "auth" not found\n')
    await terminal.client.create_object({
        "apiVersion": "v1", "kind": "Secret", "metadata": {"name": "auth", "namespace": "flux-system"},
        "stringData": {"username": "jane", "password": "hush"},
    })  # fmt: skip
    result = await terminal.run(*call)
    first, second, secret = yaml.safe_load_all(result.out)
    assert [first["metadata"]["name"], second["metadata"]["name"]] == ["open", "private"]
    assert secret == {
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": {"name": "auth", "namespace": "flux-system"},
        "type": "Opaque",
        "data": {"password": base64.b64encode(b"hush").decode(), "username": base64.b64encode(b"jane").decode()},
    }  # fmt: skip
    plain = await terminal.run("export", "source", "git", "private")
    assert "Secret" not in plain.out


#: What articles have kubectl say: the words in the columns' heads, or the names that are listed.
SHOWN = {
    "kubectl get gitrepositories -n flux-system": ["NAME", "URL", "AGE", "READY", "STATUS"],
    "kubectl get kustomizations -n flux-system": ["NAME", "AGE", "READY", "STATUS"],
}
DEFINED = {
    *("alerts.notification", "buckets.source", "gitrepositories.source", "helmcharts.source", "helmreleases.helm"),
    *("helmrepositories.source", "imagepolicies.image", "imagerepositories.image", "imageupdateautomations.image"),
    *("kustomizations.kustomize", "ocirepositories.source", "providers.notification", "receivers.notification"),
}


async def test_what_articles_ask_of_kubectl(filled: Terminal) -> None:
    for typed, heads in SHOWN.items():
        lines = (await _kubectl(filled, typed)).splitlines()
        assert (lines[0].split(), lines[1].split()[0]) == (heads, "podinfo"), typed
    listed = (await _kubectl(filled, "kubectl get crd -o name")).split()
    prefix, suffix = "customresourcedefinition.apiextensions.k8s.io/", ".toolkit.fluxcd.io"
    assert {f"{prefix}{name}{suffix}" for name in DEFINED} <= set(listed)


async def _kubectl(terminal: Terminal, typed: str) -> str:
    process = await asyncio.create_subprocess_exec(
        scenario.kubectl(), *shlex.split(typed)[1:], env=terminal.environment, stdout=asyncio.subprocess.PIPE
    )
    out, _ = await process.communicate()
    assert process.returncode == 0, typed
    return out.decode()
