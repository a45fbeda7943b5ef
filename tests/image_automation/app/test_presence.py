"""The service describes itself on the control plane that it brings."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import structlog
import structlog.testing

from gotk.kube import config
from gotk.kube.client import Client
from image_automation.app import embedded, presence

NOW = datetime(2026, 1, 1, 12, tzinfo=UTC)


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
