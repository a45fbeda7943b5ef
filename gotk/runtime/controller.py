"""The controller of one kind: changes in, runs out, at most so many at a time.

Answers to controller-runtime's `Controller` and Flux's event filters. What a run is stands in `reconciliation`; here
is who wakes an object, how its runs are spread over workers, and when it runs again. Nothing that one object does
ends the controller.
"""

import asyncio
import logging
import random as randomness
import uuid
from collections.abc import Awaitable, Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any, Generic, TypeVar, cast

import structlog
from structlog.typing import FilteringBoundLogger

from gotk.api import extensions, scheme
from gotk.api.meta import REQUESTED_AT, Object
from gotk.kube import errors as kube
from gotk.kube.cache import Caches
from gotk.kube.entries import Undecodable
from gotk.runtime import events, status
from gotk.runtime.beside import running
from gotk.runtime.clock import Clock
from gotk.runtime.logging import redact
from gotk.runtime.metrics import Metrics
from gotk.runtime.queue import Queue
from gotk.runtime.reconciler import Forgetful, Key, Reconciler, Sifted, Watch, Woken
from gotk.runtime.reconciliation import Reconciliation
from gotk.runtime.run_result import BACKOFF, Next
from gotk.runtime.settings import Settings

O = TypeVar("O", bound=Object)  # noqa: E741 - the object's type, as everywhere in this module

#: How much of the time over which runs are spread is one moment to them: those that follow one another cost half.
_TOGETHER = 1 / 8
#: After so many objects at rest it is somebody else's turn.
_RESTED = 16
_RESULTS = {"never": "success", "after": "requeue_after", "backoff": "error", "now": "requeue", "conflict": "requeue"}


#: How many objects a change is noted of before others get a turn.
_AT_ONCE = 50


@dataclass(frozen=True, slots=True)
class _Change:
    """A change of another object that may ask nothing of those that it names."""

    sift: Callable[[Any, Sequence[Key]], Awaitable[Sifted]]
    of: Object
    by: str
    keys: list[Key] = field(default_factory=list)


