"""Connections that die without a word are noticed: by the kernel, by requests, and by watches."""

import asyncio
import dataclasses
import random
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from deploy import crds
from gotk.api.image import ImageRepository
from gotk.apiserver import ControlPlane
from gotk.kube import config, connections, errors
from gotk.kube.cache import KindCache
from gotk.kube.client import Client
from gotk.runtime.clock import SystemClock
from tests.gotk.kube.waiting import until
from tests.memory_cluster import image_repository
from tests.real.muting import Muting, muting


@asynccontextmanager
async def through_a_proxy(directory: Path) -> AsyncIterator[tuple[Muting, Client, Client]]:
    """A control plane with a client that reaches it through a proxy, and one that reaches it so."""
    async with ControlPlane(directory, crds=crds.load()) as plane:
        direct = await config.from_kubeconfig([plane.kubeconfig])
        address = urlsplit(direct.host)
        async with muting(str(address.hostname), int(address.port or 0)) as proxy:
            proxied = dataclasses.replace(direct, host=f"https://127.0.0.1:{proxy.port}")
            async with Client(proxied, timeout=1.0, grace=0.5) as client, Client(direct) as other:
                yield proxy, client, other


async def test_a_watch_whose_connection_went_silent_goes_on_from_another(tmp_path: Path) -> None:
    async with through_a_proxy(tmp_path) as (proxy, client, other), asyncio.TaskGroup() as group:
        cache = KindCache(ImageRepository, client=client, clock=SystemClock(), random=random.Random(1), watch_for=1)
        task = group.create_task(cache.run())
        await cache.synced.wait()
        proxy.mute()
        await other.create_object(image_repository("unheard"))
        await until(lambda: cache.get("default", "unheard") is not None)
        task.cancel()


async def test_a_request_on_a_silent_connection_fails_once_and_takes_the_idle_ones_along(tmp_path: Path) -> None:
    async with through_a_proxy(tmp_path) as (proxy, client, _):
        async with asyncio.TaskGroup() as group:
            for _ in range(5):
                group.create_task(client.version())
        opened = proxy.opened
        proxy.mute()
        with pytest.raises(errors.Unreachable, match="no answer within 1 s"):
            await client.version()
        await client.version()
        assert proxy.opened == opened + 1


def test_the_kernel_notices_a_side_that_is_gone_within_half_a_minute() -> None:
    [address] = socket.getaddrinfo("127.0.0.1", 6443, type=socket.SOCK_STREAM)
    with connections.watched_socket(address) as made:
        assert made.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE) == 1
        idle, every, probes, unacknowledged = (
            made.getsockopt(socket.IPPROTO_TCP, option)
            for option in (
                socket.TCP_KEEPIDLE,
                socket.TCP_KEEPINTVL,
                socket.TCP_KEEPCNT,
                socket.TCP_USER_TIMEOUT,
            )
        )
    assert idle + every * probes <= 30
    assert unacknowledged == 30_000


async def test_the_sockets_of_requests_are_such_sockets(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    made: list[socket.socket] = []

    def remembered(address: tuple[object, ...]) -> socket.socket:
        made.append(opened := watched(address))
        return opened

    watched = connections.watched_socket
    monkeypatch.setattr(connections, "watched_socket", remembered)
    async with ControlPlane(tmp_path) as plane, Client(await config.from_kubeconfig([plane.kubeconfig])) as client:
        await client.version()
    assert len(made) == 1
