"""Which view of a cluster an account has, and for how long one is kept."""

import contextlib
import gc
import weakref
from collections.abc import AsyncIterator
from typing import Any

from deploy.cluster.clusters import TargetClusters
from gotk.kube.client import Client
from gotk.kube.config import Config
from tests.deploy.kustomize import sources


async def nobody() -> str:
    return ""


def connect() -> Client:
    return Client(Config(host="http://127.0.0.1:1", origin="a test", authorization=nobody))


class Remotes:
    """Hands out one client, until it is let go."""

    def __init__(self) -> None:
        self.client: Client | None = None

    @contextlib.asynccontextmanager
    async def of(self, *_: Any) -> AsyncIterator[Client]:
        assert self.client is not None
        async with self.client:
            yield self.client


async def test_a_closed_client_is_let_go_with_its_views() -> None:
    remotes: Any = Remotes()
    remotes.client = connect()
    clusters = TargetClusters(connect(), remotes=remotes, default_account="")
    obj = sources.kustomization(serviceAccountName="robot", kubeConfig={"secretRef": {"name": "far"}})
    async with clusters.of(obj) as view:
        assert view is not remotes.client
    kept = weakref.ref(remotes.client)
    del view
    remotes.client = None
    gc.collect()
    assert kept() is None
