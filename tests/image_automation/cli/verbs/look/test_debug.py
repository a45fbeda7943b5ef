"""`debug` as a user runs it, against the embedded control plane."""

from typing import Any

import pytest

from tests.image_automation.cli.test_cluster_verbs import Terminal, put, ready, terminal
from tests.image_automation.cli.verbs.look.releases import release

__all__ = ["terminal"]


@pytest.fixture
async def user(terminal: Terminal) -> Terminal:
    for kind, name, data in (
        ("ConfigMap", "cluster", {"region": "eu", "zone": "a\n", "values.yaml": "replicas: 2\nregion: eu\n"}),
        ("Secret", "keys", {"token": "s3cret"}),
    ):
        field = "data" if kind == "ConfigMap" else "stringData"
        metadata = {"name": name, "namespace": "flux-system"}
        await terminal.client.create_object({"apiVersion": "v1", "kind": kind, "metadata": metadata, field: data})
    return terminal


def spec(**post_build: Any) -> dict[str, Any]:
    source = {"kind": "GitRepository", "name": "fleet"}
    return {"interval": "1m", "prune": True, "sourceRef": source, "postBuild": post_build}


async def test_variables_are_printed_as_a_file_for_an_environment(user: Terminal) -> None:
    references = [{"kind": "ConfigMap", "name": "cluster"}, {"kind": "Secret", "name": "keys"}]
    await put(user.client, "Kustomization", "app", spec(substitute={"region": "us"}, substituteFrom=references))
    result = await user.run("debug", "kustomization", "app", "--show-vars")
    assert result.out.replace("values.yaml=replicas: 2region: eu\n", "") == "region=us\ntoken=s3cret\nzone=a\n"
    assert (result.code, result.err) == (0, "")
    await put(user.client, "Kustomization", "lost", spec(substituteFrom=[{"kind": "Secret", "name": "none"}]))
    lost = await user.run("debug", "ks", "lost", "--show-vars")
    assert (lost.code, lost.err) == (1, "✗ substitute from 'Secret/none' error: secrets \"none\" not found\n")


async def test_status_and_history_are_printed_as_they_are(user: Terminal) -> None:
    await put(user.client, "Kustomization", "app", spec(), {"conditions": [ready("False", "no file")]})
    status = await user.run("debug", "kustomization", "app", "--show-status")
    first, _, rest = status.out.partition("\n")
    assert first == "# Documentation: https://fluxcd.io/flux/components/kustomize/kustomizations/#kustomization-status"
    assert rest.startswith('conditions:\n- lastTransitionTime: "2026-01-02T03:04:05Z"\n  message: no file\n')
    history = await user.run("debug", "kustomization", "app", "--show-history")
    assert history.out.splitlines()[1:] == ["[]"]


async def test_values_of_a_release_are_composed_and_what_gave_nothing_is_named(user: Terminal) -> None:
    references = [
        {"kind": "ConfigMap", "name": "cluster"},
        {"kind": "Secret", "name": "keys", "valuesKey": "token", "targetPath": "auth.token"},
        {"kind": "Secret", "name": "none", "optional": True},
    ]
    chart = {"spec": {"chart": "web", "sourceRef": {"kind": "HelmRepository", "name": "charts"}}}
    spec = {"chart": chart, "valuesFrom": references, "values": {"region": "us"}}
    await release(user.client, "web", spec, {"history": []})
    result = await user.run("debug", "helmrelease", "web", "--show-values")
    assert result.out.splitlines()[0].startswith("# Secret/none gave nothing: ")
    assert result.out.splitlines()[1:] == ["auth:", "  token: s3cret", "region: us", "replicas: 2"]
    assert (result.code, result.err) == (0, "")


async def test_exactly_one_part_is_shown(terminal: Terminal) -> None:
    for arguments, message in (
        (("kustomization",), "kustomization name is required"),
        (("ks", "app"), "exactly one of --show-status, --show-vars, or --show-history must be set"),
        (
            ("hr", "app", "--show-status", "--show-values"),
            "exactly one of --show-status, --show-values, or --show-history must be set",
        ),
        (("ks", "app", "--show-status"), 'kustomizations.kustomize.toolkit.fluxcd.io "app" not found'),
    ):
        result = await terminal.run("debug", *arguments)
        assert (result.code, result.out, result.err) == (1, "", f"✗ {message}\n")
