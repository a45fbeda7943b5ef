import asyncio
from contextlib import AsyncExitStack
from pathlib import Path

import pytest
import uvloop
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from gotk.apiserver import ControlPlane
from gotk.apiserver.storage import history
from gotk.apiserver.storage import watch as watching
from gotk.apiserver.storage.store import Event, Key, Stored
from gotk.apiserver.verbs import watch as verb
from tests.gotk.apiserver.caller import Caller
from tests.gotk.apiserver.storage.test_store import key, opened, thing
from tests.gotk.apiserver.widgets import WIDGETS, WIDGETS_PATH, widget


async def test_a_watch_begins_with_what_is_there(api: Caller) -> None:
    await api.post(WIDGETS_PATH, widget("a"))
    async with api.watch(f"{WIDGETS_PATH}?watch=true") as events:
        assert await events.take(1) == [("ADDED", "a")]
        await api.post(WIDGETS_PATH, widget("b"))
        await api.patch(f"{WIDGETS_PATH}/b", {"spec": {"color": "red"}})
        await api.delete(f"{WIDGETS_PATH}/b")
        assert await events.take(3) == [("ADDED", "b"), ("MODIFIED", "b"), ("DELETED", "b")]


async def test_a_watch_from_a_revision_misses_nothing(api: Caller) -> None:
    start = (await api.get(WIDGETS_PATH)).body["metadata"]["resourceVersion"]
    await api.post(WIDGETS_PATH, widget("a"))
    await api.post(WIDGETS_PATH, widget("b"))
    async with api.watch(f"{WIDGETS_PATH}?watch=true&resourceVersion={start}") as events:
        assert await events.take(2) == [("ADDED", "a"), ("ADDED", "b")]


async def test_the_initial_events_end_with_a_bookmark(api: Caller) -> None:
    await api.post(WIDGETS_PATH, widget("a"))
    query = "watch=true&sendInitialEvents=true&resourceVersionMatch=NotOlderThan&allowWatchBookmarks=true"
    async with api.watch(f"{WIDGETS_PATH}?{query}") as events:
        assert await events.take(1) == [("ADDED", "a")]
        mark = await events.next()
        assert mark["type"] == "BOOKMARK"
        assert mark["object"]["metadata"]["annotations"] == {"k8s.io/initial-events-end": "true"}
        assert mark["object"]["kind"] == "Widget"


async def test_initial_events_must_say_how_new(api: Caller) -> None:
    refused = await api.get(f"{WIDGETS_PATH}?watch=true&sendInitialEvents=true")
    assert (refused.status, refused.reason) == (422, "Invalid")


async def test_a_watcher_sees_objects_enter_and_leave_its_selection(api: Caller) -> None:
    async with api.watch(f"{WIDGETS_PATH}?watch=true&labelSelector=team%3Da") as events:
        await api.post(WIDGETS_PATH, widget("x"))
        await api.patch(f"{WIDGETS_PATH}/x", {"metadata": {"labels": {"team": "a"}}})
        await api.patch(f"{WIDGETS_PATH}/x", {"spec": {"color": "red"}})
        await api.patch(f"{WIDGETS_PATH}/x", {"metadata": {"labels": {"team": "b"}}, "spec": {"color": "blue"}})
        assert await events.take(2) == [("ADDED", "x"), ("MODIFIED", "x")]
        left = await events.next()
    newest = (await api.get(f"{WIDGETS_PATH}/x")).body["metadata"]["resourceVersion"]
    assert left["type"] == "DELETED"
    assert left["object"]["spec"]["color"] == "red"
    assert left["object"]["metadata"]["resourceVersion"] == newest


async def test_one_object_can_be_watched_by_name(api: Caller) -> None:
    async with api.watch(f"{WIDGETS_PATH}?watch=true&fieldSelector=metadata.name%3Db") as events:
        await api.post(WIDGETS_PATH, widget("a"))
        await api.post(WIDGETS_PATH, widget("b"))
        assert await events.take(1) == [("ADDED", "b")]


async def test_each_version_is_watched_in_its_own_words(api: Caller) -> None:
    async with api.watch(f"{WIDGETS_PATH.replace('/v1/', '/v1beta1/')}?watch=true") as events:
        await api.post(WIDGETS_PATH, widget("a"))
        assert (await events.next())["object"]["apiVersion"] == "example.org/v1beta1"


