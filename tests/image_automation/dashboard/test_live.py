"""The stream of a page: what it sends first, what after a change, what when nothing changed, and when it ends."""

import asyncio
import json
from collections.abc import AsyncGenerator
from typing import Any

import pytest

from gotk.api.image import ImagePolicy, ImageRepository
from gotk.kube import errors
from gotk.kube.cache import Caches
from image_automation.dashboard import live
from image_automation.dashboard.telling.heard import Heard
from tests.image_automation.dashboard.showing import HTML, Held, Noon, ready, shown, with_status
from tests.image_automation.dashboard.test_access import EVERYTHING, SAME, bearer, cookie, sign_in
from tests.memory_cluster import MemoryCluster, image_policy, image_repository
from tests.virtual_clock import VirtualClock, in_virtual_time

KINDS = (ImagePolicy,)
EVENTS = {"Accept": "text/event-stream"}


class Pages:
    """What a page shows, as a test changes it."""

    def __init__(self, *shown_: live.Shown | None) -> None:
        self.now = list(shown_)

    async def __call__(self) -> live.Shown | None:
        return self.now.pop(0) if len(self.now) > 1 else self.now[0]


def caches(cluster: MemoryCluster | None = None) -> Caches:
    made = Caches(cluster or MemoryCluster(), clock=Noon())
    made.of(ImagePolicy)
    made.of(ImageRepository)
    return made


def change(made: Caches, kind: type[Any], number: int) -> None:
    obj = image_policy("app") if kind is ImagePolicy else image_repository("app")
    obj["metadata"]["resourceVersion"] = str(number)
    made.of(kind).take("MODIFIED", json.dumps(obj).encode())


async def names(stream: AsyncGenerator[bytes], count: int) -> list[str]:
    return [(await anext(stream)).decode().splitlines()[0].removeprefix("event: ") for _ in range(count)]


async def test_news_of_a_topic_of_the_page_sends_it_too() -> None:
    heard = Heard()
    changes = live.Changes(caches(), Noon(), heard)
    stream = live.events(changes, (*KINDS, "events"), Pages(live.Shown("a", "a"), live.Shown("b", "b")), "")
    assert await names(stream, 2) == ["page", "beat"]
    waiting = asyncio.ensure_future(anext(stream))  # noqa: TID251 - the test looks at a wait from outside
    await asyncio.sleep(0)
    heard.tell("deliveries")
    await asyncio.sleep(0)
    assert not waiting.done()
    heard.tell("events")
    assert (await waiting).startswith(b"event: page\nid: b\n")
    await stream.aclose()


async def test_a_page_that_is_as_the_browser_has_it_is_not_sent() -> None:
    stream = live.events(live.Changes(caches(), Noon(), Heard()), KINDS, Pages(live.Shown("same", "<p>")), "same")
    assert await names(stream, 1) == ["beat"]
    await stream.aclose()


async def test_a_page_that_differs_from_what_the_browser_has_is_sent_with_its_name() -> None:
    stream = live.events(live.Changes(caches(), Noon(), Heard()), KINDS, Pages(live.Shown("new", "<p>\r\n</p>")), "old")
    assert await anext(stream) == b"event: page\nid: new\ndata: <p>\ndata: </p>\n\n"
    await stream.aclose()


async def test_a_change_of_a_kind_of_the_page_sends_it_and_of_another_does_not() -> None:
    made = caches()
    changes = live.Changes(made, Noon(), Heard())
    stream = live.events(changes, KINDS, Pages(live.Shown("a", "a"), live.Shown("b", "b")), "")
    assert await names(stream, 2) == ["page", "beat"]
    waiting = asyncio.ensure_future(anext(stream))  # noqa: TID251 - the test looks at a wait from outside
    await asyncio.sleep(0)
    change(made, ImageRepository, 7)
    await asyncio.sleep(0)
    assert not waiting.done()
    change(made, ImagePolicy, 8)
    assert (await waiting).startswith(b"event: page\nid: b\n")
    await stream.aclose()


async def test_a_change_that_the_page_does_not_show_sends_a_beat_alone() -> None:
    made = caches()
    stream = live.events(live.Changes(made, Noon(), Heard()), KINDS, Pages(live.Shown("a", "a")), "")
    assert await names(stream, 2) == ["page", "beat"]
    change(made, ImagePolicy, 7)
    assert await names(stream, 1) == ["beat"]
    await stream.aclose()


ROW = '<tr class="row" id="{}">\n<td>{}</td></tr>'


def table(head: str, **rows: str) -> live.Shown:
    html = f"<h1>{head}</h1>" + "".join(ROW.format(name, text) for name, text in rows.items())
    return live.Shown(html, html)


