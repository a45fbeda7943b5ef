"""What events say, whom they are about, and where they go: the values and the door that the runtime knocks at.

Answers to `fluxcd/pkg/runtime/events`. A `Trace` is a Kubernetes event of type Normal that no alert ever sees; of a
`Routine` alerts see each, and a `Noted` they alone see.
"""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Protocol

import structlog

from gotk.api.meta import Object, ObjectMeta
from gotk.runtime.clock import Clock
from gotk.runtime.metrics import Metrics
from gotk.runtime.reconciler import Severity

ANNOTATION_PREFIX = "event.toolkit.fluxcd.io/"
MESSAGE_LIMIT = 39000
_QUEUE = 1000


@dataclass(frozen=True, slots=True, kw_only=True)
class Reference:
    """The object that an event is about."""

    api_version: str
    kind: str
    namespace: str
    name: str
    uid: str = ""
    resource_version: str = ""

    def as_json(self) -> dict[str, str]:
        """Return the reference as the APIs write it, in Go's order and without what is empty."""
        fields = {
            "kind": self.kind,
            "namespace": self.namespace,
            "name": self.name,
            "uid": self.uid,
            "apiVersion": self.api_version,
            "resourceVersion": self.resource_version,
        }
        return {name: value for name, value in fields.items() if value}


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """One event. `metadata` becomes annotations of the Kubernetes event and metadata of the posted one."""

    about: Reference
    severity: Severity
    reason: str
    message: str
    controller: str
    time: datetime
    metadata: Mapping[str, str] = field(default_factory=dict)


class Delivery:
    """An event on its way to several places. Whoever must not forget it first waits for its end."""

    __slots__ = ("_ended", "_left")

    def __init__(self) -> None:
        self._left = 0
        self._ended = asyncio.Event()
        self._ended.set()

    def begun(self) -> None:
        """Count one more place that it is on its way to."""
        self._left += 1
        self._ended.clear()

    def done(self) -> None:
        """Count a place that has taken it, or was given up."""
        self._left -= 1
        if not self._left:
            self._ended.set()

    async def ended(self) -> None:
        """Wait until every place has taken it or was given up."""
        await self._ended.wait()


class Sink(Protocol):
    """Where events go."""

    #: A name for metrics and logs.
    name: str

    def wants(self, event: Event) -> bool:
        """Tell whether the event goes here."""
        ...

    async def send(self, event: Event) -> None:
        """Deliver the event; retries are the sink's own, failures are raised as OSError-like or API errors."""
        ...


def reference(api_version: str, kind: str, metadata: ObjectMeta) -> Reference:
    """Return the reference to an object with this metadata."""
    return Reference(
        api_version=api_version,
        kind=kind,
        namespace=metadata.namespace,
        name=metadata.name,
        uid=metadata.uid,
        resource_version=metadata.resource_version,
    )


def annotated(obj: Object | ObjectMeta, metadata: Mapping[str, str]) -> dict[str, str]:
    """Join an event's metadata with the object's own `event.toolkit.fluxcd.io/` annotations, which win."""
    meta = obj.metadata if isinstance(obj, Object) else obj
    own = {name: value for name, value in meta.annotations.items() if name.startswith(ANNOTATION_PREFIX)}
    return {**metadata, **own}


class Recorder:
    """Takes events without waiting and hands each to every sink that wants it, in order, within a bounded queue.

    A sink that is slow or gone costs the events that no longer fit, never a reconcile.
    """

    def __init__(self, sinks: Sequence[Sink], *, clock: Clock, metrics: Metrics, size: int = _QUEUE) -> None:
        self._lanes = [(sink, asyncio.Queue[tuple[Event, Delivery]](size)) for sink in sinks]
        self._clock = clock
        self._metrics = metrics
        self._log = structlog.get_logger().bind(logger="events")

    def emit(
        self,
        about: Reference,
        severity: Severity,
        reason: str,
        message: str,
        *,
        controller: str,
        metadata: Mapping[str, str] | None = None,
    ) -> Delivery:
        """Take an event; never waits and never raises."""
        event = Event(
            about=about,
            severity=severity,
            reason=reason,
            message=message if len(message) <= MESSAGE_LIMIT else message[: MESSAGE_LIMIT - 3] + "...",
            controller=controller,
            time=self._clock.now(),
            metadata=dict(metadata or {}),
        )
        delivery = Delivery()
        for sink, queue in self._lanes:
            if not sink.wants(event):
                continue
            try:
                queue.put_nowait((event, delivery))
            except asyncio.QueueFull:
                self._dropped(sink, event, "the queue is full")
            else:
                delivery.begun()
        return delivery

    async def run(self) -> None:
        """Deliver events until cancelled."""
        async with asyncio.TaskGroup() as group:
            for sink, queue in self._lanes:
                group.create_task(self._deliver(sink, queue), name=f"events to {sink.name}")

    async def flush(self) -> None:
        """Wait until all that was emitted has been delivered or dropped; `run` must be under way."""
        for _, queue in self._lanes:
            await queue.join()

    async def _deliver(self, sink: Sink, queue: asyncio.Queue[tuple[Event, Delivery]]) -> None:
        while True:
            event, delivery = await queue.get()
            try:
                await sink.send(event)
            except Exception as error:  # noqa: BLE001 - an event that cannot be delivered must not stop the next one
                self._dropped(sink, event, str(error) or type(error).__name__)
            finally:
                queue.task_done()
                delivery.done()

    def _dropped(self, sink: Sink, event: Event, cause: str) -> None:
        self._metrics.dropped_events.labels(sink.name).inc()
        self._log.info(
            "event not delivered",
            sink=sink.name,
            error=cause,
            about=f"{event.about.kind}/{event.about.namespace}/{event.about.name}",
            reason=event.reason,
        )
