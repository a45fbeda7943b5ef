"""Every change of an object goes through here: requests, server-side apply and our own controllers alike.

Answers to `k8s.io/apiserver/pkg/registry/generic/registry.Store` and the custom resource strategies. The order is
upstream's: unknown fields are reported and pruned, nulls dropped, defaults filled in, system fields set, the object
validated, ownership of fields noted, and only then stored. Nothing here waits between reading the newest state and
staging the change, so no two changes ever cross.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from gotk.apiserver import apply, builtin, metadata, options, status, versions
from gotk.apiserver.resource import Resource
from gotk.apiserver.resources import Registry
from gotk.apiserver.schema import Cause
from gotk.apiserver.store import Key, Store, Stored, stored

Json = dict[str, Any]
Clock = Callable[[], datetime]

#: Built-in kinds whose objects count the changes of their spec.
_GENERATIONAL_GROUPS = frozenset({"apps", "batch", "networking.k8s.io", "policy", "apiextensions.k8s.io"})
_UNCHECKED_CAUSE = Cause(
    reason="FieldValueInvalid",
    message=(
        "Invalid value: null: some validation rules were not checked because the object was invalid; "
        "correct the existing errors to complete validation"
    ),
    field="<nil>",
)


@dataclass(slots=True)
class Outcome:
    """What came of a write: the object as it is now, whether it was made or is gone, and what to warn of."""

    item: Stored
    created: bool = False
    gone: bool = False
    warnings: list[str] = field(default_factory=list)


class Writer:
    """Creates, replaces and deletes objects by the rules of their kind."""

    def __init__(self, *, store: Store, registry: Registry, now: Clock) -> None:
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
        self._check_namespace(resource, namespace, obj)
        warnings = self._admit(resource, obj, how)
        metadata.begin(obj, namespace if resource.namespaced else "", now)
        if "status" in resource.subresources and (resource.custom or resource.kind in _STATUS_DROPPED):
            obj.pop("status", None)
        if _generational(resource):
            obj["metadata"]["generation"] = 1
        builtin.apply_defaults(obj)
        self._validate(resource, obj, None)
        key = self.key(resource, namespace, obj["metadata"]["name"])
        if self._store.latest(key) is not None:
            raise status.already_exists(resource, key.name)
        obj = apply.track_update({}, obj, manager=how.manager, resource=resource, subresource="", now=now)
        item = await self._save(resource, key, obj, how)
        return Outcome(item, created=True, warnings=warnings)

    async def replace(
        self, resource: Resource, old: Stored, new: Json, how: options.Write, *, subresource: str = ""
    ) -> Outcome:
        """Store the next state of an object. Raises Refusal."""
        before = versions.convert(old.object(), resource)
        warnings = self._admit(resource, new, how)
        after = self._settle(resource, before, new, subresource)
        after = apply.track_update(
            before, after, manager=how.manager, resource=resource, subresource=subresource, now=self.now()
        )
        return await self._finish(resource, old, before, after, how, warnings)

    async def applied(
        self, resource: Resource, key: Key, config: Json, how: options.Write, *, subresource: str = ""
    ) -> Outcome:
        """Carry out a server-side apply: create or change what this manager says. Raises Refusal."""
        old = self._store.latest(key)
        if old is None and (subresource or config["metadata"].get("uid")):
            raise self._nothing_to_apply_to(resource, key, config)
        before = None if old is None else versions.convert(old.object(), resource)
        if before is not None and old is not None:
            _check_revision(resource, old, config)
        else:
            self._check_namespace(resource, key.namespace, config)
        after = apply.apply(
            before,
            config,
            manager=how.manager,
            force=how.force,
            resource=resource,
            subresource=subresource,
            now=self.now(),
        )
        if old is None or before is None:
            return await self._apply_new(resource, key, after, how)
        warnings = self._admit(resource, after, how)
        managed = after["metadata"].get("managedFields")
        after = self._settle(resource, before, after, subresource)
        if managed is not None:
            after["metadata"]["managedFields"] = managed
        return await self._finish(resource, old, before, after, how, warnings)

    async def _apply_new(self, resource: Resource, key: Key, obj: Json, how: options.Write) -> Outcome:
        warnings = self._admit(resource, obj, how)
        metadata.begin(obj, key.namespace, self.now())
        if "status" in resource.subresources and resource.custom:
            obj.pop("status", None)
        if _generational(resource):
            obj["metadata"]["generation"] = 1
        builtin.apply_defaults(obj)
        self._validate(resource, obj, None)
        item = await self._save(resource, key, obj, how)
        return Outcome(item, created=True, warnings=warnings)

    def _nothing_to_apply_to(self, resource: Resource, key: Key, config: Json) -> status.Refusal:
        uid = config["metadata"].get("uid")
        if not uid:
            return status.not_found(resource, key.name)
        why = f"uid mismatch: the provided object specified uid {uid}, and no existing object was found"
        return status.conflict(resource, key.name, why)

    async def delete(self, resource: Resource, old: Stored, how: options.Delete) -> Outcome:
        """Delete an object, or mark it as deleted while finalizers hold it. Raises Refusal."""
        _check_preconditions(resource, old, how)
        obj = old.object()
        before = list(obj["metadata"].get("finalizers") or ())
        finalizers = _deletion_finalizers(resource, obj, how)
        if finalizers:
            obj["metadata"]["finalizers"] = finalizers
        else:
            obj["metadata"].pop("finalizers", None)
        if not finalizers and not _held(resource, obj):
            return await self._remove(old, obj, how)
        if old.deleting and finalizers == before:
            return Outcome(old)
        self._mark_deleted(resource, obj)
        return Outcome(await self._save(resource, old.key, obj, _as_write(how)))

    def _mark_deleted(self, resource: Resource, obj: Json) -> None:
        if "deletionTimestamp" in obj["metadata"]:
            return
        obj["metadata"]["deletionTimestamp"] = self.now()
        obj["metadata"]["deletionGracePeriodSeconds"] = 0
        if "generation" in obj["metadata"]:
            obj["metadata"]["generation"] += 1
        if (resource.group, resource.plural) == ("", "namespaces"):
            obj.setdefault("status", {})["phase"] = "Terminating"

    async def _remove(self, old: Stored, obj: Json, how: options.Delete) -> Outcome:
        if how.dry_run:
            return Outcome(old, gone=True)
        last = await self._store.remove(old.key, obj)
        return Outcome(last or old, gone=True)

    def _check_namespace(self, resource: Resource, namespace: str, obj: Json) -> None:
        """Refuse new objects where there is no namespace, or one that is going away."""
        if not resource.namespaced:
            return
        spaces = self._registry.lookup("", "v1", "namespaces")
        if spaces is None:
            return
        space = self._store.latest(self.key(spaces, "", namespace))
        if space is None:
            raise status.not_found(spaces, namespace)
        if space.deleting:
            name = obj["metadata"].get("name") or ""
            why = f"unable to create new content in namespace {namespace} because it is being terminated"
            refusal = status.forbidden(resource, name, why)
            cause = {
                "reason": "NamespaceTerminating",
                "message": f"namespace {namespace} is being terminated",
                "field": "metadata.namespace",
            }
            refusal.details = {**(refusal.details or {}), "causes": [cause]}
            raise refusal

    def _admit(self, resource: Resource, obj: Json, how: options.Write) -> list[str]:
        """Prune, drop nulls and fill in defaults; return warnings, or refuse unknown fields when asked to be strict."""
        warnings = [resource.deprecation] if resource.deprecation else []
        if resource.schema is not None:
            unknown = [f'unknown field "{path}"' for path in resource.schema.prune(obj)]
            if unknown and how.validation == "Strict":
                raise status.bad_request(
                    f'{resource.kind} in version "{resource.version}" cannot be handled as a {resource.kind}: '
                    f"strict decoding error: {', '.join(unknown)}"
                )
            if how.validation == "Warn":
                warnings += unknown
            resource.schema.default(obj)
        warnings += metadata.finalizer_warnings(obj)
        return warnings

    def _settle(self, resource: Resource, before: Json, new: Json, subresource: str) -> Json:
        """Merge an incoming state with what it may not touch: system fields, and the other half of spec and status."""
        managed = new["metadata"].get("managedFields")
        if subresource == "status":
            after = {**before, "metadata": dict(before["metadata"])}
            after.pop("status", None)
            if new.get("status") is not None:
                after["status"] = new["status"]
            if managed is not None:
                after["metadata"]["managedFields"] = managed
            return after
        if new["metadata"].get("managedFields") is None and "managedFields" in before["metadata"]:
            new["metadata"]["managedFields"] = before["metadata"]["managedFields"]
        metadata.keep(before, new)
        if "status" in resource.subresources and not subresource:
            new.pop("status", None)
            if "status" in before:
                new["status"] = before["status"]
        builtin.apply_defaults(new)
        return new

    async def _finish(
        self, resource: Resource, old: Stored, before: Json, after: Json, how: options.Write, warnings: list[str]
    ) -> Outcome:
        after["metadata"]["resourceVersion"] = before["metadata"]["resourceVersion"]
        if _generational(resource) and _content(resource, before) != _content(resource, after):
            after["metadata"]["generation"] = before["metadata"].get("generation", 0) + 1
        self._validate(resource, after, before)
        if old.deleting and not after["metadata"].get("finalizers") and not _held(resource, after):
            done = await self._remove(old, after, options.Delete(dry_run=how.dry_run))
            done.warnings = warnings
            return done
        if _same(before, after):
            return Outcome(old, warnings=warnings)
        return Outcome(await self._save(resource, old.key, after, how), warnings=warnings)

    def _validate(self, resource: Resource, obj: Json, old: Json | None) -> None:
        causes: list[Cause] = []
        if obj.get("kind") != resource.kind:
            causes.append(
                Cause(
                    reason="FieldValueInvalid",
                    message=f'Invalid value: "{obj.get("kind")}": must be {resource.kind}',
                    field="kind",
                )
            )
        causes += metadata.validate(resource, obj)
        if old is not None:
            causes += metadata.new_finalizers(old, obj)
        if resource.schema is not None:
            causes += resource.schema.validate(obj)
        if causes:
            kind = obj.get("kind") or resource.kind
            raise status.invalid(resource.group, kind, obj["metadata"].get("name") or "", causes)

    async def _save(self, resource: Resource, key: Key, obj: Json, how: options.Write) -> Stored:
        kept = metadata.order(versions.store_form(obj, resource))
        if how.dry_run:
            revision = kept["metadata"].pop("resourceVersion", None)
            item = stored(key, kept, int(revision or 0))
            return item if revision else _without_revision(item, kept)
        return await self._store.put(key, kept)


#: Built-in kinds whose status is not taken from a create either; the others keep what clients (and fixtures) send.
_STATUS_DROPPED: frozenset[str] = frozenset()


def _without_revision(item: Stored, obj: Json) -> Stored:
    import orjson

    obj["metadata"].pop("resourceVersion", None)
    return Stored(item.key, item.uid, 0, orjson.dumps(obj), item.labels, item.owners, item.deleting)


def _generational(resource: Resource) -> bool:
    return resource.custom or resource.group in _GENERATIONAL_GROUPS


def _content(resource: Resource, obj: Json) -> Json:
    """Return what counts for the generation: all but metadata and, where it is a part of its own, status."""
    left_out = {"apiVersion", "kind", "metadata"}
    if "status" in resource.subresources:
        left_out.add("status")
    return {key: value for key, value in obj.items() if key not in left_out}


def _same(before: Json, after: Json) -> bool:
    """Whether a write changes nothing but, at most, the time of a field manager."""

    def bare(obj: Json) -> Json:
        found = dict(obj["metadata"])
        entries = found.get("managedFields") or ()
        found["managedFields"] = [{k: v for k, v in entry.items() if k != "time"} for entry in entries]
        return {**obj, "metadata": found}

    return bare(before) == bare(after)


def _held(resource: Resource, obj: Json) -> bool:
    """Whether something besides finalizers keeps an object that is being deleted: a namespace waits to be emptied."""
    if (resource.group, resource.plural) == ("", "namespaces"):
        return bool((obj.get("spec") or {}).get("finalizers"))
    return False


def _deletion_finalizers(resource: Resource, obj: Json, how: options.Delete) -> list[str]:
    kept = [each for each in obj["metadata"].get("finalizers") or () if each not in {"orphan", "foregroundDeletion"}]
    present = obj["metadata"].get("finalizers") or ()
    if how.propagation == "Foreground" or (not how.propagation and "foregroundDeletion" in present):
        kept.append("foregroundDeletion")
    if how.propagation == "Orphan" or (not how.propagation and "orphan" in present):
        kept.append("orphan")
    if (resource.group, resource.plural) == ("apiextensions.k8s.io", "customresourcedefinitions"):
        cleanup = "customresourcecleanup.apiextensions.k8s.io"
        if cleanup not in kept:
            kept.append(cleanup)
    return kept


def _check_preconditions(resource: Resource, old: Stored, how: options.Delete) -> None:
    if how.uid and how.uid != old.uid:
        why = (
            f"the UID in the precondition ({how.uid}) does not match the UID in record ({old.uid}). "
            "The object might have been deleted and then recreated"
        )
        raise _precondition(resource, old.key.name, why)
    if how.revision and how.revision != str(old.revision):
        why = (
            f"the ResourceVersion in the precondition ({how.revision}) does not match the ResourceVersion in record "
            f"({old.revision}). The object might have been modified"
        )
        raise _precondition(resource, old.key.name, why)


def _precondition(resource: Resource, name: str, why: str) -> status.Refusal:
    refusal = status.conflict(resource, name, why)
    label = f"{resource.kind}.{resource.group}" if resource.group else resource.kind
    refusal.message = f'Operation cannot be fulfilled on {label} "{name}": {why}'
    refusal.details = {**(refusal.details or {}), "kind": resource.kind}
    return refusal


def _check_revision(resource: Resource, old: Stored, new: Json) -> None:
    wanted = new["metadata"].get("resourceVersion")
    if wanted and wanted != str(old.revision):
        raise status.modified(resource, old.key.name)
    uid = new["metadata"].get("uid")
    if uid and uid != old.uid:
        why = f"Precondition failed: UID in precondition: {uid}, UID in object meta: {old.uid}"
        raise status.conflict(resource, old.key.name, why)


def _as_write(how: options.Delete) -> options.Write:
    return options.Write(dry_run=how.dry_run)
