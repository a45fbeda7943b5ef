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
from tests.virtual_clock import VirtualClock, in_virtual_time

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
            ("source.",),
            {"gitrepository", "helmrepository", "helmchart", "bucket", "ocirepository", "artifactgenerator"}
            | {"kustomization", "helmrelease", "imageupdateautomation"},
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
        narrowed = await narrow(asked, client)
        assert (narrowed.controllers, narrowed.left_out) == (ALL - left_out, left_out)
        chosen = Settings(data_dir=tmp_path, controllers=ALL)
        assert await narrow(chosen, client) == chosen, "what was chosen by name stays"


def test_external_artifacts_are_needed_where_the_gate_is_open(tmp_path: Path) -> None:
    closed = Settings(data_dir=tmp_path)
    assert ExternalArtifact not in served.needs("kustomization", closed)
    open_ = Settings(data_dir=tmp_path, external_artifacts=True)
    assert ExternalArtifact in served.needs("kustomization", open_)
    assert ExternalArtifact not in served.needs("gitrepository", open_)


async def narrow(settings: Settings, cluster: served.Discovery, told: list[str] | None = None) -> Settings:
    said: list[str] = [] if told is None else told
    return await served.narrow(settings, cluster, clock=VirtualClock(), tell=said.append)


class Answering:
    """A cluster that fails so often, and then serves all kinds."""

    def __init__(self, *failures: errors.APIError) -> None:
        self.failures = list(failures)

    async def is_namespaced(self, api_version: str, kind: str) -> bool:
        if self.failures:
            raise self.failures.pop(0)
        return True


@in_virtual_time
async def test_a_cluster_that_does_not_answer_is_waited_for() -> None:
    asked = Settings(data_dir=Path(), only_served=True)
    away = errors.Unreachable(0, "Unreachable", "connection refused")
    told: list[str] = []
    assert await narrow(asked, Answering(*[away] * 9), told) == asked
    assert told == ["connection refused"] * 9
    assert asyncio.get_running_loop().time() == 0.5 + 1 + 2 + 4 + 8 + 4 * 15


@in_virtual_time
async def test_a_cluster_that_does_not_say_is_taken_to_serve_all_kinds() -> None:
    asked = Settings(data_dir=Path(), only_served=True)
    assert await narrow(asked, Answering(errors.Forbidden(403, "Forbidden", "no"))) == asked
    assert asyncio.get_running_loop().time() == 0


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
            while "does not serve" not in (said := await text(session, f"http://{url}/readyz")):
                pass  # the answer is what is waited for
            assert said == (
                "not ready: the cluster does not serve receivers.notification.toolkit.fluxcd.io in v1: "
                "install the definition of Receiver\n"
            )
            async with Client(cluster) as client:
                for definition in deploy.crds.load():
                    if definition["spec"]["group"].startswith("notification."):
                        await client.apply_object(definition, field_manager="test")
            while await status(session, f"http://{url}/readyz") != 200:
                pass  # the answer is what is waited for


async def test_the_service_may_start_before_the_server_of_the_cluster(tmp_path: Path) -> None:
    url, port = f"127.0.0.1:{free_port()}", free_port()
    settings = Settings(
        data_dir=tmp_path, only_served=True, health_addr=url, storage_addr="127.0.0.1:0", metrics_addr="0", grace=2.0
    )
    async with ControlPlane(tmp_path / "plane", port=port, crds=definitions("notification.")) as plane:
        cluster = await config.from_kubeconfig([plane.kubeconfig])
    stop = asyncio.Event()
    async with asyncio.TaskGroup() as group, aiohttp.ClientSession() as session, asyncio.timeout(60):
        group.create_task(service.run(settings, cluster, stop))
        while "has not answered yet: cannot reach" not in await text(session, f"http://{url}/readyz"):
            pass  # the answer is what is waited for
        assert await text(session, f"http://{url}/healthz") == "ok"
        async with ControlPlane(tmp_path / "plane", port=port, crds=definitions("notification.")):
            while await text(session, f"http://{url}/readyz") != "ok":
                pass  # the answer is what is waited for
            stop.set()


async def text(session: aiohttp.ClientSession, url: str) -> str:
    try:
        async with session.get(url) as answer:
            return await answer.text()
    except aiohttp.ClientConnectorError:
        return "not there yet"


async def status(session: aiohttp.ClientSession, url: str) -> int:
    async with session.get(url) as answer:
        return answer.status
