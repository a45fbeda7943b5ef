"""Who may see and do what. One function answers for pages, their records and `explain`, and the cluster decides.

Nothing here knows a role: each question goes to the API server as the person who asks (SelfSubjectAccessReview), so a
page shows what `kubectl` would show them. What a person does is a request of theirs as well, which the API server
grants or refuses by itself. Who has not signed in has no name; such a visitor is let in on loopback alone, where they
see what the service sees, and do nothing.
"""

import asyncio
from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, Protocol, TypeAlias, TypeVar

from deploy.cluster import ports
from gotk.api import scheme
from gotk.api.meta import Object
from gotk.bounded import Bounded
from gotk.kube import errors
from gotk.kube.cache import Caches
from gotk.runtime.clock import Clock
from image_automation.steering import cluster as steering

O = TypeVar("O", bound=Object)  # noqa: E741 - the object's type, as in the cache

#: Namespaces; None for all of them.
Spaces: TypeAlias = frozenset[str] | None

_READING: Final = frozenset({"get", "list", "watch"})
#: For how many seconds an answer of the cluster holds, and how many of them are remembered.
_FRESH: Final = 30.0
_REMEMBERED: Final = 50_000
#: How many questions of one page are under way at once.
_AT_ONCE: Final = 16


class Reads(Protocol):
    """What of any kind the cluster shows to one person. Raises APIError."""

    async def get_object(self, api_version: str, kind: str, namespace: str, name: str) -> dict[str, Any]:
        """Return an object."""
        ...

    async def list_objects(
        self, api_version: str, kind: str, namespace: str = "", *, labels: str = "", fields: str = ""
    ) -> list[dict[str, Any]]:
        """Return the objects of a namespace."""
        ...

    def pod_log(self, namespace: str, pod: str, *, options: Mapping[str, str], lasts: float) -> AsyncIterator[bytes]:
        """Yield the lines of a container's log."""
        ...


class Cluster(Reads, ports.Cluster, steering.Cluster, Protocol):
    """The cluster as one person reaches it."""


@dataclass(frozen=True, slots=True, eq=False)
class Person:
    """Somebody the cluster knows. Whatever goes through `cluster` is a request of theirs."""

    name: str
    groups: tuple[str, ...]
    cluster: Cluster

    @property
    def identity(self) -> tuple[str, ...]:
        """Who it is to the cluster, which grants by groups as by names."""
        return (self.name, *sorted(set(self.groups)))


@dataclass(frozen=True, slots=True)
class Deed:
    """What somebody wants to do to objects of a kind: in every namespace where none is named, to all without a name."""

    verb: str
    kind: type[Object]
    namespace: str = ""
    name: str = ""


@dataclass(frozen=True, slots=True)
class Subject:
    """The one object that a page is about."""

    kind: type[Object]
    namespace: str
    name: str


class NotAllowedError(Exception):
    """The cluster does not let this person do that: the message says what."""


class _LookingAround:
    """What the service itself sees, for who has not signed in: no Secret, and no log."""

    def __init__(self, own: Reads) -> None:
        self._own = own

    async def get_object(self, api_version: str, kind: str, namespace: str, name: str) -> dict[str, Any]:
        """Return an object. Raises APIError."""
        if kind == "Secret":
            raise _sign_in()
        return await self._own.get_object(api_version, kind, namespace, name)

    async def list_objects(
        self, api_version: str, kind: str, namespace: str = "", *, labels: str = "", fields: str = ""
    ) -> list[dict[str, Any]]:
        """Return the objects of a namespace. Raises APIError."""
        if kind == "Secret":
            raise _sign_in()
        return await self._own.list_objects(api_version, kind, namespace, labels=labels, fields=fields)

    def pod_log(self, *_: object, **__: object) -> AsyncIterator[bytes]:
        """Raise Forbidden."""
        raise _sign_in()


def _sign_in() -> errors.Forbidden:
    return errors.Forbidden(403, "Forbidden", "sign in to see this")


