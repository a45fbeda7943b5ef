"""Pages that keep themselves true: one stream of events a tab, at the page's own address, and no polling.

A browser that asks for `text/event-stream` gets what the page shows now, unless it says that it has that, and again
whenever the record behind the page has changed. Each event is named by a digest of the record; whoever comes back
with that name (Last-Event-ID) is sent what differs from it, however long ago that was: there is no history to be too
old for. The cache lists anew by itself where the API's history is gone. Between changes a beat tells that the stream
lives, and for how long the cache has been cut off from the API.
"""

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final, TypeAlias

import msgspec
from aiohttp import web

from gotk.api.meta import Object
from gotk.kube.cache import Caches
from gotk.runtime.clock import Clock
from image_automation.dashboard.telling.heard import Heard

#: How often the stream tells that it lives, in seconds; the page counts as stale after two beats that did not come.
BEAT: Final = 15.0
#: For how long changes are gathered, so that a burst of them is one event: for long where one came not long ago.
_GATHER: Final = 0.05
_SOON: Final = 0.005
_LONG_AGO: Final = 0.2
_MOST: Final = 200
#: A row of a table, as templates write one; a table in a table there is not.
_ROW: Final = '<tr class="row" id="'
_END: Final = "</tr>"
HEADERS: Final = {"Content-Type": "text/event-stream; charset=utf-8", "X-Accel-Buffering": "no", "Vary": "Accept"}


class TooManyStreamsError(Exception):
    """As many pages are open as this server keeps true."""


class Beat(msgspec.Struct, frozen=True):
    """For how many seconds the cache has not heard of the API; 0 while it has."""

    behind: int


@dataclass(frozen=True, slots=True)
class Shown:
    """What a page shows now, and the name of that."""

    digest: str
    html: str


@dataclass(frozen=True, slots=True)
class Pieces:
    """A page as its table's rows and what stands around them, by hashes: enough to tell which rows have changed."""

    frame: int
    rows: Mapping[str, int]

    @classmethod
    def of(cls, html: str) -> "Pieces":
        """Take a page apart."""
        frame, rows, end = list[str](), dict[str, int](), 0
        for start, stop in _rows(html):
            name = html[start + len(_ROW) : html.index('"', start + len(_ROW))]
            frame += (html[end:start], name)
            rows[name] = hash(html[start:stop])
            end = stop
        return cls(hash((*frame, html[end:])), rows)

    def beside(self, sent: "Pieces", html: str) -> list[str]:
        """Return the rows of this page that the browser has otherwise."""
        had = set(sent.rows.values())
        return [row for start, stop in _rows(html) if hash(row := html[start:stop]) not in had]


def _rows(html: str) -> Iterator[tuple[int, int]]:
    """Yield where each row of a page's table begins and ends."""
    start = html.find(_ROW)
    while start >= 0:
        stop = html.index(_END, start) + len(_END)
        yield start, stop
        start = html.find(_ROW, stop)


#: What a page is made anew for: a kind of objects, or news of another topic.
Topic: TypeAlias = type[Object] | str


