"""Waiting for objects to be well, or to be gone: polls, with rules that are plain functions of `health`.

Answers to the status poller of `fluxcd/pkg/ssa`: a first failure ends the wait at once (fail-fast), and so does the
moment when every object is either well or failed. Polls come quickly at first, since most objects settle quickly.
"""

import asyncio
from collections.abc import Collection, Iterable, Mapping
from typing import Any, Protocol

from deploy.cluster import health, objects, ports
from deploy.cluster.health import Health
from deploy.cluster.inventory import Item, ObjectID
from gotk.kube.errors import APIError, NotFound
from gotk.runtime import clock as clocks
from gotk.runtime.clock import Clock

_WIDTH = 8
_FIRST, _LONGEST = 0.1, 5.0  # seconds between two looks
_GROWTH = 1.3  # what has settled is seen after at most a third more time than it took


class Rules(Protocol):
    """What tells the health of some kinds."""

    async def health(self, obj: Mapping[str, Any]) -> Health | None:
        """Return how an object is doing, None where its kind is not one of them."""
        ...


class _NoRules:
    async def health(self, _: Mapping[str, Any]) -> Health | None:
        return None


#: No kind has rules.
NO_RULES = _NoRules()


class WaitError(Exception):
    """Objects that are not well, in Flux's words."""


class Stopped(Exception):
    """The wait was ended from outside."""


class Waiter:
    """Asks a cluster about objects until they are as they should be."""

    def __init__(self, *, clock: Clock, fail_fast: bool = True) -> None:
        """Without `fail_fast` a failure ends the wait when every other object is well or has failed, too."""
        self._clock = clock
        self._fail_fast = fail_fast

    async def until_current(
        self,
        items: Collection[Item],
        *,
        cluster: ports.Cluster,
        timeout: float,
        missing_ok: Collection[ObjectID] = (),
        rules: Rules = NO_RULES,
        stop: asyncio.Event | None = None,
    ) -> None:
        """Wait until every object is Current. Raises WaitError at the first failure or when the time is up.

        An object in `missing_ok` that is not there has done its work (a Job that cleans itself up). `rules` tell the
        health of the kinds that they know. Raises Stopped once `stop` is set.
        """
        deadline = self._clock.monotonic() + timeout
        delay = _FIRST
        pending = list(items)
        while pending:
            states = await self._look(pending, cluster, missing_ok, rules)
            pending = [item for item in pending if states[item].state != "Current"]
            failed = {item: state for item, state in states.items() if state.state == "Failed"}
            if failed and (self._fail_fast or len(failed) == len(pending)):
                raise WaitError(f"failed early due to stalled resources: [{_list(failed)}]")
            left = deadline - self._clock.monotonic()
            if pending and left <= 0:
                raise WaitError(f"timeout waiting for: [{_list({item: states[item] for item in pending})}]")
            if pending:
                await self._rest(min(delay, left), stop)
                delay = min(delay * _GROWTH, _LONGEST)

    async def _rest(self, seconds: float, stop: asyncio.Event | None) -> None:
        if stop is None:
            await self._clock.sleep(seconds)
        elif await clocks.wait(stop, seconds, self._clock):
            raise Stopped

    async def until_gone(self, items: Collection[Item], *, cluster: ports.Cluster, timeout: float) -> list[Item]:
        """Wait until no object is there, and return those that still are when the time is up."""
        deadline = self._clock.monotonic() + timeout
        delay = _FIRST
        pending = list(items)
        while pending:
            states = await self._look(pending, cluster, (), NO_RULES)
            pending = [item for item in pending if states[item].state != "NotFound"]
            left = deadline - self._clock.monotonic()
            if left <= 0:
                break
            if pending:
                await self._clock.sleep(min(delay, left, 2.0))
                delay *= 2
        return pending

    async def _look(
        self, items: Collection[Item], cluster: ports.Cluster, missing_ok: Collection[ObjectID], rules: Rules
    ) -> Mapping[Item, Health]:
        slots = asyncio.Semaphore(_WIDTH)
        async with asyncio.TaskGroup() as group:
            tasks = {item: group.create_task(self._look_at(item, cluster, rules, slots)) for item in items}
        states = {item: task.result() for item, task in tasks.items()}
        return {
            item: health.CURRENT if state.state == "NotFound" and item.id in missing_ok else state
            for item, state in states.items()
        }

    async def _look_at(self, item: Item, cluster: ports.Cluster, rules: Rules, slots: asyncio.Semaphore) -> Health:
        async with slots:
            try:
                obj = await cluster.get_object(item.api_version, item.id.kind, item.id.namespace, item.id.name)
            except NotFound:
                return health.NOT_FOUND
            except APIError as error:
                return Health("Unknown", error.message)
        try:
            return await rules.health(obj) or health.of(obj, self._clock.now())
        except (TypeError, ValueError) as error:
            return Health("Unknown", f"status cannot be read: {error}")


def self_cleaning(manifests: Iterable[objects.Manifest]) -> set[ObjectID]:
    """Return the Jobs that go by themselves when they are done."""
    return {
        ObjectID.of(manifest)
        for manifest in manifests
        if manifest["kind"] == "Job" and (manifest.get("spec") or {}).get("ttlSecondsAfterFinished") is not None
    }


def _list(states: Mapping[Item, Health]) -> str:
    return ", ".join(_describe(item, state) for item, state in states.items())


def _describe(item: Item, state: Health) -> str:
    told = f": {state.message}" if state.state in {"Failed", "Unknown"} and state.message else ""
    return f"{item.id.subject} status: '{state.state}'{told}"
