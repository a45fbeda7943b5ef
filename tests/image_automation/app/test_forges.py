"""What pull requests are kept with, as the service gives it: since when a version is known, what its image says."""

from collections.abc import Iterator
from datetime import UTC, datetime

import pytest

from gotk.api import scheme
from gotk.api.image import ImageRepository, ScanResult
from gotk.oci import image
from gotk.oci.client import RegistryClient
from gotk.oci.registry.server import RegistryServer
from image_automation.app import forges
from reflector.first_seen import FirstSeen
from reflector.store import ScannedList, TagStore
from tests.image_automation.automating import Client, Store, policy

BEGAN, LATER = 1_700_000_000, 1_700_086_400


@pytest.fixture
def tags() -> Iterator[TagStore]:
    with TagStore(None) as store:
        known = FirstSeen(names=("1.0", "1.1"), first=(BEGAN, LATER), missing=b"\0\0", began=BEGAN)
        result = ScanResult(tag_count=2, scan_time="2026-01-01T12:00:00Z", latest_tags=("1.1",), revision="r")
        store.write("index.docker.io/a/web", ScannedList(tags=("1.0", "1.1"), result=result, first_seen=known))
        yield store


def repository(named: str = "a/web") -> ImageRepository:
    return scheme.convert(
        {
            "apiVersion": "image.toolkit.fluxcd.io/v1",
            "kind": "ImageRepository",
            "metadata": {"name": "web", "namespace": "apps"},
            "spec": {"image": named, "interval": "1m"},
            "status": {"canonicalImageName": "index.docker.io/a/web"},
        },
        ImageRepository,
    )


@pytest.mark.parametrize(
    ("name", "tag", "seen"),
    [
        pytest.param("apps/web", "1.1", datetime.fromtimestamp(LATER, UTC), id="seen by a later scan"),
        pytest.param("apps/web", "1.0", None, id="there at the first scan: as old as nobody knows"),
        pytest.param("apps/web", "9.9", None, id="never listed"),
        pytest.param("apps/other", "1.1", None, id="no such policy"),
    ],
)
def test_since_when_a_version_is_known(tags: TagStore, name: str, tag: str, seen: datetime | None):
    find = forges.first_seen(Store(policy("web", "a/web", "1.1"), repository()), tags)
    assert find(name, tag) == seen


def test_without_its_repository_nothing_is_known(tags: TagStore):
    assert forges.first_seen(Store(policy("web", "a/web", "1.1")), tags)("apps/web", "1.1") is None


async def test_labels_are_read_from_the_registry_and_what_cannot_be_is_none():
    source = {"org.opencontainers.image.source": "https://github.com/org/web"}
    async with RegistryServer() as server, RegistryClient() as client:
        await image.push_image(server.url, "web", "1.1", image.build_image(labels=source))
        scanned = repository(f"{server.address}/web")
        objects = Client(Store(policy("web", f"{server.address}/web", "1.1"), scanned))
        labels = forges.Labels(objects=objects, registry=client, logins=None)
        assert await labels.read("apps/web", "1.1") == source
        assert await labels.read("apps/web", "9.9") == {}
        assert await labels.read("apps/other", "1.1") == {}
