"""What a write comes to, as plain functions: from one state of an object to the next, or to a refusal.

Answers to the half of `k8s.io/apiserver/pkg/registry/generic/registry.Store` that decides. Nothing here waits or
stores, so a long decision can be made beside the event loop, and made again when the object has changed meanwhile.
"""

from dataclasses import dataclass, field
from typing import Any

from gotk.apiserver import admission, status
from gotk.apiserver.apply import server_side
from gotk.apiserver.resources import versions
from gotk.apiserver.resources.resource import Resource
from gotk.apiserver.storage.store import Key, Stored
from gotk.apiserver.wire import options

Json = dict[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Decision:
    """The next state of an object. No `old`: it is new. No `after`: an apply that changes nothing.

    `same` says that `after` differs from `before` in nothing that would be worth a write.
    """

    resource: Resource
    key: Key
    old: Stored | None = None
    before: Json | None = None
    after: Json | None
    same: bool = False
    warnings: list[str] = field(default_factory=list)


@dataclass(frozen=True, slots=True, kw_only=True)
class Write:
    """A write to be decided: of which kind, to which part of the object, how, and when."""

    resource: Resource
    how: options.Write
    now: str
    subresource: str = ""

    def created(self, namespace: str, obj: Json) -> Decision:
        """Decide on a new object, which is changed in place. Raises Refusal."""
        resource = self.resource
        warnings = admission.admit(resource, obj, None, self.how)
        admission.begin(resource, obj, namespace, self.now)
        key = key_of(resource, namespace, obj["metadata"]["name"])
        after = server_side.track_update(
            {}, obj, manager=self.how.manager, resource=resource, subresource="", now=self.now
        )
        return Decision(resource=resource, key=key, after=after, warnings=warnings)

    def replaced(self, old: Stored, new: Json) -> Decision:
        """Decide on the next state that was sent for an object, which is changed in place. Raises Refusal."""
        resource = self.resource
        before = admission.read(resource, versions.convert(old.object(), resource))
        warnings = admission.admit(resource, new, before, self.how)
        after = admission.settle(resource, before, new, self.subresource)
        after = server_side.track_update(
            before,
            after,
            manager=self.how.manager,
            resource=resource,
            subresource=self.subresource,
            now=self.now,
        )
        return self._finished(old, before, after, warnings)

    def applied(self, key: Key, old: Stored | None, config: Json) -> Decision:
        """Decide on what a manager wants, parts of which are changed in place. Raises Refusal, ApplyConflict..."""
        if old is None:
            return self._newly_applied(key, config)
        resource = self.resource
        check_current(resource, old, config)
        before = admission.read(resource, versions.convert(old.object(), resource))
        after = self._merged(before, config, self.subresource)
        if after is before:
            return Decision(resource=resource, key=key, old=old, before=before, after=None)
        managed = after["metadata"].get("managedFields")
        warnings = admission.admit(resource, after, before, self.how, applied=True)
        after = admission.settle(resource, before, after, self.subresource)
        if managed is not None:
            after["metadata"]["managedFields"] = managed
        return self._finished(old, before, after, warnings)

    def _newly_applied(self, key: Key, config: Json) -> Decision:
        resource = self.resource
        uid = config["metadata"].get("uid")
        if uid:
            why = f"uid mismatch: the provided object specified uid {uid}, and no existing object was found"
            raise status.conflict(resource, key.name, why)
        if self.subresource:
            raise status.not_found(resource, key.name)
        obj = self._merged(None, config, "")
        warnings = admission.admit(resource, obj, None, self.how, applied=True)
        admission.begin(resource, obj, key.namespace, self.now)
        return Decision(resource=resource, key=key, after=obj, warnings=warnings)

    def _merged(self, live: Json | None, config: Json, subresource: str) -> Json:
        return server_side.apply(
            live,
            config,
            manager=self.how.manager,
            force=self.how.force,
            resource=self.resource,
            subresource=subresource,
            now=self.now,
        )

    def _finished(self, old: Stored, before: Json, after: Json, warnings: list[str]) -> Decision:
        resource = self.resource
        after["metadata"]["resourceVersion"] = before["metadata"]["resourceVersion"]
        admission.count(resource, before, after)
        admission.validate(resource, after, before, self.subresource)
        same = admission.same(before, after)
        return Decision(
            resource=resource, key=old.key, old=old, before=before, after=after, same=same, warnings=warnings
        )


def key_of(resource: Resource, namespace: str, name: str) -> Key:
    """Return where an object of a kind lies."""
    return Key(resource.storage, namespace if resource.namespaced else "", name)


def check_current(resource: Resource, old: Stored, new: Json) -> None:
    """Refuse a state that was derived from another one than the newest, or from another object of that name."""
    wanted = new["metadata"].get("resourceVersion")
    if wanted and wanted != str(old.revision):
        raise status.modified(resource, old.key.name)
    uid = new["metadata"].get("uid")
    if uid and uid != old.uid:
        why = f"Precondition failed: UID in precondition: {uid}, UID in object meta: {old.uid}"
        raise status.conflict(resource, old.key.name, why)
