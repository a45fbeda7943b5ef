"""Tokens of clouds, kept for most of their lives.

Answers to `fluxcd/pkg/cache.TokenCache` and its flags: an entry lives for 80 % of the token's life, `max_duration` at
most, and the least recently used one goes first; size 0 turns it off. The metrics are Flux's. Whoever asks while a
token is being fetched waits for that one.
"""

import hashlib
from collections.abc import Awaitable, Callable
from typing import NamedTuple, Protocol, TypeVar, cast

import prometheus_client
from prometheus_client import Counter, Gauge

from gotk.bounded import Bounded
from gotk.http.flights import Flights

_SHARE = 0.8
_LONGEST = 3600.0


class Expiring(Protocol):
    """What can be kept: something that ends."""

    @property
    def expires(self) -> "Moment":
        """When it ends."""
        ...


class Moment(Protocol):
    """A point in time."""

    def timestamp(self) -> float:
        """Return the seconds since 1970."""
        ...


E_ = TypeVar("E_", bound=Expiring)


class Subject(NamedTuple):
    """The object that a token is for, and what for: what the metrics are counted by."""

    kind: str
    namespace: str
    name: str
    operation: str = "reconcile"


class TokenCache:
    """Tokens by what they are for. `now` gives seconds since 1970."""

    def __init__(
        self,
        *,
        now: Callable[[], float],
        max_size: int = 100,
        max_duration: float = _LONGEST,
        registry: prometheus_client.CollectorRegistry | None = None,
    ) -> None:
        self._now = now
        self._max_size = max_size
        self._max_duration = min(max_duration, _LONGEST)
        self._kept: Bounded[str, tuple[Expiring, float]] = Bounded(max_size)
        self._flights: Flights[str, Expiring] = Flights()
        registry = registry or prometheus_client.CollectorRegistry()
        self._events = Counter(
            "gotk_token_cache_events_total",
            "Total number of cache retrieval events for a Gitops Toolkit resource reconciliation.",
            ("event_type", "kind", "name", "namespace", "operation"),
            registry=registry,
        )
        self._requests = Counter(
            "gotk_token_cache_requests_total",
            "Total number of cache requests partitioned by success or failure.",
            ("status",),
            registry=registry,
        )
        self._evictions = Counter(
            "gotk_token_cache_evictions_total", "Total number of cache evictions.", registry=registry
        )
        self._items = Gauge("gotk_token_cached_items", "Total number of items in the cache.", registry=registry)

    async def get(self, key: tuple[str, ...], subject: Subject, make: Callable[[], Awaitable[E_]]) -> E_:
        """Return the token for a key, made now where none is kept. The key may hold secrets: only its hash is."""
        if self._max_size <= 0:
            return await make()
        digest = hashlib.sha256("\0".join(key).encode()).hexdigest()
        kept, until = self._kept.get(digest) or (None, 0.0)
        if kept is not None and until > self._now():
            self._count("cache_hit", subject)
            return cast("E_", kept)
        self._count("cache_miss", subject)
        return cast("E_", await self._flights.share(digest, lambda: self._make(digest, make)))

    def forget(self, subject: Subject) -> None:
        """An object is gone: drop its series."""
        for event in ("cache_hit", "cache_miss"):
            try:
                self._events.remove(event, subject.kind, subject.name, subject.namespace, subject.operation)
            except KeyError:
                continue

    async def _make(self, digest: str, make: Callable[[], Awaitable[Expiring]]) -> Expiring:
        try:
            token = await make()
        except BaseException:
            self._requests.labels("failure").inc()
            raise
        self._requests.labels("success").inc()
        left = token.expires.timestamp() - self._now()
        evicted = self._kept.put(digest, (token, self._now() + min(_SHARE * left, self._max_duration)))
        self._evictions.inc(len(evicted))
        self._items.set(len(self._kept))
        return token

    def _count(self, event: str, subject: Subject) -> None:
        self._events.labels(event, subject.kind, subject.name, subject.namespace, subject.operation).inc()
