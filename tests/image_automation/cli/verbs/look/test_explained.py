"""`explain helmrelease` as a user runs it, against the embedded control plane."""

from typing import Any

from tests.image_automation.cli.test_cluster_verbs import Terminal, ready, terminal
from tests.image_automation.cli.verbs.look.releases import release

__all__ = ["terminal"]
REFERENCES = [
    {"kind": "Secret", "name": "keys", "valuesKey": "token", "targetPath": "auth.token"},
    {"kind": "ConfigMap", "name": "none", "optional": True},
]


async def explained(user: Terminal, spec: dict[str, Any], status: dict[str, Any] | None = None) -> list[str]:
    metadata = {"name": "keys", "namespace": "flux-system"}
    secret = {"apiVersion": "v1", "kind": "Secret", "metadata": metadata, "stringData": {"token": "s3cret"}}
    await user.client.create_object(secret)
    await release(user.client, "web", {"valuesFrom": REFERENCES, "values": {"replicas": 2}, **spec}, status or {})
    result = await user.run("explain", "helmrelease", "web")
    assert (result.code, result.err) == (0, "")
    assert "s3cret" not in result.out
    return [line.rstrip() for line in result.out.splitlines()]


async def test_values_are_told_by_where_they_came_from_and_never_shown(terminal: Terminal) -> None:
    lines = await explained(terminal, {})
    assert [[cell.strip() for cell in line.split("\t")[:2]] for line in lines[:3]] == [
        ["VALUE", "FROM"],
        ["auth.token", "Secret/keys (token)"],
        ["replicas", "spec.values"],
    ]
    assert lines[3:] == [
        "ConfigMap/none (values.yaml) gave nothing: resource not found",
        "",
        "ready: nothing is known yet",
        "last:  nothing yet",
        "next:  it waits for HelmChart flux-system/flux-system-web, which is not there",
    ]


async def test_a_chart_that_is_there_is_installed_next(terminal: Terminal) -> None:
    artifact = {"digest": "sha256:0", "path": "p", "url": "http://a/p", "revision": "1.0.0",
                "lastUpdateTime": "2026-01-02T03:04:05Z"}  # fmt: skip
    chart = {"chart": "web", "interval": "1m", "sourceRef": {"kind": "HelmRepository", "name": "charts"}}
    made: dict[str, Any] = {"apiVersion": "source.toolkit.fluxcd.io/v1", "kind": "HelmChart", "spec": chart}
    made["metadata"] = {"name": "web", "namespace": "flux-system"}
    await terminal.client.create_object(made)
    await terminal.client.patch_object(
        made["apiVersion"], "HelmChart", "flux-system", "web", {"status": {"artifact": artifact}}, subresource="status"
    )
    lines = await explained(
        terminal,
        {"chartRef": {"kind": "HelmChart", "name": "web"}},
        {"conditions": [ready("False", "no values")]},
    )
    assert lines[-3].endswith(": no values")
    assert lines[-1] == "next:  install: release not installed: no release in storage for object"


async def test_what_cannot_be_known_or_is_suspended_is_said(terminal: Terminal) -> None:
    lines = await explained(terminal, {"suspend": True})
    assert lines[-1] == "next:  nothing: it is suspended"
    remote = {"kubeConfig": {"secretRef": {"name": "there"}}, "valuesFrom": []}
    await release(terminal.client, "away", remote, {})
    away = await terminal.run("explain", "helmrelease", "away")
    assert away.out.splitlines()[0] == "no values: the chart's own hold"
    assert away.out.splitlines()[-1] == "next:  not known here: helm's records are in another cluster"
    await release(terminal.client, "lost", {"valuesFrom": [{"kind": "Secret", "name": "none"}]}, {})
    lost = await terminal.run("explain", "helmrelease", "lost")
    assert lost.code == 1
    assert lost.err.startswith("✗ HelmRelease/flux-system/lost: could not resolve Secret chart values reference")