class Controller(Generic[O]):
    """Runs one reconciler over all objects of its kind."""

    def __init__(
        self,
        reconciler: Reconciler[O, Any],
        *,
        caches: Caches,
        client: status.Objects,
        recorder: events.Recorder,
        metrics: Metrics,
        clock: Clock,
        settings: Settings,
        random: randomness.Random,
    ) -> None:
        resource = scheme.resource_of(reconciler.kind)
        self.kind = resource.kind
        #: Whether all caches that it reads were filled and its workers have begun.
        self.started = False
        self._stopped = asyncio.Event()
        self._name = resource.kind.lower()
        self._caches = caches
        self._cache = caches.of(reconciler.kind)
        self._awaited = [self._cache.synced, *(caches.of(watch.kind).synced for watch in reconciler.watches)]
        self._metrics = metrics
        self._clock = clock
        self._settings = settings
        self._random = random
        self._forgetful = reconciler if isinstance(reconciler, Forgetful) else None
        self._woken: dict[Key, Woken] = {}
        self._queue: Queue[Key] = Queue(clock=clock, backoff=settings.backoff)
        self._changes: asyncio.Queue[_Change] = asyncio.Queue()
        self._log = structlog.get_logger().bind(
            controller=self._name, controllerGroup=resource.group, controllerKind=resource.kind
        )
        self._reconciliation = Reconciliation(
            reconciler,
            cache=self._cache,
            client=client,
            recorder=recorder,
            metrics=metrics,
            clock=clock,
            settings=settings,
        )
        self._workers = settings.workers_of(self.kind)
        metrics.controller(self._name, workers=self._workers)
        self._cache.subscribe(self._changed)
        for watch in reconciler.watches:
            caches.of(watch.kind).subscribe(self._watcher(watch))

    async def run(self) -> None:
        """Work until stopped or cancelled; starts once all caches that it reads are filled."""
        for synced in self._awaited:
            await synced.wait()
        if self.started:
            self._take_up_again()
        self.started = True
        self._log.info("starting workers", workers=self._workers)
        async with (
            running(self._reconciliation.announcements.write(), name=f"{self.kind} progress"),
            running(self._sift(), name=f"{self.kind} changes"),
        ):
            await self._runs()

    def _take_up_again(self) -> None:
        """See after every object: what an error has cut off before is nobody's, and may never have begun."""
        for key in self._queue.running:
            self._queue.done(key)
        for obj in self._cache.list():
            self._queue.add(Key(obj.metadata.namespace, obj.metadata.name))

    async def _runs(self) -> None:
        places = asyncio.Semaphore(self._workers)
        rested = 0
        async with asyncio.TaskGroup() as group:
            group.create_task(self._flush_at_stop(), name=f"{self.kind} flush")
            while True:
                await places.acquire()
                key = await self._queue.get()
                if key is None:
                    break
                if self._rest(key):
                    places.release()
                    rested += 1
                    if rested % _RESTED == 0:
                        await asyncio.sleep(0)
                    continue
                task = group.create_task(self._work(key), name=f"{self.kind} {key}")
                task.add_done_callback(lambda _: places.release())
        await self._reconciliation.flush()

    async def _flush_at_stop(self) -> None:
        """Write what was held back beside the runs that still go on: they may outlast the stop."""
        await self._stopped.wait()
        await self._reconciliation.flush(besides=self._queue.running)

    def stop(self) -> None:
        """Begin no more runs; `run` returns when those under way have ended, and what was held back is written."""
        self._queue.close()
        self._stopped.set()

    def _rest(self, key: Key) -> bool:
        """Take the turn of an object with which a run would do nothing; tells whether that is known."""
        entry = self._cache.entry(*key)
        if entry is None or not self._settings.selects(entry.metadata.labels):
            return False
        began = self._clock.monotonic()
        try:
            follow = self._reconciliation.rest(entry, lambda: self._reader(key))
        except Exception:  # noqa: BLE001 - a run will tell
            self._logger(key).exception("unexpected error around an object at rest")
            return False
        if follow is None:
            return False
        result = self._follow(key, follow)
        self._queue.done(key)
        seconds = self._clock.monotonic() - began
        self._metrics.rested(self._name, result, seconds)
        self._metrics.queue.worked(self._name, seconds)
        self._metrics.queue.depth(self._name, len(self._queue))
        return True

    def _logger(self, key: Key) -> FilteringBoundLogger:
        of_run = {"namespace": key.namespace, "name": key.name, "reconcileID": str(uuid.uuid4())}
        return cast("FilteringBoundLogger", self._log.bind(**of_run))

    def _reader(self, key: Key) -> FilteringBoundLogger | None:
        """Return the logger of a run, where somebody reads what is routine."""
        return self._logger(key) if self._log.is_enabled_for(logging.INFO) else None

    async def _work(self, key: Key) -> None:
        log = self._logger(key)
        began = self._clock.monotonic()
        woken = self._woken[key] = Woken()
        self._metrics.started(self._name)
        result = "error"
        try:
            entry = self._cache.entry(*key)
            if entry is None or not self._settings.selects(entry.metadata.labels):
                self._forget(key)
                result = "success"
            else:
                result = self._follow(key, await self._handle(entry, log, woken))
        finally:
            del self._woken[key]
            self._queue.done(key)
            seconds = self._clock.monotonic() - began
            self._metrics.ended(self._name, result, seconds)
            self._metrics.queue.worked(self._name, seconds)
            self._metrics.queue.depth(self._name, len(self._queue))

    async def _handle(self, entry: O | Undecodable, log: FilteringBoundLogger, woken: Woken) -> Next:
        try:
            return await self._reconciliation.handle(entry, log, woken)
        except kube.APIError as error:
            log.error("cannot write the object's state", error=redact(error.message))  # noqa: TRY400 - no trace wanted
        except Exception:
            log.exception("unexpected error around a reconciliation")
            self._metrics.panicked(self._name)
        return BACKOFF

    def _follow(self, key: Key, follow: Next) -> str:
        """Put an object back into the queue as its run's end wants it. Returns the result for the metrics."""
        if follow.when == "backoff":
            self._queue.fail(key)
            self._metrics.queue.retried(self._name)
        elif follow.when == "conflict":
            self._queue.conflict(key)
        elif follow.when == "now":
            self._queue.add(key)
        else:
            self._queue.succeed(key)
            if follow.when == "after":
                self._wait(key, follow.seconds, self._settings.interval_jitter if follow.jitter else 0.0)
        return _RESULTS[follow.when]

    def _wait(self, key: Key, seconds: float, spread: float) -> None:
        """Let an object run again after so many seconds, more or less by a share, and beside others where that fits."""
        beside = 2 * spread * _TOGETHER
        share = self._random.uniform(1 - spread, 1 + spread - beside)
        self._queue.add_after(key, seconds * share, beside=seconds * beside)

    def _forget(self, key: Key) -> None:
        self._queue.forget(key)
        self._metrics.forget(self.kind, key)
        self._reconciliation.forget(key)
        if self._forgetful is not None:
            self._forgetful.forget(key)

    # Who wakes an object.

    def _changed(self, old: O | Undecodable | None, new: O | Undecodable | None) -> None:
        is_behind = new is not None and self._reconciliation.is_behind(new)
        if wakes(old, new) or is_behind or self._moved(old, new):
            metadata = (new or old).metadata  # type: ignore[union-attr] # a change has at least one side
            key = Key(metadata.namespace, metadata.name)
            self._add(key, f"{self.kind}/{key}")

    def _moved(self, old: O | Undecodable | None, new: O | Undecodable | None) -> bool:
        """Tell whether labels moved an object into our shard or out of it."""
        sides = {self._settings.selects(each.metadata.labels) for each in (old, new) if each is not None}
        return len(sides) == 2

    def _watcher(self, watch: Watch[Any]) -> Callable[[Any, Any], None]:
        kind = scheme.resource_of(watch.kind).kind

        def changed(old: Object | Undecodable | None, new: Object | Undecodable | None) -> None:
            before = None if isinstance(old, Undecodable) else old
            after = None if isinstance(new, Undecodable) else new
            seen = after or before
            if seen is not None and watch.changed(before, after):
                by = f"{kind}/{seen.metadata.namespace}/{seen.metadata.name}"
                keys = watch.requests(seen, self._caches)
                if watch.sift is not None:
                    keys = self._defer(_Change(watch.sift, seen, by), keys)
                for key in keys:
                    self._add(key, by)

        return changed

    def _defer(self, change: "_Change", keys: Iterable[Key]) -> list[Key]:
        """Have those sifted that a change names, but for the ones that are running, which are returned."""
        now: list[Key] = []
        for key in keys:
            (now if key in self._woken else change.keys).append(key)
        if change.keys:
            self._changes.put_nowait(change)
        return now

    async def _sift(self) -> None:
        """Take changes apart as they come, each by itself: what one of them is about may be slow."""
        async with asyncio.TaskGroup() as group:
            while True:
                change = await self._changes.get()
                group.create_task(self._take_apart(change), name=f"{self.kind} {change.by}")

    async def _take_apart(self, change: "_Change") -> None:
        try:
            sifted = await change.sift(change.of, change.keys)
        except Exception:  # noqa: BLE001 - whatever it is, nobody may be forgotten
            self._log.exception("unexpected error while a change was taken apart", by=change.by)
            sifted = Sifted(change.keys, ())
        for key in sifted.concerned:
            self._add(key, change.by)
        noted = 0
        for number, key in enumerate(sifted.unconcerned, start=1):
            if self._note(key):
                noted += 1
            else:
                self._add(key, change.by)
            if number % _AT_ONCE == 0:
                await asyncio.sleep(0)  # those that were added run meanwhile
        if noted:
            self._log.info("took a change for recorded that asks nothing of objects", by=change.by, objects=noted)

    def _note(self, key: Key) -> bool:
        """Take a change for recorded that asks nothing of an object; False where a run has to."""
        obj = self._cache.get(*key)
        if obj is None or self._stopped.is_set() or self._queue.is_asked_for(key):
            return False
        if not self._settings.selects(obj.metadata.labels):
            return False
        seconds = self._reconciliation.note(obj)
        if seconds is None:
            return False
        self._queue.add_after(key, seconds)
        return True

    def _add(self, key: Key, by: str) -> None:
        self._queue.add(key)
        if key in self._woken:
            self._woken[key].wake(by)
        self._metrics.queue.added(self._name, len(self._queue))


def wakes(old: Object | Undecodable | None, new: Object | Undecodable | None) -> bool:
    """Tell whether a change of an object calls for a run of it: its own status writes do not.

    Creation and removal, a new generation, a new value of `reconcile.fluxcd.io/requestedAt` or of an annotation of
    ours, the wish to delete it, that it can, or can no longer, be decoded, and that an annotation pauses it or no more.
    """
    if old is None or new is None:
        return True
    before, after = old.metadata, new.metadata
    return (
        before.generation != after.generation
        or before.uid != after.uid
        or before.deletion_timestamp != after.deletion_timestamp
        or before.annotations.get(REQUESTED_AT) != after.annotations.get(REQUESTED_AT)
        or extensions.annotations(before.annotations) != extensions.annotations(after.annotations)
        or isinstance(old, Undecodable) != isinstance(new, Undecodable)
        or getattr(old, "paused", False) != getattr(new, "paused", False)
    )
