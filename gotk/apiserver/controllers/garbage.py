"""Garbage collection: what is owned goes with its owners.

Answers to kube-controller-manager's garbage collector: an object whose owners are all gone is deleted; deletion with
`Foreground` waits for the dependents, with `Orphan` it lets go of them first.
"""

from collections.abc import Sequence
from typing import Any

from gotk.apiserver.call import Plane
from gotk.apiserver.controllers import edits
from gotk.apiserver.controllers.feed import Feed
from gotk.apiserver.deletion import FOREGROUND, ORPHAN
from gotk.apiserver.storage.store import Event, Key, Stored
from gotk.apiserver.wire import options

Json = dict[str, Any]
_HOW = options.Write(manager="garbage-collector", validation="Ignore")


class GarbageCollector:
    """Follows owner references. `run` must run beside the store."""

    def __init__(self, plane: Plane) -> None:
        self._plane = plane
        self._keys: dict[str, Key] = {}
        self._dependents: dict[str, set[Key]] = {}
        self.feed: Feed[Key] = Feed()
        for storage in plane.store.storages():
            for item in plane.store.objects(storage):
                self._note(item)
        for storage in plane.store.storages():
            for item in plane.store.objects(storage):
                self._consider(item)
        plane.store.subscribe(self._observe)

    async def run(self) -> None:
        """Collect, forever."""
        await self.feed.work(self._look)

    def _observe(self, events: Sequence[Event]) -> None:
        for event in events:
            if event.previous is not None:
                for owner in event.previous.owners:
                    self._dependents.get(owner, set()).discard(event.previous.key)
            if event.type == "DELETED":
                self._gone(event)
            else:
                self._note(event.current)
                self._consider(event.current)

    def _note(self, item: Stored) -> None:
        self._keys[item.uid] = item.key
        for owner in item.owners:
            self._dependents.setdefault(owner, set()).add(item.key)

    def _consider(self, item: Stored) -> None:
        if item.owners or item.deleting:
            self.feed.add(item.key)

    def _gone(self, event: Event) -> None:
        last = event.current
        self._keys.pop(last.uid, None)
        for dependent in self._dependents.pop(last.uid, ()):
            self.feed.add(dependent)
        for owner in event.previous.owners if event.previous else ():
            if owner in self._keys:
                self.feed.add(self._keys[owner])

    async def _look(self, key: Key) -> None:
        item = self._plane.store.latest(key)
        if item is None:
            return
        finalizers = item.object()["metadata"].get("finalizers") or () if item.deleting else ()
        if ORPHAN in finalizers:
            await self._orphan(item)
        elif FOREGROUND in finalizers:
            await self._wait_for_dependents(item)
        if item.owners and not item.deleting:
            await self._follow_owners(item)

    async def _orphan(self, owner: Stored) -> None:
        for key in list(self._dependents.get(owner.uid, ())):
            dependent = self._plane.store.latest(key)
            if dependent is not None:
                await self._drop_owners(dependent, {owner.uid})
        await self._drop_finalizer(owner.key, ORPHAN)

    async def _wait_for_dependents(self, owner: Stored) -> None:
        dependents = self._dependents.get(owner.uid)
        if not dependents:
            await self._drop_finalizer(owner.key, FOREGROUND)
            return
        for key in dependents:
            self.feed.add(key)

    async def _follow_owners(self, item: Stored) -> None:
        absent = {uid for uid in item.owners if not self._present(uid, item)}
        leaving = {uid for uid in item.owners if uid not in absent and self._awaits(uid)}
        if len(absent) + len(leaving) < len(set(item.owners)):
            if absent:
                await self._drop_owners(item, absent)
            return
        resource = self._plane.stored_as(item.key.storage)
        if resource is not None:
            foreground = bool(leaving) and bool(self._dependents.get(item.uid))
            how = options.Delete(propagation="Foreground" if foreground else "Background", uid=item.uid)
            await self._plane.writer.delete(resource, item, how)

    def _present(self, uid: str, dependent: Stored) -> bool:
        """Whether an owner exists where it may own: in the same namespace or outside of all."""
        key = self._keys.get(uid)
        return key is not None and key.namespace in {"", dependent.key.namespace}

    def _awaits(self, uid: str) -> bool:
        owner = self._plane.store.latest(self._keys[uid])
        if owner is None or not owner.deleting:
            return False
        return FOREGROUND in (owner.object()["metadata"].get("finalizers") or ())

    async def _drop_owners(self, item: Stored, uids: set[str]) -> None:
        def drop(obj: Json) -> None:
            kept = [each for each in obj["metadata"].get("ownerReferences") or () if each.get("uid") not in uids]
            edits.put_list(obj, "ownerReferences", kept)

        await edits.change(self._plane, item.key, drop, _HOW)

    async def _drop_finalizer(self, key: Key, finalizer: str) -> None:
        await edits.drop_finalizer(self._plane, key, finalizer, _HOW)
