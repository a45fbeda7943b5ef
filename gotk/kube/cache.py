"""What the cluster holds of one kind, kept up to date by list and watch: reading costs nothing, changes call handlers.

Answers to client-go's Reflector and shared informer. Three things are its own. An object that does not fit its struct
is kept as `Undecodable`, so that its controller can say so on the object. What we wrote ourselves is learned from the
answer to the write, so that nobody reads a state older than our own writes. And no failure ends it: a broken stream
lists again with a jittered backoff, a kind that is not served yet is asked for until it is.
"""

import asyncio
import random as randomness
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import aclosing
from typing import Any, Generic, Protocol, TypeVar, cast

import msgspec
import structlog

from gotk.api import scheme
from gotk.api.meta import Object
from gotk.kube import entries, errors
from gotk.kube.entries import Undecodable

O = TypeVar("O", bound=Object)  # noqa: E741 - the object's type, as everywhere in this module

_BACKOFF = 0.5
_BACKOFF_LIMIT = 30.0
_STREAM_LIMIT = 600.0
_LASTED = 10.0
_RELIST = 36000.0


class Watchable(Protocol):
    """What the cache needs of a client."""

    async def list_raw(self, kind: type[O], namespace: str | None = None) -> tuple[Sequence[bytes], str]:
        """Return the objects of a namespace, or all, as JSON, and the resource version to watch from."""
        ...

    def watch(
        self, kind: type[O], *, resource_version: str, namespace: str | None = None
    ) -> AsyncIterator[tuple[str, bytes]]:
        """Yield (type, object as JSON) until the stream ends. Raises Expired when the version is too old."""
        ...


class Clock(Protocol):
    """What the cache needs of a clock."""

    def monotonic(self) -> float:
        """Return seconds that never go back."""
        ...

    async def sleep(self, seconds: float) -> None:
        """Wait."""
        ...


class KindCache(Generic[O]):
    """The objects of one kind, of one namespace or of all. `run` keeps them up to date; `synced`: all were seen."""

    def __init__(
        self,
        kind: type[O],
        *,
        client: Watchable,
        clock: Clock,
        random: randomness.Random | None = None,
        namespace: str | None = None,
        relist_every: float = _RELIST,
    ) -> None:
        self.kind = kind
        self.synced = asyncio.Event()
        self._client = client
        self._clock = clock
        self._random = random or randomness.Random()  # noqa: S311 - jitter
        self._relist_every = relist_every
        self._relist_at = 0.0
        resource = scheme.resource_of(kind)
        self._namespace = namespace if resource.namespaced else None
        self._log = structlog.get_logger().bind(logger="cache", watching=f"{resource.plural}.{resource.group}")
        self._entries: dict[str, dict[str, O | Undecodable]] = {}
        self._position = ""
        self._broken = True
        self._handlers: list[Callable[[O | Undecodable | None, O | Undecodable | None], None]] = []

    # Reading.

    def entry(self, namespace: str, name: str) -> O | Undecodable | None:
        """Return the object, the note that it cannot be decoded, or None."""
        return self._entries.get(namespace, {}).get(name)

    def get(self, namespace: str, name: str) -> O | None:
        """Return the object, or None where there is none that can be decoded."""
        entry = self.entry(namespace, name)
        return None if isinstance(entry, Undecodable) else entry

    def list(self, namespace: str | None = None) -> Sequence[O]:
        """Return the decodable objects of a namespace, or of all, by namespace and name."""
        namespaces = sorted(self._entries) if namespace is None else [namespace]
        return [
            entry
            for each in namespaces
            for _, entry in sorted(self._entries.get(each, {}).items())
            if not isinstance(entry, Undecodable)
        ]

    def subscribe(self, handler: Callable[[O | Undecodable | None, O | Undecodable | None], None]) -> None:
        """Call `handler(old, new)` on every change from now on; `old` is None on creation, `new` on deletion."""
        self._handlers.append(handler)

    def learn(self, obj: O) -> None:
        """Take in what a write of our own has made of an object, ahead of the watch."""
        if self._position and not _newer(obj.metadata.resource_version, self._position):
            return
        self._put(obj)

    # Keeping up.

    async def run(self) -> None:
        """List and watch until cancelled."""
        failures = 0
        while True:
            began, seen = self._clock.monotonic(), self._position
            broken = await self._follow_safely()
            lasted = self._clock.monotonic() - began >= _LASTED
            if not broken and (lasted or self._position != seen):
                failures = 0
                continue
            failures = 1 if lasted else failures + 1
            delay = min(_BACKOFF_LIMIT, _BACKOFF * 2.0 ** min(failures - 1, 16))
            await self._clock.sleep(delay * self._random.uniform(0.5, 1.5))

    async def _follow_safely(self) -> bool:
        """List where needed, then watch until the stream ends; whatever happens is logged. Tells whether it broke."""
        try:
            async with asyncio.timeout(None) as limit:
                if self._broken or self._clock.monotonic() >= self._relist_at:
                    await self._relist()
                limit.reschedule(asyncio.get_running_loop().time() + _STREAM_LIMIT)
                await self._follow()
        except errors.Expired:
            self._log.debug("the watch is too far behind, listing again")
        except errors.APIError as error:
            self._log.info("cannot watch, trying again", error=error.message, reason=error.reason)
        except TimeoutError:
            self._log.info("the watch did not end in time, listing again")
        except Exception:  # noqa: BLE001 - a bug in one kind's stream must not stop the other kinds
            self._log.exception("the watch failed, listing again")
        else:
            return False
        self._broken = True
        return True

    async def _relist(self) -> None:
        items, version = await self._client.list_raw(self.kind, self._namespace)
        rewound = bool(self._position) and _newer(self._position, version)
        if rewound:
            self._log.info("the server has gone back in time, taking its state over", version=version)
        missing = {(namespace, name) for namespace, names in self._entries.items() for name in names}
        for raw in items:
            if (entry := entries.decode(raw, self.kind)) is not None:
                missing.discard((entry.metadata.namespace, entry.metadata.name))
                self._put(entry, even_older=rewound)
        for namespace, name in sorted(missing):
            old = self._entries[namespace][name]
            if rewound or not _newer(old.metadata.resource_version, version):
                self._remove(old)
        self._position = version
        self._relist_at = self._clock.monotonic() + self._relist_every * self._random.uniform(0.9, 1.1)
        self._broken = False
        self.synced.set()

    async def _follow(self) -> None:
        stream = self._client.watch(self.kind, resource_version=self._position, namespace=self._namespace)
        async with aclosing(cast("Any", stream)) as events:
            async for type_, raw in events:
                self._take(type_, raw)

    def _take(self, type_: str, raw: bytes) -> None:
        if type_ == "ERROR":
            status = msgspec.json.decode(raw)
            raise errors.from_status(int(status.get("code") or 500), status)
        if type_ == "BOOKMARK":
            self._position = msgspec.json.decode(raw, type=_Bookmark).metadata.resource_version
            return
        entry = entries.decode(raw, self.kind)
        if entry is None:
            return
        self._position = entry.metadata.resource_version
        if type_ != "DELETED":
            self._put(entry)
            return
        old = self.entry(entry.metadata.namespace, entry.metadata.name)
        if old is not None and not _newer(old.metadata.resource_version, entry.metadata.resource_version):
            self._remove(old)

    def _put(self, entry: O | Undecodable, *, even_older: bool = False) -> None:
        namespace, name = entry.metadata.namespace, entry.metadata.name
        old = self.entry(namespace, name)
        version = entry.metadata.resource_version
        if old is not None and old.metadata.resource_version == version:
            return
        if old is not None and not even_older and not _newer(version, old.metadata.resource_version):
            return
        self._entries.setdefault(namespace, {})[name] = entry
        self._notify(old, entry)

    def _remove(self, old: O | Undecodable) -> None:
        names = self._entries[old.metadata.namespace]
        del names[old.metadata.name]
        if not names:
            del self._entries[old.metadata.namespace]
        self._notify(old, None)

    def _notify(self, old: O | Undecodable | None, new: O | Undecodable | None) -> None:
        for handler in self._handlers:
            try:
                handler(old, new)
            except Exception:  # noqa: BLE001 - one handler's bug must not keep the change from the others
                self._log.exception("a watch handler failed")


