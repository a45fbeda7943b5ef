"""The life of a namespace: its service account and root certificate at the start, an emptied room at the end.

Answers to kube-controller-manager's namespace, serviceaccount and root-ca-cert-publisher controllers.
"""

from collections.abc import Sequence
from typing import Any

from gotk.apiserver.call import Plane
from gotk.apiserver.controllers import edits
from gotk.apiserver.controllers.feed import Feed
from gotk.apiserver.storage.store import Event, Key, Stored
from gotk.apiserver.wire import options

Json = dict[str, Any]

ROOT_CA = "kube-root-ca.crt"
_FINALIZER = "kubernetes"
_BACKGROUND = options.Delete(propagation="Background")
_HOW = options.Write(manager="namespace-controller", validation="Ignore")


class NamespaceController:
    """Furnishes new namespaces and clears those that are being deleted."""

    def __init__(self, plane: Plane, *, certificate: str) -> None:
        self._plane = plane
        self._certificate = certificate
        self._storage = _storage(plane, "namespaces")
        self._furniture = {_storage(plane, "serviceaccounts"): "default", _storage(plane, "configmaps"): ROOT_CA}
        self.feed: Feed[str] = Feed()
        for space in plane.store.objects(self._storage):
            self.feed.add(space.key.name)
        plane.store.subscribe(self._observe)

    async def run(self) -> None:
        """Look after namespaces, forever."""
        await self.feed.work(self._look)

    def _observe(self, events: Sequence[Event]) -> None:
        for event in events:
            key = event.current.key
            if key.storage == self._storage:
                if event.type == "ADDED" or event.current.deleting:
                    self.feed.add(key.name)
            elif event.type == "DELETED" and (self._terminating(key) or self._furniture.get(key.storage) == key.name):
                self.feed.add(key.namespace)

    def _terminating(self, key: Key) -> bool:
        space = self._plane.store.latest(Key(self._storage, "", key.namespace)) if key.namespace else None
        return space is not None and space.deleting

    async def _look(self, name: str) -> None:
        space = self._plane.store.latest(Key(self._storage, "", name))
        if space is None:
            return
        if space.deleting:
            await self._clear(space)
        else:
            await self._furnish(name)

    async def _furnish(self, name: str) -> None:
        account: Json = {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": "default"}}
        trust: Json = {
            "apiVersion": "v1",
            "kind": "ConfigMap",
            "metadata": {"name": ROOT_CA},
            "data": {"ca.crt": self._certificate},
        }
        for plural, obj in (("serviceaccounts", account), ("configmaps", trust)):
            resource = self._plane.registry.lookup("", "v1", plural)
            assert resource is not None
            if self._plane.store.latest(self._plane.writer.key(resource, name, obj["metadata"]["name"])) is None:
                await self._plane.writer.create(resource, name, obj, _HOW)

    async def _clear(self, space: Stored) -> None:
        """Delete all that is inside; when nothing is left, let go of the namespace."""
        left = False
        for resource in self._plane.registry.all():
            if not resource.namespaced or self._plane.stored_as(resource.storage) != resource:
                continue
            items = self._plane.store.objects(resource.storage, space.key.name)
            done = await self._plane.writer.delete_all(resource, items, _BACKGROUND)
            left = left or not all(outcome.gone for outcome in done)
        if not left:
            await edits.change(self._plane, space.key, _let_go, _HOW, subresource="finalize")


def _let_go(space: Json) -> None:
    spec = space.setdefault("spec", {})
    spec["finalizers"] = [each for each in spec.get("finalizers") or () if each != _FINALIZER]


def _storage(plane: Plane, plural: str) -> str:
    resource = plane.registry.lookup("", "v1", plural)
    assert resource is not None
    return resource.storage