class Changes:
    """Counts the changes of each kind, for those who wait for the next one."""

    def __init__(self, caches: Caches, clock: Clock, heard: Heard) -> None:
        self._caches = caches
        self._clock = clock
        self._counts: dict[Topic, int] = {}
        heard.subscribe(self._hear)
        self._changed = asyncio.Event()
        self._streams = 0
        self.closed = False

    def count(self, kinds: Iterable[Topic]) -> int:
        """Return how many changes of the kinds and topics there have been."""
        self._attach()
        return sum(self._counts.get(kind, 0) for kind in kinds)

    async def later(self, kinds: Iterable[Topic], count: int) -> bool:
        """Wait until there have been more; False where none came within a beat, or everything ends."""
        kinds = tuple(kinds)
        try:
            async with asyncio.timeout(BEAT):
                while self.count(kinds) == count and not self.closed:
                    await self._changed.wait()
        except TimeoutError:
            return False
        return not self.closed

    def behind(self, kinds: Iterable[Topic]) -> int:
        """Return for how many seconds a cache of the kinds has been cut off."""
        wanted, now = frozenset(kinds), self._clock.monotonic()
        since = [cache.trouble.since for cache in self._caches if cache.kind in wanted and cache.trouble is not None]
        return max(1, int(now - min(since))) if since else 0

    def now(self) -> float:
        """Return the time that streams go by, in seconds."""
        return self._clock.monotonic()

    def close(self) -> None:
        """End every stream."""
        self.closed = True
        self._wake()

    def enter(self) -> None:
        """Count one more stream. Raises TooManyStreamsError."""
        if self._streams >= _MOST:
            raise TooManyStreamsError(f"{_MOST} pages are kept up to date already: close some, or load this one again")
        self._streams += 1

    def leave(self) -> None:
        """Count one stream less."""
        self._streams -= 1

    def _attach(self) -> None:
        """Hear of the kinds whose caches have come since."""
        for cache in self._caches:
            if cache.kind not in self._counts:
                self._counts[cache.kind] = 0
                cache.subscribe(self._counter(cache.kind))

    def _hear(self, topic: str) -> None:
        self._counts[topic] = self._counts.get(topic, 0) + 1
        self._wake()

    def _counter(self, kind: type[Object]) -> Callable[[Any, Any], None]:
        def count(old: object, new: object) -> None:
            del old, new
            self._counts[kind] += 1
            self._wake()

        return count

    def _wake(self) -> None:
        changed, self._changed = self._changed, asyncio.Event()
        changed.set()


async def events(
    changes: Changes, kinds: tuple[Topic, ...], show: Callable[[], Awaitable[Shown | None]], seen: str
) -> AsyncGenerator[bytes]:
    """Yield the events of a page, `seen` being the name of what the browser shows; `show` returns None at its end."""
    sent: Pieces | None = None
    while not changes.closed:
        count = changes.count(kinds)
        shown = await show()
        if shown is None:
            yield BYE
            return
        pieces = Pieces.of(shown.html)
        if shown.digest != seen:
            seen = shown.digest
            if sent is not None and sent.frame == pieces.frame:
                yield _event("rows", "\n".join(pieces.beside(sent, shown.html)), seen)
            else:
                yield _event("page", shown.html, seen)
        sent, told = pieces, changes.now()
        yield _event("beat", msgspec.json.encode(Beat(changes.behind(kinds))).decode())
        if await changes.later(kinds, count):
            await asyncio.sleep(_GATHER if changes.now() - told < _LONG_AGO else _SOON)


def _event(name: str, data: str, id_: str = "") -> bytes:
    """Word an event; what is in it cannot end it, whichever line breaks it has."""
    lines = data.replace("\r\n", "\n").replace("\r", "\n").split("\n")
    fields = [f"event: {name}", *([f"id: {id_}"] if id_ else []), *(f"data: {line}" for line in lines)]
    return "\n".join((*fields, "", "")).encode()


#: Tells a page that who has it open is not signed in any more.
BYE: Final = _event("bye", "")


def is_wanted(request: web.Request) -> bool:
    """Tell whether a browser asks for the events of a page."""
    return "text/event-stream" in request.headers.get("Accept", "")


def seen_by(request: web.Request) -> str:
    """Return the name of what a browser shows: of its last event, or of the page that it has loaded."""
    return request.headers.get("Last-Event-ID") or request.query.get("_seen", "")


async def send(request: web.Request, changes: Changes, stream: AsyncGenerator[bytes]) -> web.StreamResponse:
    """Send a stream until it ends or nobody listens any more. Raises TooManyStreamsError."""
    changes.enter()
    response = web.StreamResponse(headers=HEADERS)
    try:
        await response.prepare(request)
        async for event in stream:
            await response.write(event)
    except ConnectionError:
        pass  # the tab was closed
    finally:
        await stream.aclose()
        changes.leave()
    return response