@pytest.mark.parametrize(
    ("after", "event", "sent"),
    [
        (table("h", a="1", b="3"), "rows", [ROW.format("b", "3")]),
        (table("h", a="2", b="3"), "rows", [ROW.format("a", "2"), ROW.format("b", "3")]),
        (table("h", a="1", b="2", c="3"), "page", None),
        (table("h", b="2", a="1"), "page", None),
        (table("other", a="1", b="3"), "page", None),
    ],
    ids=["one row", "two rows", "a new row", "another order", "another head"],
)
async def test_of_a_table_the_rows_that_differ_are_sent_where_nothing_else_does(
    after: live.Shown, event: str, sent: list[str] | None
) -> None:
    before, made = table("h", a="1", b="2"), caches()
    stream = live.events(live.Changes(made, Noon(), Heard()), KINDS, Pages(before, after), before.digest)
    assert await names(stream, 1) == ["beat"]
    change(made, ImagePolicy, 7)
    lines = (await anext(stream)).decode().splitlines()
    assert lines[0] == f"event: {event}"
    data = "\n".join(line.removeprefix("data: ") for line in lines if line.startswith("data: "))
    assert data == ("\n".join(sent) if sent is not None else after.html)
    await stream.aclose()


async def test_the_stream_ends_for_who_is_not_signed_in_any_more() -> None:
    stream = live.events(live.Changes(caches(), Noon(), Heard()), KINDS, Pages(None), "")
    assert [event async for event in stream] == [b"event: bye\ndata: \n\n"]


async def test_the_end_of_the_server_ends_every_stream() -> None:
    changes = live.Changes(caches(), Noon(), Heard())
    stream = live.events(changes, KINDS, Pages(live.Shown("a", "a")), "")
    assert await names(stream, 2) == ["page", "beat"]
    changes.close()
    assert [event async for event in stream] == []


@in_virtual_time
async def test_a_cache_that_is_cut_off_says_since_when() -> None:
    cluster, clock = MemoryCluster(), VirtualClock()
    cluster.list_failures = [errors.Unreachable(0, "Unreachable", "gone") for _ in range(100)]
    made = Caches(cluster, clock=clock)
    made.of(ImagePolicy)
    changes = live.Changes(made, clock, Heard())
    assert changes.behind(KINDS) == 0
    async with asyncio.TaskGroup() as group:
        watching = group.create_task(made.of(ImagePolicy).run())
        await clock.sleep(40.5)
        assert changes.behind(KINDS) == 40
        assert changes.behind((ImageRepository,)) == 0
        watching.cancel()


async def test_streams_are_bounded() -> None:
    changes = live.Changes(caches(), Noon(), Heard())
    for _ in range(200):
        changes.enter()
    with pytest.raises(live.TooManyStreamsError):
        changes.enter()
    changes.leave()
    changes.enter()


async def read(answer: Any, event: str) -> str:
    """Read a stream up to an event, and return its lines."""
    while True:
        lines = []
        while line := (await answer.content.readline()).decode().rstrip("\n"):
            lines.append(line)
        if f"event: {event}" in lines:
            return "\n".join(lines)


async def test_a_tag_that_is_chosen_arrives_in_the_open_page() -> None:
    cluster = MemoryCluster()
    cluster.put(image_repository())
    cluster.put(with_status(image_policy(), latestRef={"name": "x", "tag": "1.0.0"}, **ready()))
    async with shown(cluster) as client:
        async with client.get("/images", headers=EVENTS) as answer:
            assert answer.content_type == "text/event-stream"
            assert "1.0.0" in await read(answer, "page")
            cluster.change("ImagePolicy", "default", "app", {"status": {"latestRef": {"tag": "1.1.0"}}})
            changed = await read(answer, "rows")
        assert "1.1.0" in changed
        assert "<table" not in changed
        name = changed.splitlines()[1].removeprefix("id: ")
        async with client.get("/images", headers={**EVENTS, "Last-Event-ID": name}) as again:
            assert (await again.content.readline()) == b"event: beat\n"


async def test_a_stream_shows_what_its_person_may_see_and_ends_with_the_session() -> None:
    cluster = MemoryCluster()
    cluster.put(image_policy("app", "team"))
    holders = {"admin": Held("admin", rules=EVERYTHING), "nothing": Held("bob")}
    async with shown(cluster, holders=holders, free=False) as client:
        assert await (await client.get("/images", headers=EVENTS)).read() == live.BYE
        async with client.get("/images", headers={**bearer("nothing"), **EVENTS}) as answer:
            assert "team" not in await read(answer, "page")
        known = cookie(await sign_in(client, "admin"))
        page = await (await client.get("/", headers={**HTML, **known})).text()
        secret = page.partition('name="csrf" value="')[2].partition('"')[0]
        async with client.get("/images", headers={**EVENTS, **known}) as answer:
            assert "team/<b>app</b>" in await read(answer, "page")
            await client.post("/logout", data={"csrf": secret}, headers={**SAME, **known}, allow_redirects=False)
            cluster.put(image_policy("other", "team"))
            assert await read(answer, "bye")


async def test_an_object_that_goes_is_told_in_the_open_page() -> None:
    cluster = MemoryCluster()
    cluster.put(image_policy())
    async with shown(cluster) as client, client.get("/objects/ImagePolicy/default/app", headers=EVENTS) as answer:
        await read(answer, "page")
        cluster.delete("ImagePolicy", "default", "app")
        assert "there is no ImagePolicy default/app" in await read(answer, "page")
