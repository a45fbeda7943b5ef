"""GET with watch=true: a stream of events, one JSON object a line.

Begins in one of four ways: at the newest state with what there is as ADDED events (no revision, or 0), after a given
revision, with `sendInitialEvents` (what there is, then a bookmark that says so), or with an ERROR that is also its end
(410 Expired).
"""

import asyncio
import contextlib
import random

from aiohttp import web

from gotk.apiserver import cause, status
from gotk.apiserver.call import Call
from gotk.apiserver.storage.watch import EVERYTHING, Watcher
from gotk.apiserver.verbs.read import check_revision, revision
from gotk.apiserver.wire import encode, filters

BOOKMARK_EVERY = 60.0
#: As upstream: so long before its end a watch is told how far it has come.
LAST_BOOKMARK = 2.0
#: By how many seconds a timer may ring too early: uvloop's do by a rounding error.
_EARLY = 0.001
_SHORTEST, _LONGEST = 1800, 3600


async def watch(call: Call) -> web.StreamResponse:
    """Stream events until the client leaves, its time is over, or it reads too slowly."""
    chosen = filters.parse(call.resource, call.query)
    only = chosen if chosen is not None else EVERYTHING
    name = call.target.name or (chosen.name if chosen is not None else "")
    watcher = Watcher(call.namespace, only, name)
    opening, since = _opening(call, watcher)
    storage = call.resource.storage
    try:
        call.plane.hub.join(storage, watcher, since)
    except status.Refusal as refusal:
        if refusal.code != 410:
            raise
        # Upstream's watches have begun by the time that they look at the revision.
        opening = encode.line("ERROR", refusal.body())
        watcher.end()
    try:
        response = web.StreamResponse(headers={"Content-Type": call.encoding.content_type})
        await response.prepare(call.request)
        if opening:
            await response.write(opening)
        end = asyncio.get_running_loop().time() + _duration(call)
        with contextlib.suppress(TimeoutError, ConnectionResetError):
            async with asyncio.timeout_at(end):
                await _stream(call, watcher, response, first=not opening, end=end)
    finally:
        call.plane.hub.leave(storage, watcher)
    with contextlib.suppress(ConnectionResetError):
        await response.write_eof()
    return response


async def _stream(call: Call, watcher: Watcher, response: web.StreamResponse, *, first: bool, end: float) -> None:
    encoder = encode.EventEncoder(call.resource, call.encoding, call.include, call.plane.hub.encodings)
    loop = asyncio.get_running_loop()
    said = loop.time()
    silence = loop.call_at(_next_bookmark(said, end), watcher.wake)
    try:
        while not watcher.dropped:
            await watcher.wait()
            if notes := watcher.take():
                if first:
                    await response.write(encoder.line(notes[0], first=True))
                    first, notes = False, notes[1:]
                await response.write(encoder.lines(notes))
                said = loop.time()
            if watcher.over:
                return
            if loop.time() + _EARLY >= silence.when():
                if loop.time() + _EARLY >= _next_bookmark(said, end):
                    await _bookmark(call, watcher, response)
                    said = loop.time() + _EARLY
                silence.cancel()
                silence = loop.call_at(_next_bookmark(said, end), watcher.wake)
    finally:
        silence.cancel()


async def _bookmark(call: Call, watcher: Watcher, response: web.StreamResponse) -> None:
    """Tell how far a watch has come, if it asked for that and nothing else is to be told."""
    call.plane.hub.tell(call.resource.storage)  # a bookmark claims that everything before it was said
    if call.query.get("allowWatchBookmarks") in {"true", "1"} and not watcher.waits:
        await response.write(encode.bookmark(call.resource, call.encoding, call.plane.store.revision))


def _next_bookmark(said: float, end: float) -> float:
    """Return when a watch tells how far it has come that has said nothing since a moment."""
    last = end - LAST_BOOKMARK
    return min(said + BOOKMARK_EVERY, last) if last > said else said + BOOKMARK_EVERY


def _opening(call: Call, watcher: Watcher) -> tuple[bytes, int | None]:
    """Return what to send first, and after which revision to go on. Raises Refusal."""
    wanted = call.query.get("resourceVersion", "")
    initial = call.query.get("sendInitialEvents") in {"true", "1"}
    _check_initial(call)
    if not initial and wanted not in {"", "0"}:
        return b"", revision(wanted)
    if initial:
        check_revision(call)
    store = call.plane.store
    lines: list[bytes] = []
    for item in store.objects(call.resource.storage, call.namespace):
        if (not watcher.name or watcher.name == item.key.name) and watcher.only.matches(item):
            first = not lines
            lines.append(encode.initial("ADDED", item, call.resource, call.encoding, call.include, first=first))
    if initial and call.query.get("allowWatchBookmarks") in {"true", "1"}:
        lines.append(encode.bookmark(call.resource, call.encoding, store.revision, initial_end=True))
    return b"".join(lines), None


def _check_initial(call: Call) -> None:
    if "sendInitialEvents" not in call.query:
        return
    if call.query.get("resourceVersionMatch") != "NotOlderThan":
        found = cause.forbidden("resourceVersionMatch", "resourceVersionMatch is required with sendInitialEvents set")
        raise status.invalid("meta.k8s.io", "ListOptions", "", [found])


def _duration(call: Call) -> float:
    asked = call.query.get("timeoutSeconds", "")
    if asked.isdigit() and int(asked) > 0:
        return float(asked)
    return random.uniform(_SHORTEST, _LONGEST)  # noqa: S311 - spreads reconnects, guards nothing
