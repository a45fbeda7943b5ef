"""Waiting for objects to be well, or to be gone: polls, with rules that are plain functions of `health`.

Answers to the status poller of `fluxcd/pkg/ssa`: a first failure ends the wait at once (fail-fast), and so does the
moment when every object is either well or failed. Polls come quickly at first, since most objects settle quickly.
"""

import asyncio
from collections.abc import Collection, Mapping

from deploy.cluster import health, ports
from deploy.cluster.health import Health
from deploy.cluster.inventory import Item, ObjectID
from gotk.kube.errors import APIError, NotFound
from gotk.runtime.clock import Clock

_WIDTH = 8
_FIRST, _LONGEST = 0.1, 5.0  # seconds between two looks
_GROWTH = 1.3  # what has settled is seen after at most a third more time than it took


class WaitError(Exception):
    """Objects that are not well, in Flux's words."""


class Waiter:
    """Asks a cluster about objects until they are as they should be."""

    def __init__(self, *, clock: Clock) -> None:
        self._clock = clock

    async def until_current(
        self, items: Collection[Item], *, cluster: ports.Cluster, timeout: float, missing_ok: Collection[ObjectID] = ()
    ) -> None:
        """Wait until every object is Current. Raises WaitError at the first failure or when the time is up.

        An object in `missing_ok` that is not there has done its work (a Job that cleans itself up).
        """
        deadline = self._clock.monotonic() + timeout
        delay = _FIRST
        pending = list(items)
        while pending:
            states = await self._look(pending, cluster, missing_ok)
            pending = [item for item in pending if states[item].state != "Current"]
            failed = {item: state for item, state in states.items() if state.state == "Failed"}
            if failed:
                raise WaitError(f"failed early due to stalled resources: [{_list(failed)}]")
            left = deadline - self._clock.monotonic()
            if pending and left <= 0:
                raise WaitError(f"timeout waiting for: [{_list({item: states[item] for item in pending})}]")
            if pending:
                await self._clock.sleep(min(delay, left))
                delay = min(delay * _GROWTH, _LONGEST)

    async def until_gone(self, items: Collection[Item], *, cluster: ports.Cluster, timeout: float) -> list[Item]:
        """Wait until no object is there, and return those that still are when the time is up."""
        deadline = self._clock.monotonic() + timeout
        delay = _FIRST
        pending = list(items)
        while pending:
            states = await self._look(pending, cluster, ())
            pending = [item for item in pending if states[item].state != "NotFound"]
            left = deadline - self._clock.monotonic()
            if left <= 0:
                break
            if pending:
                await self._clock.sleep(min(delay, left, 2.0))
                delay *= 2
        return pending

    async def _look(
        self, items: Collection[Item], cluster: ports.Cluster, missing_ok: Collection[ObjectID]
    ) -> Mapping[Item, Health]:
        slots = asyncio.Semaphore(_WIDTH)
        async with asyncio.TaskGroup() as group:
            tasks = {item: group.create_task(self._look_at(item, cluster, slots)) for item in items}
        states = {item: task.result() for item, task in tasks.items()}
        return {
            item: health.CURRENT if state.state == "NotFound" and item.id in missing_ok else state
            for item, state in states.items()
        }

    async def _look_at(self, item: Item, cluster: ports.Cluster, slots: asyncio.Semaphore) -> Health:
        async with slots:
            try:
                obj = await cluster.get_object(item.api_version, item.id.kind, item.id.namespace, item.id.name)
            except NotFound:
                return health.NOT_FOUND
            except APIError as error:
                return Health("Unknown", error.message)
        try:
            return health.of(obj, self._clock.now())
        except (TypeError, ValueError) as error:
            return Health("Unknown", f"status cannot be read: {error}")


def _list(states: Mapping[Item, Health]) -> str:
    return ", ".join(_describe(item, state) for item, state in states.items())


def _describe(item: Item, state: Health) -> str:
    told = f": {state.message}" if state.state == "Failed" and state.message else ""
    return f"{item.id.subject} status: '{state.state}'{told}"
