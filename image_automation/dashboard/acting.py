"""What a person does in the dashboard: ask for a run, suspend, resume. Each is a request of theirs, and an event.

The cluster grants or refuses the patch. What was done is said in an Event on the object that names who did it, so
`kubectl`, the dashboard and Alerts tell of it as of anything else that happens to the object.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final, Protocol

from aiohttp import web

from gotk.api.meta import Object
from gotk.kube.cache import Caches
from gotk.runtime import events
from gotk.runtime.clock import Clock, rfc3339
from image_automation import acts
from image_automation.dashboard import door, links, rendering, watched
from image_automation.dashboard.access import Access, Deed, Person, Subject
from image_automation.dashboard.door import Door, SignInFirstError
from image_automation.dashboard.page import Missing, Record

ACT: Final = "/act"
_WHO: Final = "image-automation-dashboard"


class CannotBeDoneError(Exception):
    """What is asked for makes no sense with the object as it is: the message says why."""


class Tells(Protocol):
    """Takes events about objects."""

    def emit(
        self,
        about: events.Reference,
        severity: Any,
        reason: str,
        message: str,
        *,
        controller: str,
        metadata: Mapping[str, str] | None = None,
    ) -> object:
        """Take an event."""
        ...


@dataclass(frozen=True, slots=True)
class Act:
    """Something to ask of an object: on a suspended one (`on_suspended`), or on one that is not."""

    word: str
    label: str
    reason: str
    said: str
    on_suspended: bool

    def fits(self, obj: Object) -> bool:
        """Tell whether it makes sense with the object as it is."""
        return acts.is_suspended(obj) == self.on_suspended

    def patch(self, kind: type[Object], now: datetime) -> dict[str, Any]:
        """Return the patch that asks for it."""
        if self.word == "reconcile":
            return acts.requesting(rfc3339(now))
        return acts.suspending(kind, on=self.word == "suspend")


ACTS: Final = {
    act.word: act
    for act in (
        Act("reconcile", "Reconcile", "ReconcileRequested", "asked for a run", on_suspended=False),
        Act("suspend", "Suspend", "Suspended", "suspended it", on_suspended=False),
        Act("resume", "Resume", "Resumed", "resumed it", on_suspended=True),
    )
}


class Acted(Record, frozen=True, kw_only=True):
    """What was done, as a program is told."""

    act: str
    kind: str
    namespace: str
    name: str
    user: str


class Acting:
    """Does what people ask for."""

    def __init__(self, *, caches: Caches, access: Access, tells: Tells, clock: Clock) -> None:
        self._caches = caches
        self._access = access
        self._tells = tells
        self._clock = clock

    async def offered(self, person: Person | None, about: Subject) -> tuple[str, ...]:
        """Return what a person may do with an object as it is."""
        obj = self._found(about)
        if obj is None or not await self._access.may(person, _deed(about)):
            return ()
        return tuple(act.word for act in ACTS.values() if act.fits(obj))

    async def do(self, person: Person, word: str, about: Subject) -> Acted:
        """Ask it of the object. Raises Missing, CannotBeDoneError, NotAllowedError and APIError."""
        act = ACTS.get(word)
        if act is None:
            raise Missing(f"there is no act {word}")
        await self._access.require(person, _deed(about))
        obj = self._found(about)
        if obj is None:
            raise Missing(f"there is no {about.kind.__name__} {about.namespace}/{about.name}")
        if not act.fits(obj):
            raise CannotBeDoneError("resource is suspended" if acts.is_suspended(obj) else "resource is not suspended")
        patch = act.patch(about.kind, self._clock.now())
        await person.cluster.merge_patch(about.kind, about.namespace, about.name, patch)
        self._tells.emit(
            events.reference(obj.api_version, obj.kind, obj.metadata),
            "Normal",
            act.reason,
            f"{person.name} {act.said} in the dashboard",
            controller=_WHO,
            metadata=events.annotated(obj, {"user": person.name}),
        )
        return Acted(act=word, kind=obj.kind, namespace=about.namespace, name=about.name, user=person.name)

    def _found(self, about: Subject) -> Object | None:
        watched_ = any(cache.kind is about.kind for cache in self._caches)
        return self._caches.get(about.kind, about.namespace, about.name) if watched_ else None


def _deed(about: Subject) -> Deed:
    return Deed("patch", about.kind, about.namespace, about.name)


def routes(entrance: Door, acting: Acting) -> list[web.RouteDef]:
    """Return the route that forms and programs send acts to."""

    async def act(request: web.Request) -> web.Response:
        visit = await entrance.visit(request, free=False)
        if visit.person is None:
            raise SignInFirstError("sign in first")
        if visit.session is not None:
            door.check_origin(request)
        form = {name: str(value) for name, value in (await request.post()).items()}
        door.check_form(visit, form)
        acted = await acting.do(visit.person, form.get("act", ""), watched.subject(form))
        if rendering.prefers_json(request.headers.get("Accept", "")):
            return web.Response(body=rendering.encode(acted), content_type="application/json")
        return web.Response(status=303, headers={"Location": links.local(form.get("next", "/"))})

    return [web.post(ACT, act)]
