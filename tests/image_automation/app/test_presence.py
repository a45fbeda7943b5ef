"""The service describes itself on the control plane that it brings."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import structlog
import structlog.testing

from deploy.cluster import inventory, wait
from gotk.kube import config
from gotk.kube.client import Client
from gotk.runtime import clock
from image_automation.app import embedded, presence

NOW = datetime(2026, 1, 1, 12, tzinfo=UTC)
APP = {"app": "image-automation"}
CONTAINER = {"name": "manager", "image": "registry.example.com/team/image-automation:v2.0.0"}
DEPLOYMENT: dict[str, Any] = {
    "apiVersion": "apps/v1",
    "kind": "Deployment",
    "spec": {
        "replicas": 2,
        "selector": {"matchLabels": APP},
        "template": {"metadata": {"labels": APP}, "spec": {"containers": [CONTAINER]}},
    },
}


async def test_the_deployment_tells_the_version_of_the_last_start(tmp_path: Path) -> None:
    shown: dict[str, Any] = {}
    for version in ("v1.0.0", "v1.0.1"):
        async with (
            embedded.control_plane(tmp_path) as plane,
            Client(await config.from_kubeconfig([plane.kubeconfig])) as client,
        ):
            await presence.show(client, version, NOW)
            shown = await client.get_object("apps/v1", "Deployment", "flux-system", "image-automation")
    assert shown["spec"]["template"]["spec"]["containers"][0]["image"] == "image-automation:v1.0.1"
    assert shown["metadata"]["labels"]["app.kubernetes.io/part-of"] == "flux"
    assert shown["status"]["observedGeneration"] == shown["metadata"]["generation"] == 2
    assert shown["status"]["availableReplicas"] == 1


async def test_a_kit_that_is_applied_over_it_is_ready_as_the_service_runs_already(tmp_path: Path) -> None:
    async with (
        embedded.control_plane(tmp_path) as plane,
        Client(await config.from_kubeconfig([plane.kubeconfig])) as client,
        presence.standing(client, "v1.0.0", clock.SystemClock()),
    ):
        kit = {**DEPLOYMENT, "metadata": {"name": "image-automation", "namespace": "flux-system"}}
        applied = await client.apply_object(kit, field_manager="kit", force=True)
        waiter = wait.Waiter(clock=clock.SystemClock())
        await waiter.until_current([inventory.item_of(applied)], cluster=client, timeout=60)
        shown = await client.get_object("apps/v1", "Deployment", "flux-system", "image-automation")
    assert shown["metadata"]["generation"] == 2
    assert shown["status"]["availableReplicas"] == shown["spec"]["replicas"] == 2


async def test_what_fails_beside_it_is_told_as_it_is(tmp_path: Path) -> None:
    async with (
        embedded.control_plane(tmp_path) as plane,
        Client(await config.from_kubeconfig([plane.kubeconfig])) as client,
    ):
        with pytest.raises(embedded.EmbeddedError, match="no port is free"):
            async with presence.standing(client, "v1.0.0", clock.SystemClock()):
                raise embedded.EmbeddedError("no port is free")


async def test_a_namespace_on_its_way_out_does_not_keep_the_service_from_starting(tmp_path: Path) -> None:
    async with (
        embedded.control_plane(tmp_path) as plane,
        Client(await config.from_kubeconfig([plane.kubeconfig])) as client,
    ):
        held = {"name": "keeper", "namespace": "flux-system", "finalizers": ["example.org/never"]}
        await client.create_object({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "flux-system"}})
        await client.create_object({"apiVersion": "v1", "kind": "ConfigMap", "metadata": held})
        await client.delete_object("v1", "Namespace", "", "flux-system")
        with structlog.testing.capture_logs() as logs:
            await presence.show(client, "v1.0.0", NOW)
        assert await client.list_objects("apps/v1", "Deployment", "flux-system") == []
    assert "being terminated" in logs[0]["error"]


async def test_what_others_said_of_the_namespace_stays(tmp_path: Path) -> None:
    async with (
        embedded.control_plane(tmp_path) as plane,
        Client(await config.from_kubeconfig([plane.kubeconfig])) as client,
    ):
        labelled = {"name": "flux-system", "labels": {"team": "platform"}}
        await client.create_object({"apiVersion": "v1", "kind": "Namespace", "metadata": labelled})
        await presence.show(client, "v1.0.0", NOW)
        kept = await client.get_object("v1", "Namespace", "", "flux-system")
    assert kept["metadata"]["labels"]["team"] == "platform"
