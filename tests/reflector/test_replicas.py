"""Two replicas that scan one image, each with a store of its own: what one has published, the other takes over."""

from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any

import msgspec
import pytest

from gotk.api.image import ImageRepository
from gotk.oci import image
from gotk.oci.client import RegistryClient
from gotk.oci.registry.server import RegistryServer
from reflector import scan
from reflector.image_repository import ImageRepositoryReconciler
from reflector.store import ScannedList, TagStore
from tests.reflector.cluster import Cache, Cluster, repository
from tests.running import NOON, run_once


class Replica:
    """A reconciler with its store."""

    def __init__(self, client: RegistryClient) -> None:
        self.store = TagStore(None)
        self.cache = Cache()
        self.reconciler = ImageRepositoryReconciler(
            cache=self.cache, objects=Cluster(), registry=client, store=self.store
        )

    async def run(self, obj: ImageRepository, seconds: float = 0) -> Any:
        return await run_once(self.reconciler, obj, now=NOON + timedelta(seconds=seconds))

    def is_woken(self, old: ImageRepository, new: ImageRepository) -> bool:
        (watch,) = self.reconciler.watches
        return watch.changed(old, new) and bool(list(watch.requests(new, self.cache)))


@pytest.fixture
async def registry() -> AsyncIterator[RegistryServer]:
    async with RegistryServer() as server:
        await push(server, "1.0.0")
        yield server


@pytest.fixture
async def replicas() -> AsyncIterator[tuple[Replica, Replica]]:
    async with RegistryClient() as client:
        one, two = Replica(client), Replica(client)
        with one.store, two.store:
            yield one, two


async def push(registry: RegistryServer, tag: str) -> None:
    await image.push_image(registry.url, "app", tag, image.build_image())


async def test_what_another_replica_found_is_read_at_once_and_known_from_then_on(
    registry: RegistryServer, replicas: tuple[Replica, Replica]
):
    one, two = replicas
    first = await one.run(repository(f"{registry.address}/app"))
    assert not one.is_woken(repository(f"{registry.address}/app"), first.obj)
    assert two.is_woken(repository(f"{registry.address}/app"), first.obj)

    second = await two.run(first.obj, 10)
    assert second.run.progressed == [f"scanning: {scan.NO_TAGS}"]
    assert second.obj.status.last_scan_result.revision == first.obj.status.last_scan_result.revision
    assert [each.store.is_current(second.obj, each.cache) for each in replicas] == [True, True]

    await push(registry, "1.1.0")
    third = await one.run(second.obj, 310)
    assert (one.is_woken(second.obj, third.obj), two.is_woken(second.obj, third.obj)) == (False, True)
    fourth = await two.run(third.obj, 320)
    assert fourth.run.progressed == [f"scanning: {scan.OUTDATED}"]
    assert fourth.outcome.trace == "tags did not change, next scan in 5m0s"
    assert list(two.store.tags(f"{registry.address}/app")) == ["1.1.0", "1.0.0"]


async def test_replicas_that_see_different_lists_do_not_chase_each_other(
    registry: RegistryServer, replicas: tuple[Replica, Replica]
):
    one, _ = replicas
    first = await one.run(repository(f"{registry.address}/app"))
    other = msgspec.structs.replace(first.obj.status.last_scan_result, revision="another one")
    published = msgspec.structs.replace(
        first.obj, status=msgspec.structs.replace(first.obj.status, last_scan_result=other)
    )
    assert one.is_woken(first.obj, published)
    ended = await one.run(published, 5)
    assert ended.run.progressed == []
    assert ended.outcome.requeue_after == scan.DOUBT_DELAY - 5
    again = await one.run(published, scan.DOUBT_DELAY)
    assert again.run.progressed == [f"scanning: {scan.OUTDATED}"]
    soon = await one.run(published, scan.DOUBT_DELAY + 1)
    assert (soon.run.progressed, soon.outcome.requeue_after) == ([], scan.DOUBT_DELAY - 1)


async def test_a_tag_that_another_replica_has_given_up_is_not_kept(
    registry: RegistryServer, replicas: tuple[Replica, Replica]
):
    one, two = replicas
    await push(registry, "1.1.0")
    first = await one.run(repository(f"{registry.address}/app"))
    await two.run(first.obj, 1)
    digest = registry.storage.manifest("app", "1.1.0").digest
    registry.storage.delete_manifest("app", digest)
    await push(registry, "1.0.0")
    kept = await one.run(first.obj, 300)
    assert kept.obj.status.last_scan_result.latest_tags == ("1.1.0", "1.0.0")
    gone = await one.run(kept.obj, 600)
    assert gone.obj.status.last_scan_result.latest_tags == ("1.0.0",)
    assert two.is_woken(kept.obj, gone.obj)
    taken = await two.run(gone.obj, 610)
    assert taken.obj.status.last_scan_result.latest_tags == ("1.0.0",)
    assert list(two.store.tags(f"{registry.address}/app")) == ["1.0.0"]


async def test_the_list_of_another_repository_of_the_image_is_no_older_one(
    registry: RegistryServer, replicas: tuple[Replica, Replica]
):
    one, _ = replicas
    mine = (await one.run(repository(f"{registry.address}/app"))).obj
    other = (await one.run(repository(f"{registry.address}/app", name="other", exclusion_list=("1",)), 60)).obj
    one.cache.objects = (mine, other)
    assert one.store.is_current(mine, one.cache)
    assert not one.is_woken(repository(f"{registry.address}/app"), mine)
    one.cache.objects = (mine,)
    assert not one.store.is_current(mine, one.cache)


async def test_a_store_that_was_put_back_from_an_older_copy_is_not_chosen_from(
    registry: RegistryServer, replicas: tuple[Replica, Replica], tmp_path: Any
):
    one, two = replicas
    name = f"{registry.address}/app"
    old = (await one.run(repository(name))).obj
    await push(registry, "1.1.0")
    new = (await two.run(old, 300)).obj
    with TagStore(tmp_path / "tags.db") as kept:
        kept.write(name, scanned(one.store, name, old))
    with TagStore(tmp_path / "tags.db") as again:
        assert again.is_current(old, one.cache)
        assert not again.is_current(new, one.cache)


def scanned(store: TagStore, name: str, obj: ImageRepository) -> Any:
    assert obj.status.last_scan_result
    return ScannedList(tags=store.tags(name), result=obj.status.last_scan_result)
