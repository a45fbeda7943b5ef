"""CustomResourceDefinitions at work: kinds are served as soon as their definition is committed, and until it is gone.

Answers to apiextensions-apiserver's establishing, naming and finalizer controllers.
"""

import hashlib
from collections.abc import Sequence
from typing import Any

import orjson

from gotk.apiserver.call import Plane
from gotk.apiserver.controllers import edits
from gotk.apiserver.controllers.feed import Feed
from gotk.apiserver.deletion import CLEANUP
from gotk.apiserver.resources import establish, versions
from gotk.apiserver.resources.resource import Resource
from gotk.apiserver.schema.kind_schema import Schema
from gotk.apiserver.storage.store import Event, Key, Stored, dumped
from gotk.apiserver.wire import options

Json = dict[str, Any]

_HOW = options.Write(manager="definition-controller", validation="Ignore")


class DefinitionController:
    """Keeps the registry in step with the stored definitions, writes their status, and clears up after them."""

    def __init__(self, plane: Plane) -> None:
        self._plane = plane
        resource = plane.registry.lookup("apiextensions.k8s.io", "v1", "customresourcedefinitions")
        assert resource is not None
        self._storage = resource.storage
        self.feed: Feed[Key] = Feed()
        for item in plane.store.objects(self._storage):
            self._serve(item)
            self.feed.add(item.key)
        plane.store.subscribe(self._observe)

    async def run(self) -> None:
        """Look after definitions, forever."""
        await self.feed.work(self._look)

    def _observe(self, events: Sequence[Event]) -> None:
        for event in events:
            key = event.current.key
            if key.storage != self._storage:
                self._instance_gone(event)
            elif event.type == "DELETED":
                self._plane.registry.remove_crd(key.name)
                self._plane.hub.finish(key.name)
                self._look_at_all()  # its names are free now
            else:
                if self._changed(event):
                    self._serve(event.current)
                self.feed.add(key)

    def _changed(self, event: Event) -> bool:
        """Whether a definition has to be read anew; one that waits for its names always has."""
        if event.previous is None or not self._plane.registry.of_crd(event.current.key.name):
            return True
        found: bool = event.previous.object()["spec"] != event.current.object()["spec"]
        return found

    def _look_at_all(self) -> None:
        for item in self._plane.store.objects(self._storage):
            self.feed.add(item.key)

    def _instance_gone(self, event: Event) -> None:
        """Look again at a definition that waits for its last instance."""
        if event.type == "DELETED":
            definition = Key(self._storage, "", event.current.key.storage)
            item = self._plane.store.get(definition)
            if item is not None and item.deleting:
                self.feed.add(definition)

    def _others(self, key: Key) -> list[Json]:
        """Return the other definitions of the group, which is what a definition's name ends in."""
        return [
            other.object()
            for other in self._plane.store.objects(self._storage)
            if other.key != key and _group(other.key) == _group(key)
        ]

    def _serve(self, item: Stored) -> None:
        """Serve a definition's kinds if its names are free, and fill in what its schema now says is the default."""
        obj = item.object()
        obj["status"] = establish.established(obj, self._others(item.key), self._plane.writer.now())
        if not establish.is_established(obj):
            return
        resources = self._plane.registry.set_crd(obj)
        resource = next((each for each in resources if each.version == each.storage_version), None)
        if resource is None or resource.schema is None:
            return
        self._fill_in(item, resource, resource.schema)

    def _fill_in(self, item: Stored, resource: Resource, schema: Schema) -> None:
        """Fill in the defaults of a schema, once for each state of it."""
        store = self._plane.store
        versions_ = orjson.dumps(item.object()["spec"]["versions"])
        mark = f"defaults of {resource.storage}", hashlib.sha256(versions_).hexdigest()
        if store.marks.get(mark[0]) == mark[1]:
            return
        changed = []
        for stored in store.objects(resource.storage):
            obj = versions.convert(stored.object(), resource)
            schema.default(obj)
            data = dumped(obj)
            if data != stored.data:
                changed.append((stored.key, data))
        store.refresh(changed, mark)

    async def _look(self, key: Key) -> None:
        item = self._plane.store.latest(key)
        if item is None:
            return
        now = self._plane.writer.now()

        def describe(obj: Json) -> None:
            obj["status"] = establish.established(obj, self._others(key), now)
            if item.deleting:
                obj["status"] = establish.terminating(obj, now)

        await edits.change(self._plane, key, describe, _HOW, subresource="status")
        if item.deleting:
            await self._clear(key)

    async def _clear(self, key: Key) -> None:
        """Delete all instances; when none is left, let go of the definition."""
        left = False
        served = self._plane.registry.of_crd(key.name)
        for resource in served[:1]:
            items = self._plane.store.objects(resource.storage)
            done = await self._plane.writer.delete_all(resource, items, options.Delete())
            left = left or not all(outcome.gone for outcome in done)
        if not left:
            await edits.drop_finalizer(self._plane, key, CLEANUP, _HOW)


def _group(definition: Key) -> str:
    return definition.name.partition(".")[2]
