"""Status patches: small, and never over what others wrote."""

from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gotk.api.core import ConfigMap
from gotk.api.image import ImageRepository, ScanResult
from gotk.api.meta import Condition, ObjectMeta
from gotk.kube import errors
from gotk.runtime import status
from gotk.runtime.holding import Holding
from gotk.runtime.status import StatusWriter, merge_diff
from tests.memory_cluster import MemoryCluster, image_repository, merged
from tests.virtual_clock import VirtualClock, in_virtual_time

VALUES = st.recursive(
    st.integers(0, 3) | st.text("ab", max_size=2) | st.booleans(),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.sampled_from("xyz"), inner, max_size=3),
    max_leaves=8,
)
DOCUMENTS = st.dictionaries(st.sampled_from("abc"), VALUES, max_size=3)


@pytest.mark.parametrize(
    ("old", "new", "patch"),
    [
        pytest.param({"a": 1}, {"a": 1}, {}, id="nothing changed"),
        pytest.param({"a": 1}, {"a": 2, "b": 3}, {"a": 2, "b": 3}, id="changed and added"),
        pytest.param({"a": 1}, {}, {"a": None}, id="removed"),
        pytest.param({"m": {"a": 1, "b": 2}}, {"m": {"a": 1}}, {"m": {"b": None}}, id="within a map"),
        pytest.param({"l": [1, 2]}, {"l": [1]}, {"l": [1]}, id="a list is replaced whole"),
    ],
)
def test_a_patch_holds_what_changed(old: dict[str, Any], new: dict[str, Any], patch: dict[str, Any]) -> None:
    assert merge_diff(old, new) == patch


@given(DOCUMENTS, DOCUMENTS)
def test_applying_the_patch_gives_the_new_state(old: dict[str, Any], new: dict[str, Any]) -> None:
    assert merged(old, merge_diff(old, new)) == new


@given(DOCUMENTS)
def test_nothing_is_patched_where_nothing_changed(document: dict[str, Any]) -> None:
    assert merge_diff(document, document) == {}


def condition(type_: str, message: str) -> Condition:
    return Condition(
        type=type_, status="True", reason="R", message=message, last_transition_time="2026-01-01T00:00:00Z"
    )


async def repository(cluster: MemoryCluster) -> ImageRepository:
    return await cluster.get(ImageRepository, "default", "app")


def writer(cluster: MemoryCluster) -> StatusWriter[ImageRepository]:
    return StatusWriter(ImageRepository, client=cluster, clock=VirtualClock(), field_manager="test")


@in_virtual_time
async def test_a_status_is_written_over_the_state_that_it_was_made_from_and_no_other() -> None:
    cluster = MemoryCluster()
    cluster.put(image_repository())
    obj = await repository(cluster)
    wanted = type(obj.status)(observed_generation=-1, canonical_image_name="x")
    version = obj.metadata.resource_version
    obj = await writer(cluster).write(obj, wanted, {"Ready"})
    assert cluster.patches[-1][2] == {"metadata": {"resourceVersion": version}, "status": {"canonicalImageName": "x"}}
    wanted = type(obj.status)(observed_generation=-1, canonical_image_name="x", conditions=(condition("Ready", "ok"),))
    await writer(cluster).write(obj, wanted, {"Ready"})
    assert cluster.patches[-1][2]["metadata"] == {"resourceVersion": obj.metadata.resource_version}


@pytest.mark.parametrize(
    "change",
    [
        pytest.param({"spec": {"interval": "1m0s"}}, id="its spec"),
        pytest.param({"metadata": {"annotations": {"a": "b"}}}, id="its annotations"),
        pytest.param({"status": {"conditions": [msgspec.to_builtins(condition("Approved", ""))]}}, id="a condition"),
    ],
)
def test_what_another_writes_besides_does_not_stand_in_the_way(change: dict[str, Any]) -> None:
    @in_virtual_time
    async def scenario() -> None:
        cluster = MemoryCluster()
        cluster.put(image_repository())
        obj = await repository(cluster)
        cluster.change("ImageRepository", "default", "app", change)
        wanted = type(obj.status)(observed_generation=-1, canonical_image_name="x")
        await writer(cluster).write(obj, wanted, {"Ready"})
        now = cluster.objects["ImageRepository", "default", "app"]
        assert merged(now, change | {"status": {**change.get("status", {}), "canonicalImageName": "x"}}) == now

    scenario()


