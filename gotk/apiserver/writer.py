"""Every change of an object goes through here: requests, server-side apply and our own controllers alike.

Answers to `k8s.io/apiserver/pkg/registry/generic/registry.Store`. Nothing waits between reading the newest state and
staging the change, so no two changes ever cross and no write needs to be tried twice.
"""

import asyncio
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from gotk.apiserver import admission, deletion, metadata, status
from gotk.apiserver.apply import server_side
from gotk.apiserver.resources import versions
from gotk.apiserver.resources.registry import Registry
from gotk.apiserver.resources.resource import Resource
from gotk.apiserver.storage.store import Key, Store, Stored, stored
from gotk.apiserver.wire import options

Json = dict[str, Any]


@dataclass(slots=True)
class Outcome:
    """What came of a write: the object as it is now, whether it was made or is gone, and what to warn of."""

    item: Stored
    created: bool = False
    gone: bool = False
    warnings: list[str] = field(default_factory=list)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Step:
    """From one state of an object to the next."""

    resource: Resource
    old: Stored
    before: Json
    how: options.Write
    subresource: str = ""


class Writer:
    """Creates, replaces and deletes objects by the rules of their kind."""

    def __init__(self, *, store: Store, registry: Registry, now: Callable[[], datetime]) -> None:
        self._store = store
        self._registry = registry
        self._now = now

    def now(self) -> str:
        """Return the time as metadata holds it."""
        return metadata.rfc3339(self._now())

    def key(self, resource: Resource, namespace: str, name: str) -> Key:
        """Return where an object of a kind lies."""
        return Key(resource.storage, namespace if resource.namespaced else "", name)

    async def create(self, resource: Resource, namespace: str, obj: Json, how: options.Write) -> Outcome:
        """Store a new object. Raises Refusal."""
        now = self.now()
        self._check_place(resource, namespace, obj)
        warnings = admission.admit(resource, obj, None, how)
        admission.begin(resource, obj, namespace, now)
        key = self.key(resource, namespace, obj["metadata"]["name"])
        if self._store.latest(key) is not None:
            raise status.already_exists(resource, key.name)
        _guard(resource, obj, None, how)
        obj = server_side.track_update({}, obj, manager=how.manager, resource=resource, subresource="", now=now)
        return Outcome(await self._save(resource, key, obj, how), created=True, warnings=warnings)

    async def replace(
        self, resource: Resource, old: Stored, new: Json, how: options.Write, *, subresource: str = ""
    ) -> Outcome:
        """Store the next state of an object. Raises Refusal."""
        before = versions.convert(old.object(), resource)
        step = _Step(resource=resource, old=old, before=before, how=how, subresource=subresource)
        warnings = admission.admit(resource, new, before, how)
        after = admission.settle(resource, before, new, subresource)
        after = server_side.track_update(
            before, after, manager=how.manager, resource=resource, subresource=subresource, now=self.now()
        )
        return await self._finish(step, after, warnings)

    async def applied(
        self, resource: Resource, key: Key, config: Json, how: options.Write, *, subresource: str = ""
    ) -> Outcome:
        """Carry out a server-side apply: create or change what this manager says. Raises Refusal, ApplyConflict..."""
        old = self._store.latest(key)
        if old is None:
            return await self._apply_new(resource, key, config, how, subresource=subresource)
        check_current(resource, old, config)
        before = versions.convert(old.object(), resource)
        after = self._merged(resource, before, config, how, subresource)
        if after is before:
            return Outcome(old)
        managed = after["metadata"].get("managedFields")
        warnings = admission.admit(resource, after, before, how, applied=True)
        after = admission.settle(resource, before, after, subresource)
        if managed is not None:
            after["metadata"]["managedFields"] = managed
        step = _Step(resource=resource, old=old, before=before, how=how, subresource=subresource)
        return await self._finish(step, after, warnings)

    async def _apply_new(
        self, resource: Resource, key: Key, config: Json, how: options.Write, *, subresource: str
    ) -> Outcome:
        uid = config["metadata"].get("uid")
        if uid:
            why = f"uid mismatch: the provided object specified uid {uid}, and no existing object was found"
            raise status.conflict(resource, key.name, why)
        if subresource:
            raise status.not_found(resource, key.name)
        self._check_place(resource, key.namespace, config)
        obj = self._merged(resource, None, config, how, "")
        warnings = admission.admit(resource, obj, None, how, applied=True)
        admission.begin(resource, obj, key.namespace, self.now())
        _guard(resource, obj, None, how)
        return Outcome(await self._save(resource, key, obj, how), created=True, warnings=warnings)

    def _merged(
        self, resource: Resource, live: Json | None, config: Json, how: options.Write, subresource: str
    ) -> Json:
        return server_side.apply(
            live,
            config,
            manager=how.manager,
            force=how.force,
            resource=resource,
            subresource=subresource,
            now=self.now(),
        )

    async def _finish(self, step: _Step, after: Json, warnings: list[str]) -> Outcome:
        resource, before = step.resource, step.before
        after["metadata"]["resourceVersion"] = before["metadata"]["resourceVersion"]
        admission.count(resource, before, after)
        admission.validate(resource, after, before, step.subresource)
        _guard(resource, after, before, step.how)
        if step.old.deleting and not deletion.held(resource, after):
            outcome = await self._remove(step.old, after, dry_run=step.how.dry_run)
        elif admission.same(before, after):
            outcome = Outcome(step.old)
        else:
            outcome = Outcome(await self._save(resource, step.old.key, after, step.how))
        outcome.warnings = warnings
        return outcome

    async def delete(self, resource: Resource, old: Stored, how: options.Delete) -> Outcome:
        """Delete an object, or mark it as deleted while somebody holds it. Raises Refusal."""
        deletion.check(resource, old, how)
        obj = old.object()
        before = list(obj["metadata"].get("finalizers") or ())
        finalizers = deletion.finalizers(resource, obj, how)
        obj["metadata"]["finalizers"] = finalizers
        if not finalizers:
            del obj["metadata"]["finalizers"]
        if not deletion.held(resource, obj):
            return await self._remove(old, obj, dry_run=how.dry_run)
        if old.deleting and finalizers == before:
            return Outcome(old)
        deletion.mark(resource, obj, self.now())
        return Outcome(await self._save(resource, old.key, obj, options.Write(dry_run=how.dry_run)))

    async def delete_all(self, resource: Resource, items: Iterable[Stored], how: options.Delete) -> list[Outcome]:
        """Delete what is still there of many objects, with as few commits as can be. Raises Refusal."""
        newest = (self._store.latest(item.key) for item in items)
        return await asyncio.gather(*(self.delete(resource, item, how) for item in newest if item is not None))

    async def _remove(self, old: Stored, obj: Json, *, dry_run: bool) -> Outcome:
        last = None if dry_run else await self._store.remove(old.key, obj)
        return Outcome(last or old, gone=True)

    async def _save(self, resource: Resource, key: Key, obj: Json, how: options.Write) -> Stored:
        admission.default_status(resource, obj)
        kept = metadata.order(versions.store_form(obj, resource))
        if not how.dry_run:
            return await self._store.put(key, kept)
        revision = kept["metadata"].pop("resourceVersion", None)
        return stored(key, kept, int(revision) if revision else None)

    def _check_place(self, resource: Resource, namespace: str, obj: Json) -> None:
        """Refuse new objects where there is no namespace, or where it or their definition is going away."""
        name = obj["metadata"].get("name") or ""
        definitions = self._registry.lookup("apiextensions.k8s.io", "v1", "customresourcedefinitions")
        if definitions is not None and resource.crd:
            definition = self._store.latest(self.key(definitions, "", resource.crd))
            if definition is not None and definition.deleting:
                why = "create not allowed while custom resource definition is terminating"
                raise status.forbidden(resource, name, why)
        spaces = self._registry.lookup("", "v1", "namespaces")
        if not resource.namespaced or spaces is None:
            return
        space = self._store.latest(self.key(spaces, "", namespace))
        if space is None:
            raise status.not_found(spaces, namespace)
        if space.deleting:
            raise status.terminating(resource, name, namespace)


def _guard(resource: Resource, after: Json, before: Json | None, how: options.Write) -> None:
    if how.guard is not None:
        how.guard(resource, after, before)


def check_current(resource: Resource, old: Stored, new: Json) -> None:
    """Refuse a state that was derived from another one than the newest, or from another object of that name."""
    wanted = new["metadata"].get("resourceVersion")
    if wanted and wanted != str(old.revision):
        raise status.modified(resource, old.key.name)
    uid = new["metadata"].get("uid")
    if uid and uid != old.uid:
        why = f"Precondition failed: UID in precondition: {uid}, UID in object meta: {old.uid}"
        raise status.conflict(resource, old.key.name, why)
