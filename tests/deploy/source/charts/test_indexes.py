"""What versions a chart has: read from a HelmRepository's artifact, or from its index."""

import json
import os
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

import msgspec
import pytest

from deploy.source.charts.indexes import Indexes, IndexFetcher
from deploy.source.charts.remote import Repositories
from deploy.source.download import Downloads
from gotk.api.meta import Artifact, ObjectMeta
from gotk.api.source import HelmRepository, HelmRepositorySpec, HelmRepositoryStatus
from gotk.http import errors
from gotk.http.transport import Transport
from gotk.runtime.blocking import Limiter
from gotk.runtime.clock import SystemClock
from gotk.sources.helm_access import HelmAccesses
from gotk.sources.registry_access import RegistryAccess
from tests import artifacts
from tests.deploy.source import helm_server
from tests.deploy.source.helm_server import HelmServer
from tests.reflector.cluster import Cluster


@dataclass
class World:
    cluster: Cluster
    server: HelmServer
    indexes: Indexes
    scratch: Path

    def put(self, artifact: bytes | None = None, *, url: str = "", type_: str = "default") -> None:
        """Have a HelmRepository, with an artifact of these bytes where there are any."""
        obj = HelmRepository(
            api_version="source.toolkit.fluxcd.io/v1",
            kind="HelmRepository",
            metadata=ObjectMeta(name="charts", namespace="team"),
            spec=HelmRepositorySpec(url=url or f"{self.server.url}/charts", type=type_),
        )
        if artifact is not None:
            self.server.files["/stored"] = artifact
            kept = Artifact(
                path="stored",
                url=f"{self.server.url}/stored",
                revision="sha256:1",
                digest=artifacts.digest_of(artifact),
                last_update_time="2026-01-01T12:00:00Z",
            )
            obj = msgspec.structs.replace(obj, status=HelmRepositoryStatus(artifact=kept))
        self.cluster.objects[HelmRepository, "team", "charts"] = obj

    async def versions(self, chart: str = "web", timeout: float = 20) -> tuple[str, ...]:
        return await self.indexes.versions("team", "charts", chart, timeout=timeout)


def index(*versions: str) -> bytes:
    entries = [{"name": "web", "version": version, "urls": ["web.tgz"]} for version in versions]
    return json.dumps({"apiVersion": "v1", "entries": {"web": entries}}).encode()


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    cluster = Cluster()
    async with helm_server.serving(HelmServer()) as server, Transport() as transport:
        with Limiter(width=1, name="work") as work:
            fetcher = IndexFetcher(
                repositories=Repositories(transport, index_limit=1 << 20, chart_limit=1),
                blocking=work,
                scratch=tmp_path,
            )
            indexes = Indexes(
                objects=cluster,
                access=HelmAccesses(objects=cluster, registries=RegistryAccess(objects=cluster, logins=None)),
                fetcher=fetcher,
                downloads=Downloads(transport=transport, clock=SystemClock(), limiter=work, retries=0, each=None),
                blocking=work,
                scratch=tmp_path,
            )
            yield World(cluster, server, indexes, tmp_path)
    assert not os.listdir(tmp_path), "nothing stays"  # noqa: PTH208 - no blocking pathlib in async code


async def test_the_artifact_is_read_once_for_several_charts(world: World) -> None:
    world.put(index("1.1.0+2", "1.0.0"))
    assert await world.versions() == await world.versions() == ("1.1.0+2", "1.0.0")
    assert [path for path, _ in world.server.asked] == ["/stored"]
    world.put(index("2.0.0"))
    assert await world.versions() == ("2.0.0",)


async def test_without_an_artifact_the_index_is_fetched(world: World) -> None:
    world.put()
    world.server.files["/charts/index.yaml"] = index("1.0.0", "not a version", "1.1.0")
    assert await world.versions() == ("1.1.0", "1.0.0")


async def test_an_artifact_that_is_not_what_its_digest_says_is_refused(world: World) -> None:
    world.put(index("1.0.0"))
    world.server.files["/stored"] = index("6.6.6")
    with pytest.raises(errors.Unavailable, match=r"^HelmRepository team/charts: .*digest"):
        await world.versions()


async def test_what_is_no_index_is_said(world: World) -> None:
    world.put(b"<html>")
    with pytest.raises(errors.BadAnswer, match=r"^HelmRepository team/charts: failed to load index"):
        await world.versions()


async def test_a_missing_repository_and_a_missing_chart_are_told_apart(world: World) -> None:
    with pytest.raises(errors.NotFound, match=r"^HelmRepository team/charts not found: create it, or correct the anno"):
        await world.versions()
    world.put(index("1.0.0"))
    with pytest.raises(errors.NotFound, match=r"^HelmRepository team/charts: its index has no chart 'other'"):
        await world.versions("other")


async def test_a_repository_that_is_away_is_named(world: World) -> None:
    world.put()
    with pytest.raises(errors.Unavailable, match=r"^HelmRepository team/charts: failed to fetch .* 404 Not Found"):
        await world.versions()


async def test_a_registry_has_no_index_and_the_way_out_is_told(world: World) -> None:
    world.put(url="oci://registry.example.com/charts/", type_="oci")
    with pytest.raises(errors.NotFound, match=r"set spec\.image to registry\.example\.com/charts/CHART$"):
        await world.versions()
