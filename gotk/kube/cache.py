"""What the cluster holds of one kind, kept up to date by list and watch: reading costs nothing, changes call handlers.

Answers to client-go's shared informer. Three things are its own. An object that does not fit its struct is kept as
`Undecodable`, so that its controller can say so on the object. What we wrote ourselves is learned from the answer to
the write, so that nobody reads a state older than our own writes. And no failure ends it (`list_watch`).
"""

import asyncio
import random as randomness
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, Generic, TypeVar, cast

import structlog

from gotk.api import scheme
from gotk.api.meta import Object
from gotk.kube import entries
from gotk.kube.entries import Undecodable
from gotk.kube.list_watch import RELIST, WATCH, Clock, ListWatch, Trouble, Watchable, newer

O = TypeVar("O", bound=Object)  # noqa: E741 - the object's type, as everywhere in this module


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
        relist_every: float = RELIST,
        watch_for: int = WATCH,
    ) -> None:
        self.kind = kind
        self.synced = asyncio.Event()
        resource = scheme.resource_of(kind)
        self._source = ListWatch(
            kind,
            self,
            client=client,
            clock=clock,
            random=random or randomness.Random(),  # noqa: S311 - jitter
            namespace=namespace if resource.namespaced else None,
            relist_every=relist_every,
            watch_for=watch_for,
        )
        self._log = structlog.get_logger().bind(logger="cache", watching=f"{resource.plural}.{resource.group}")
        self._entries: dict[str, dict[str, O | Undecodable]] = {}
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

    def learn(self, obj: O, *, tell: bool = False) -> None:
        """Take in what a write of our own has made of an object, ahead of the watch.

        Where it is of the version that is here, it is what this process knows beyond that: no change, and only with
        `tell` somebody is told. The next version that the server has takes its place.
        """
        metadata = obj.metadata
        here = self.get(metadata.namespace, metadata.name)
        if here is not None and here.metadata.resource_version == metadata.resource_version:
            self._entries[metadata.namespace][metadata.name] = obj
            if tell:
                self._notify(here, obj)
            return
        if self._source.position and not newer(metadata.resource_version, self._source.position):
            return
        self._put(obj)

    # Keeping up.

    @property
    def trouble(self) -> Trouble | None:
        """Why what is read here may be old; None while all is well."""
        return self._source.trouble

    async def run(self) -> None:
        """Keep up until cancelled."""
        await self._source.run()

    def replace(self, items: Sequence[bytes], version: str, *, rewound: bool) -> None:
        """Hold these objects and no others, but what is newer than the version stays unless `rewound`."""
        missing = {(namespace, name) for namespace, names in self._entries.items() for name in names}
        for raw in items:
            if (entry := entries.decode(raw, self.kind)) is not None:
                missing.discard((entry.metadata.namespace, entry.metadata.name))
                self._put(entry, even_older=rewound)
        for namespace, name in sorted(missing):
            old = self._entries[namespace][name]
            if rewound or not newer(old.metadata.resource_version, version):
                self._remove(old)
        self.synced.set()

    def take(self, type_: str, raw: bytes) -> str | None:
        """Take in an object that was added, modified or DELETED; return its version, None where it has no name."""
        entry = entries.decode(raw, self.kind)
        if entry is None:
            return None
        if type_ != "DELETED":
            self._put(entry)
            return entry.metadata.resource_version
        old = self.entry(entry.metadata.namespace, entry.metadata.name)
        if old is not None and not newer(old.metadata.resource_version, entry.metadata.resource_version):
            self._remove(old)
        return entry.metadata.resource_version

    def _put(self, entry: O | Undecodable, *, even_older: bool = False) -> None:
        namespace, name = entry.metadata.namespace, entry.metadata.name
        old = self.entry(namespace, name)
        version = entry.metadata.resource_version
        if old is not None and old.metadata.resource_version == version:
            return
        if old is not None and not even_older and not newer(version, old.metadata.resource_version):
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
        clients: Mapping[type[Object], Watchable] | None = None,
    ) -> None:
        """Watch through `client`, or through one of `clients` for its kind, which may see less of it."""
        self._namespace = namespace
        self._client = client
        self._clients = clients or {}
        self._clock = clock
        self._random = random or randomness.Random()  # noqa: S311 - jitter
        self._caches: dict[type[Object], KindCache[Any]] = {}

    def of(self, kind: type[O]) -> KindCache[O]:
        """Return the cache of a kind; the first call makes it."""
        if kind not in self._caches:
            self._caches[kind] = KindCache(
                kind,
                client=self._clients.get(kind, self._client),
                clock=self._clock,
                random=self._random,
                namespace=self._namespace,
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
