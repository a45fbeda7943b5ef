"""`v1 list-workloads` and `v1 list-images` as a user types them, against the embedded control plane."""

from pathlib import Path

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from gotk.api.image import ImagePolicy, ImageRepository
from tests.image_automation.cli.test_cluster_verbs import Terminal, filled, ready, terminal
from tests.image_automation.cli.verbs.look.releases import release
from tests.image_automation.cli.verbs.v1.world import automation, deployment

__all__ = ["filled", "terminal"]

IMAGE = "ghcr.io/stefanprodan/podinfo"


@pytest.fixture
async def running(filled: Terminal) -> Terminal:
    Path(filled.environment["KUBECONFIG"]).with_name("explain.url").write_text("http://127.0.0.1:1")  # nobody is there
    await deployment(filled.client, "podinfo", f"{IMAGE}:5.0.2")
    return filled


async def scanned(terminal: Terminal, *tags: str) -> None:
    found = {"tagCount": len(tags), "latestTags": list(tags), "scanTime": "2026-01-02T03:04:05Z"}
    patch = {"status": {"lastScanResult": found}}
    await terminal.client.merge_patch(ImageRepository, "flux-system", "podinfo", patch, subresource="status")


async def test_workloads_are_listed_in_fluxctls_columns(running: Terminal) -> None:
    result = await running.run("v1", "list-workloads", "-n", "empty")
    assert result.out == (
        "WORKLOAD                  CONTAINER  IMAGE                               RELEASE  POLICY\n"
        "empty:deployment/podinfo  podinfo    ghcr.io/stefanprodan/podinfo:5.0.2  ready    locked\n"
        "                          sidecar    example.com/proxy\n"
    )
    assert (result.code, result.err) == (0, "")


async def test_a_workload_is_automated_where_an_automation_takes_its_images_policy(running: Terminal) -> None:
    await automation(running.client, "elsewhere", policySelector={"matchLabels": {"team": "b"}})
    before = await running.run("v1", "list-workloads", "-n", "empty", "--no-headers", "-c", "podinfo")
    assert before.out.split() == ["empty:deployment/podinfo", "podinfo", f"{IMAGE}:5.0.2", "ready", "locked"]
    await automation(running.client, "all")
    after = await running.run("v1", "list-workloads", "-n", "empty", "--no-headers", "-c", "podinfo")
    assert after.out.split()[-1] == "automated"


async def test_releases_and_rollouts_under_way_are_listed_in_every_namespace(running: Terminal) -> None:
    marks = {"kustomize.toolkit.fluxcd.io/reconcile": "disabled"}
    await deployment(running.client, "web", "nginx", updated=0, **marks)
    values = {"image": {"repository": IMAGE, "tag": "5.0.3"}, "redis": {"image": "redis:7"}}
    await release(running.client, "chart", {"values": values}, {"conditions": [ready("True", "installed")]})
    result = await running.run("v1", "list-workloads", "-a", "--no-headers")
    lines = [line.split("  ") for line in result.out.splitlines()]
    cells = [[cell.strip() for cell in line if cell.strip()] for line in lines]
    assert cells[2] == ["empty:deployment/web", "web", "nginx", "updating: 0 out of 1 updated", "ignore"]
    assert cells[4:] == [
        ["flux-system:helmrelease/chart", "chart-image", f"{IMAGE}:5.0.3", "ready", "locked"],
        ["redis", "redis:7"],
    ]


async def test_the_running_tag_is_marked_below_the_newer_ones(running: Terminal) -> None:
    await scanned(running, "6.0.0", "5.0.3", "5.0.2", "5.0.1")
    result = await running.run("v1", "list-images", "-n", "empty")
    assert result.code == 0
    assert result.out == (
        "WORKLOAD                  CONTAINER  IMAGE                         VERDICT\n"
        "empty:deployment/podinfo  podinfo    ghcr.io/stefanprodan/podinfo\n"
        "                                     |   6.0.0\n"
        "                                     |   5.0.3                     chosen by flux-system/podinfo\n"
        "                                     '-> 5.0.2\n"
        "                                         5.0.1\n"
        "                          sidecar    example.com/proxy             "
        "image data not available: no ImageRepository scans it\n"
        "                                     '-> (untagged)                ?\n"
    )
    assert "the service does not answer" in result.err
    assert result.err.count("⚠️") == 1


async def test_a_limit_leaves_tags_out_but_never_the_one_that_runs(running: Terminal) -> None:
    await scanned(running, "6.0.0", "5.0.3", "5.0.2", "5.0.1")
    call = (
        "v1",
        "list-images",
        "--workload",
        "empty:deployment/podinfo",
        "-n",
        "empty",
        "-c",
        "podinfo",
        "--no-headers",
    )
    short = await running.run(*call, "-l", "1")
    assert [line.split()[:2] for line in short.out.splitlines()[1:]] == [
        ["|", "6.0.0"], [":", "(1"], ["'->", "5.0.2"],
    ]  # fmt: skip
    whole = await running.run(*call, "--limit", "0")
    assert len(whole.out.splitlines()) == 5


async def test_an_unknown_workload_or_a_service_that_was_named_and_is_silent_is_an_error(running: Terminal) -> None:
    unknown = await running.run("v1", "list-images", "-w", "deployment/none")
    assert (unknown.code, unknown.err) == (
        1,
        "✗ no workload 'deployment/none' in default namespace: see list-workloads\n",
    )
    silent = await running.run("v1", "list-images", "-n", "empty", "--server", "http://127.0.0.1:1")
    assert silent.code == 1
    assert silent.err.startswith("✗ the service does not answer at http://127.0.0.1:1")


async def test_without_any_policy_the_tags_of_the_scan_are_listed_alone(running: Terminal) -> None:
    await running.client.delete_object("image.toolkit.fluxcd.io/v1", ImagePolicy.__name__, "flux-system", "podinfo")
    await scanned(running, "5.0.3", "5.0.2")
    result = await running.run("v1", "list-images", "-n", "empty", "-c", "podinfo", "--no-headers")
    assert [line.strip() for line in result.out.splitlines()[1:]] == ["|   5.0.3", "'-> 5.0.2"]
    assert result.err == ""


async def test_the_service_of_another_cluster_is_not_believed(running: Terminal) -> None:
    async def other(_: web.Request) -> web.Response:
        return web.json_response({"tags": [], "image": "example.com/other"})

    app = web.Application()
    app.router.add_get("/explain/flux-system/podinfo", other)
    async with TestServer(app) as server:
        result = await running.run("v1", "list-images", "-n", "empty", "--server", str(server.make_url("")))
    assert result.code == 1
    assert "speaks of example.com/other: it is another cluster's" in result.err