@in_virtual_time
async def test_what_another_has_decided_meanwhile_stands() -> None:
    cluster = MemoryCluster()
    cluster.put(image_repository())
    obj = await repository(cluster)
    newer = {"lastScanResult": {"tagCount": 4, "revision": "4"}}
    cluster.change("ImageRepository", "default", "app", {"status": newer})
    for older in (obj.status, msgspec.structs.replace(obj.status, last_scan_result=ScanResult(tag_count=3))):
        wanted = msgspec.structs.replace(older, conditions=(condition("Ready", "found 3 tags"),))
        with pytest.raises(errors.Conflict, match="written by somebody else"):
            await writer(cluster).write(obj, wanted, {"Ready"})
    assert cluster.objects["ImageRepository", "default", "app"]["status"] == {"observedGeneration": -1, **newer}


@in_virtual_time
async def test_an_annotation_is_written_over_the_state_that_it_was_made_from_and_no_other() -> None:
    cluster = MemoryCluster()
    cluster.put(image_repository())
    obj = await repository(cluster)
    again = await writer(cluster).annotate(obj, {"a": "1"})
    assert again
    assert await writer(cluster).annotate(again, {"a": "1"}) is None
    with pytest.raises(errors.Conflict):
        await writer(cluster).annotate(obj, {"a": "2"})
    assert cluster.objects["ImageRepository", "default", "app"]["metadata"]["annotations"] == {"a": "1"}


@in_virtual_time
async def test_a_writer_who_always_loses_gives_up_after_five_tries() -> None:
    cluster = MemoryCluster()
    cluster.put(image_repository())
    obj = await repository(cluster)
    cluster.refusals = [errors.Conflict(409, "Conflict", "moved") for _ in range(9)]
    with pytest.raises(errors.Conflict):
        await writer(cluster).write(obj, type(obj.status)(conditions=(condition("Ready", "ok"),)), {"Ready"})
    assert len(cluster.refusals) == 4


@pytest.mark.parametrize("again", [False, True], ids=["the object is gone", "another one has its name"])
def test_nothing_is_written_to_an_object_that_is_not_the_same(again: bool) -> None:
    @in_virtual_time
    async def scenario() -> None:
        cluster = MemoryCluster()
        cluster.put(image_repository())
        obj = await repository(cluster)
        cluster.delete("ImageRepository", "default", "app")
        if again:
            cluster.put(image_repository())
        wanted = type(obj.status)(conditions=(condition("Ready", "ok"),))
        assert await writer(cluster).write(obj, wanted, {"Ready"}) is None
        assert cluster.patches == []

    scenario()


def test_a_kind_without_a_status_is_refused() -> None:
    with pytest.raises(TypeError, match="ConfigMap has no status to reconcile"):
        status.of(ConfigMap(api_version="v1", kind="ConfigMap", metadata=ObjectMeta(name="a")))


def timeless(found: Any) -> Any:
    last = found.last_scan_result
    return msgspec.structs.replace(found, last_scan_result=last and ScanResult(tag_count=last.tag_count))


def at(obj: ImageRepository, time: str, tags: int = 3) -> Any:
    return msgspec.structs.replace(obj.status, last_scan_result=ScanResult(tag_count=tags, scan_time=time))


def served(cluster: MemoryCluster) -> dict[str, Any]:
    return cluster.objects["ImageRepository", "default", "app"]["status"]["lastScanResult"]


async def held() -> tuple[MemoryCluster, VirtualClock, StatusWriter[ImageRepository], ImageRepository]:
    """An object with a scan time that was written just now, and what writes its status."""
    cluster, clock = MemoryCluster(), VirtualClock()
    cluster.put(image_repository())
    write = StatusWriter(
        ImageRepository,
        client=cluster,
        clock=clock,
        field_manager="test",
        holding=Holding(clock=clock, without_times=timeless, hold=600),
    )
    obj = await write.write(await repository(cluster), at(await repository(cluster), "00"), {"Ready"})
    assert obj is not None
    return cluster, clock, write, obj


