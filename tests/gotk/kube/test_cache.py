"""The watch cache against a cluster in memory, in virtual time: streams break, versions expire, objects do not fit."""

import asyncio
import random
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest

from gotk.api.core import ConfigMap
from gotk.api.image import ImagePolicy, ImageRepository
from gotk.kube import errors
from gotk.kube.cache import Caches, KindCache
from gotk.kube.entries import Undecodable
from tests.memory_cluster import MemoryCluster, image_policy, image_repository
from tests.virtual_clock import VirtualClock, in_virtual_time


class Seen:
    """The changes that a handler was told of."""

    def __init__(self) -> None:
        self.changes: list[tuple[str | None, str | None]] = []

    def __call__(self, old: Any, new: Any) -> None:
        self.changes.append((_spelt(old), _spelt(new)))


def _spelt(entry: Any) -> str | None:
    if entry is None:
        return None
    return "undecodable" if isinstance(entry, Undecodable) else entry.spec.image


@asynccontextmanager
async def running(cluster: MemoryCluster) -> AsyncIterator[tuple[KindCache[ImageRepository], Seen]]:
    cache = KindCache(ImageRepository, client=cluster, clock=VirtualClock(), random=random.Random(1))
    seen = Seen()
    cache.subscribe(seen)
    async with asyncio.TaskGroup() as group:
        task = group.create_task(cache.run())
        yield cache, seen
        task.cancel()


@in_virtual_time
async def test_it_is_synced_once_it_has_listed_everything() -> None:
    cluster = MemoryCluster()
    cluster.put(image_repository("a"))
    cluster.put(image_repository("b", "other"))
    async with running(cluster) as (cache, seen):
        assert not cache.synced.is_set()
        await cache.synced.wait()
        assert [obj.metadata.name for obj in cache.list()] == ["a", "b"]
        assert [obj.metadata.name for obj in cache.list("other")] == ["b"]
        assert cache.get("default", "a").spec.image == "example.com/app"
        assert cache.get("default", "missing") is None
        assert seen.changes == [(None, "example.com/app")] * 2


@in_virtual_time
async def test_changes_arrive_with_what_was_before() -> None:
    cluster = MemoryCluster()
    cluster.put(image_repository())
    async with running(cluster) as (cache, seen):
        await cache.synced.wait()
        cluster.change("ImageRepository", "default", "app", {"spec": {"image": "example.com/new"}})
        cluster.delete("ImageRepository", "default", "app")
        await asyncio.sleep(1)
        assert seen.changes[1:] == [("example.com/app", "example.com/new"), ("example.com/new", None)]
        assert cache.list() == []


@in_virtual_time
async def test_an_object_that_does_not_fit_is_kept_with_its_error_and_recovers() -> None:
    cluster = MemoryCluster()
    cluster.put(image_repository("good"))
    cluster.put(image_repository("bad", interval="1d"))
    async with running(cluster) as (cache, _):
        await cache.synced.wait()
        entry = cache.entry("default", "bad")
        assert isinstance(entry, Undecodable)
        assert (entry.name, entry.metadata.generation) == ("bad", 1)
        assert entry.error == 'spec.interval: time: invalid duration "1d"'
        assert cache.get("default", "bad") is None
        assert [obj.metadata.name for obj in cache.list()] == ["good"]
        cluster.change("ImageRepository", "default", "bad", {"spec": {"interval": "1m"}})
        await asyncio.sleep(1)
        assert cache.get("default", "bad").spec.interval.seconds == 60


@in_virtual_time
async def test_a_broken_stream_whose_place_is_gone_lists_again_and_tells_what_was_missed() -> None:
    cluster = MemoryCluster()
    cluster.put(image_repository("stays"))
    cluster.put(image_repository("goes"))
    async with running(cluster) as (cache, seen):
        await cache.synced.wait()
        await asyncio.sleep(60)
        cluster.list_failures.append(errors.Unreachable(0, "Unreachable", "connection refused"))
        cluster.break_streams()
        cluster.delete("ImageRepository", "default", "goes")
        cluster.put(image_repository("comes"))
        cluster.forget_history()
        await asyncio.sleep(10)
        assert [obj.metadata.name for obj in cache.list()] == ["comes", "stays"]
        assert seen.changes[2:] == [(None, "example.com/app"), ("example.com/app", None)]


