"""Everything about one object's turn that is the same for every kind: the frame around a reconciler.

Deletion and finalizer, suspend, objects that do not decode, unsupported fields, the start and the end of a run,
status, events, logs, and what every error means. Answers to the common part of the Flux controllers' `Reconcile`.
"""

import asyncio
import contextlib
from collections.abc import Callable, Collection, Coroutine, Mapping
from typing import Any, Generic, TypeVar, cast

import msgspec
from structlog.typing import FilteringBoundLogger

from gotk.api import scheme
from gotk.api.meta import REQUESTED_AT, Object, ObjectMeta
from gotk.kube import errors as kube
from gotk.kube.cache import KindCache
from gotk.kube.entries import Undecodable
from gotk.runtime import conditions, errors, events, run_result, status
from gotk.runtime.clock import Clock
from gotk.runtime.holding import Holding
from gotk.runtime.logging import redact
from gotk.runtime.metrics import Metrics
from gotk.runtime.reconciler import (
    Following,
    Key,
    Marked,
    Noting,
    Outcome,
    Reconciler,
    Resting,
    Selective,
    Severity,
    Timed,
    Woken,
    is_set,
)
from gotk.runtime.run import Announcements, ObjectRun
from gotk.runtime.run_result import CONFLICT, LATER, NEVER, NOW, Next
from gotk.runtime.settings import Settings

O = TypeVar("O", bound=Object)  # noqa: E741 - the object's type, as everywhere in this module

FINALIZER = "finalizers.fluxcd.io"


