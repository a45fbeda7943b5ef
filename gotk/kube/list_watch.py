"""List, then watch: how a cache keeps up with one kind through everything that ends a watch.

Answers to client-go's Reflector. A watch that ended or broke goes on from the last version that was seen; only where
the server no longer knows that one (410), or answers with anything but trouble of its own, everything is listed anew.

HTTP/1.1 has no ping. So the server is asked to let a watch last a short while only, and its end is the sign of life: a
stream that outlasts it is dead, and the next one begins where it stopped. That costs a request, and no list.

After a failure the server is asked how far it is before a watch goes on: one that was restored from a backup would
keep silent about everything that it has yet to do again.
"""

import random as randomness
from collections.abc import AsyncIterator, Sequence
from contextlib import aclosing
from dataclasses import dataclass
from typing import Any, Generic, Protocol, TypeVar, cast

import msgspec
import structlog

from gotk.api import scheme
from gotk.api.meta import Object
from gotk.kube import errors

O = TypeVar("O", bound=Object)  # noqa: E741 - the object's type, as everywhere in this module

_BACKOFF = 0.5
_BACKOFF_LIMIT = 30.0
_LASTED = 10.0
#: For how many seconds a watch lasts, and every how many seconds everything is listed again all the same.
WATCH = 25
RELIST = 36000.0


class Watchable(Protocol):
    """What is needed of a client."""

    async def list_raw(self, kind: type[O], namespace: str | None = None) -> tuple[Sequence[bytes], str]:
        """Return the objects of a namespace, or all, as JSON, and the resource version to watch from."""
        ...

    async def newest(self, kind: type[O], namespace: str | None = None) -> str:
        """Return the resource version of now."""
        ...

    def watch(
        self, kind: type[O], *, resource_version: str, namespace: str | None = None, timeout_seconds: int
    ) -> AsyncIterator[tuple[str, bytes]]:
        """Yield (type, object as JSON) until the stream ends, after that time at the latest.

        Raises Expired when the version is too old.
        """
        ...


class Store(Protocol):
    """Where it goes."""

    def replace(self, items: Sequence[bytes], version: str, *, rewound: bool) -> None:
        """Hold these objects and no others. `rewound`: they may be older than those that were held."""
        ...

    def take(self, type_: str, raw: bytes) -> str | None:
        """Take in an ADDED, MODIFIED or DELETED object; return its version, or None where it cannot be read."""
        ...


class Clock(Protocol):
    """What is needed of a clock."""

    def monotonic(self) -> float:
        """Return seconds that never go back."""
        ...

    async def sleep(self, seconds: float) -> None:
        """Wait."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Trouble:
    """Why a kind is not kept up with: since when by the clock, and what was said last."""

    since: float
    error: errors.APIError


class ListWatch(Generic[O]):
    """Keeps a store up to date with one kind, of one namespace or of all."""

    def __init__(
        self,
        kind: type[O],
        store: Store,
        *,
        client: Watchable,
        clock: Clock,
        random: randomness.Random,
        namespace: str | None,
        relist_every: float,
        watch_for: int,
    ) -> None:
        #: The version that the store has come to; empty before the first list.
        self.position = ""
        #: Set from the first failure until a watch lasts, or says something.
        self.trouble: Trouble | None = None
        self._kind = kind
        self._store = store
        self._client = client
        self._clock = clock
        self._random = random
        self._namespace = namespace
        self._relist_every = relist_every
        self._watch_for = watch_for
        self._relist_at = float("-inf")
        resource = scheme.resource_of(kind)
        self._log = structlog.get_logger().bind(logger="cache", watching=f"{resource.plural}.{resource.group}")

    async def run(self) -> None:
        """List and watch until cancelled."""
        failures = 0
        while True:
            began, seen = self._clock.monotonic(), self.position
            error = await self._follow_safely()
            lasted = self._clock.monotonic() - began >= _LASTED
            if error is None and (lasted or self.position != seen):
                failures = 0
                continue
            failures = 1 if lasted else failures + 1
            delay = min(_BACKOFF_LIMIT, _BACKOFF * 2.0 ** min(failures - 1, 16)) * self._random.uniform(0.5, 1.5)
            asked = (error and error.retry_after) or 0.0
            await self._clock.sleep(max(delay, min(asked, _BACKOFF_LIMIT)))

    async def _follow_safely(self) -> errors.APIError | None:
        """List where needed, then watch until the stream ends. What ended it otherwise is logged and returned."""
        try:
            if self._clock.monotonic() >= self._relist_at or (self.trouble is not None and await self._rewound()):
                await self._relist()
            await self._follow()
        except errors.APIError as error:
            failure = error
            self._log.info("cannot watch, trying again", error=error.message, reason=error.reason)
        except Exception as error:  # noqa: BLE001 - a bug in one kind's stream must not stop the other kinds
            failure = errors.APIError(0, "InternalError", f"{type(error).__name__}: {error}")
            self._log.exception("the watch failed, listing again")
        else:
            self.trouble = None
            return None
        if not failure.temporary:  # after the server's own trouble a watch goes on from where it was
            self._relist_at = float("-inf")
        since = self.trouble.since if self.trouble is not None else self._clock.monotonic()
        self.trouble = Trouble(since=since, error=failure)
        return failure

    async def _rewound(self) -> bool:
        """Tell whether the server has gone back to before what we have seen of it."""
        return newer(self.position, await self._client.newest(self._kind, self._namespace))

    async def _relist(self) -> None:
        items, version = await self._client.list_raw(self._kind, self._namespace)
        rewound = bool(self.position) and newer(self.position, version)
        if rewound:
            self._log.info("the server has gone back in time, taking its state over", version=version)
        self._store.replace(items, version, rewound=rewound)
        self.position = version
        self._relist_at = self._clock.monotonic() + self._relist_every * self._random.uniform(0.9, 1.1)

    async def _follow(self) -> None:
        stream = self._client.watch(
            self._kind, resource_version=self.position, namespace=self._namespace, timeout_seconds=self._watch_for
        )
        async with aclosing(cast("Any", stream)) as events:
            async for type_, raw in events:
                if type_ == "BOOKMARK":
                    self.position = msgspec.json.decode(raw, type=_Bookmark).metadata.resource_version
                else:
                    self.position = self._store.take(type_, raw) or self.position
                self.trouble = None


class _Version(msgspec.Struct, rename="camel"):
    resource_version: str


class _Bookmark(msgspec.Struct):
    metadata: _Version


def newer(version: str, than: str) -> bool:
    """Compare resource versions: as the numbers that they are, else any other one counts as newer."""
    if version.isdecimal() and than.isdecimal():
        return int(version) > int(than)
    return version != than
