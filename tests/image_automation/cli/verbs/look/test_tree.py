"""`tree` as a user runs it, against the embedded control plane."""

import base64
import json
from typing import Any

import pytest
import yaml

from deploy.helm import encoding
from deploy.helm.release import Info, Release
from gotk.kube.client import Client
from tests.image_automation.cli.test_cluster_verbs import Terminal, put, terminal
from tests.image_automation.cli.verbs.look.releases import release

__all__ = ["terminal"]

SOURCE = {"kind": "GitRepository", "name": "flux-system"}


async def applied(client: Client, name: str, *ids: str, **spec: Any) -> None:
    """Make a Kustomization that has applied objects."""
    inventory = {"entries": [{"id": each, "v": "v1"} for each in ids]}
    spec = {"interval": "1m", "prune": True, "sourceRef": SOURCE} | spec
    await put(client, "Kustomization", name, spec, {"inventory": inventory})


@pytest.fixture
async def grown(terminal: Terminal) -> Terminal:
    await applied(
        terminal.client, "flux-system",
        "_flux-system__Namespace", "_crd:controller_rbac.authorization.k8s.io_ClusterRole".replace(":", "__"),
        "flux-system_flux-system_kustomize.toolkit.fluxcd.io_Kustomization",
        "flux-system_infrastructure_kustomize.toolkit.fluxcd.io_Kustomization",
        "flux-system_flux-system_source.toolkit.fluxcd.io_GitRepository",
    )  # fmt: skip
    await applied(
        terminal.client, "infrastructure",
        "_cert-manager__Namespace", "cert-manager_cert-manager_source.toolkit.fluxcd.io_HelmRepository",
        "flux-system_flux-system_kustomize.toolkit.fluxcd.io_Kustomization",
    )  # fmt: skip
    return terminal


async def test_the_tree_is_drawn_as_flux_draws_it_and_ends_where_it_began(grown: Terminal) -> None:
    result = await grown.run("tree", "kustomization", "flux-system")
    assert result.out == (
        "Kustomization/flux-system/flux-system\n"
        "├── Namespace/flux-system\n"
        "├── ClusterRole/crd:controller\n"
        "├── Kustomization/flux-system/infrastructure\n"
        "│   ├── Namespace/cert-manager\n"
        "│   ├── HelmRepository/cert-manager/cert-manager\n"
        "│   └── Kustomization/flux-system/flux-system\n"
        "└── GitRepository/flux-system/flux-system\n"
        "\n"
    )
    assert (result.code, result.err) == (0, "")


async def test_a_compact_tree_holds_only_what_the_service_knows(grown: Terminal) -> None:
    result = await grown.run("tree", "ks", "flux-system", "--compact")
    assert [line.lstrip("│├└─ ") for line in result.out.splitlines()] == [
        "Kustomization/flux-system/flux-system", "Kustomization/flux-system/infrastructure",
        "HelmRepository/cert-manager/cert-manager", "Kustomization/flux-system/flux-system",
        "GitRepository/flux-system/flux-system", "",
    ]  # fmt: skip


async def test_documents_hold_what_tools_of_flux_read(grown: Terminal) -> None:
    document = json.loads((await grown.run("tree", "kustomization", "infrastructure", "-o", "json")).out)
    assert document["resource"] == {
        "Namespace": "flux-system", "Name": "infrastructure",
        "GroupKind": {"Group": "kustomize.toolkit.fluxcd.io", "Kind": "Kustomization"},
    }  # fmt: skip
    assert document["resources"][0] == {
        "resource": {"Namespace": "", "Name": "cert-manager", "GroupKind": {"Group": "", "Kind": "Namespace"}}
    }
    written = (await grown.run("tree", "kustomization", "infrastructure", "-o", "yaml")).out
    assert yaml.safe_load(written) == document
    assert '      Group: ""\n' in written  # as Go writes it


