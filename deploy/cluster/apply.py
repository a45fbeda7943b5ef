"""Applying objects: stage by stage, nothing of a stage before all of it has passed a dry run, no write without drift.

Answers to `ApplyAllStaged` of `fluxcd/pkg/ssa`.
"""

import asyncio
import dataclasses
import functools
import itertools
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from typing import Any, TypeVar
from weakref import WeakKeyDictionary

from deploy.cluster import health, objects, order, ports, redaction, wait
from deploy.cluster.changes import Change
from deploy.cluster.inventory import Item
from deploy.cluster.owner import Owner
from deploy.cluster.trial import ApplyError, InSync, Manner, Mark, Trial, Trials, Wishes, is_in_sync
from deploy.cluster.versions import Place, Versions, place_of
from gotk.bounded import Bounded
from gotk.kube import errors
from gotk.runtime.clock import Clock

T = TypeVar("T")
R = TypeVar("R")

_STAGE_SECONDS = 60.0
_REMEMBERED, _OWNERS = 200_000, 50_000
_NONE = Wishes()
_LEFT = frozenset({"unchanged", "skipped"})


class Applier:
    """Applies objects to clusters, and remembers of each cluster what was found in sync there."""

    def __init__(self, *, clock: Clock, waiter: wait.Waiter, manner: Manner) -> None:
        self._clock = clock
        self._waiter = waiter
        self._manner = manner
        self._known: WeakKeyDictionary[ports.Cluster, _Known] = WeakKeyDictionary()

    async def apply(
        self, manifests: Iterable[objects.Manifest], *, cluster: ports.Cluster, owner: Owner, wishes: Wishes = _NONE
    ) -> list[Change]:
        """Apply all objects in their order and return what became of each. Raises ApplyError."""
        known = self._known_of(cluster)
        at_rest = await known.at_rest(owner, wishes, cluster)
        if at_rest is not None:
            return list(at_rest)
        application = _Application(cluster, owner, self._clock, self._waiter, self._manner, known)
        return await application.run(manifests, wishes=wishes)

    async def is_at_rest(self, *, cluster: ports.Cluster, owner: Owner, wishes: Wishes) -> bool:
        """Tell whether an apply would find nothing to do, which it knows without a look at any object."""
        return await self._known_of(cluster).at_rest(owner, wishes, cluster) is not None

    def rests(self, *, cluster: ports.Cluster, owner: Owner, wishes: Wishes) -> bool:
        """Tell whether the same is known without asking anybody."""
        return self._known_of(cluster).rests(owner, wishes)

    async def compare(
        self, manifests: Iterable[objects.Manifest], *, cluster: ports.Cluster, owner: Owner, wishes: Wishes = _NONE
    ) -> list[Trial | ApplyError]:
        """Try all objects and change none; return for each, in the given order, its trial or why there is none."""
        manner = dataclasses.replace(self._manner, migrate_api_version=False)  # that would write
        application = _Application(cluster, owner, self._clock, self._waiter, manner, self._known_of(cluster))
        return await application.compare(manifests, wishes=wishes)

    def _known_of(self, cluster: ports.Cluster) -> "_Known":
        known = self._known.get(cluster)
        if known is None:
            known = self._known[cluster] = _Known(clock=self._clock)
        return known


@dataclasses.dataclass(frozen=True, slots=True)
class _AtRest:
    """All objects of one owner in sync: what they were made of, their marks by place, and what an apply would tell."""

    by: tuple[Any, ...]
    marks: Mapping[Place, Sequence[Mark]]
    changes: Sequence[Change]