@in_virtual_time
async def test_a_version_that_is_too_old_is_listed_again() -> None:
    cluster = MemoryCluster()
    cluster.put(image_repository())
    async with running(cluster) as (cache, _):
        await cache.synced.wait()
        cluster.break_streams()
        cluster.put(image_repository("new"))
        cluster.forget_history()
        await asyncio.sleep(5)
        assert cluster.lists == 2
        assert cache.get("default", "new") is not None


@in_virtual_time
async def test_a_broken_stream_goes_on_from_where_it_was() -> None:
    cluster = MemoryCluster()
    cluster.put(image_repository("stays"))
    cluster.put(image_repository("goes"))
    async with running(cluster) as (cache, seen):
        await cache.synced.wait()
        for failure in range(3):
            cluster.break_streams()
            cluster.put(image_repository(f"new-{failure}"))
            cluster.list_failures.append(errors.Unreachable(0, "Unreachable", "connection refused"))
            await asyncio.sleep(20)
        cluster.break_streams()
        cluster.delete("ImageRepository", "default", "goes")
        await asyncio.sleep(20)
        assert cluster.lists == 1
        assert [obj.metadata.name for obj in cache.list()] == ["new-0", "new-1", "new-2", "stays"]
        assert seen.changes[2:] == [(None, "example.com/app")] * 3 + [("example.com/app", None)]


@in_virtual_time
async def test_bookmarks_move_a_quiet_watch_on() -> None:
    cluster = MemoryCluster()
    cluster.put(image_repository())
    async with running(cluster) as (cache, _):
        await cache.synced.wait()
        for number in range(50):
            cluster.put(image_policy(f"other-{number}"))
        await asyncio.sleep(60)
        cluster.forget_history()
        cluster.break_streams()
        cluster.put(image_repository("new"))
        await asyncio.sleep(5)
        assert cluster.lists == 1
        assert cache.get("default", "new") is not None


@in_virtual_time
async def test_what_went_wrong_is_known_until_a_watch_lasts() -> None:
    cluster = MemoryCluster()
    cluster.put(image_repository())
    async with running(cluster) as (cache, _):
        await cache.synced.wait()
        await asyncio.sleep(90)
        assert cache.trouble is None
        cluster.list_failures = [errors.Forbidden(403, "Forbidden", "not you") for _ in range(4)]
        cluster.break_streams()
        await asyncio.sleep(3)
        assert cache.trouble is not None
        assert (cache.trouble.since, cache.trouble.error.message) == (90.0, "not you")
        await asyncio.sleep(60)
        assert cache.trouble is None


@in_virtual_time
async def test_a_busy_server_is_not_asked_before_it_wants_to_be() -> None:
    cluster = MemoryCluster()
    busy = errors.APIError(429, "TooManyRequests", "later")
    busy.retry_after = 20.0
    cluster.list_failures = [busy]
    async with running(cluster) as (cache, _):
        await asyncio.sleep(19)
        assert (cluster.lists, cache.synced.is_set()) == (1, False)
        await asyncio.sleep(2)
        assert cache.synced.is_set()


@in_virtual_time
async def test_no_server_is_left_alone_for_as_long_as_it_likes() -> None:
    cluster = MemoryCluster()
    busy = errors.APIError(503, "ServiceUnavailable", "later")
    busy.retry_after = 99_999_999.0
    cluster.list_failures = [busy]
    async with running(cluster) as (cache, _):
        await asyncio.wait_for(cache.synced.wait(), timeout=60)


@in_virtual_time
async def test_a_kind_that_is_not_served_yet_is_asked_for_with_growing_delays_until_it_is() -> None:
    cluster = MemoryCluster()
    cluster.list_failures = [errors.NoMatch(404, "NotFound", "no such kind") for _ in range(8)]
    cluster.put(image_repository())
    async with running(cluster) as (cache, _):
        await asyncio.sleep(10)
        assert 3 <= cluster.lists <= 8
        await asyncio.wait_for(cache.synced.wait(), timeout=200)
        assert len(cache.list()) == 1


@in_virtual_time
async def test_a_lost_event_is_found_by_the_regular_relist() -> None:
    cluster = MemoryCluster()
    cluster.put(image_repository())
    async with running(cluster) as (cache, _):
        await cache.synced.wait()
        cluster._history.clear()
        cluster.objects["ImageRepository", "default", "app"]["spec"]["image"] = "example.com/silent"
        cluster.objects["ImageRepository", "default", "app"]["metadata"]["resourceVersion"] = str(cluster.version + 1)
        cluster.version += 1
        await asyncio.sleep(12 * 3600)
        assert cache.get("default", "app").spec.image == "example.com/silent"


