"""When the rules of the simulator are asked: in rounds, over everything that changed since the last one.

Level-based: a rule looks at the state of the world and takes the next step from there, whatever woke it. A round asks
about many objects at once, so that a thousand pods cost one transaction and their owner is asked once. Nothing is done
while nothing changes.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Sequence
from typing import Final

from gotk.apiserver.call import Plane
from gotk.apiserver.simulator import (
    claims,
    daemon_sets,
    deployments,
    endpoints,
    fate,
    jobs,
    nodes,
    pods,
    replica_sets,
    services,
    stateful_sets,
)
from gotk.apiserver.simulator.world import CLAIMS, NODES, PODS, REPLICA_SETS, SERVICES, VOLUMES, World
from gotk.apiserver.status import Refusal
from gotk.apiserver.storage.database import StoreError
from gotk.apiserver.storage.store import Event, Key, Stored

log = logging.getLogger(__name__)

#: After how many seconds a workload is ready if nothing else is said.
READY_AFTER: Final = 0.5
_AGAIN = 1.0
_MARK = fate.ANNOTATION.encode()
Rule = Callable[[World, Key], Awaitable[float | None]]

_RULES: Final[dict[str, Rule]] = {
    CLAIMS: claims.look,
    PODS: pods.look,
    REPLICA_SETS: replica_sets.look,
    SERVICES: services.look,
    VOLUMES: claims.look_at_volume,
    daemon_sets.STORAGE: daemon_sets.look,
    deployments.STORAGE: deployments.look,
    endpoints.WANTED: endpoints.look,
    jobs.STORAGE: jobs.look,
    stateful_sets.STORAGE: stateful_sets.look,
}


class WorkloadSimulator:
    """Makes workloads look alive. `run` must run beside the store."""

    def __init__(self, plane: Plane, *, delay: float = READY_AFTER) -> None:
        self._plane = plane
        self._world = World(plane, delay=delay)
        self._waiting: dict[Key, None] = {}
        self._timers: dict[Key, asyncio.TimerHandle] = {}
        self._ready = asyncio.Event()
        for storage in plane.store.storages():
            for item in plane.store.objects(storage):
                self._wake(item)
        plane.store.subscribe(self._observe)

    async def run(self) -> None:
        """Simulate, forever."""
        await self._round([], first=True)
        while True:
            await self._ready.wait()
            batch = list(self._waiting)
            self._waiting.clear()
            self._ready.clear()
            await self._round(batch)

    async def _round(self, batch: Sequence[Key], *, first: bool = False) -> None:
        if first:
            await self._guard(Key(NODES, "", nodes.NAME), nodes.make(self._world))
        await asyncio.gather(*(self._look(key) for key in batch))

    async def _look(self, key: Key) -> None:
        await self._guard(key, _RULES[key.storage](self._world, key))

    async def _guard(self, key: Key, work: Awaitable[float | None]) -> None:
        """Await a rule's step; what failed is tried again, a bug in a rule stops no other."""
        wait: float | None = None
        try:
            wait = await work
        except (Refusal, StoreError) as error:
            log.warning("a workload could not be simulated", extra={"thing": str(key), "error": str(error)})
            wait = _AGAIN
        except Exception:
            log.exception("the simulator met a bug", extra={"thing": str(key)})
        if wait is not None and key.storage in _RULES:
            self._timers[key] = asyncio.get_running_loop().call_later(wait, self._add, key)

    def _add(self, key: Key) -> None:
        timer = self._timers.pop(key, None)
        if timer is not None:
            timer.cancel()
        self._waiting[key] = None
        self._ready.set()

    def _observe(self, events: Sequence[Event]) -> None:
        self._world.observe(events)
        for event in events:
            before = event.previous
            told = _MARK in event.current.data or (before is not None and _MARK in before.data)
            self._wake(event.current, told=told, gone=event.type == "DELETED")
            if before is not None and before.owners != event.current.owners:
                self._wake_owners(before)

    def _wake(self, item: Stored, *, told: bool = False, gone: bool = False) -> None:
        """Have looked at whatever a change may concern: the object, its owners, the services over it.

        Its dependents too when it is told of its fate, for they share it.
        """
        storage = item.key.storage
        if storage in _RULES and not gone:
            self._add(item.key)
        if storage in {PODS, REPLICA_SETS, CLAIMS}:
            self._wake_owners(item)
        if storage == PODS:
            for service in self._plane.store.objects(SERVICES, item.key.namespace):
                self._add(Key(endpoints.WANTED, item.key.namespace, service.key.name))
        if storage == SERVICES and not gone:
            self._add(Key(endpoints.WANTED, item.key.namespace, item.key.name))
        if storage == NODES:
            for daemon in self._plane.store.objects(daemon_sets.STORAGE):
                self._add(daemon.key)
        if storage == CLAIMS and gone:
            self._add(Key(VOLUMES, "", claims.volume_name(item.uid)))
        if told and storage.endswith((".apps", ".batch")):
            for key in self._world.family(item.uid):
                if key.storage in _RULES:
                    self._add(key)

    def _wake_owners(self, item: Stored) -> None:
        for key in self._world.owners(item):
            if key.storage in _RULES:
                self._add(key)
