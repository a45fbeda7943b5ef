"""One run over one object: the state that a reconciler changes, and how it gets written and said."""

import asyncio
from collections.abc import Callable, Collection, Mapping
from datetime import datetime
from typing import Any, Generic, Protocol, TypeVar, cast

import msgspec
from structlog.typing import FilteringBoundLogger

from gotk.api.meta import REQUESTED_AT, Object, ReconcileStatus
from gotk.kube.errors import APIError
from gotk.runtime import conditions, status
from gotk.runtime.clock import Clock
from gotk.runtime.events import Delivery
from gotk.runtime.reconciler import Severity, Woken

O = TypeVar("O", bound=Object)  # noqa: E741 - the object's type, as everywhere in this module
S = TypeVar("S", bound=ReconcileStatus)

Emit = Callable[[Severity, str, str, Mapping[str, str]], Delivery]
#: For how many seconds a run waits for the delivery of an event.
_DELIVERY = 10.0
#: For how many seconds what goes on is not worth a write: the run may have got further, or have ended.
_MOMENT = 1.0


class Writer(Protocol[O]):
    """Where an object's status and annotations go. Returns what it became, or None where it is gone."""

    async def write(self, base: O, wanted: ReconcileStatus, owned: Collection[str]) -> O | None:
        """Make the status `wanted`; conditions of types that are not `owned` stay as they are."""
        ...

    async def annotate(self, base: O, annotations: Mapping[str, str | None]) -> O | None:
        """Set annotations, or take them away where None."""
        ...


class Announcements:
    """Runs that have said what goes on: it is written once they have lasted a moment longer, in the order of saying."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._due: dict[ObjectRun[Any, Any], float] = {}
        self._added = asyncio.Event()

    def add(self, run: "ObjectRun[Any, Any]") -> None:
        """Take a run in; where it is in already it keeps its place."""
        self._due.setdefault(run, self._clock.monotonic() + _MOMENT)
        self._added.set()

    def drop(self, run: "ObjectRun[Any, Any]") -> None:
        """Take a run out: what goes on has been written, or it has ended."""
        self._due.pop(run, None)

    async def write(self) -> None:
        """Write what is due, without an end."""
        while True:
            if not self._due:
                self._added.clear()
                await self._added.wait()
                continue
            run, due = next(iter(self._due.items()))
            if (early := due - self._clock.monotonic()) > 0:
                await self._clock.sleep(early)
            elif self._due.pop(run, None):
                await run.write_announced()


class ObjectRun(Generic[O, S]):
    """The `Run` that the controller hands to a reconciler. `learn` is given every state that a write has led to."""

    def __init__(
        self,
        obj: O,
        *,
        rules: conditions.Rules,
        writer: Writer[O],
        learn: Callable[[O], None],
        emit: Emit,
        log: FilteringBoundLogger,
        clock: Clock,
        woken: Woken,
        announcements: Announcements,
    ) -> None:
        self.woken = woken
        self.status = cast("S", status.of(obj))
        self.conditions = conditions.Conditions(
            self.status.conditions, generation=obj.metadata.generation, now=clock.now()
        )
        self.log = log
        self._obj = obj
        self._generation = obj.metadata.generation
        self._rules = rules
        self._writer = writer
        self._learn = learn
        self._emit = emit
        self._clock = clock
        self._began_with = {condition.type: condition for condition in self.status.conditions}
        self._requested_at = obj.metadata.annotations.get(REQUESTED_AT, "")
        self._writing = asyncio.Lock()
        self._announcements = announcements

    def now(self) -> datetime:
        """Return the current time, in UTC."""
        return self._clock.now()

    @property
    def requested(self) -> bool:
        """Whether `reconcile.fluxcd.io/requestedAt` holds a value that no run has handled."""
        return self._requested_at not in {"", self.status.last_handled_reconcile_at}

    @property
    def obj(self) -> O:
        """The object as last written."""
        return self._obj

    def update(self, **fields: Any) -> None:
        """Replace fields of `status`."""
        self.status = msgspec.structs.replace(self.status, **fields)

    async def progress(self, message: str, *, ready_unknown: bool = False) -> None:
        """Say what goes on: Reconciling with this message; Ready becomes Unknown where asked. It is announced."""
        self.conditions.mark_true(conditions.RECONCILING, conditions.PROGRESSING, message)
        if ready_unknown:
            self.conditions.mark_unknown(conditions.READY, conditions.PROGRESSING, message)
        self.announce()

    def announce(self) -> None:
        """Have status and conditions written in a moment, as they are then, unless the run writes or ends before."""
        self._announcements.add(self)

    async def write_announced(self) -> None:
        """Write status and conditions as they are now. Raises nothing: the end of the run writes them again."""
        try:
            await self.save()
        except APIError:  # what refuses this will refuse the end, and be told
            return
        except Exception:
            self.log.exception("unexpected error while writing what goes on")

    async def save(self) -> None:
        """Write status and conditions now."""
        self._announcements.drop(self)
        async with self._writing:
            await self._write()

    async def _write(self) -> None:
        wanted = msgspec.structs.replace(self.status, conditions=self.conditions.as_tuple())
        written = await self._writer.write(self._obj, wanted, self._owned())
        if written is not None:
            self._obj = written
            self._learn(written)

    async def finish(self, *, observed: bool) -> None:
        """Write the end of the run: the request that it handled and, where `observed`, the generation."""
        if self._requested_at:
            self.update(last_handled_reconcile_at=self._requested_at)
        if observed:
            self.update(observed_generation=self._generation)
        await self.save()

    async def end(self) -> None:
        """Take back what is announced, and wait for what is being written: the run has ended, however it did."""
        self._announcements.drop(self)
        async with self._writing:
            return

    async def annotate(self, annotations: Mapping[str, str | None]) -> None:
        """Write annotations of the object now; None takes one away."""
        async with self._writing:
            written = await self._writer.annotate(self._obj, annotations)
            if written is not None:
                self._obj = written
                self._learn(written)

    def event(self, severity: Severity, reason: str, message: str, metadata: Mapping[str, str] | None = None) -> None:
        """Emit an event about the object."""
        self._emit(severity, reason, message, metadata or {})

    async def tell(
        self, severity: Severity, reason: str, message: str, metadata: Mapping[str, str] | None = None
    ) -> None:
        """Emit an event about the object, and wait a while for its delivery."""
        delivery = self._emit(severity, reason, message, metadata or {})
        try:
            async with asyncio.timeout(_DELIVERY):
                await delivery.ended()
        except TimeoutError:
            self.log.info("an event is still on its way", reason=reason)

    def _owned(self) -> frozenset[str]:
        """The types of conditions that are ours: the runtime's, the rules', and those that this run has touched."""
        now = {condition.type: condition for condition in self.conditions.as_tuple()}
        touched = {
            type_ for type_ in now.keys() | self._began_with.keys() if now.get(type_) != self._began_with.get(type_)
        }
        return self._rules.owned | touched