@in_virtual_time
async def test_a_server_that_lost_its_state_is_believed() -> None:
    cluster = MemoryCluster()
    cluster.put(image_repository("old"))
    async with running(cluster) as (cache, _):
        await cache.synced.wait()
        cluster.objects.clear()
        cluster._history.clear()
        cluster.version = 3
        cluster.put(image_repository("old", image="example.com/again"))
        cluster.break_streams()
        await asyncio.sleep(5)
        assert cache.get("default", "old").spec.image == "example.com/again"


@in_virtual_time
async def test_our_own_write_is_known_before_the_watch_tells_of_it_and_only_once() -> None:
    cluster = MemoryCluster()
    cluster.put(image_repository())
    async with running(cluster) as (cache, seen):
        await cache.synced.wait()
        written = await cluster.merge_patch(ImageRepository, "default", "app", {"spec": {"image": "example.com/own"}})
        cache.learn(written)
        assert cache.get("default", "app").spec.image == "example.com/own"
        await asyncio.sleep(1)
        assert seen.changes[1:] == [("example.com/app", "example.com/own")]


@in_virtual_time
async def test_an_answer_that_comes_after_the_deletion_does_not_bring_the_object_back() -> None:
    cluster = MemoryCluster()
    cluster.put(image_repository())
    async with running(cluster) as (cache, _):
        await cache.synced.wait()
        written = await cluster.merge_patch(ImageRepository, "default", "app", {"spec": {"image": "example.com/own"}})
        cluster.delete("ImageRepository", "default", "app")
        await asyncio.sleep(1)
        cache.learn(written)
        assert cache.list() == []


@in_virtual_time
async def test_a_handler_that_fails_keeps_nothing_from_the_others() -> None:
    cluster = MemoryCluster()
    cache = KindCache(ImageRepository, client=cluster, clock=VirtualClock())
    seen = Seen()

    def broken(old: Any, new: Any) -> None:
        raise RuntimeError("a bug")

    cache.subscribe(broken)
    cache.subscribe(seen)
    cluster.put(image_repository())
    async with asyncio.TaskGroup() as group:
        task = group.create_task(cache.run())
        await cache.synced.wait()
        assert seen.changes == [(None, "example.com/app")]
        task.cancel()


@in_virtual_time
async def test_items_of_a_list_need_not_name_their_kind() -> None:
    cluster = MemoryCluster()
    cluster.put({"metadata": {"name": "settings", "namespace": "default"}, "data": {"a": "1"}}, kind="ConfigMap")
    cache = KindCache(ConfigMap, client=cluster, clock=VirtualClock())
    async with asyncio.TaskGroup() as group:
        task = group.create_task(cache.run())
        await cache.synced.wait()
        found = cache.get("default", "settings")
        assert (found.kind, dict(found.data)) == ("ConfigMap", {"a": "1"})
        task.cancel()


@in_virtual_time
async def test_the_reader_refuses_a_kind_that_nobody_watches() -> None:
    cluster = MemoryCluster()
    cluster.put(image_policy())
    caches = Caches(cluster, clock=VirtualClock())
    with pytest.raises(LookupError, match="ImagePolicy is not watched"):
        caches.get(ImagePolicy, "default", "app")
    async with asyncio.TaskGroup() as group:
        task = group.create_task(caches.of(ImagePolicy).run())
        await caches.of(ImagePolicy).synced.wait()
        assert caches.synced
        assert caches.get(ImagePolicy, "default", "app") is not None
        assert len(caches.list(ImagePolicy)) == 1
        task.cancel()


@in_virtual_time
async def test_a_namespaces_cache_sees_its_own_objects_alone() -> None:
    cluster = MemoryCluster()
    for namespace in ("mine", "theirs"):
        cluster.put(image_repository("old", namespace))
    caches = Caches(cluster, clock=VirtualClock(), namespace="mine")
    cache = caches.of(ImageRepository)
    async with asyncio.TaskGroup() as group:
        task = group.create_task(cache.run())
        await cache.synced.wait()
        for namespace in ("mine", "theirs"):
            cluster.put(image_repository("new", namespace))
        await asyncio.sleep(1)
        assert [str(obj.metadata.namespace) for obj in cache.list()] == ["mine", "mine"]
        task.cancel()
