"""The two places that events go to: Events of the cluster, and a notification-controller's address.

Answers to client-go's `tools/record` (one Event object per distinct event, counted up by patches; at most 25 of an
object at once, then one every five minutes) and to `fluxcd/pkg/runtime/events` (the JSON that is posted). Flux writes
an event for each run that changed nothing; here the same one is written every half hour, and of all objects together
only so many a second: at the start of a big fleet each of them has one to say.
"""

import asyncio
import contextlib
import hashlib
import re
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Protocol

import msgspec
from yarl import URL

from gotk import retry
from gotk.bounded import Bounded
from gotk.http.egress import Reach
from gotk.http.errors import HTTPError, Unavailable
from gotk.http.transport import Request, Transport
from gotk.kube import errors
from gotk.runtime.clock import Clock, rfc3339
from gotk.runtime.events import Event

_REMEMBERED = 4096
_BURST = 25
_REFILL = 300.0
#: For how many seconds a trace, or what is routine, is not said again that says the same but for its numbers: Events
#: last an hour.
_SAID = 1800.0
#: How many of those are written at once, and how many a second after that.
_ROUTINE_BURST, _ROUTINE_RATE = 100.0, 1.0
_NUMBERS = re.compile(r"(?:[0-9.]+(?:[mµn]s|[hms])?)+")
#: As often and as far apart as client-go's broadcaster tries.
_WRITE_BACKOFF = retry.Backoff(tries=12, first=0.5, longest=10.0)
_POST_TIMEOUT = 5.0
_POST_BACKOFF = retry.Backoff(tries=5, first=1.0, longest=30.0)
_POST_ANSWER = 64 * 1024
_JSON = {"Content-Type": "application/json"}


class EventObjects(Protocol):
    """What the Kubernetes sink needs of a client."""

    async def create_object(self, obj: Mapping[str, Any]) -> dict[str, Any]:
        """Create an object."""
        ...

    async def patch_object(
        self, api_version: str, kind: str, namespace: str, name: str, patch: Mapping[str, Any]
    ) -> dict[str, Any]:
        """Merge fields into an object."""
        ...


