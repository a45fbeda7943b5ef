"""What is acknowledged stays: over restarts, and not when the disk said no."""

import asyncio
import contextlib
import sqlite3
import tempfile
import tracemalloc
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gotk.apiserver import ControlPlane
from gotk.apiserver.storage.database import FILE, Database, Row, StoreError, TooLarge
from gotk.apiserver.storage.store import OBJECT, Event, Key, Store, stored
from tests.gotk.apiserver.caller import Caller
from tests.gotk.apiserver.widgets import WIDGETS, WIDGETS_PATH, widget


@asynccontextmanager
async def opened(directory: Path) -> AsyncIterator[Store]:
    store = Store(directory)
    try:
        async with asyncio.TaskGroup() as group:
            commits = group.create_task(store.commit_forever())
            try:
                yield store
            finally:
                commits.cancel()
    finally:
        store.close()


def thing(name: str, **more: Any) -> dict[str, Any]:
    return {"apiVersion": "v1", "kind": "Thing", "metadata": {"name": name, "uid": name}, **more}


def key(name: str) -> Key:
    return Key("things", "default", name)


async def test_objects_and_the_revision_survive_a_restart(tmp_path: Path) -> None:
    async with opened(tmp_path) as store:
        await store.put(key("a"), thing("a", x=1))
        await store.put(key("b"), thing("b"))
        await store.remove(key("b"))
        before = store.revision
    async with opened(tmp_path) as store:
        assert [item.key.name for item in store.objects("things")] == ["a"]
        assert store.revision == before
        item = await store.put(key("c"), thing("c"))
        assert item.revision == before + 1


changes = st.lists(
    st.tuples(st.sampled_from(["put", "remove", "restart"]), st.sampled_from("abc"), st.integers(0, 9)), max_size=15
)


@settings(max_examples=25, deadline=None)
@given(changes)
async def test_a_restart_at_any_point_keeps_everything_and_never_goes_back(steps: list[tuple[str, str, int]]) -> None:
    expected: dict[str, tuple[int, int]] = {}
    with tempfile.TemporaryDirectory() as name:
        async with AsyncExitStack() as stack:
            store = await stack.enter_async_context(opened(Path(name)))
            for what, which, value in [*steps, ("restart", "", 0)]:
                before = store.revision
                if what == "restart":
                    await stack.aclose()
                    store = await stack.enter_async_context(opened(Path(name)))
                    assert store.revision == before
                elif what == "put":
                    item = await store.put(key(which), thing(which, x=value))
                    expected[which] = (value, item.revision)
                    assert item.revision > before
                else:
                    await store.remove(key(which))
                    expected.pop(which, None)
                found = {item.key.name: (item.object()["x"], item.revision) for item in store.objects("things")}
                assert found == expected


async def test_readers_see_only_what_is_durable(tmp_path: Path) -> None:
    async with opened(tmp_path) as store, asyncio.TaskGroup() as group:
        write = group.create_task(store.put(key("a"), thing("a")))
        await asyncio.sleep(0)
        assert store.latest(key("a")) is not None
        assert store.get(key("a")) is None
        await write
        assert store.get(key("a")) is not None


async def test_many_writes_share_a_transaction_and_keep_their_order(tmp_path: Path) -> None:
    batches: list[list[Event]] = []
    async with opened(tmp_path) as store:
        store.subscribe(lambda events: batches.append(list(events)))
        async with asyncio.TaskGroup() as group:
            for number in range(50):
                group.create_task(store.put(key(f"t{number}"), thing(f"t{number}")))
    assert len(batches) < 10
    revisions = [event.current.revision for batch in batches for event in batch]
    assert revisions == sorted(revisions)
    assert len(revisions) == 50