async def test_a_table_watch_names_its_columns_once(api: Caller) -> None:
    await api.post(WIDGETS_PATH, widget("a"))
    accept = "application/json;as=Table;v=v1;g=meta.k8s.io"
    async with api.watch(f"{WIDGETS_PATH}?watch=true", accept) as events:
        await api.post(WIDGETS_PATH, widget("b"))
        first, second = await events.next(), await events.next()
    assert first["object"]["columnDefinitions"]
    assert not second["object"]["columnDefinitions"]
    assert second["object"]["rows"][0]["cells"][0] == "b"


async def test_bare_metadata_can_be_watched(api: Caller) -> None:
    accept = "application/json;as=PartialObjectMetadata;v=v1;g=meta.k8s.io"
    async with api.watch(f"{WIDGETS_PATH}?watch=true", accept) as events:
        await api.post(WIDGETS_PATH, widget("a"))
        seen = (await events.next())["object"]
    assert seen["kind"] == "PartialObjectMetadata"
    assert "spec" not in seen


async def test_a_revision_before_the_memory_is_expired(api: Caller, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(history, "EVENTS", 3)
    start = (await api.get("/api/v1/secrets")).body["metadata"]["resourceVersion"]
    for number in range(5):
        secret = {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": f"s{number}"}}
        await api.post("/api/v1/namespaces/default/secrets", secret)
    async with api.watch(f"/api/v1/secrets?watch=true&resourceVersion={start}") as events:
        assert await events.error() == (410, "Expired")


async def test_a_watch_ends_when_its_time_is_over(api: Caller) -> None:
    async with api.watch(f"{WIDGETS_PATH}?watch=true&timeoutSeconds=1") as events:
        assert await events.ended()


async def test_bookmarks_tell_how_far_a_quiet_watch_has_come(api: Caller, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(verb, "BOOKMARK_EVERY", 0.01)
    async with api.watch(f"{WIDGETS_PATH}?watch=true&allowWatchBookmarks=true") as events:
        mark = await events.next()
    assert (mark["type"], "name" in mark["object"]["metadata"]) == ("BOOKMARK", False)


def test_bookmarks_go_on_where_timers_may_ring_a_rounding_error_early(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(verb, "BOOKMARK_EVERY", 0.01)

    async def bookmarks(number: int) -> set[str]:
        async with (
            ControlPlane(tmp_path / "plane", crds=[WIDGETS]) as plane,
            Caller(plane.kubeconfig) as api,
            api.watch(f"{WIDGETS_PATH}?watch=true&allowWatchBookmarks=true") as events,
        ):
            return {(await events.next())["type"] for _ in range(number)}

    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        assert runner.run(bookmarks(100)) == {"BOOKMARK"}


async def test_a_watch_ends_with_its_definition_after_the_last_object(api: Caller) -> None:
    await api.post(WIDGETS_PATH, widget("a"))
    async with api.watch(f"{WIDGETS_PATH}?watch=true") as events:
        await api.delete("/apis/apiextensions.k8s.io/v1/customresourcedefinitions/widgets.example.org")
        assert await events.take(2) == [("ADDED", "a"), ("DELETED", "a")]
        assert await events.ended()


async def test_a_watch_tells_how_far_it_has_come_before_its_time_is_over(
    api: Caller, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(verb, "LAST_BOOKMARK", 0.5)
    async with api.watch(f"{WIDGETS_PATH}?watch=true&allowWatchBookmarks=true&timeoutSeconds=1") as events:
        mark = await events.next()
        assert (mark["type"], "name" in mark["object"]["metadata"]) == ("BOOKMARK", False)
        assert await events.ended()


async def test_a_bookmark_claims_nothing_that_was_not_said(api: Caller, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(verb, "BOOKMARK_EVERY", 0.01)
    monkeypatch.setattr(watching, "CROWD", 0)  # for a crowd events gather, here for half a second
    monkeypatch.setattr(watching, "_SHORTEST_GATHER", 0.5)
    async with api.watch(f"{WIDGETS_PATH}?watch=true&allowWatchBookmarks=true") as events:
        made = (await api.post(WIDGETS_PATH, widget("a"))).body["metadata"]["resourceVersion"]
        while (event := await events.next())["type"] == "BOOKMARK":
            assert int(event["object"]["metadata"]["resourceVersion"]) < int(made)
        assert event["object"]["metadata"]["resourceVersion"] == made


async def test_a_reader_that_does_not_read_is_dropped(api: Caller, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(watching, "PENDING", 2)
    watcher = watching.Watcher(None, watching.EVERYTHING)
    event = Event("ADDED", _stored("a"), None)
    for _ in range(3):
        watcher.offer([watching.Notice("ADDED", event)])
    assert watcher.dropped
    assert watcher.take() == []


@pytest.mark.parametrize(("count", "dropped"), [(4, False), (5, True)])
async def test_a_reader_holds_on_to_so_many_bytes_at_most(
    monkeypatch: pytest.MonkeyPatch, count: int, dropped: bool
) -> None:
    monkeypatch.setattr(watching, "PENDING_BYTES", 400)
    watcher = watching.Watcher(None, watching.EVERYTHING)
    for _ in range(count):
        watcher.offer([watching.Notice("ADDED", Event("ADDED", _stored("a"), None), size=100)])
    assert watcher.dropped is dropped


async def test_one_event_may_wait_however_large_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(watching, "PENDING_BYTES", 10)
    watcher = watching.Watcher(None, watching.EVERYTHING)
    watcher.offer([watching.Notice("ADDED", Event("ADDED", _stored("a"), None), size=100)])
    assert (watcher.dropped, len(watcher.take())) == (False, 1)


async def test_who_joins_while_a_crowd_gathers_is_told_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(watching, "CROWD", 0)  # one watcher is a crowd, for which events gather a little
    async with opened(tmp_path) as store:
        hub = watching.Hub(store)
        begun = store.revision
        first, second = (watching.Watcher(None, watching.EVERYTHING) for _ in range(2))
        hub.join("things", first, None)
        await store.put(key("a"), thing("a"))
        hub.join("things", second, begun)
        await first.wait()
        assert [len(watcher.take()) for watcher in (first, second)] == [1, 1]


async def test_a_crowd_is_told_everything_once_and_in_order(api: Caller, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(watching, "CROWD", 2)
    async with AsyncExitStack() as stack:
        crowd = [await stack.enter_async_context(api.watch(f"{WIDGETS_PATH}?watch=true")) for _ in range(5)]
        for number in range(10):
            await api.post(WIDGETS_PATH, widget(f"w{number}"))
        crowd.append(await stack.enter_async_context(api.watch(f"{WIDGETS_PATH}?watch=true")))
        for events in crowd:
            assert await events.take(10) == [("ADDED", f"w{number}") for number in range(10)]


async def test_stopping_the_control_plane_ends_every_watch(tmp_path: Path) -> None:
    async with AsyncExitStack() as stack:
        async with ControlPlane(tmp_path) as plane:
            caller = await stack.enter_async_context(Caller(plane.kubeconfig))
            events = await stack.enter_async_context(caller.watch("/api/v1/secrets?watch=true"))
        assert await events.ended()


def _stored(name: str) -> Stored:
    return Stored(key=Key("widgets", "default", name), uid=name, revision=1, data=b"{}", labels={})


changes = st.lists(st.tuples(st.sampled_from("abc"), st.sampled_from(["put", "remove"])), min_size=1, max_size=12)


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(steps=changes, at=st.integers(0, 12))
async def test_a_list_and_the_events_after_it_are_the_newest_list(
    tmp_path_factory: pytest.TempPathFactory, steps: list[tuple[str, str]], at: int
) -> None:
    async with opened(tmp_path_factory.mktemp("store")) as store:
        hub = watching.Hub(store)
        listed: list[tuple[int, dict[str, int]]] = [(store.revision, {})]
        for name, change in steps:
            if change == "put":
                await store.put(key(name), thing(name))
            else:
                await store.remove(key(name))
            listed.append((store.revision, {item.key.name: item.revision for item in store.objects("things")}))
        since, seen = listed[at % len(listed)]
        watcher = watching.Watcher(None, watching.EVERYTHING)
        hub.join("things", watcher, since)
        for notice in watcher.take():
            item = notice.event.current
            if notice.type == "DELETED":
                seen = {name: revision for name, revision in seen.items() if name != item.key.name}
            else:
                seen = {**seen, item.key.name: item.revision}
        assert seen == listed[-1][1]
