"""What is acknowledged stays: over restarts, over kill -9, and not when the disk said no."""

import asyncio
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from gotk.apiserver.database import Database, Row, StoreError
from gotk.apiserver.server import ControlPlane
from gotk.apiserver.store import Event, Key, Store
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
    async with ControlPlane(tmp_path) as plane, Caller(plane.kubeconfig) as api:
        gone = await api.get(f"{WIDGETS_PATH}?watch=true&resourceVersion={before}")
        assert (gone.status, gone.reason) == (410, "Expired")


async def test_definitions_given_at_the_start_are_brought_up_to_date(tmp_path: Path) -> None:
    async with ControlPlane(tmp_path, crds=[WIDGETS]):
        pass
    spec = {**WIDGETS["spec"], "names": {**WIDGETS["spec"]["names"], "shortNames": ["wdg"]}}
    async with ControlPlane(tmp_path, crds=[{**WIDGETS, "spec": spec}]) as plane, Caller(plane.kubeconfig) as api:
        found = await api.get("/apis/apiextensions.k8s.io/v1/customresourcedefinitions/widgets.example.org")
        assert found.body["spec"]["names"]["shortNames"] == ["wdg"]


SERVER = """
import asyncio, sys
from pathlib import Path
from gotk.apiserver.server import ControlPlane

async def main():
    async with ControlPlane(Path(sys.argv[1])) as plane:
        print(plane.url, flush=True)
        await asyncio.Event().wait()

asyncio.run(main())
"""


async def test_kill_9_loses_nothing_that_was_acknowledged(tmp_path: Path) -> None:
    acknowledged: list[str] = []
    server = await asyncio.create_subprocess_exec(
        sys.executable, "-c", SERVER, tmp_path, stdout=subprocess.PIPE, start_new_session=True
    )
    try:
        assert server.stdout is not None
        assert (await server.stdout.readline()).startswith(b"https://")
        async with Caller(tmp_path / "kubeconfig") as api, asyncio.TaskGroup() as group:
            for lane in range(8):
                group.create_task(_fill(api, lane, acknowledged))
            while len(acknowledged) < 100:  # noqa: ASYNC110 - somewhere in the middle of the traffic
                await asyncio.sleep(0.01)
            server.kill()
    finally:
        if server.returncode is None:
            server.kill()
        await server.wait()
    async with ControlPlane(tmp_path) as plane, Caller(plane.kubeconfig) as api:
        items = (await api.get("/api/v1/namespaces/default/secrets")).body["items"]
        assert set(acknowledged) <= {item["metadata"]["name"] for item in items}


async def _fill(api: Caller, lane: int, acknowledged: list[str]) -> None:
    """Create secrets until the server is gone."""
    with suppress(aiohttp.ClientError):
        for number in range(10_000):
            name = f"s{lane}-{number}"
            secret = {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": name}}
            made = await api.post("/api/v1/namespaces/default/secrets", secret)
            if made.status == 201:
                acknowledged.append(name)
