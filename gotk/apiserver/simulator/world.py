"""The store as the rules of the simulator see it: objects, their dependents, and the few ways to change them."""

import hashlib
import time
from collections.abc import Sequence
from datetime import datetime
from typing import Any

import orjson

from gotk.apiserver.call import Plane
from gotk.apiserver.controllers import edits
from gotk.apiserver.resources.resource import Resource
from gotk.apiserver.simulator import fate
from gotk.apiserver.storage.store import Event, Key, Stored
from gotk.apiserver.wire import options

Json = dict[str, Any]

PODS, CLAIMS, SERVICES, NODES, VOLUMES = "pods", "persistentvolumeclaims", "services", "nodes", "persistentvolumes"
REPLICA_SETS, REVISIONS = "replicasets.apps", "controllerrevisions.apps"
SLICES = "endpointslices.discovery.k8s.io"
_HOW = options.Write(manager="workload-simulator", validation="Ignore")
_INDEXED = frozenset({PODS, REPLICA_SETS, REVISIONS})
_ALPHABET = "bcdfghjklmnpqrstvwxz2456789"


class World:
    """What is there, and what the simulator does about it."""

    def __init__(self, plane: Plane, *, delay: float) -> None:
        self._plane = plane
        self._delay = delay
        self._children: dict[str, set[Key]] = {}
        self._keys: dict[str, Key] = {}
        self._first_seen: dict[str, float] = {}
        for storage in plane.store.storages():
            for item in plane.store.objects(storage):
                self._note(item)

    def observe(self, events: Sequence[Event]) -> None:
        """Follow what was committed."""
        for event in events:
            if event.previous is not None and event.previous.owners != event.current.owners:
                self._forget(event.previous)
            if event.type == "DELETED":
                self._forget(event.current)
                self._keys.pop(event.current.uid, None)
                self._first_seen.pop(event.current.uid, None)
            else:
                self._note(event.current)

    def _note(self, item: Stored) -> None:
        if item.key.storage in _INDEXED:
            for owner in item.owners:
                self._children.setdefault(owner, set()).add(item.key)
        if item.key.storage.endswith((".apps", ".batch")):
            self._keys[item.uid] = item.key

    def _forget(self, item: Stored) -> None:
        for owner in item.owners:
            keys = self._children.get(owner)
            if keys is not None:
                keys.discard(item.key)
                if not keys:
                    del self._children[owner]

    # -- looking ----------------------------------------------------------------------------------------------------

    def now(self) -> str:
        """Return the time as objects hold it."""
        return self._plane.writer.now()

    def moment(self) -> datetime:
        """Return the time, in whole seconds as objects hold it."""
        return datetime.fromisoformat(self.now())

    def get(self, key: Key) -> Json | None:
        """Return an object that is not on its way out."""
        item = self._plane.store.latest(key)
        return None if item is None or item.deleting else item.object()

    def all(self, storage: str, namespace: str | None = None) -> list[Json]:
        """Return all objects of a kind."""
        return [item.object() for item in self._plane.store.objects(storage, namespace)]

    def stored(self, storage: str, namespace: str | None = None) -> list[Stored]:
        """Return all objects of a kind, unparsed."""
        return self._plane.store.objects(storage, namespace)

    def children(self, owner: Json, storage: str) -> list[Json]:
        """Return what an object controls, by name, without what is on its way out."""
        keys = sorted(
            (key for key in self._children.get(owner["metadata"]["uid"], ()) if key.storage == storage), key=_name
        )
        found = (self._plane.store.get(key) for key in keys)
        return [item.object() for item in found if item is not None and not item.deleting]

    def family(self, uid: str) -> list[Key]:
        """Return where the dependents of an object lie, with theirs."""
        found: list[Key] = []
        for key in self._children.get(uid, ()):
            item = self._plane.store.get(key)
            if item is not None:
                found += [key, *self.family(item.uid)]
        return found

    def owners(self, item: Stored) -> list[Key]:
        """Return where the workloads lie that own an object."""
        return [self._keys[owner] for owner in item.owners if owner in self._keys]

    def age(self, obj: Json) -> float:
        """Return for how many seconds the simulator has known an object."""
        now = time.monotonic()
        return now - self._first_seen.setdefault(obj["metadata"]["uid"], now)

    def settled(self, obj: Json) -> None:
        """Forget how old an object is: nothing depends on it any more."""
        self._first_seen.pop(obj["metadata"]["uid"], None)

    def fate(self, obj: Json, pod_spec: Json | None = None) -> fate.Fate:
        """Return what is to become of an object: by its annotation, its controllers', or its images."""
        seen: Json | None = obj
        while seen is not None:
            told = fate.annotation(seen)
            if told is not None:
                return fate.told(told, self._delay)
            seen = self._controller(seen)
        return fate.named(pod_spec or {}, self._delay)

    def _controller(self, obj: Json) -> Json | None:
        for owner in obj["metadata"].get("ownerReferences") or ():
            key = self._keys.get(owner.get("uid", "")) if owner.get("controller") else None
            item = self._plane.store.get(key) if key is not None else None
            if item is not None:
                return item.object()
        return None

    # -- changing ---------------------------------------------------------------------------------------------------

    def _resource(self, storage: str) -> Resource:
        found = self._plane.stored_as(storage)
        assert found is not None
        return found

    async def create(self, storage: str, namespace: str, obj: Json) -> Json:
        """Make an object and return it. Raises Refusal."""
        resource = self._resource(storage)
        obj = {"apiVersion": resource.api_version, "kind": resource.kind, **obj}
        outcome = await self._plane.writer.create(resource, namespace, obj, _HOW)
        return outcome.item.object()

    async def delete(self, storage: str, obj: Json) -> None:
        """Delete an object, if it is still there. Raises Refusal."""
        metadata = obj["metadata"]
        item = self._plane.store.latest(Key(storage, metadata.get("namespace", ""), metadata["name"]))
        if item is not None and item.uid == metadata["uid"] and not item.deleting:
            await self._plane.writer.delete(self._resource(storage), item, options.Delete(propagation="Background"))

    async def change(self, storage: str, obj: Json, edit: edits.Edit) -> None:
        """Change an object's metadata or spec. Raises Refusal."""
        await edits.change(self._plane, key_of(storage, obj), edit, _HOW)

    async def report(self, storage: str, obj: Json, status: Json) -> None:
        """Write an object's status, if it differs. Raises Refusal."""
        if obj.get("status") == status:
            return

        def put(current: Json) -> None:
            current["status"] = status

        await edits.change(self._plane, key_of(storage, obj), put, _HOW, subresource="status")


def key_of(storage: str, obj: Json) -> Key:
    """Return where an object lies."""
    return Key(storage, obj["metadata"].get("namespace", ""), obj["metadata"]["name"])


def owned_by(owner: Json) -> list[Json]:
    """Return the reference by which a controller owns what it makes."""
    metadata = owner["metadata"]
    reference = {"apiVersion": owner["apiVersion"], "kind": owner["kind"], "name": metadata["name"]}
    return [{**reference, "uid": metadata["uid"], "controller": True, "blockOwnerDeletion": True}]


def fingerprint(obj: Any) -> str:
    """Return ten characters that stand for a value, fit for names."""
    digest = hashlib.sha256(orjson.dumps(obj, option=orjson.OPT_SORT_KEYS)).digest()
    return "".join(_ALPHABET[byte % len(_ALPHABET)] for byte in digest[:10])


def _name(key: Key) -> str:
    return key.name
