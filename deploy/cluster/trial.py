"""One object's trial before it is applied: what a dry run says of it, and hence what is to be done.

Answers to the first half of `ApplyAll` of `fluxcd/pkg/ssa`. One thing is done less: an object that was found in sync is
not dry-run again while neither it nor its manifest has changed.
"""

import hashlib
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeAlias

import msgspec
import structlog

from deploy.cluster import controls, inventory, managers, objects, ports
from deploy.cluster.changes import Action, Change
from deploy.cluster.comparing import ignored, undeclared
from deploy.cluster.inventory import Item
from deploy.cluster.owner import Owner
from deploy.cluster.versions import Versions
from gotk.bounded import Bounded
from gotk.kube import errors

_log = structlog.get_logger()
#: How often an object is patched that somebody else keeps writing.
_TRIES = 5
_PatchOf: TypeAlias = Callable[[Mapping[str, Any]], list[dict[str, Any]]]
_IMMUTABLE = re.compile(r"is\simmutable|immutable\sfield")


class ApplyError(Exception):
    """An object could not be applied. `changes` is what had been done before."""

    def __init__(self, message: str, changes: Sequence[Change] = ()) -> None:
        super().__init__(message)
        self.changes = tuple(changes)


@dataclass(frozen=True, slots=True)
class Mark:
    """An object that was in sync, and under which key that is remembered."""

    item: Item
    key: tuple[str, bytes]


@dataclass(frozen=True, slots=True)
class Trial:
    """What a dry run has found out about one object, and hence what is to be done.

    With a `mark` there was none: the object was known to be in sync.
    """

    obj: objects.Manifest
    item: Item
    action: Action
    state: Mapping[str, Any] = field(default_factory=dict)
    live: dict[str, Any] = field(default_factory=dict, repr=False)
    #: What the dry run has made of a live object that is to be changed.
    applied: Mapping[str, Any] = field(default_factory=dict, repr=False)
    cleanup: bool = False
    recreate: bool = False
    mark: Mark | None = None