class _Known:
    """What is known of one cluster: what was in sync, also as all of one owner's objects, and which versions are there.

    One object is known by a hash of its manifest. Where whoever made the manifests names what they were made of, the
    hashes are kept under that name, and an apply with which nothing is to be done compares versions alone.
    """

    def __init__(self, *, clock: Clock) -> None:
        self.in_sync: InSync = Bounded(_REMEMBERED)
        self.versions = Versions(clock=clock)
        self._at_rest: Bounded[Owner, _AtRest] = Bounded(_OWNERS)

    async def at_rest(self, owner: Owner, wishes: Wishes, cluster: ports.Cluster) -> Sequence[Change] | None:
        """Return that nothing is to be done about any object of an owner; None where they are to be tried."""
        kept = self._kept(owner, wishes)
        if kept is None:
            return None
        for place, marks in kept.marks.items():
            there = await self.versions.at(place, cluster, lag=wishes.lag, asks=len(marks))
            if not self._are_in_sync(marks, there):
                return None
        return kept.changes

    def rests(self, owner: Owner, wishes: Wishes) -> bool:
        """Tell the same where nobody has to be asked for it, else False."""
        kept = self._kept(owner, wishes)
        if kept is None:
            return False
        for place, marks in kept.marks.items():
            there = self.versions.known(place, lag=wishes.lag, asks=len(marks))
            if there is None or not self._are_in_sync(marks, there):
                return False
        return True

    def _kept(self, owner: Owner, wishes: Wishes) -> _AtRest | None:
        kept = self._at_rest.get(owner) if wishes.lag and wishes.made_of else None
        return kept if kept is not None and kept.by == (wishes.made_of, wishes.ignore.key) else None

    def _are_in_sync(self, marks: Sequence[Mark], there: Mapping[str, str]) -> bool:
        return all(is_in_sync(mark, self.in_sync, there.get(mark.item.id.name, "")) for mark in marks)

    def keep(self, owner: Owner, wishes: Wishes, tried: Sequence[Trial]) -> None:
        """Keep the marks where all objects were known to be in sync, and none of them has others wait for it."""
        marks = [each.mark for each in tried if each.mark is not None]
        if not wishes.made_of or len(marks) != len(tried) or order.awaited(each.obj for each in tried):
            return
        places: dict[Place, list[Mark]] = {}
        for mark in marks:
            places.setdefault(place_of(mark.item), []).append(mark)
        unchanged = [Change(mark.item, "unchanged") for mark in marks]
        self._at_rest.put(owner, _AtRest((wishes.made_of, wishes.ignore.key), places, unchanged))


