"""Applying objects: stage by stage, nothing of a stage before all of it has passed a dry run, no write without drift.

Answers to `ApplyAllStaged` of `fluxcd/pkg/ssa`. One thing is done less: an object that was found in sync is not
dry-run again while neither it nor its manifest has changed.
"""

import asyncio
import functools
import hashlib
import itertools
import re
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeVar
from weakref import WeakKeyDictionary

import msgspec

from deploy.cluster import controls, drift, health, inventory, managers, objects, order, ports, redaction, wait
from deploy.cluster.changes import Action, Change
from deploy.cluster.inventory import Item
from deploy.cluster.owner import Owner
from gotk.bounded import Bounded
from gotk.kube import errors
from gotk.runtime.clock import Clock

T = TypeVar("T")
R = TypeVar("R")

_WIDTH = 4
_STAGE_SECONDS = 60.0
_REMEMBERED = 200_000
_IMMUTABLE = re.compile(r"is\simmutable|immutable\sfield")


class ApplyError(Exception):
    """An object could not be applied. `changes` is what had been done before."""

    def __init__(self, message: str, changes: Sequence[Change] = ()) -> None:
        super().__init__(message)
        self.changes = tuple(changes)


@dataclass(frozen=True, slots=True)
class _Trial:
    """What a dry run has found out about one object, and hence what is to be done."""

    obj: objects.Manifest
    item: Item
    action: Action
    state: Mapping[str, Any] = field(default_factory=dict)
    cleanup: Sequence[Mapping[str, Any]] = ()
    recreate: bool = False


#: Objects in sync with their manifests: the fingerprint of the live one, by object and manifest.
_InSync = Bounded[tuple[str, bytes], bytes]


class Applier:
    """Applies objects to clusters, and remembers of each cluster what was found in sync there."""

    def __init__(self, *, clock: Clock, waiter: wait.Waiter) -> None:
        self._clock = clock
        self._waiter = waiter
        self._in_sync: WeakKeyDictionary[ports.Cluster, _InSync] = WeakKeyDictionary()

    async def apply(
        self, manifests: Iterable[objects.Manifest], *, cluster: ports.Cluster, owner: Owner, force: bool
    ) -> list[Change]:
        """Apply all objects in their order and return what became of each. Raises ApplyError."""
        in_sync = self._in_sync.setdefault(cluster, Bounded(_REMEMBERED))
        application = _Application(cluster, owner, self._clock, self._waiter, in_sync)
        return await application.run(manifests, force=force)