class KubernetesEvents:
    """Writes `v1/Event` objects; the same event again counts up the object that is there."""

    name = "kubernetes"

    def __init__(self, *, client: EventObjects, clock: Clock) -> None:
        self._client = client
        self._clock = clock
        self._stamp = 0
        self._seen: Bounded[bytes, tuple[str, int]] = Bounded(_REMEMBERED)
        self._tokens: Bounded[tuple[str, ...], tuple[float, float]] = Bounded(_REMEMBERED)
        self._said: Bounded[int, float] = Bounded(4 * _REMEMBERED)
        self._routine = (_ROUTINE_BURST, clock.monotonic())

    def wants(self, event: Event) -> bool:
        """Take every event that does not come too often from its object, and routine only where it says something."""
        key = (event.controller, event.about.kind, event.about.namespace, event.about.name, event.about.uid)
        now = self._clock.monotonic()
        if event.severity == "Noted":
            return False
        said = None
        if event.severity in {"Trace", "Routine"}:
            said = hash((*key, event.reason, _NUMBERS.sub("#", event.message)))
            if not self._is_news(said, now):
                return False
        tokens, since = self._tokens.peek(key) or (float(_BURST), now)
        tokens = min(float(_BURST), tokens + (now - since) / _REFILL)
        allowed = tokens >= 1.0
        self._tokens.put(key, (tokens - 1.0 if allowed else tokens, now))
        if allowed and said is not None:
            self._said.put(said, now)
        return allowed

    def _is_news(self, said: int, now: float) -> bool:
        """Tell whether a trace was not said lately: what an object at rest says at each interval costs a request."""
        tokens, refilled = self._routine
        tokens = min(_ROUTINE_BURST, tokens + (now - refilled) * _ROUTINE_RATE)
        if tokens < 1.0:
            return False
        since = self._said.peek(said)
        if since is not None and now - since < _SAID:
            return False
        self._routine = (tokens - 1.0, now)
        return True

    async def send(self, event: Event) -> None:
        """Count the event up, or create it; again while the API is busy or away. Raises APIError."""
        about, type_ = event.about, "Warning" if event.severity == "Warning" else "Normal"
        same_object = (about.api_version, about.kind, about.namespace, about.name, about.uid)
        said = "\n".join((*same_object, event.controller, type_, event.reason, event.message))
        key = hashlib.sha256(said.encode()).digest()
        name, count = self._seen.pop(key) or ("", 0)
        namespace = about.namespace or "default"
        now = rfc3339(event.time)
        if name:
            try:
                patch = {"count": count + 1, "lastTimestamp": now}
                await self._persist(lambda: self._client.patch_object("v1", "Event", namespace, name, patch))
            except errors.NotFound:
                name = ""
        if not name:
            self._stamp = max(self._stamp + 1, int(event.time.timestamp() * 1_000_000_000))
            name = f"{about.name}.{self._stamp:x}"
            count = 0
            await self._create(event, namespace, name, type_, now)
        self._seen.put(key, (name, count + 1))

    async def _create(self, event: Event, namespace: str, name: str, type_: str, now: str) -> None:
        metadata: dict[str, Any] = {"name": name, "namespace": namespace}
        if event.metadata:
            metadata["annotations"] = dict(event.metadata)
        body = {
            "apiVersion": "v1",
            "kind": "Event",
            "metadata": metadata,
            "involvedObject": event.about.as_json(),
            "type": type_,
            "reason": event.reason,
            "message": event.message,
            "source": {"component": event.controller},
            "reportingComponent": event.controller,
            "reportingInstance": "",
            "firstTimestamp": now,
            "lastTimestamp": now,
            "count": 1,
        }
        with contextlib.suppress(errors.AlreadyExists):  # a try before, whose answer was lost
            await self._persist(lambda: self._client.create_object(body))

    async def _persist(self, write: Callable[[], Awaitable[Any]]) -> None:
        def pause(error: Exception, due: float) -> float | None:
            return due if isinstance(error, errors.APIError) and error.temporary else None

        await retry.run(write, _WRITE_BACKOFF, sleep=self._clock.sleep, pause=pause)


class PostedEvents:
    """Posts events as JSON to a notification-controller compatible address, over a transport that the caller owns."""

    name = "events-addr"

    def __init__(self, *, address: str, instance: str, transport: Transport, clock: Clock) -> None:
        self._address = address
        self._instance = instance
        self._transport = transport
        self._clock = clock

    def wants(self, event: Event) -> bool:
        """Take all but traces."""
        return event.severity != "Trace"

    async def send(self, event: Event) -> None:
        """Post the event, again on connection errors and 5xx. Raises HTTPError, TimeoutError."""

        def pause(error: Exception, due: float) -> float | None:
            passes = isinstance(error, TimeoutError) or (isinstance(error, HTTPError) and error.temporary)
            return due if passes else None

        await retry.run(lambda: self._post(event), _POST_BACKOFF, sleep=self._clock.sleep, pause=pause)

    async def _post(self, event: Event) -> None:
        request = Request(
            method="POST",
            url=URL(self._address),
            headers=_JSON,
            data=msgspec.json.encode(posted(event, self._instance)),
            limit=_POST_ANSWER,
            cut=True,
            most=Reach.LOOPBACK,
        )
        async with asyncio.timeout(_POST_TIMEOUT):
            status = (await self._transport.send(request)).status
        # 429 says that the receiver has had the same event a short time ago.
        if status >= 400 and status != 429:
            kind = Unavailable if status >= 500 else HTTPError
            raise kind(f"the receiver of events answered HTTP {status}", status=status)


def posted(event: Event, instance: str) -> dict[str, Any]:
    """Return the JSON of an event as Flux posts it."""
    body = {
        "involvedObject": event.about.as_json(),
        "severity": "error" if event.severity == "Warning" else "info",
        "timestamp": rfc3339(event.time),
        "message": event.message,
        "reason": event.reason,
        "metadata": dict(event.metadata),
        "reportingController": event.controller,
        "reportingInstance": instance,
    }
    if not event.metadata:
        del body["metadata"]
    return body