class Access:
    """Asks the cluster what people may do, and remembers its answers for a while.

    `own` is the cluster as the service reaches it, for who looks around.
    """

    def __init__(self, clock: Clock, own: Reads) -> None:
        self._clock = clock
        self._own = _LookingAround(own)
        self._answers: Bounded[tuple[Person, Deed], tuple[float, bool]] = Bounded(_REMEMBERED)

    async def may(self, person: Person | None, deed: Deed) -> bool:
        """Tell whether somebody may do something. Raises APIError where the cluster does not say."""
        if person is None:
            return deed.verb in _READING
        if not person.name or not person.groups:
            return False
        known = self._answers.get((person, deed))
        if known is not None and self._clock.monotonic() < known[0]:
            return known[1]
        answer = (await person.cluster.create_object(_question(deed))).get("status") or {}
        allowed = answer.get("allowed") is True
        self._answers.put((person, deed), (self._clock.monotonic() + _FRESH, allowed))
        return allowed

    def reads(self, person: Person | None) -> Reads:
        """Return the cluster as somebody reads it: each request is theirs."""
        return self._own if person is None else person.cluster

    async def require(self, person: Person | None, deed: Deed) -> None:
        """See that somebody may do something. Raises NotAllowedError, and APIError."""
        if not await self.may(person, deed):
            kind = scheme.resource_of(deed.kind).kind
            raise NotAllowedError(f"you may not {deed.verb} the {kind} {deed.namespace}/{deed.name}")

    async def sight(
        self, person: Person | None, caches: Caches, kinds: Iterable[type[Object]], subject: Subject | None = None
    ) -> "Sight":
        """Return what somebody may see of the kinds, and the subject where they may get that one alone."""
        found = await self._spaces(person, "list", caches, kinds)
        single = None
        if subject is not None and subject.kind in found and not _covers(found[subject.kind], subject.namespace):
            seen = await self.may(person, Deed("get", subject.kind, subject.namespace, subject.name))
            single = subject if seen else None
        return Sight(caches, found, single)

    async def writes(self, person: Person | None, caches: Caches, kinds: Iterable[type[Object]]) -> "Writes":
        """Return in which namespaces somebody may change objects of the kinds, whatever their names."""
        return Writes(await self._spaces(person, "patch", caches, kinds) if person is not None else {})

    async def _spaces(
        self, person: Person | None, verb: str, caches: Caches, kinds: Iterable[type[Object]]
    ) -> Mapping[type[Object], Spaces]:
        """Return for each kind that is watched where somebody may do something to its objects."""
        watched = [kind for kind in kinds if any(cache.kind is kind for cache in caches)]
        turns = asyncio.Semaphore(_AT_ONCE)

        async def ask(deed: Deed) -> bool:
            async with turns:
                return await self.may(person, deed)

        async def within(kind: type[Object]) -> Spaces:
            if await ask(Deed(verb, kind)):
                return None
            spaces = sorted({each.metadata.namespace for each in caches.list(kind)})
            allowed = await _all(ask(Deed(verb, kind, space)) for space in spaces)
            return frozenset(space for space, good in zip(spaces, allowed, strict=True) if good)

        return dict(zip(watched, await _all(within(kind) for kind in watched), strict=True))


class Writes:
    """Where somebody may change objects: what pages offer buttons by. The cluster decides anew when one is pressed."""

    def __init__(self, spaces: Mapping[type[Object], Spaces]) -> None:
        self._spaces = spaces

    def may(self, kind: type[Object], namespace: str) -> bool:
        """Tell whether somebody may change every object of a kind in a namespace."""
        return _covers(self._spaces.get(kind, frozenset()), namespace)


class Sight:
    """The objects that somebody may see."""

    def __init__(self, caches: Caches, spaces: Mapping[type[Object], Spaces], single: Subject | None) -> None:
        self._caches = caches
        self._spaces = spaces
        self._single = single

    def get(self, kind: type[O], namespace: str, name: str) -> O | None:
        """Return an object, or None where there is none to be seen."""
        if kind not in self._spaces:
            return None
        if not _covers(self._spaces[kind], namespace) and self._single != Subject(kind, namespace, name):
            return None
        return self._caches.get(kind, namespace, name)

    def list(self, kind: type[O], namespace: str | None = None) -> Sequence[O]:
        """Return the objects of a namespace, or all of them, by namespace and name."""
        spaces = self._spaces.get(kind, frozenset())
        if spaces is None:
            return self._caches.list(kind, namespace)
        wanted = spaces if namespace is None else spaces & {namespace}
        return [each for space in sorted(wanted) for each in self._caches.list(kind, space)]


def _covers(spaces: Spaces, namespace: str) -> bool:
    return spaces is None or namespace in spaces


async def _all(questions: Iterable[Any]) -> list[Any]:
    """Await all of them at once, and raise the first failure as it is."""
    try:
        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(each) for each in questions]
    except ExceptionGroup as failures:
        raise failures.exceptions[0] from None
    return [task.result() for task in tasks]


def _question(deed: Deed) -> dict[str, Any]:
    resource = scheme.resource_of(deed.kind)
    attributes = {
        "verb": deed.verb,
        "group": resource.group,
        "resource": resource.plural,
        "namespace": deed.namespace,
        "name": deed.name,
    }
    return {
        "apiVersion": "authorization.k8s.io/v1",
        "kind": "SelfSubjectAccessReview",
        "spec": {"resourceAttributes": {name: value for name, value in attributes.items() if value}},
    }