class _Application:
    """One apply of one owner's objects to one cluster."""

    def __init__(
        self, cluster: ports.Cluster, owner: Owner, clock: Clock, waiter: wait.Waiter, in_sync: _InSync
    ) -> None:
        self._cluster = cluster
        self._owner = owner
        self._clock = clock
        self._waiter = waiter
        self._in_sync = in_sync
        self._manifests: Sequence[objects.Manifest] = ()

    @functools.cached_property
    def _redactor(self) -> redaction.Redactor:
        """What hides the values of the Secrets that are applied; made when a server complains of something."""
        return redaction.of_objects(self._manifests)

    async def run(self, manifests: Iterable[objects.Manifest], *, force: bool) -> list[Change]:
        """Apply stage by stage. Raises ApplyError with what had been done, and without a value of a Secret."""
        self._manifests = manifests = list(manifests)
        changes: list[Change] = []
        try:
            for stage in order.stages(manifests):
                trials = await _each(
                    stage, lambda obj: self._try(obj, force=force or controls.forced(obj, self._owner))
                )
                states = await self._carry_out_all(trials, changes)
                if order.awaited(stage):
                    await self._establish(trials, states)
        except ApplyError as error:
            raise ApplyError(str(error), changes) from error
        return changes

    async def _carry_out_all(self, trials: Sequence[_Trial], changes: list[Change]) -> list[Mapping[str, Any]]:
        """Do what the dry runs have decided: kind by kind in their order, a few objects of a kind at a time."""
        states: list[Mapping[str, Any]] = []
        for _, batch in itertools.groupby(trials, key=lambda trial: (trial.item.id.group, trial.item.id.kind)):
            states += await self._carry_out_batch(list(batch), changes)
        return states

    async def _carry_out_batch(self, batch: Sequence[_Trial], changes: list[Change]) -> list[Mapping[str, Any]]:
        done: set[Item] = set()

        async def carry_out(trial: _Trial) -> Mapping[str, Any]:
            state = await self._carry_out(trial)
            done.add(trial.item)
            return state

        try:
            return await _each(batch, carry_out)
        finally:
            changes.extend(Change(trial.item, trial.action) for trial in batch if trial.item in done)

    async def _try(self, obj: objects.Manifest, *, force: bool) -> _Trial:
        try:
            await self._set_scope(obj)
            item = inventory.item_of(obj)
            live = await self._live(item)
        except errors.APIError as error:
            raise _dry_run_error(obj, error, self._told(error, obj)) from error
        if self._is_skipped(obj, live):
            return _Trial(obj, item, "skipped")
        if live is not None and self._in_sync.get(self._mark(item, obj)) == _fingerprint(live):
            return _Trial(obj, item, "unchanged", live)
        try:
            applied = await self._cluster.apply_object(obj, field_manager=self._owner.field, dry_run=True)
        except errors.APIError as error:
            if live is not None and force and _is_immutable(error):
                return _Trial(obj, item, "created", recreate=True)
            raise _dry_run_error(obj, error, self._told(error, obj)) from error
        if live is None:
            return _Trial(obj, item, "created")
        cleanup = managers.cleanup(live, obj, self._owner)
        if cleanup or drift.drifted(live, applied):
            return _Trial(obj, item, "configured", cleanup=cleanup)
        self._remember(item, obj, live)
        return _Trial(obj, item, "unchanged", live)

    def _is_skipped(self, obj: objects.Manifest, live: objects.Manifest | None) -> bool:
        if controls.left_alone(obj, self._owner):
            return True
        return live is not None and (controls.left_alone(live, self._owner) or controls.create_only(obj, self._owner))

    async def _set_scope(self, obj: objects.Manifest) -> None:
        """Take the namespace off an object that lives in none; refuse one that needs it and has none."""
        metadata = obj["metadata"]
        namespaced = await self._cluster.is_namespaced(obj["apiVersion"], obj["kind"])
        if namespaced and not metadata.get("namespace"):
            raise ApplyError(f"{objects.subject(obj)} namespace not specified: {self._owner.namespace_advice}")
        if not namespaced:
            metadata.pop("namespace", None)

    async def _live(self, item: Item) -> dict[str, Any] | None:
        try:
            return await self._cluster.get_object(item.api_version, item.id.kind, item.id.namespace, item.id.name)
        except errors.NotFound:
            return None

    async def _carry_out(self, trial: _Trial) -> Mapping[str, Any]:
        """Do what the dry run has decided, and return the object as it then is. Raises ApplyError."""
        if trial.action in {"unchanged", "skipped"}:
            return trial.state
        item = trial.item
        try:
            if trial.recreate:
                await self._remove(item)
            if trial.cleanup:
                place = (item.api_version, item.id.kind, item.id.namespace, item.id.name)
                await self._cluster.patch_object(*place, list(trial.cleanup), type="json")
            applied = await self._cluster.apply_object(trial.obj, field_manager=self._owner.field)
        except errors.APIError as error:
            raise ApplyError(f"{item.id.subject} apply failed: {self._told(error, trial.obj)}") from error
        self._remember(item, trial.obj, applied)
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

    async def _establish(self, trials: Sequence[_Trial], states: Sequence[Mapping[str, Any]]) -> None:
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

    def _remember(self, item: Item, obj: objects.Manifest, live: Mapping[str, Any]) -> None:
        self._in_sync.put(self._mark(item, obj), _fingerprint(live))

    def _mark(self, item: Item, obj: objects.Manifest) -> tuple[str, bytes]:
        return f"{self._owner.field}/{item.api_version}/{item.id}", _hash(obj)


async def _each(values: Sequence[T], work: Callable[[T], Awaitable[R]]) -> list[R]:
    """Do the work for every value, a few at a time and all of them. Raises ApplyError with every failure."""
    slots = asyncio.Semaphore(_WIDTH)

    async def attempt(value: T) -> R | ApplyError:
        async with slots:
            try:
                return await work(value)
            except ApplyError as error:
                return error

    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(attempt(value)) for value in values]
    results = [task.result() for task in tasks]
    if failures := [str(result) for result in results if isinstance(result, ApplyError)]:
        raise ApplyError("\n".join(dict.fromkeys(failures)))
    return [result for result in results if not isinstance(result, ApplyError)]


def _fingerprint(live: Mapping[str, Any]) -> bytes:
    """Hash what an apply looks at: all but the status and what a write of it touches."""
    metadata = live.get("metadata") or {}
    kept = {key: value for key, value in live.items() if key not in {"metadata", "status"}}
    kept["metadata"] = {key: metadata.get(key) for key in ("uid", "labels", "annotations", "deletionTimestamp")}
    kept["managers"] = [entry for entry in metadata.get("managedFields") or () if not entry.get("subresource")]
    return _hash(kept)


def _hash(value: Any) -> bytes:
    return hashlib.blake2b(msgspec.json.encode(value, order="sorted"), digest_size=16).digest()


def _is_immutable(error: errors.APIError) -> bool:
    """Tell immutable fields as kubectl does: by the kind of the answer, else by its words."""
    return isinstance(error, errors.Conflict | errors.Invalid) or bool(_IMMUTABLE.search(error.message))


def _dry_run_error(obj: objects.Manifest, error: errors.APIError, message: str) -> ApplyError:
    subject = objects.subject(obj)
    if isinstance(error, errors.NotFound) and not isinstance(error, errors.NoMatch):
        return ApplyError(f"{subject} not found: {message}")
    reason = "" if isinstance(error, errors.NoMatch) or not error.reason else f" ({error.reason})"
    return ApplyError(f"{subject} dry-run failed{reason}: {message}")