async def test_what_is_not_there_or_on_another_cluster_has_nothing_below_it(terminal: Terminal) -> None:
    apps = "flux-system_apps_kustomize.toolkit.fluxcd.io_Kustomization"
    await applied(terminal.client, "here", apps)
    result = await terminal.run("tree", "kustomization", "here")
    assert result.out == "Kustomization/flux-system/here\n└── Kustomization/flux-system/apps\n\n"
    assert result.err == "⚠️ Kustomization/flux-system/apps was applied and is not there\n"
    await applied(terminal.client, "there", apps, kubeConfig={"secretRef": {"name": "other"}})
    assert (await terminal.run("tree", "kustomization", "there")).err == ""


MANIFEST = """
apiVersion: v1
kind: ServiceAccount
metadata: {name: cert-manager}
---
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRole
metadata: {name: cert-manager}
"""


async def stored(client: Client, name: str, version: int, manifest: str) -> None:
    """Store a release as helm does."""
    info = Info(status="deployed")
    found = Release(name=name, namespace="empty", version=version, info=info, chart={}, manifest=manifest)
    secret = {
        "apiVersion": "v1", "kind": "Secret", "type": "helm.sh/release.v1",
        "metadata": {"name": f"sh.helm.release.v1.{name}.v{version}", "namespace": "flux-system"},
        "data": {"release": base64.b64encode(encoding.encode(found)).decode()},
    }  # fmt: skip
    await client.create_object(secret)


async def test_below_a_release_stands_what_its_chart_made(terminal: Terminal) -> None:
    client = terminal.client
    await applied(client, "infrastructure", "flux-system_cert-manager_helm.toolkit.fluxcd.io_HelmRelease")
    history = [{"name": "cert-manager", "namespace": "empty", "version": 2, "chartVersion": "1.0.0"}]
    await release(client, "cert-manager", {}, {"history": history, "storageNamespace": "flux-system"})
    before = await terminal.run("tree", "kustomization", "infrastructure")
    assert before.out.splitlines()[1:] == ["└── HelmRelease/flux-system/cert-manager", ""]
    await stored(client, "cert-manager", 2, MANIFEST)
    result = await terminal.run("tree", "kustomization", "infrastructure")
    assert result.out.splitlines()[1:] == [
        "└── HelmRelease/flux-system/cert-manager",
        "    ├── ServiceAccount/empty/cert-manager",
        "    └── ClusterRole/cert-manager",
        "",
    ]
    assert (result.code, result.err) == (0, "")


async def test_mistakes_are_one_line(terminal: Terminal) -> None:
    unnamed = await terminal.run("tree", "kustomization")
    assert (unnamed.code, unnamed.err) == (1, "✗ kustomization name is required\n")
    none = await terminal.run("tree", "kustomization", "apps")
    assert (none.code, none.err) == (1, "✗ Kustomization object 'apps' not found in \"flux-system\" namespace\n")
    await applied(terminal.client, "odd", "what")
    odd = await terminal.run("tree", "kustomization", "odd")
    assert (
        odd.err == "✗ Kustomization/flux-system/odd: status.inventory: unable to parse stored object metadata: what\n"
    )


async def test_a_generator_s_artifacts_stand_below_it(terminal: Terminal) -> None:
    made = [
        {"name": name, "namespace": "flux-system", "digest": "sha256:0", "filename": "x"} for name in ("one", "two")
    ]
    copied = [{"name": "one", "copy": [{"from": "@repo/", "to": "@artifact/"}]}]
    spec = {"sources": [{"alias": "repo", "kind": "GitRepository", "name": "fleet"}], "artifacts": copied}
    await put(terminal.client, "ArtifactGenerator", "apps", spec, {"inventory": made})
    result = await terminal.run("tree", "artifact", "generator", "apps")
    assert result.out == (
        "ArtifactGenerator/flux-system/apps\n"
        "├── ExternalArtifact/flux-system/one\n"
        "└── ExternalArtifact/flux-system/two\n"
        "\n"
    )
    assert (await terminal.run("tree", "artifact", "generator")).code == 1