#: Objects in sync with their manifests: fingerprint and version of the live one, by object and manifest.
InSync = Bounded[tuple[str, bytes], tuple[bytes, str]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Manner:
    """How objects are applied, whosever they are.

    `width` are tried at once. `override_managers` are taken over beside kubectl. Kinds of `earlier_kinds` (group and
    kind) have a stage before the last. `strict_fields` lets a field that a built-in kind does not have fail.
    `migrate_api_version` brings the entries of managers to the version that is applied.
    """

    width: int
    override_managers: Sequence[str]
    earlier_kinds: frozenset[tuple[str, str]]
    strict_fields: bool
    migrate_api_version: bool


#: What Flux does where nobody says otherwise.
USUAL = Manner(width=4, override_managers=(), earlier_kinds=frozenset(), strict_fields=False, migrate_api_version=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Wishes:
    """How one owner's objects are applied: recreated where they must be, and without looking at some fields.

    With `strict` a field that a kind does not have fails, of whatever kind. `lag` is how many seconds old may be what
    is known of an object that was in sync with its manifest. `made_of`, where it is not empty, names all that goes into
    the manifests: under one name they are the same.
    """

    force: bool = False
    ignore: ignored.Rules = field(default_factory=ignored.Rules)
    lag: float = 0.0
    strict: bool = False
    made_of: str = ""


class Trials:
    """Tries one owner's objects at one cluster. `told` words what the server says of an object, without secrets."""

    def __init__(
        self,
        cluster: ports.Cluster,
        owner: Owner,
        *,
        in_sync: InSync,
        manner: Manner,
        wishes: Wishes,
        told: Callable[[errors.APIError, objects.Manifest], str],
        versions: Versions | None = None,
    ) -> None:
        self._cluster = cluster
        self._owner = owner
        self._in_sync = in_sync
        self._versions = versions
        self._manner = manner
        self._wishes = wishes
        self._told = told

    async def of(self, obj: objects.Manifest) -> Trial:
        """Try an object. Raises ApplyError."""
        try:
            await self._set_scope(obj)
            item = inventory.item_of(obj)
            live = await self._live(item)
        except errors.APIError as error:
            raise _dry_run_error(obj, error, self._told(error, obj)) from error
        return await self._tried(obj, item, live)

    async def untouched(self, obj: objects.Manifest) -> Trial | None:
        """Return the trial of an object of which it is known without a look that nothing is to be done, else None."""
        if self._versions is None or not self._wishes.lag:
            return None
        try:
            await self._set_scope(obj)
            item = inventory.item_of(obj)
            mark = Mark(item, self._key(item, obj))
            known = await self._is_untouched(mark, obj, self._versions)
        except (errors.APIError, ApplyError):
            return None  # a look will say so
        return Trial(obj, item, "unchanged", mark=mark) if known else None

    async def _tried(self, obj: objects.Manifest, item: Item, live: dict[str, Any] | None) -> Trial:
        if self._is_skipped(obj, live):
            return Trial(obj, item, "skipped")
        if live is not None and (seen := self._in_sync.get(self._key(item, obj))) and seen[0] == _fingerprint(live):
            self.remember(item, obj, live)
            return Trial(obj, item, "unchanged", live)
        if live is not None and self._manner.migrate_api_version:
            live = await self._migrated(obj, item, live)
        known, applied = await self._dry_run(obj)
        if isinstance(applied, errors.APIError):
            if live is not None and self._may_recreate(obj, live) and _is_immutable(applied):
                return Trial(known, item, "created", recreate=True)
            raise _dry_run_error(obj, applied, self._told(applied, obj)) from applied
        if live is None:
            return Trial(known, item, "created")
        cleanup = managers.cleanup(live, obj, self._owner, self._manner.override_managers)
        if not cleanup and not self._wishes.ignore.drifted(live, applied):
            self.remember(item, obj, live)
            return Trial(obj, item, "unchanged", live)
        payload = self._wishes.ignore.payload(
            known, live, applied, managers=managers.of(live, cleanup), field=self._owner.field
        )
        return Trial(payload, item, "configured", live=live, applied=applied, cleanup=bool(cleanup))

    async def _is_untouched(self, mark: Mark, obj: objects.Manifest, versions: Versions) -> bool:
        """Tell whether an object is known to be as it was when it was in sync; those that others wait for are read."""
        if not mark.item.id.namespace or self._is_skipped(obj, None):
            return False
        if (known := self._in_sync.peek(mark.key)) is None or not known[1]:
            return False
        return is_in_sync(mark, self._in_sync, await versions.of(mark.item, self._cluster, lag=self._wishes.lag))

    async def _dry_run(self, obj: objects.Manifest) -> tuple[objects.Manifest, Mapping[str, Any] | errors.APIError]:
        """Try an object, and return it as it was tried last with what would come of it, or why nothing would."""
        try:
            return obj, await self._cluster.apply_object(
                obj, field_manager=self._owner.field, dry_run=True, strict=self._wishes.strict
            )
        except errors.APIError as error:
            strict = self._manner.strict_fields or self._wishes.strict
            less = None if strict else undeclared.without(obj, error.message)
            if less is None:
                return obj, error
        known, paths = less
        _log.info("fields that the kind does not have are left out", object=objects.subject(obj), fields=paths)
        try:
            return known, await self._cluster.apply_object(known, field_manager=self._owner.field, dry_run=True)
        except errors.APIError as error:
            return known, error

    def _may_recreate(self, obj: objects.Manifest, live: objects.Manifest) -> bool:
        return self._wishes.force or controls.forced(obj, self._owner) or controls.forced(live, self._owner)

    async def _migrated(self, obj: objects.Manifest, item: Item, live: dict[str, Any]) -> dict[str, Any]:
        """Bring the entries of an object's managers to the version that is applied. Raises ApplyError."""
        try:
            return await self._patched(item, live, lambda found: managers.migration(found, item.api_version))
        except errors.APIError as error:
            told = self._told(error, obj)
            raise ApplyError(f"{item.id.subject} failed to migrate API version: {told}") from error

    async def clean(self, trial: Trial) -> None:
        """Take over what the trial has found in other managers' hands. Raises APIError."""
        others = self._manner.override_managers
        await self._patched(
            trial.item,
            trial.live,
            lambda found: managers.cleanup(found, trial.obj, self._owner, others),
        )

    async def _patched(self, item: Item, live: dict[str, Any], patch_of: _PatchOf) -> dict[str, Any]:
        """Patch an object as it is, and once more as it has become where somebody else wrote it meanwhile.

        A patch of managers' entries names the version that it was made for, and a controller of the object's own kind
        writes its status at any time.
        """
        place = (item.api_version, item.id.kind, item.id.namespace, item.id.name)
        for tries_left in reversed(range(_TRIES)):
            patch = patch_of(live)
            if not patch:
                return live
            try:
                return await self._cluster.patch_object(*place, patch, type="json")
            except errors.Conflict:
                if not tries_left:
                    raise
            live = await self._cluster.get_object(*place)
        return live

    def _is_skipped(self, obj: objects.Manifest, live: objects.Manifest | None) -> bool:
        if controls.left_alone(obj, self._owner):
            return True
        return live is not None and (controls.left_alone(live, self._owner) or controls.create_only(obj, self._owner))

    async def _set_scope(self, obj: objects.Manifest) -> None:
        """Take the namespace off an object that lives in none; refuse one that needs it and has none."""
        metadata = obj["metadata"]
        namespaced = await self._cluster.is_namespaced(obj["apiVersion"], obj["kind"])
        if namespaced and not metadata.get("namespace"):
            raise ApplyError(f"{objects.subject(obj)} namespace not specified: {self._owner.namespace_advice}")
        if not namespaced:
            metadata.pop("namespace", None)

    async def _live(self, item: Item) -> dict[str, Any] | None:
        try:
            return await self._cluster.get_object(item.api_version, item.id.kind, item.id.namespace, item.id.name)
        except errors.NotFound:
            return None

    def remember(self, item: Item, obj: objects.Manifest, live: Mapping[str, Any]) -> None:
        """Remember that an object is in sync with its manifest."""
        version = str(live["metadata"].get("resourceVersion", ""))
        self._in_sync.put(self._key(item, obj), (_fingerprint(live), version))

    def _key(self, item: Item, obj: objects.Manifest) -> tuple[str, bytes]:
        ignored_ = self._wishes.ignore.key
        return f"{self._owner.field}/{item.api_version}/{item.id}", _hash([obj, ignored_] if ignored_ else obj)


def is_in_sync(mark: Mark, in_sync: InSync, version: str) -> bool:
    """Tell whether an object of a version is known to be in sync."""
    known = in_sync.get(mark.key)
    return known is not None and known[1] == version != ""


def _fingerprint(live: Mapping[str, Any]) -> bytes:
    """Hash what an apply looks at: all but the status and what a write of it touches."""
    metadata = live.get("metadata") or {}
    kept = {key: value for key, value in live.items() if key not in {"metadata", "status"}}
    kept["metadata"] = {key: metadata.get(key) for key in ("uid", "labels", "annotations", "deletionTimestamp")}
    kept["managers"] = [entry for entry in metadata.get("managedFields") or () if not entry.get("subresource")]
    return _hash(kept)


def _hash(value: Any) -> bytes:
    return hashlib.blake2b(msgspec.json.encode(value, order="sorted"), digest_size=16).digest()


def _is_immutable(error: errors.APIError) -> bool:
    """Tell immutable fields as kubectl does: by the kind of the answer, else by its words."""
    return isinstance(error, errors.Conflict | errors.Invalid) or bool(_IMMUTABLE.search(error.message))


def _dry_run_error(obj: objects.Manifest, error: errors.APIError, message: str) -> ApplyError:
    subject = objects.subject(obj)
    if isinstance(error, errors.NotFound) and not isinstance(error, errors.NoMatch):
        return ApplyError(f"{subject} not found: {message}")
    reason = "" if isinstance(error, errors.NoMatch) or not error.reason else f" ({error.reason})"
    return ApplyError(f"{subject} dry-run failed{reason}: {message}")