async def test_a_write_that_fails_is_not_acknowledged_and_not_seen(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with opened(tmp_path) as store:
        await store.put(key("a"), thing("a", x=1))

        def full(rows: object) -> None:
            raise StoreError("the write could not be made durable: database or disk is full")

        with monkeypatch.context() as broken:
            broken.setattr(store._database, "write", full)
            with pytest.raises(StoreError, match="disk is full"):
                await store.put(key("a"), thing("a", x=2))
        assert store.latest(key("a")) == store.get(key("a"))
        await store.put(key("a"), thing("a", x=3))
        assert store.objects("things")[0].object()["x"] == 3


def test_a_full_disk_is_said_so(tmp_path: Path) -> None:
    database = Database(tmp_path)
    database._connection.execute("PRAGMA max_page_count = 12")
    row = Row("things", "default", "big", "uid", 2, b"x" * 1_000_000)
    with pytest.raises(StoreError, match="could not be made durable: database or disk is full"):
        database.write([row])
    assert list(database.load()) == []
    database.write([row._replace(data=b"small")])
    assert database.revision() == 2
    database.close()


async def test_a_directory_serves_one_control_plane_at_a_time(tmp_path: Path) -> None:
    async with opened(tmp_path):
        with pytest.raises(StoreError, match="in use by another control plane"):
            Store(tmp_path)


def test_a_damaged_file_is_named(tmp_path: Path) -> None:
    (tmp_path / "objects.db").write_bytes(b"this is no database at all, and long enough to be noticed" * 100)
    with pytest.raises(StoreError, match=r"objects\.db is damaged .* restore"):
        Store(tmp_path)


def test_only_the_owner_may_read_what_is_stored(tmp_path: Path) -> None:
    Store(tmp_path / "plane").close()
    assert (tmp_path / "plane").stat().st_mode & 0o077 == 0
    assert (tmp_path / "plane" / "objects.db").stat().st_mode & 0o077 == 0


async def test_a_control_plane_goes_on_where_it_stopped(tmp_path: Path) -> None:
    async with ControlPlane(tmp_path, crds=[WIDGETS]) as plane, Caller(plane.kubeconfig) as api:
        made = (await api.post(WIDGETS_PATH, widget("a", color="red"))).body
        listed = (await api.get(WIDGETS_PATH)).body["metadata"]["resourceVersion"]
        first = plane.kubeconfig.read_text().replace(plane.url, "")
    async with ControlPlane(tmp_path) as plane, Caller(plane.kubeconfig) as api:
        assert (await api.get(f"{WIDGETS_PATH}/a")).body == made
        assert plane.kubeconfig.read_text().replace(plane.url, "") == first
        assert int((await api.get(WIDGETS_PATH)).body["metadata"]["resourceVersion"]) >= int(listed)


async def test_a_watch_from_before_a_restart_lists_anew(tmp_path: Path) -> None:
    async with ControlPlane(tmp_path, crds=[WIDGETS]) as plane, Caller(plane.kubeconfig) as api:
        before = (await api.get(WIDGETS_PATH)).body["metadata"]["resourceVersion"]
        await api.post(WIDGETS_PATH, widget("a"))
    path = f"{WIDGETS_PATH}?watch=true&resourceVersion={before}"
    async with ControlPlane(tmp_path) as plane, Caller(plane.kubeconfig) as api, api.watch(path) as events:
        assert await events.error() == (410, "Expired")


async def test_definitions_given_at_the_start_are_brought_up_to_date(tmp_path: Path) -> None:
    async with ControlPlane(tmp_path, crds=[WIDGETS]):
        pass
    spec = {**WIDGETS["spec"], "names": {**WIDGETS["spec"]["names"], "shortNames": ["wdg"]}}
    newer = {**WIDGETS, "metadata": {**WIDGETS["metadata"], "labels": {"version": "2"}}, "spec": spec}
    path = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions/widgets.example.org"
    async with ControlPlane(tmp_path, crds=[newer]) as plane, Caller(plane.kubeconfig) as api:
        found = await api.get(path)
        assert found.body["spec"]["names"]["shortNames"] == ["wdg"]
        assert found.body["metadata"]["labels"] == {"version": "2"}
        await api.patch(path, {"metadata": {"labels": {"version": "1", "mine": "kept"}}})
    async with ControlPlane(tmp_path, crds=[newer]) as plane, Caller(plane.kubeconfig) as api:
        assert (await api.get(path)).body["metadata"]["labels"] == {"version": "2", "mine": "kept"}


async def test_the_second_of_two_writes_in_one_batch_is_decided_upon_the_first(tmp_path: Path) -> None:
    seen: list[Event] = []
    async with opened(tmp_path) as store:
        store.subscribe(seen.extend)
        first, second, _ = await asyncio.gather(
            store.put(key("a"), thing("a", x=1)), store.put(key("a"), thing("a", x=2)), store.remove(key("a"))
        )
    assert [event.type for event in seen] == ["ADDED", "MODIFIED", "DELETED"]
    assert [event.previous for event in seen] == [None, first, second]


async def test_what_is_staged_when_it_stops_is_written_all_the_same(tmp_path: Path) -> None:
    store = Store(tmp_path)
    try:
        async with asyncio.TaskGroup() as group:
            commits = group.create_task(store.commit_forever())
            await asyncio.sleep(0)  # it waits for something to write
            write = group.create_task(store.put(key("a"), thing("a")))
            await asyncio.sleep(0)  # the write is staged
            commits.cancel()
            await asyncio.wait([commits])
            await asyncio.sleep(0)
            assert write.done()
            write.cancel()
        assert store.get(key("a")) == await write
    finally:
        store.close()


async def test_what_is_being_written_when_it_stops_is_acknowledged(tmp_path: Path) -> None:
    store = Store(tmp_path)
    try:
        async with asyncio.TaskGroup() as group:
            commits = group.create_task(store.commit_forever())
            with contextlib.closing(sqlite3.connect(tmp_path / FILE, isolation_level=None)) as other:
                other.execute("BEGIN IMMEDIATE")  # the write waits for this to end
                write = group.create_task(store.put(key("a"), thing("a")))
                for _ in range(5):
                    await asyncio.sleep(0)
                commits.cancel()
                await asyncio.sleep(0)
                other.execute("ROLLBACK")
            await asyncio.wait([commits])
            await asyncio.sleep(0)
            assert write.done()
            write.cancel()
        assert store.get(key("a")) == await write
        assert commits.cancelled()
    finally:
        store.close()


@pytest.mark.parametrize(("more", "fits"), [(0, True), (1, False)])
async def test_an_object_has_so_many_bytes_at_most(tmp_path: Path, more: int, fits: bool) -> None:
    async with opened(tmp_path) as store:
        bare = await store.put(key("a"), thing("a", text=""))
        text = "x" * (OBJECT - len(bare.data) + more)
        if fits:
            assert len((await store.put(key("a"), thing("a", text=text))).data) == OBJECT
        else:
            with pytest.raises(TooLarge, match=f"{OBJECT + 1} bytes, more than {OBJECT}"):
                await store.put(key("a"), thing("a", text=text))
            assert store.get(key("a")) == bare
            assert (await store.put(key("b"), thing("b"))).revision == bare.revision + 1


def test_what_is_kept_of_an_object_is_hardly_larger_than_its_json() -> None:
    tracemalloc.start()
    try:
        kept = [stored(key(str(n)), thing(str(n), spec={"text": "x" * 1500}), n + 1) for n in range(100)]
        held, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert held < 2 * sum(len(item.data) for item in kept)