class Reconciliation(Generic[O]):
    """Takes the turns of one kind's objects. `handle` raises only what it did not expect and API errors."""

    def __init__(
        self,
        reconciler: Reconciler[O, Any],
        *,
        cache: KindCache[O],
        client: status.Objects,
        recorder: events.Recorder,
        metrics: Metrics,
        clock: Clock,
        settings: Settings,
    ) -> None:
        #: What runs have said and is not written yet: somebody has to write it.
        self.announcements = Announcements(clock)
        self._reconciler = reconciler
        self._resource = scheme.resource_of(reconciler.kind)
        self._cache = cache
        self._client = client
        self._recorder = recorder
        self._metrics = metrics
        self._clock = clock
        self._settings = settings
        self._selective = reconciler if isinstance(reconciler, Selective) else None
        self._resting = reconciler if isinstance(reconciler, Resting) else None
        self._finalizer = reconciler.finalizer if isinstance(reconciler, Marked) else FINALIZER
        self._noting = reconciler if isinstance(reconciler, Noting) else None
        self._holding: Holding[O] = Holding(
            clock=clock,
            without_times=reconciler.without_times if isinstance(reconciler, Timed) else None,
            hold=settings.hold_unchanged,
            without_revision=reconciler.without_revision if isinstance(reconciler, Following) else None,
            hold_revision=settings.hold_revision,
            is_awaited=reconciler.is_awaited if isinstance(reconciler, Following) else None,
        )
        self._writer = status.StatusWriter(
            reconciler.kind, client=client, clock=clock, field_manager=reconciler.controller, holding=self._holding
        )

    async def handle(self, entry: O | Undecodable, log: FilteringBoundLogger, woken: Woken) -> Next:
        """Bring one object on, and say when it wants to be seen again; `woken` tells when it is asked for meanwhile."""
        if isinstance(entry, Undecodable):
            await self._stall(entry, log)
            return NEVER
        try:
            return await self._turn(entry, log, woken)
        except kube.Conflict as error:
            return await self._again(entry, errors.Conflict(error.message), log)

    def note(self, obj: O) -> float | None:
        """Take a revision that asks nothing of an object for recorded without a run, where it may be held back.

        Returns within how many seconds it is to be written, by a run; None where a run is needed now.
        """
        known, now = status.of(obj), self._clock.now()
        if self._noting is None or not (self._holding.takes(obj) and self._is_settled(obj)):
            return None
        if (noted := self._noting.note(obj, now)) is None:
            return None
        ready = conditions.Conditions(known.conditions, generation=obj.metadata.generation, now=now)
        conditions.summarize(ready, self._reconciler.rules, conditions.Success(noted.message))
        whole = msgspec.structs.replace(noted.status, conditions=ready.as_tuple())
        self._holding.note(obj, known, whole)
        self._cache.learn(cast("O", msgspec.structs.replace(cast("Any", obj), status=whole)), tell=True)
        reason = self._reconciler.rules.success_reason
        self._emit(obj.metadata, "Noted", reason, noted.event, noted.metadata)
        return self._holding.left(_key(obj))

    def rest(self, entry: O | Undecodable, log: Callable[[], FilteringBoundLogger | None]) -> Next | None:
        """Do all that a run would do which finds nothing to do, without a run; None where it has to be made.

        `log` gives the logger where somebody reads what is routine.
        """
        if self._resting is None or isinstance(entry, Undecodable) or not self._is_settled(entry):
            return None
        began = self._clock.monotonic()
        if not self._holding.holds_times(entry) or (rested := self._resting.rest(entry)) is None:
            return None
        rules, outcome, generation = self._reconciler.rules, rested.outcome, entry.metadata.generation
        success = conditions.Success(outcome.message, outcome.reason)
        now = self._clock.now()
        repeated = conditions.repeated(rested.status.conditions, rules, success, generation=generation, now=now)
        if repeated is None:
            return None
        known = msgspec.structs.replace(rested.status, conditions=repeated)
        self._cache.learn(cast("O", msgspec.structs.replace(cast("Any", entry), status=known)))
        self._metrics.reconciled(self._resource.kind, _key(entry), self._clock.monotonic() - began)
        told = run_result.success(outcome, outcome.reason or rules.success_reason, rules, was_ready=True)
        if not outcome.told:
            self._emit(entry.metadata, told.severity, told.reason, told.message, told.metadata)
        if (logger := log()) is not None:
            _log(logger, told)
        return told.next

    def _is_settled(self, obj: O) -> bool:
        """Tell whether an object is ready, and nobody has asked anything of it since."""
        metadata, known = obj.metadata, status.of(obj)
        return (
            metadata.deletion_timestamp is None
            and known.observed_generation == metadata.generation
            and metadata.annotations.get(REQUESTED_AT, "") in {"", known.last_handled_reconcile_at}
            and conditions.is_ready(known.conditions)
            and self._finalizer in metadata.finalizers
            and not _suspended(obj)
            and (self._selective is None or not self._selective.is_static(obj))
            and unsupported(self._reconciler, obj) is None
        )

    def forget(self, key: Key) -> None:
        """Drop what is known of an object that is gone, or is another process's now."""
        self._writer.forget(key)

    def is_behind(self, entry: O | Undecodable) -> bool:
        """Tell whether somebody else has written an object, which takes what is held back of it out of sight."""
        return self._holding.is_behind(entry)

    async def flush(self, besides: Collection[Key] = ()) -> None:
        """Write the revisions that are held back, a few at a time, but for those of some objects.

        What cannot be written is found out by the next process.
        """
        places = asyncio.Semaphore(self._settings.workers)

        async def write(name: tuple[str, str]) -> None:
            obj = self._cache.get(*name)
            async with places:
                if obj is not None and not self._holding.is_behind(obj):
                    with contextlib.suppress(kube.APIError):
                        await self._writer.write(obj, status.of(obj), {conditions.READY}, holding=False)

        async with asyncio.TaskGroup() as group:
            for name in list(self._holding.held()):
                if name not in besides:
                    group.create_task(write(name))

    async def _turn(self, entry: O, log: FilteringBoundLogger, woken: Woken) -> Next:
        if entry.metadata.deletion_timestamp is not None:
            return await self._finalize(entry, log, woken)
        if self._selective is not None and self._selective.is_static(entry):
            return await self._let_go(entry, log, woken)
        if self._finalizer not in entry.metadata.finalizers:
            return await self._set_finalizers(entry, (*entry.metadata.finalizers, self._finalizer))
        if _suspended(entry):
            entry = await self._catch_up(entry)
        run = self._run(entry, log, woken)
        if _suspended(entry):
            log.info("reconciliation is suspended for this object")
            await run.finish(observed=conditions.observes(run.conditions, self._reconciler.rules))
            return NEVER
        try:
            return await self._reconcile(entry, run)
        finally:
            await run.end()

    async def _catch_up(self, obj: O) -> O:
        """Write what is held back of an object of which no run will tell it, and return what it is then."""
        known = self._holding.unwritten(obj, status.of(obj))
        if known is None:
            return obj
        written = await self._writer.write(obj, known, {conditions.READY}, holding=False)
        if written is None:
            return obj
        self._learn(written)
        return written

    async def _reconcile(self, obj: O, run: ObjectRun[O, Any]) -> Next:
        began = self._clock.monotonic()
        rules = self._reconciler.rules
        was_ready = run.conditions.ready
        generation, observed = obj.metadata.generation, run.status.observed_generation
        conditions.begin(run.conditions, rules, generation=generation, observed=observed)
        end: Outcome | errors.ReconcileError | None = unsupported(self._reconciler, obj)
        if end is None:
            if generation != observed:
                run.announce()
            end = await self._attempt(lambda: self._reconciler.reconcile(obj, run), run.log)
        if isinstance(end, Outcome) and end.later:
            return LATER
        self._metrics.reconciled(self._resource.kind, _key(obj), self._clock.monotonic() - began)
        if isinstance(end, errors.Conflict):
            return await self._again(obj, end, run.log)
        return await self._finish(run, end, was_ready=was_ready)

    async def _finish(
        self, run: ObjectRun[O, Any], end: Outcome | errors.ReconcileError | None, *, was_ready: bool
    ) -> Next:
        if end is None:
            end = errors.Retry(conditions.FAILED, "the reconciler returned nothing")
        success = conditions.Success(end.message, end.reason) if isinstance(end, Outcome) else end
        rules = self._reconciler.rules
        conditions.summarize(run.conditions, rules, success)
        await run.finish(observed=conditions.observes(run.conditions, rules))
        told = run_result.of(
            end,
            run.conditions,
            rules,
            was_ready=was_ready,
            requeue_dependency=self._settings.requeue_dependency,
        )
        if not end.told:
            run.event(told.severity, told.reason, told.message, told.metadata)
        _log(run.log, told)
        here = self._cache.entry(*_key(run.obj))
        if here is not None and self._holding.is_behind(here):
            return NOW  # somebody else has written it meanwhile, which took what is held back out of sight
        return _within(told.next, self._holding.left(_key(run.obj)))

    async def _attempt(
        self, work: Callable[[], Coroutine[Any, Any, Outcome | None]], log: FilteringBoundLogger
    ) -> Outcome | errors.ReconcileError | None:
        """Call the room's code; every exception but our own cancellation becomes an end of the run."""
        limit = asyncio.timeout(self._settings.run_limit)
        try:
            async with limit:
                return await work()
        except asyncio.CancelledError as error:
            if (task := asyncio.current_task()) is None or task.cancelling():
                raise
            return self._bug(error, log)
        except Exception as error:  # noqa: BLE001 - one object's bug must never stop another object
            if isinstance(error, TimeoutError) and limit.expired():
                return errors.Retry(conditions.FAILED, f"the run took longer than {self._settings.run_limit:g} s")
            return _reason(error) or self._bug(error, log)

    def _bug(self, error: BaseException, log: FilteringBoundLogger) -> errors.Retry:
        log.error("unexpected error while reconciling", exc_info=error)
        self._metrics.panicked(self._resource.kind.lower())
        text = redact(str(error))[:1024]
        return errors.Retry(conditions.FAILED, f"{type(error).__name__}: {text}" if text else type(error).__name__)

    async def _again(self, obj: O, conflict: errors.Conflict, log: FilteringBoundLogger) -> Next:
        log.debug("the object has moved, running again", cause=conflict.message)
        try:
            self._cache.learn(await self._client.get(self._reconciler.kind, *_key(obj)))
        except kube.NotFound:
            return NEVER
        return CONFLICT

    # Deletion.

    async def _finalize(self, obj: O, log: FilteringBoundLogger, woken: Woken) -> Next:
        if self._finalizer not in obj.metadata.finalizers:
            return NEVER
        run = self._run(obj, log, woken)
        error = await self._attempt(lambda: self._reconciler.finalize(obj, run), log)
        if not isinstance(error, errors.ReconcileError):
            others = tuple(name for name in obj.metadata.finalizers if name != self._finalizer)
            log.debug("finalized")
            return await self._set_finalizers(obj, others)
        if isinstance(error, errors.Conflict):
            return await self._again(obj, error, log)
        if isinstance(error, errors.Stalled):
            # What is being deleted cannot wait for a better spec: keep trying to give it back.
            error = errors.Retry(error.reason, error.message)
        return await self._finish(run, error, was_ready=False)

    async def _let_go(self, obj: O, log: FilteringBoundLogger, woken: Woken) -> Next:
        """Give back what an object holds that was reconciled before, and take its status away."""
        holds = self._finalizer in obj.metadata.finalizers
        status_now = scheme.to_builtins(status.of(obj))
        if _suspended(obj) or not (holds or status_now):
            return NEVER
        if holds and (after := await self._finalize(obj, log, woken)) != NEVER:
            return after
        try:
            await self._client.merge_patch(
                self._reconciler.kind,
                *_key(obj),
                {"status": dict.fromkeys(status_now)},
                subresource="status",
                field_manager=self._reconciler.controller,
            )
        except kube.NotFound:
            return NEVER
        self._metrics.forget(self._resource.kind, _key(obj))
        return NEVER

    async def _set_finalizers(self, obj: O, finalizers: tuple[str, ...]) -> Next:
        adding = len(finalizers) > len(obj.metadata.finalizers)
        patch = {
            "metadata": {
                "finalizers": list(finalizers) or None,
                "resourceVersion": obj.metadata.resource_version,
            }
        }
        try:
            patched = await self._client.merge_patch(
                self._reconciler.kind, *_key(obj), patch, field_manager=self._reconciler.controller
            )
        except kube.NotFound:
            return NEVER
        if adding:
            self._cache.learn(patched)
        return NOW if adding else NEVER

    # Saying it.

    def _run(self, obj: O, log: FilteringBoundLogger, woken: Woken) -> ObjectRun[O, Any]:
        def emit(severity: Severity, reason: str, message: str, metadata: Mapping[str, str]) -> events.Delivery:
            return self._emit(obj.metadata, severity, reason, message, metadata)

        return ObjectRun(
            obj,
            rules=self._reconciler.rules,
            writer=self._writer,
            learn=self._learn,
            emit=emit,
            log=log,
            clock=self._clock,
            woken=woken,
            announcements=self.announcements,
        )

    def _learn(self, obj: O) -> None:
        """Take in what a write has made of an object; where a revision is held back, those who watch it hear of it."""
        here = self._cache.get(*_key(obj))
        self._cache.learn(obj, tell=here is not None and self._holding.is_news(status.of(here), status.of(obj)))

    async def _stall(self, entry: Undecodable, log: FilteringBoundLogger) -> None:
        found = run_result.diagnose(entry, self._reconciler.rules, now=self._clock.now())
        if not found.patch:
            return
        try:
            await self._client.patch_object(
                self._resource.api_version,
                self._resource.kind,
                entry.namespace,
                entry.name,
                {"metadata": {"resourceVersion": entry.metadata.resource_version}, "status": found.patch},
                subresource="status",
                field_manager=self._reconciler.controller,
            )
        except kube.NotFound:
            return
        if found.new:
            log.error("object does not fit its schema", error=found.message)
            self._emit(entry.metadata, "Warning", conditions.INVALID_OBJECT, found.message, {})

    def _emit(
        self, metadata: ObjectMeta, severity: Severity, reason: str, message: str, more: Mapping[str, str]
    ) -> events.Delivery:
        return self._recorder.emit(
            events.reference(self._resource.api_version, self._resource.kind, metadata),
            severity,
            reason,
            message,
            controller=self._reconciler.controller,
            metadata=events.annotated(metadata, more),
        )