@in_virtual_time
async def test_times_alone_are_held_back_for_a_while_and_known_here_meanwhile() -> None:
    cluster, clock, write, obj = await held()
    for time in ("01", "02", "03"):
        await clock.sleep(199)
        obj = await write.write(obj, at(obj, time), {"Ready"})
        assert (obj.status.last_scan_result.scan_time, served(cluster)["scanTime"]) == (time, "00")
    await clock.sleep(4)
    await write.write(obj, at(obj, "04"), {"Ready"})
    assert served(cluster)["scanTime"] == "04"


@in_virtual_time
async def test_since_when_a_condition_is_so_is_such_a_time() -> None:
    cluster, _, write, obj = await held()
    ready = condition("Ready", "found 3 tags")
    obj = await write.write(obj, msgspec.structs.replace(obj.status, conditions=(ready,)), {"Ready"})
    later = msgspec.structs.replace(ready, last_transition_time="2026-01-02T00:00:00Z")
    obj = await write.write(obj, msgspec.structs.replace(obj.status, conditions=(later,)), {"Ready"})
    assert obj.status.conditions == (later,)
    assert cluster.conditions("ImageRepository", "default", "app")["Ready"] == msgspec.to_builtins(ready)
    await write.write(obj, at(obj, "01", 4), {"Ready"})
    assert cluster.conditions("ImageRepository", "default", "app")["Ready"] == msgspec.to_builtins(later)


@pytest.mark.parametrize("tags", [3, 4])
def test_times_go_out_with_whatever_else_is_written(tags: int) -> None:
    @in_virtual_time
    async def scenario() -> None:
        cluster, _, write, obj = await held()
        obj = await write.write(obj, at(obj, "01"), {"Ready"})
        wanted = at(obj, "01", tags)
        if tags == 3:
            wanted = msgspec.structs.replace(wanted, conditions=(condition("Ready", "found 3 tags"),))
        await write.write(obj, wanted, {"Ready"})
        assert served(cluster) == {"tagCount": tags, "scanTime": "01"}

    scenario()


@in_virtual_time
async def test_what_another_writes_besides_leaves_times_held_back_and_is_no_conflict() -> None:
    cluster, _, write, obj = await held()
    obj = await write.write(obj, at(obj, "01"), {"Ready"})
    cluster.change("ImageRepository", "default", "app", {"metadata": {"labels": {"a": "b"}}})
    wanted = msgspec.structs.replace(at(obj, "02"), conditions=(condition("Ready", "ok"),))
    assert await write.write(obj, wanted, {"Ready"}) is not None
    assert served(cluster)["scanTime"] == "02"
    cluster.change("ImageRepository", "default", "app", {"metadata": {"labels": {"a": "c"}}})
    fresh = await repository(cluster)
    obj = await write.write(fresh, at(fresh, "03"), {"Ready"})
    assert (obj.status.last_scan_result.scan_time, served(cluster)["scanTime"]) == ("03", "02")
    await write.write(obj, at(obj, "03", 4), {"Ready"})
    assert served(cluster) == {"tagCount": 4, "scanTime": "03"}


@in_virtual_time
async def test_an_object_that_is_made_again_is_written_at_once() -> None:
    cluster, clock, write, obj = await held()
    await clock.sleep(600)
    write.forget(("default", "app"))
    await write.write(obj, at(obj, "01"), {"Ready"})
    assert served(cluster)["scanTime"] == "01"


@in_virtual_time
async def test_after_a_start_objects_at_rest_are_written_one_by_one_while_times_are_held() -> None:
    cluster, clock = MemoryCluster(), VirtualClock()
    names = [f"app-{n}" for n in range(100)]
    for name in names:
        cluster.put({**image_repository(name), "status": {"lastScanResult": {"tagCount": 3, "scanTime": "before"}}})
    write = StatusWriter(
        ImageRepository,
        client=cluster,
        clock=clock,
        field_manager="test",
        holding=Holding(clock=clock, without_times=timeless, hold=600),
    )
    found = {name: await cluster.get(ImageRepository, "default", name) for name in names}
    written = []
    for minute in range(11):
        for name, obj in found.items():
            found[name] = await write.write(obj, at(obj, f"{minute:02}"), {"Ready"})
        every = [cluster.objects["ImageRepository", "default", name]["status"]["lastScanResult"] for name in names]
        written.append(sum(each["scanTime"] == f"{minute:02}" for each in every))
        await clock.sleep(60)
    assert sum(written) == 100
    assert max(written) < 30
