"""The web server: each page at its address, as HTML or as its record, from what the watch cache holds."""

import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from typing import Any, Final, TypeVar

from aiohttp import web

from gotk.api.meta import Object
from gotk.kube.cache import Caches
from gotk.runtime import health
from gotk.runtime.clock import Clock
from image_automation.dashboard import doors, images, now, rendering
from image_automation.dashboard.page import Explains, Look, Missing, Page

O = TypeVar("O", bound=Object)  # noqa: E741 - the object's type, as in the cache

#: Every page, in the order of the navigation where it has a place there.
PAGES: Final[tuple[Page, ...]] = (now.PAGE, images.PAGE)
#: What the navigation shows: address and word.
MENU: Final = (("/", "Now"), ("/images", "Images"))
_FOREVER: Final = "public, max-age=31536000, immutable"


class Watched:
    """All that the cache holds; nothing of a kind that this service does not watch."""

    def __init__(self, caches: Caches) -> None:
        self._caches = caches

    def get(self, kind: type[O], namespace: str, name: str) -> O | None:
        """Return an object."""
        return self._caches.get(kind, namespace, name) if self._watches(kind) else None

    def list(self, kind: type[O], namespace: str | None = None) -> Sequence[O]:
        """Return objects."""
        return self._caches.list(kind, namespace) if self._watches(kind) else ()

    def _watches(self, kind: type[Object]) -> bool:
        return any(cache.kind is kind for cache in self._caches)


class Dashboard:
    """The pages over one cluster. `explains` is None where this process chooses nothing."""

    def __init__(self, *, caches: Caches, explains: Explains | None, clock: Clock) -> None:
        self._objects = Watched(caches)
        self._explains = explains
        self._clock = clock

    def app(self) -> web.Application:
        """Return the application."""
        made = web.Application(middlewares=[_guard])
        made.on_response_prepare.append(doors.harden)
        made.router.add_get("/static/{name}", _static)
        for page in PAGES:
            made.router.add_get(page.path, self._serving(page))
        return made

    def _serving(self, page: Page) -> Callable[[web.Request], Awaitable[web.StreamResponse]]:
        async def show(request: web.Request) -> web.StreamResponse:
            look = Look(
                objects=self._objects,
                explains=self._explains,
                now=self._clock.now(),
                place=request.match_info,
                query=request.query,
            )
            record = page.record(look)
            if rendering.prefers_json(request.headers.get("Accept", "")):
                return _answer(rendering.encode(record), "application/json")
            context = {
                "record": record,
                "title": page.title(request.match_info),
                "path": request.path,
                "menu": MENU,
                "digest": rendering.digest(page, record),
            }
            return _answer(rendering.render(page.template, context).encode(), "text/html")

        return show


@contextlib.asynccontextmanager
async def serve(address: str, dashboard: Dashboard) -> AsyncIterator[int]:
    """Serve the pages and give the port, 0 where they are off. Raises OSError, and ValueError for a public address."""
    parsed = health.parse_address(address)
    if parsed is not None and not doors.is_loopback(parsed[0]):
        raise ValueError(f"{address} is reached from other machines, and there is no login: listen on 127.0.0.1")
    async with health.serve(address, dashboard.app()) as port:
        yield port


@web.middleware
async def _guard(request: web.Request, handler: doors.Handler) -> web.StreamResponse:
    """Answer only who was not led here, and tell errors as people and programs read them."""
    if not doors.is_direct(request.url.host or ""):
        return _refuse(request, 403, "ask for this server by its address or as localhost")
    try:
        return await handler(request)
    except Missing as error:
        return _refuse(request, 404, str(error))
    except web.HTTPException as error:
        return _refuse(request, error.status, error.reason)


def _refuse(request: web.Request, status: int, message: str) -> web.Response:
    if rendering.prefers_json(request.headers.get("Accept", "")):
        return _answer(rendering.message(message), "application/json", status=status)
    context: dict[str, Any] = {"title": "Not shown", "path": request.path, "menu": MENU, "digest": ""}
    html = rendering.render("refused.html", {**context, "status": status, "message": message})
    return _answer(html.encode(), "text/html", status=status)


def _answer(body: bytes, media: str, *, status: int = 200) -> web.Response:
    charset = "utf-8" if media == "text/html" else None
    headers = {"Vary": "Accept"}
    return web.Response(status=status, body=body, content_type=media, charset=charset, headers=headers)


async def _static(request: web.Request) -> web.StreamResponse:
    found = rendering.assets().get(request.match_info["name"])
    if found is None:
        raise Missing("there is no such file")
    body, media, _ = found
    return web.Response(body=body, content_type=media, charset="utf-8", headers={"Cache-Control": _FOREVER})