def unsupported(reconciler: Reconciler[O, Any], obj: O) -> errors.Stalled | None:
    """Say which fields of an object are not supported by its reconciler."""
    paths = [path for path in reconciler.unsupported if is_set(obj, path)]
    if not paths:
        return None
    names = " and ".join(paths)
    verb, them = ("is", "it") if len(paths) == 1 else ("are", "them")
    return errors.Stalled(
        conditions.UNSUPPORTED_FIELD,
        f"{names} {verb} not supported by this version: remove {them}, "
        f"or leave the object to Flux's {reconciler.controller}",
    )


def _within(follow: Next, seconds: float | None) -> Next:
    """Return what follows a run, within so many seconds where something is held back."""
    is_sooner = seconds is not None and (
        follow.when == "never" or (follow.when == "after" and seconds < follow.seconds)
    )
    return Next(when="after", seconds=seconds) if seconds is not None and is_sooner else follow


def _suspended(obj: Object) -> bool:
    """Tell whether a field of the spec, or with some kinds an annotation, says to leave an object alone."""
    return bool(getattr(getattr(obj, "spec", None), "suspend", False) or getattr(obj, "paused", False))


def _key(obj: Object) -> Key:
    return Key(obj.metadata.namespace, obj.metadata.name)


def _reason(error: Exception) -> errors.ReconcileError | None:
    """Return the reason that an exception stands for; None for a bug.

    A group of tasks stands for the first reason that it raised, where all of them raised reasons.
    """
    if isinstance(error, errors.ReconcileError):
        return error
    if isinstance(error, kube.Conflict):
        return errors.Conflict(error.message)
    if isinstance(error, kube.APIError):
        return errors.Retry(conditions.FAILED, error.message)
    if isinstance(error, ExceptionGroup):
        reasons = [_reason(inner) for inner in error.exceptions]
        return reasons[0] if all(reasons) else None
    return None


def _log(log: FilteringBoundLogger, told: run_result.Ending) -> None:
    # The message itself, as Flux has it: `flux logs` shows `msg` and `error` and no other field.
    if told.failed:
        log.error("reconciliation failed", error=told.message, reason=told.reason)
    else:
        log.info(told.message.partition("\n")[0], reason=told.reason)
