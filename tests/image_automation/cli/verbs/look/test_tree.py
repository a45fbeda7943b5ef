"""`tree` as a user runs it, against the embedded control plane."""

import json
from typing import Any

import pytest
import yaml

from gotk.kube.client import Client
from tests.image_automation.cli.test_cluster_verbs import Terminal, put, terminal

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
    assert yaml.safe_load((await grown.run("tree", "kustomization", "infrastructure", "-o", "yaml")).out) == document


async def test_what_is_not_there_or_on_another_cluster_has_nothing_below_it(terminal: Terminal) -> None:
    apps = "flux-system_apps_kustomize.toolkit.fluxcd.io_Kustomization"
    await applied(terminal.client, "here", apps)
    result = await terminal.run("tree", "kustomization", "here")
    assert result.out == "Kustomization/flux-system/here\n└── Kustomization/flux-system/apps\n\n"
    assert result.err == "⚠️ Kustomization/flux-system/apps was applied and is not there\n"
    await applied(terminal.client, "there", apps, kubeConfig={"secretRef": {"name": "other"}})
    assert (await terminal.run("tree", "kustomization", "there")).err == ""


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
