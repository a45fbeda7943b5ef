"""Every change of an object goes through here: requests, server-side apply and our own controllers alike.

Answers to `k8s.io/apiserver/pkg/registry/generic/registry.Store`. Nothing waits between reading the newest state and
staging the change, so no two changes ever cross. Only a long decision is made beside the event loop: it is staged if
the object is still what it was decided upon, and made anew otherwise.
"""

import asyncio
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import datetime
from functools import partial
from typing import Any

from gotk.apiserver import admission, decisions, deletion, metadata, status
from gotk.apiserver.decisions import Decision, Write
from gotk.apiserver.offload import Offload
from gotk.apiserver.resources import versions
from gotk.apiserver.resources.registry import Registry
from gotk.apiserver.resources.resource import Resource
from gotk.apiserver.storage.store import Key, Store, Stored, stored
from gotk.apiserver.wire import options

Json = dict[str, Any]
#: How often a long decision is made beside the event loop before it is made upon it.
_TRIES = 3


@dataclass(slots=True)
class Outcome:
    """What came of a write: the object as it is now, whether it was made or is gone, and what to warn of."""

    item: Stored
    created: bool = False
    gone: bool = False
    warnings: list[str] = field(default_factory=list)


class Writer:
    """Creates, replaces and deletes objects by the rules of their kind."""

    def __init__(self, *, store: Store, registry: Registry, now: Callable[[], datetime], offload: Offload) -> None:
        self._store = store
        self._registry = registry
        self._now = now
        self._offload = offload

    def now(self) -> str:
        """Return the time as metadata holds it."""
        return metadata.rfc3339(self._now())

    def key(self, resource: Resource, namespace: str, name: str) -> Key:
        """Return where an object of a kind lies."""
        return decisions.key_of(resource, namespace, name)

    async def create(
        self, resource: Resource, namespace: str, obj: Json, how: options.Write, *, size: int = 0
    ) -> Outcome:
        """Store a new object, given as so many bytes. Raises Refusal."""
        self._check_place(resource, namespace, obj)
        write = Write(resource=resource, how=how, now=self.now())
        decision = await self._offload.run(size, lambda: write.created(namespace, obj))
        if self._store.latest(decision.key) is not None:
            raise status.already_exists(resource, decision.key.name)
        return await self._commit(decision, how)

    async def replace(
        self, resource: Resource, old: Stored, new: Json, how: options.Write, *, subresource: str = ""
    ) -> Outcome:
        """Store the next state of an object, derived from its newest one just now. Raises Refusal."""
        write = Write(resource=resource, how=how, now=self.now(), subresource=subresource)
        return await self._commit(write.replaced(old, new), how)

    async def change(
        self, write: Write, key: Key, derive: Callable[[Stored | None], Json], *, size: int = 0
    ) -> Outcome:
        """Store what is derived from an object's newest state by so many bytes of patch. Raises Refusal.

        `derive` may be called more than once, and each time returns an object of its own.
        """

        def decide(old: Stored | None) -> Decision:
            new = derive(old)
            if old is None:
                raise status.not_found(write.resource, key.name)
            return write.replaced(old, new)

        return await self._commit(await self._decide(key, decide, size), write.how)

    async def apply(self, write: Write, key: Key, config: Callable[[], Json], *, size: int = 0) -> Outcome:
        """Carry out a server-side apply: create or change what this manager says. Raises Refusal, ApplyConflict...

        `config` may be called more than once, and each time returns an object of its own.
        """

        def decide(old: Stored | None) -> Decision:
            return write.applied(key, old, config())

        return await self._commit(await self._decide(key, decide, size), write.how)

    async def _decide(self, key: Key, decide: Callable[[Stored | None], Decision], size: int) -> Decision:
        """Decide upon the newest state; anew when it has changed meanwhile, and in the end here, where nothing can."""
        for _ in range(_TRIES):
            old = self._store.latest(key)
            length = size + (len(old.data) if old is not None else 0)
            try:
                decision = await self._offload.run(length, partial(decide, old))
            except Exception:
                if self._store.latest(key) is old:
                    raise
                continue
            if self._store.latest(key) is old:
                return decision
        return decide(self._store.latest(key))

    async def _commit(self, decision: Decision, how: options.Write) -> Outcome:
        """Stage a decision; nothing was awaited since it was found to be of the newest state."""
        resource, old, after = decision.resource, decision.old, decision.after
        if old is None:
            assert after is not None
            self._check_place(resource, decision.key.namespace, after)
            _guard(resource, after, None, how)
            item = await self._save(resource, decision.key, after, how)
            return Outcome(item, created=True, warnings=decision.warnings)
        if after is None:
            return Outcome(old)
        _guard(resource, after, decision.before, how)
        if old.deleting and not deletion.held(resource, after):
            outcome = await self._remove(old, after, dry_run=how.dry_run)
        elif decision.same:
            outcome = Outcome(old)
        else:
            outcome = Outcome(await self._save(resource, old.key, after, how))
        outcome.warnings = decision.warnings
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
