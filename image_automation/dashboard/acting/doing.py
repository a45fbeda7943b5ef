"""Does what a person asks for in the dashboard. Each act is a request of theirs, and an event.

The cluster grants or refuses the patch. What was done is said in an Event on the object that names who did it, so
`kubectl`, the dashboard and Alerts tell of it as of anything else that happens to the object.
"""

from collections.abc import Mapping
from typing import Any, Final, Protocol

from gotk.api.meta import Object
from gotk.kube.cache import Caches
from gotk.runtime import events
from gotk.runtime.clock import Clock
from image_automation.dashboard.access import Access, Deed, Person, Subject
from image_automation.dashboard.acting.act import Act, Asked, Done, Tests
from image_automation.dashboard.acting.catalog import ACTS
from image_automation.dashboard.page import Missing, Record
from image_automation.steering.cluster import CannotBeDoneError

_WHO: Final = "image-automation-dashboard"


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


class Acted(Record, frozen=True, kw_only=True):
    """What was done, as a program is told."""

    act: str
    kind: str
    namespace: str
    name: str
    user: str
    said: tuple[str, ...] = ()


class Acting:
    """Does what people ask for."""

    def __init__(self, *, caches: Caches, access: Access, tells: Tells, tests: Tests | None, clock: Clock) -> None:
        self._caches = caches
        self._access = access
        self._tells = tells
        self._tests = tests
        self._clock = clock

    async def offered(self, person: Person | None, about: Subject) -> tuple[str, ...]:
        """Return what a person may do with an object as it is."""
        obj = self._found(about)
        if obj is None or not await self._access.may(person, _deed(about)):
            return ()
        return tuple(act.word for act in ACTS.values() if act.is_of(about.kind) and act.fits(obj))

    async def asked(self, person: Person, word: str, about: Subject) -> tuple[Act, Object]:
        """Return the act of a word and the object, for who may do it. Raises Missing, NotAllowedError and APIError."""
        act = ACTS.get(word)
        if act is None or not act.is_of(about.kind):
            raise Missing(f"there is no act {word} of objects of kind {about.kind.__name__}")
        await self._access.require(person, _deed(about))
        obj = self._found(about)
        if obj is None:
            raise Missing(f"there is no {about.kind.__name__} {about.namespace}/{about.name}")
        return act, obj

    async def do(self, person: Person, word: str, about: Subject, fields: Mapping[str, str]) -> Acted:
        """Do it, and tell of it. Raises CannotBeDoneError besides."""
        act, obj = await self.asked(person, word, about)
        asked = Asked(
            cluster=person.cluster,
            about=about,
            seen=obj,
            now=self._clock.now(),
            by=person.name,
            tests=self._tests,
            fields=fields,
        )
        missing = [field.label for field in act.fields if field.required and not asked[field.name]]
        if missing:
            raise CannotBeDoneError(f"{' and '.join(missing)} must be given")
        done = await act.run(asked)
        self._tell(person, act, obj, done)
        where = {"kind": obj.kind, "namespace": about.namespace, "name": about.name}
        return Acted(act=word, user=person.name, said=done.notes, **where)

    def _tell(self, person: Person, act: Act, obj: Object, done: Done) -> None:
        if not done.did:
            return
        why = f": {done.why}" if done.why else ""
        self._tells.emit(
            events.reference(obj.api_version, obj.kind, obj.metadata),
            "Normal",
            act.reason,
            f"{person.name} {done.did} in the dashboard{why}",
            controller=_WHO,
            metadata=events.annotated(obj, {"user": person.name}),
        )

    def _found(self, about: Subject) -> Object | None:
        watched = any(cache.kind is about.kind for cache in self._caches)
        return self._caches.get(about.kind, about.namespace, about.name) if watched else None


def _deed(about: Subject) -> Deed:
    return Deed("patch", about.kind, about.namespace, about.name)
