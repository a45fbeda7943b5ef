"""The service on clusters that lack some of our kinds."""

import asyncio
import socket
from pathlib import Path
from typing import Any

import aiohttp
import pytest

import deploy.crds
from gotk.api.source import ExternalArtifact
from gotk.apiserver import ControlPlane
from gotk.kube import config, errors
from gotk.kube.client import Client
from image_automation.app import served, service
from image_automation.app.settings import CONTROLLERS, Settings

ALL = frozenset(CONTROLLERS)


def definitions(*without: str) -> list[dict[str, Any]]:
    """Return the definitions but those of these groups."""
    return [crd for crd in deploy.crds.load() if not crd["spec"]["group"].startswith(without or ("-",))]


@pytest.mark.parametrize(
    ("without", "left_out"),
    [
        pytest.param((), set(), id="all kinds are served"),
        pytest.param(("notification.",), {"receiver", "alert"}, id="no notification kinds"),
        pytest.param(
            ("image.",), {"imagerepository", "imagepolicy", "imageupdateautomation"}, id="no image kinds"
        ),
        pytest.param(
            ("source.",), {"gitrepository", "helmrepository", "kustomization", "imageupdateautomation"},
            id="who needs a source goes too",
        ),
        pytest.param(("image.", "source.", "kustomize.", "notification."), set(), id="none yet: all are waited for"),
    ],
)  # fmt: skip
async def test_controllers_without_their_kinds_are_left_out(
    tmp_path: Path, without: tuple[str, ...], left_out: set[str]
) -> None:
    asked = Settings(data_dir=tmp_path, only_served=True)
    async with (
        ControlPlane(tmp_path / "plane", crds=definitions(*without)) as plane,
        Client(await config.from_kubeconfig([plane.kubeconfig])) as client,
    ):
        narrowed = await served.narrow(asked, client)
        assert (narrowed.controllers, narrowed.left_out) == (ALL - left_out, left_out)
        chosen = Settings(data_dir=tmp_path, controllers=ALL)
        assert await served.narrow(chosen, client) == chosen, "what was chosen by name stays"


def test_external_artifacts_are_needed_where_the_gate_is_open(tmp_path: Path) -> None:
    closed = Settings(data_dir=tmp_path)
    assert ExternalArtifact not in served.needs("kustomization", closed)
    open_ = Settings(data_dir=tmp_path, external_artifacts=True)
    assert ExternalArtifact in served.needs("kustomization", open_)
    assert ExternalArtifact not in served.needs("gitrepository", open_)


async def test_a_cluster_that_does_not_answer_is_waited_for(tmp_path: Path) -> None:
    class Away:
        async def is_namespaced(self, api_version: str, kind: str) -> bool:
            raise errors.Unreachable(0, "Unreachable", "connection refused")

    asked = Settings(data_dir=tmp_path, only_served=True)
    assert await served.narrow(asked, Away()) == asked


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as probe:
        return int(probe.getsockname()[1])


@pytest.mark.parametrize("missing", ["notification.", "image."])
async def test_the_service_becomes_ready_without_the_kinds_that_are_missing(tmp_path: Path, missing: str) -> None:
    url = f"127.0.0.1:{free_port()}"
    settings = Settings(
        data_dir=tmp_path, only_served=True, health_addr=url, storage_addr="127.0.0.1:0", metrics_addr="0", grace=2.0
    )
    async with ControlPlane(tmp_path / "plane", crds=definitions(missing)) as plane:
        cluster = await config.from_kubeconfig([plane.kubeconfig])
        async with service.beside(settings, cluster), aiohttp.ClientSession() as session, asyncio.timeout(60):
            while await status(session, f"http://{url}/readyz") != 200:
                pass  # the answer is what is waited for


async def test_a_controller_chosen_by_name_is_waited_for(tmp_path: Path) -> None:
    url = f"127.0.0.1:{free_port()}"
    settings = Settings(
        data_dir=tmp_path, health_addr=url, storage_addr="127.0.0.1:0", metrics_addr="0", grace=2.0,
        controllers=frozenset({"receiver", "imagerepository"}),
    )  # fmt: skip
    async with ControlPlane(tmp_path / "plane", crds=definitions("notification.")) as plane:
        cluster = await config.from_kubeconfig([plane.kubeconfig])
        async with service.beside(settings, cluster), aiohttp.ClientSession() as session, asyncio.timeout(60):
            assert await status(session, f"http://{url}/readyz") == 503
            async with Client(cluster) as client:
                for definition in deploy.crds.load():
                    if definition["spec"]["group"].startswith("notification."):
                        await client.apply_object(definition, field_manager="test")
            while await status(session, f"http://{url}/readyz") != 200:
                pass  # the answer is what is waited for


async def status(session: aiohttp.ClientSession, url: str) -> int:
    async with session.get(url) as answer:
        return answer.status
