"""The web server: each page at its address, as HTML or as its record, from what the watch cache holds."""

import functools
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Any, Final

from aiohttp import web

from gotk.kube import errors
from gotk.kube.cache import Caches
from gotk.runtime.clock import Clock
from image_automation.dashboard import (
    approvals,
    browsers,
    changes,
    described,
    explained,
    holds,
    images,
    lineage,
    links,
    live,
    now,
    rendering,
    signing_in,
)
from image_automation.dashboard.access import Deed, NotAllowedError, Person
from image_automation.dashboard.acting import asking, rights
from image_automation.dashboard.acting.doing import Acting, Tells
from image_automation.dashboard.door import Door, ForeignFormError, SignInFirstError, Visit
from image_automation.dashboard.files import checkout, checkouts, file
from image_automation.dashboard.page import Explains, Knows, Look, Missing, Page, Record
from image_automation.dashboard.plans import plan, plans, writing
from image_automation.dashboard.rollouts import rollout, rollouts
from image_automation.dashboard.scanned import registries
from image_automation.dashboard.telling import events, notifications
from image_automation.dashboard.telling.heard import Heard
from image_automation.planner import CannotPlanError, MovedError
from image_automation.steering.cluster import CannotBeDoneError

#: Every page.
PAGES: Final[tuple[Page, ...]] = (
    now.PAGE,
    images.PAGE,
    lineage.PAGE,
    explained.PAGE,
    changes.PAGE,
    holds.PAGE,
    approvals.PAGE,
    notifications.PAGE,
    events.PAGE,
    rights.PAGE,
    rollouts.PAGE,
    rollout.PAGE,
    plans.PAGE,
    plan.PAGE,
    registries.PAGE,
    checkouts.PAGE,
    checkout.PAGE,
    file.PAGE,
    described.PAGE,
)
_FOREVER: Final = "public, max-age=31536000, immutable"
_STATUS: Final[dict[type[Exception], int]] = {
    ForeignFormError: 403,
    NotAllowedError: 403,
    browsers.LedHereError: 403,
    Missing: 404,
    CannotBeDoneError: 409,
    MovedError: 409,
    CannotPlanError: 409,
    live.TooManyStreamsError: 503,
}
#: The most bytes of a form: a token, and little else.
_FORM: Final = 64 << 10


@dataclass(frozen=True, slots=True, kw_only=True)
class Dashboard:
    """The pages over one cluster. `explains` is None where this process chooses nothing.

    `free` lets whoever has not signed in look around, which is for loopback. `names` are the hosts that it is known by.
    """

    caches: Caches
    explains: Explains | None
    knows: Knows
    clock: Clock
    door: Door
    tells: Tells
    heard: Heard
    free: bool
    names: frozenset[str] = frozenset()

    def app(self) -> web.Application:
        """Return the application."""
        made = web.Application(middlewares=[_told, browsers.guard(self.names)], client_max_size=_FORM)
        made.on_response_prepare.append(browsers.harden)
        moves = live.Changes(self.caches, self.clock, self.heard)
        made.on_shutdown.append(_ending(moves))
        made.router.add_get("/static/{name}", _static)
        made.router.add_routes(signing_in.routes(self.door, free=self.free))
        made.router.add_routes(writing.routes(self.door, self.knows.plans, self.caches, self.tells))
        made.router.add_routes(asking.routes(self.door, self.acting()))
        for page in PAGES:
            made.router.add_get(page.path, self._serving(page, moves))
        return made

    def _serving(self, page: Page, moves: live.Changes) -> Callable[[web.Request], Awaitable[web.StreamResponse]]:
        async def show(request: web.Request) -> web.StreamResponse:
            visit = await self.door.visit(request, free=self.free)
            if live.is_wanted(request):
                stream = live.events(
                    moves, (*page.kinds, *page.topics), lambda: self._again(page, request, visit), live.seen_by(request)
                )
                return await live.send(request, moves, stream)
            record = await page.made(await self.look(page, request, visit))
            if rendering.prefers_json(request.headers.get("Accept", "")):
                return _answer(rendering.encode(record), "application/json")
            digest = rendering.digest(page, record)
            context = _context(page, request, visit, record, digest)
            if visit.session is not None:
                context["notes"] = visit.session.told()
            return _answer(rendering.pieces(page.template, context), "text/html")

        return show

    async def _again(self, page: Page, request: web.Request, visit: Visit) -> live.Shown | None:
        """Return what an open page shows now, or None where who has it open is not signed in any more."""
        if visit.session is not None and not self.door.sessions.is_open(visit.session):
            return None
        try:
            record = await page.made(await self.look(page, request, visit))
        except errors.Unauthorized:
            return None
        except Missing as error:
            return live.Shown("missing", rendering.refusal(404, str(error), fragment=True))
        digest = rendering.digest(page, record)
        context = _context(page, request, visit, record, digest)
        return live.Shown(digest, rendering.render(page.template, context, fragment=True))

    def acting(self) -> Acting:
        """Return what does what people ask for."""
        return Acting(
            caches=self.caches,
            access=self.door.access,
            tells=self.tells,
            tests=self.knows.tests,
            clock=self.clock,
        )

    def _spaces(self) -> Sequence[str]:
        return sorted({each.metadata.namespace for cache in self.caches for each in cache.list()} - {""})

    async def _may(self, person: Person | None, deed: Deed) -> bool:
        return person is not None and await self.door.access.may(person, deed)

    async def look(self, page: Page, request: web.Request, visit: Visit) -> Look:
        """Return what a page's record is made from, for who asks. Raises Missing and APIError."""
        subject = page.subject(request.match_info) if page.subject is not None else None
        sight = await self.door.access.sight(visit.person, self.caches, page.kinds, subject)
        writes = await self.door.access.writes(visit.person, self.caches, page.changes)
        return Look(
            objects=sight,
            acts=await self.acting().offered(visit.person, subject) if subject is not None else (),
            reads=self.door.access.reads(visit.person),
            person=visit.person,
            knows=self.knows,
            may=functools.partial(self._may, visit.person),
            writes=writes.may,
            spaces=self._spaces,
            explains=self.explains,
            now=self.clock.now(),
            place=request.match_info,
            query=request.query,
        )


