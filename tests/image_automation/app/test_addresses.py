"""Addresses that cannot be had: the message names the option that chooses another."""

import asyncio
import contextlib
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from gotk.kube import config
from image_automation.app import addresses, embedded, service
from image_automation.app.settings import CONTROLLERS, Settings

_FREE = dict.fromkeys(
    (
        "storage_addr",
        "metrics_addr",
        "health_addr",
        "explain_addr",
        "dashboard_addr",
        "receiver_addr",
        "notification_addr",
    ),
    "127.0.0.1:0",
)


@contextlib.contextmanager
def taken() -> Iterator[str]:
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield f"127.0.0.1:{server.getsockname()[1]}"


@pytest.mark.parametrize("name", list(_FREE))
async def test_a_port_that_is_taken_names_the_option_that_changes_it(tmp_path: Path, name: str) -> None:
    with taken() as address:
        async with embedded.control_plane(tmp_path) as plane:
            settings = Settings(data_dir=tmp_path, controllers=frozenset(CONTROLLERS), **{**_FREE, name: address})
            with pytest.raises(service.ServiceError) as caught:
                await service.run(settings, await config.from_kubeconfig([plane.kubeconfig]), asyncio.Event())
    option = "--" + name.replace("_", "-")
    assert str(caught.value) == (
        f"cannot start: {address} cannot be listened on: Address already in use; choose another address with {option}"
    )


async def test_a_control_plane_whose_port_is_taken_names_its_options(tmp_path: Path) -> None:
    with taken() as address:
        features = embedded.Features(port=int(address.rpartition(":")[2]))
        with pytest.raises(embedded.EmbeddedError, match=f"{address}: Address already in use; .* --host and --port"):
            async with embedded.control_plane(tmp_path, features):
                pass


def test_explain_is_found_beside_the_kubeconfig_while_the_service_runs(tmp_path: Path) -> None:
    with addresses.told(tmp_path, addresses.EXPLAIN, ":9441", 9441):
        assert addresses.find(tmp_path / "kubeconfig", addresses.EXPLAIN) == "http://127.0.0.1:9441"
    assert addresses.find(tmp_path / "kubeconfig", addresses.EXPLAIN) == ""
    with addresses.told(tmp_path, addresses.EXPLAIN, "[::]:0", 7):
        assert addresses.find(tmp_path / "kubeconfig", addresses.EXPLAIN) == "http://[::1]:7"