class Caches:
    """The caches of all kinds, one each. This is the `Reader` that reconcilers are given.

    With a `namespace` only its objects are watched (`--watch-all-namespaces=false`).
    """

    def __init__(
        self,
        client: Watchable,
        *,
        clock: Clock,
        random: randomness.Random | None = None,
        namespace: str | None = None,
    ) -> None:
        self._namespace = namespace
        self._client = client
        self._clock = clock
        self._random = random or randomness.Random()  # noqa: S311 - jitter
        self._caches: dict[type[Object], KindCache[Any]] = {}

    def of(self, kind: type[O]) -> KindCache[O]:
        """Return the cache of a kind; the first call makes it."""
        if kind not in self._caches:
            self._caches[kind] = KindCache(
                kind, client=self._client, clock=self._clock, random=self._random, namespace=self._namespace
            )
        return cast("KindCache[O]", self._caches[kind])

    def __iter__(self) -> Iterator[KindCache[Any]]:
        return iter(tuple(self._caches.values()))

    @property
    def synced(self) -> bool:
        """Whether all caches have seen all objects."""
        return all(cache.synced.is_set() for cache in self)

    def get(self, kind: type[O], namespace: str, name: str) -> O | None:
        """Return the object, or None where there is none. The kind must be watched."""
        return self._watched(kind).get(namespace, name)

    def list(self, kind: type[O], namespace: str | None = None) -> Sequence[O]:
        """Return the objects of a namespace, or all of them. The kind must be watched."""
        return self._watched(kind).list(namespace)

    def _watched(self, kind: type[O]) -> KindCache[O]:
        if kind not in self._caches:
            raise LookupError(f"{kind.__name__} is not watched: name it in the reconciler's watches")
        return self.of(kind)


class _Version(msgspec.Struct, rename="camel"):
    resource_version: str


class _Bookmark(msgspec.Struct):
    metadata: _Version


def _newer(version: str, than: str) -> bool:
    """Compare resource versions: as the numbers that they are, else any other one counts as newer."""
    if version.isdecimal() and than.isdecimal():
        return int(version) > int(than)
    return version != than