class _Application:
    """One apply of one owner's objects to one cluster."""

    def __init__(  # noqa: PLR0917 - made in one place
        self,
        cluster: ports.Cluster,
        owner: Owner,
        clock: Clock,
        waiter: wait.Waiter,
        manner: Manner,
        known: _Known,
    ) -> None:
        self._known = known
        self._manner = manner
        self._cluster = cluster
        self._owner = owner
        self._clock = clock
        self._waiter = waiter
        self._manifests: Sequence[objects.Manifest] = ()

    @functools.cached_property
    def _redactor(self) -> redaction.Redactor:
        """What hides the values of the Secrets that are applied; made when a server complains of something."""
        return redaction.of_objects(self._manifests)

    def _begin(self, manifests: Iterable[objects.Manifest], wishes: Wishes) -> list[objects.Manifest]:
        self._manifests = found = list(manifests)
        self._trials = Trials(
            self._cluster,
            self._owner,
            in_sync=self._known.in_sync,
            versions=self._known.versions,
            manner=self._manner,
            wishes=wishes,
            told=self._told,
        )
        return found

    async def compare(self, manifests: Iterable[objects.Manifest], *, wishes: Wishes) -> list[Trial | ApplyError]:
        """Try all objects, and return the trial of each, or why there is none."""
        return await self._attempt_each(self._begin(manifests, wishes), self._trials.of)

    async def run(self, manifests: Iterable[objects.Manifest], *, wishes: Wishes) -> list[Change]:
        """Apply stage by stage. Raises ApplyError with what had been done, and without a value of a Secret."""
        manifests = self._begin(manifests, wishes)
        changes: list[Change] = []
        tried: list[Trial] = []
        try:
            for stage in order.stages(manifests, self._manner.earlier_kinds):
                trials = await self._try_all(stage)
                states = await self._carry_out_all(trials, changes)
                if order.awaited(stage):
                    await self._establish(trials, states)
                tried += trials
        except ApplyError as error:
            raise ApplyError(str(error), changes) from error
        self._known.keep(self._owner, wishes, tried)
        return changes

    async def _try_all(self, stage: Sequence[objects.Manifest]) -> list[Trial]:
        """Try every object of a stage, but for those that are known without a look: they take no task of their own."""
        known = [await self._trials.untouched(obj) for obj in stage]
        looked_at = iter(
            await self._each([obj for obj, trial in zip(stage, known, strict=True) if trial is None], self._trials.of)
        )
        return [trial or next(looked_at) for trial in known]

    async def _carry_out_all(self, trials: Sequence[Trial], changes: list[Change]) -> list[Mapping[str, Any]]:
        """Do what the dry runs have decided: kind by kind in their order, a few objects of a kind at a time."""
        states: list[Mapping[str, Any]] = []
        for _, batch in itertools.groupby(trials, key=lambda trial: (trial.item.id.group, trial.item.id.kind)):
            states += await self._carry_out_batch(list(batch), changes)
        return states

    async def _carry_out_batch(self, batch: Sequence[Trial], changes: list[Change]) -> list[Mapping[str, Any]]:
        if all(trial.action in _LEFT for trial in batch):
            changes.extend(Change(trial.item, trial.action) for trial in batch)
            return [trial.state for trial in batch]
        done: set[Item] = set()

        async def carry_out(trial: Trial) -> Mapping[str, Any]:
            state = await self._carry_out(trial)
            done.add(trial.item)
            return state

        try:
            return await self._each(batch, carry_out)
        finally:
            changes.extend(Change(trial.item, trial.action) for trial in batch if trial.item in done)

    async def _carry_out(self, trial: Trial) -> Mapping[str, Any]:
        """Do what the dry run has decided, and return the object as it then is. Raises ApplyError."""
        if trial.action in _LEFT:
            return trial.state
        item = trial.item
        try:
            if trial.recreate:
                await self._remove(item)
            if trial.cleanup:
                await self._trials.clean(trial)
            applied = await self._cluster.apply_object(trial.obj, field_manager=self._owner.field)
        except errors.APIError as error:
            raise ApplyError(f"{item.id.subject} apply failed: {self._told(error, trial.obj)}") from error
        self._trials.remember(item, trial.obj, applied)
        return applied

    async def _remove(self, item: Item) -> None:
        """Delete an object whose immutable fields are to change, and see it gone."""
        failed = f"{item.id.subject} immutable field detected, failed to delete object"
        try:
            await self._cluster.delete_object(item.api_version, item.id.kind, item.id.namespace, item.id.name)
        except errors.NotFound:
            return
        except errors.APIError as error:
            raise ApplyError(f"{failed}: {self._redactor.hide(error.message)}") from error
        if await self._waiter.until_gone([item], cluster=self._cluster, timeout=_STAGE_SECONDS):
            raise ApplyError(f"{failed}: still there after {_STAGE_SECONDS:g}s")

    async def _establish(self, trials: Sequence[Trial], states: Sequence[Mapping[str, Any]]) -> None:
        """Wait for definitions, namespaces and classes that are not established yet. Raises ApplyError."""
        now = self._clock.now()
        pending = [
            trial.item
            for trial, state in zip(trials, states, strict=True)
            if trial.action != "skipped" and health.of(state, now).state != "Current"
        ]
        try:
            await self._waiter.until_current(pending, cluster=self._cluster, timeout=_STAGE_SECONDS)
        except wait.WaitError as error:
            raise ApplyError(str(error)) from error

    def _told(self, error: errors.APIError, obj: objects.Manifest) -> str:
        """Return what the server said of an object."""
        return redaction.of_refusal(error.message, obj, self._redactor)

    async def _each(self, values: Sequence[T], work: Callable[[T], Awaitable[R]]) -> list[R]:
        """Do the work for every value. Raises ApplyError with every failure."""
        results = await self._attempt_each(values, work)
        if failures := [str(result) for result in results if isinstance(result, ApplyError)]:
            raise ApplyError("\n".join(dict.fromkeys(failures)))
        return [result for result in results if not isinstance(result, ApplyError)]

    async def _attempt_each(self, values: Sequence[T], work: Callable[[T], Awaitable[R]]) -> list[R | ApplyError]:
        """Do the work for every value, a few at a time and all of them; return what came of each."""
        if not values:
            return []
        slots = asyncio.Semaphore(self._manner.width)

        async def attempt(value: T) -> R | ApplyError:
            async with slots:
                try:
                    return await work(value)
                except ApplyError as error:
                    return error

        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(attempt(value)) for value in values]
        return [task.result() for task in tasks]
