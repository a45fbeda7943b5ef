"""The address that controllers post events to, and the sink that this process's own events take instead.

Answers to the event server of notification-controller: one JSON event by any method to any path; 202, or 400, 413, 429.
"""

import asyncio
import socket

import structlog
from aiohttp import web

from gotk.runtime.clock import Clock
from gotk.runtime.events import Event
from image_automation.notification import notice
from image_automation.notification.alerts import deduplication
from image_automation.notification.alerts.notifier import CONTROLLER, Notifier

BODY_LIMIT = 3 << 20
_READ_TIMEOUT = 10.0
_AT_ONCE = 64
_TEXT = {"Content-Type": "text/plain; charset=utf-8", "X-Content-Type-Options": "nosniff"}
_OWN_KINDS = frozenset({"Alert", "Provider", "Receiver"})


def app(notifier: Notifier, clock: Clock) -> web.Application:
    """Return the application that takes events."""
    log = structlog.get_logger().bind(logger="event-server")
    places = asyncio.Semaphore(_AT_ONCE)

    async def take(request: web.Request) -> web.Response:
        async with places:
            try:
                async with asyncio.timeout(_READ_TIMEOUT):
                    body = await request.read()
            except web.HTTPRequestEntityTooLarge:
                return web.Response(status=413)
            except TimeoutError:
                return web.Response(status=408)
            return await cel(body)

    async def cel(body: bytes) -> web.Response:
        try:
            found = deduplication.cleaned(notice.read(body))
        except ValueError as error:
            log.info("an event cannot be read", error=str(error)[:200])
            return web.Response(status=400)
        if not await notifier.ready():
            return web.Response(status=503)
        allowance = notifier.admit(found)
        if not allowance.passes:
            log.debug("discarding event, rate limiting duplicate events", about=found.path)
            headers = {**allowance.headers(clock.now()), **_TEXT}
            return web.Response(status=429, headers=headers, body=b"Too Many Requests\n")
        await notifier.take(found)
        return web.Response(status=202, headers=allowance.headers(clock.now()))

    application = web.Application(client_max_size=BODY_LIMIT)
    application.on_response_prepare.append(_untyped)
    application.router.add_route("*", "/{path:.*}", take)
    return application


async def _untyped(_: web.Request, response: web.StreamResponse) -> None:
    """Take the type off an answer without a body."""
    if not response.content_length:
        response.headers.popall("Content-Type", None)


class AlertSink:
    """Takes the events of this process to the alerts, without HTTP. Events about alerts themselves stay out."""

    name = "alerts"

    def __init__(self, notifier: Notifier, *, instance: str | None = None) -> None:
        self._notifier = notifier
        self._instance = socket.gethostname() if instance is None else instance

    def wants(self, event: Event) -> bool:
        """Take all but traces."""
        return event.severity != "Trace" and event.controller != CONTROLLER and event.about.kind not in _OWN_KINDS

    async def send(self, event: Event) -> None:
        """Hand the event over, once per interval."""
        found = deduplication.cleaned(notice.of(event, self._instance))
        if await self._notifier.ready() and self._notifier.admit(found).passes:
            await self._notifier.take(found)
