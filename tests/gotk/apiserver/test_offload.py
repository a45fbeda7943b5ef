"""Long decisions are made beside the event loop, and still upon the newest state of an object."""

import asyncio
import threading
from datetime import UTC, datetime
from typing import Any

import pytest

from gotk.apiserver import ControlPlane, offload
from gotk.apiserver.decisions import Write
from gotk.apiserver.offload import Offload
from gotk.apiserver.storage.store import Stored
from gotk.apiserver.wire import options
from gotk.apiserver.writer import Writer
from tests.gotk.apiserver.caller import APPLY, Caller
from tests.gotk.apiserver.widgets import config_map

MAPS = "/api/v1/namespaces/default/configmaps"
NOW = datetime(2026, 1, 1, tzinfo=UTC)
HOW = options.Write(manager="test")


@pytest.mark.parametrize(("size", "here"), [(offload.LONG - 1, True), (offload.LONG, False)])
async def test_long_work_leaves_the_event_loop(size: int, here: bool) -> None:
    work = Offload()
    try:
        assert (await work.run(size, threading.get_ident) == threading.get_ident()) is here
    finally:
        work.close()


async def test_the_event_loop_turns_while_a_long_decision_is_made() -> None:
    work, turn = Offload(), threading.Event()
    try:
        async with asyncio.TaskGroup() as group:
            long = group.create_task(work.run(offload.LONG, turn.wait))  # ends when the loop has come so far
            await asyncio.sleep(0)
            turn.set()
        assert long.result()
    finally:
        work.close()


class Changing:
    """A change of an object that somebody else changes while it is decided upon, so many times."""

    def __init__(self, writer: Writer, stored: Any, times: int) -> None:
        self.writer, self.stored, self.times = writer, stored, times
        self.loop = asyncio.get_running_loop()
        self.seen: list[int] = []

    def derive(self, old: Stored | None) -> dict[str, Any]:
        assert old is not None
        self.seen.append(old.revision)
        if len(self.seen) <= self.times:
            asyncio.run_coroutine_threadsafe(self.other(old), self.loop).result()
        obj = old.object()
        return {**obj, "data": {**obj["data"], "mine": "x"}}

    async def other(self, old: Stored) -> None:
        obj = old.object()
        obj["data"]["theirs"] = str(len(self.seen))
        await self.writer.replace(self.stored, old, obj, HOW)


@pytest.mark.parametrize("times", [0, 1, 2])
async def test_what_changed_meanwhile_is_decided_upon_anew(plane: ControlPlane, api: Caller, times: int) -> None:
    await api.post(MAPS, config_map("a", theirs="0"))
    writer = Writer(store=plane.store, registry=plane.registry, now=lambda: NOW, offload=(work := Offload()))
    resource = plane.registry.lookup("", "v1", "configmaps")
    assert resource is not None
    write = Write(resource=resource, how=HOW, now="2026-01-01T00:00:00Z")
    changing = Changing(writer, resource, times)
    try:
        await writer.change(write, writer.key(resource, "default", "a"), changing.derive, size=offload.LONG)
    finally:
        work.close()
    assert (await api.get(f"{MAPS}/a")).body["data"] == {"theirs": str(times), "mine": "x"}
    assert len(changing.seen) == times + 1
    assert changing.seen == sorted(set(changing.seen))


async def test_long_writes_of_one_object_all_count(api: Caller) -> None:
    def config(manager: int) -> dict[str, Any]:
        return config_map("a", **{f"{manager}-{number}": "x" for number in range(4000)})

    answers = await asyncio.gather(
        *(api.patch(f"{MAPS}/a?fieldManager=m{manager}", config(manager), media=APPLY) for manager in range(4)),
        *(
            api.patch(f"{MAPS}/a?fieldManager=s{number}", config_map("a", **{f"s{number}": "y"}), media=APPLY)
            for number in range(5)
        ),
    )
    assert {answer.status for answer in answers} == {200, 201}
    data = (await api.get(f"{MAPS}/a")).body["data"]
    assert len(data) == 4 * 4000 + 5