def _context(page: Page, request: web.Request, visit: Visit, record: Record, digest: str) -> dict[str, Any]:
    return {
        **rendering.frame(visit.session),
        "record": record,
        "title": page.title(request.match_info),
        "path": request.path,
        "digest": digest,
    }


def _ending(changes: live.Changes) -> Callable[[web.Application], Awaitable[None]]:
    async def end(_: web.Application) -> None:
        changes.close()

    return end


@web.middleware
async def _told(request: web.Request, handler: browsers.Handler) -> web.StreamResponse:
    """Tell what went wrong as people and programs read it."""
    try:
        return await handler(request)
    except SignInFirstError as error:
        return _sign_in_first(request, str(error))
    except errors.APIError as error:
        return _refuse(request, *_of_cluster(error))
    except web.HTTPException as error:
        return _refuse(request, error.status, error.reason)
    except tuple(_STATUS) as error:
        return _refuse(request, _STATUS[type(error)], str(error))


def _of_cluster(error: errors.APIError) -> tuple[int, str]:
    """Word what the cluster answered to a request of the person, or that it did not."""
    if isinstance(error, errors.Unauthorized):
        return 401, "the cluster does not accept your credentials any more: sign in again"
    if error.temporary:
        return 503, f"the cluster does not answer: {error.message}"
    return error.code or 503, error.message


def _sign_in_first(request: web.Request, message: str) -> web.Response:
    if live.is_wanted(request):
        return web.Response(body=live.BYE, headers=live.HEADERS)
    if request.method != "GET" or rendering.prefers_json(request.headers.get("Accept", "")):
        refusal = _refuse(request, 401, message)
        refusal.headers["WWW-Authenticate"] = "Bearer"
        return refusal
    return web.Response(status=303, headers={"Location": links.to("login", next=request.path_qs)})


def _refuse(request: web.Request, status: int, message: str) -> web.Response:
    if rendering.prefers_json(request.headers.get("Accept", "")):
        return _answer(rendering.message(message), "application/json", status=status)
    return _answer(rendering.refusal(status, message).encode(), "text/html", status=status)


def _answer(body: bytes | AsyncIterator[bytes], media: str, *, status: int = 200) -> web.Response:
    charset = "utf-8" if media == "text/html" else None
    headers = {"Vary": "Accept, Cookie"}
    return web.Response(status=status, body=body, content_type=media, charset=charset, headers=headers)


async def _static(request: web.Request) -> web.StreamResponse:
    found = rendering.assets().get(request.match_info["name"])
    if found is None:
        raise Missing("there is no such file")
    body, media, _ = found
    return web.Response(body=body, content_type=media, charset="utf-8", headers={"Cache-Control": _FOREVER})
