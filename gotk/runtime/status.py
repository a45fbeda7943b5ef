"""Status patches: only what changed, only conditions of ours, never over a state that we have not seen.

Answers to `fluxcd/pkg/runtime/patch`, but for this: every patch carries the resource version that it was made from.
When the object has moved it is read again. Where only its conditions, its spec or its metadata are others, our
conditions are merged into the fresh ones; where any other field of its status is, somebody else has decided since this
run began, and what it came to is older knowledge: that is a Conflict, and the run is made anew (ADR 0060).

A run that changed nothing changes some times: they are held back until something else is written, or for a while, and
known to this process meanwhile (ADR 0092).
"""

import zlib
from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any, Generic, NamedTuple, Protocol, TypeVar, cast

import msgspec

from gotk.api import scheme
from gotk.api.meta import Condition, Object, ReconcileStatus
from gotk.kube import errors
from gotk.kube.ports import Getter
from gotk.runtime import conditions
from gotk.runtime.clock import Clock

O = TypeVar("O", bound=Object)  # noqa: E741 - the object's type, as everywhere in this module
S = TypeVar("S", bound=ReconcileStatus)

_TRIES = 5
_FIRST_DELAY = 0.1


class Objects(Getter, Protocol):
    """What the runtime needs of a client."""

    async def merge_patch(
        self,
        kind: type[O],
        namespace: str,
        name: str,
        patch: Mapping[str, Any],
        *,
        subresource: str = "",
        field_manager: str = "",
    ) -> O:
        """Merge fields into an object (or its status) and return what it became."""
        ...

    async def patch_object(
        self,
        api_version: str,
        kind: str,
        namespace: str,
        name: str,
        patch: Mapping[str, Any],
        *,
        subresource: str = "",
        field_manager: str = "",
    ) -> dict[str, Any]:
        """Merge fields into an object of any kind, however it decodes."""
        ...


def of(obj: Object) -> ReconcileStatus:
    """Return the status of a reconciled kind."""
    status = getattr(obj, "status", None)
    if not isinstance(status, ReconcileStatus):
        raise TypeError(f"{type(obj).__name__} has no status to reconcile")
    return status


def merge_diff(old: Mapping[str, Any], new: Mapping[str, Any]) -> dict[str, Any]:
    """Return the JSON merge patch that turns `old` into `new`; lists are replaced whole (RFC 7386)."""
    patch: dict[str, Any] = {}
    for name, value in new.items():
        before = old.get(name)
        if isinstance(value, Mapping) and isinstance(before, Mapping):
            if inner := merge_diff(before, value):
                patch[name] = inner
        elif value != before:
            patch[name] = value
    return patch | {name: None for name in old if name not in new}


class _Written(NamedTuple):
    """What the server holds since a write of ours: which version, when it was (monotonic, seconds), the status."""

    version: str
    at: float
    status: ReconcileStatus


class StatusWriter(Generic[O]):
    """Writes the status of one kind's objects.

    With `without_times`, which returns a status but for the times that move with every run, a status that differs from
    the server's in nothing else is written `hold` seconds after the last write of that object, not before. What was
    there before this process counts as written in the `hold` seconds before its start, each object at another moment.
    """

    def __init__(
        self,
        kind: type[O],
        *,
        client: Objects,
        clock: Clock,
        field_manager: str,
        without_times: Callable[[Any], ReconcileStatus] | None = None,
        hold: float = 0.0,
    ) -> None:
        self._kind = kind
        self._client = client
        self._clock = clock
        self._field_manager = field_manager
        self._without_times = without_times if hold else None
        self._hold = hold
        self._began = clock.monotonic()
        self._written: dict[tuple[str, str], _Written] = {}

    async def write(self, base: O, wanted: ReconcileStatus, owned: Collection[str]) -> O | None:
        """Make the status `wanted`, as seen from `base`; conditions of types that are not `owned` stay as they are.

        Returns what the object became, or None where it is gone or another one has taken its name. Raises APIError, and
        Conflict where another field of its status is not any more what it was in `base`. What is held back is in what
        is returned, of the resource version that the server has.
        """
        served = self._served(base)
        whole = msgspec.structs.replace(
            wanted, conditions=conditions.merge(served.conditions, wanted.conditions, owned)
        )
        if self._is_held(base, served, whole):
            return self._hold_back(base, served, whole)
        changes = merge_diff(scheme.to_builtins(served), scheme.to_builtins(wanted))
        latest, fresh = base, served.conditions
        for attempt in range(_TRIES):
            patch = self._patch(latest, fresh, changes, wanted, owned)
            if not patch:
                return latest
            try:
                return await self._send(latest, patch)
            except errors.NotFound:
                return None
            except errors.Conflict:
                if attempt == _TRIES - 1:
                    raise
            await self._clock.sleep(_FIRST_DELAY * 2**attempt)
            newer = await self._again(base)
            if newer is None:
                return None
            if _decided(of(newer)) != _decided(served):
                raise errors.Conflict(409, "Conflict", "its status has been written by somebody else meanwhile")
            latest, fresh = newer, of(newer).conditions
        return None

    async def _again(self, base: O) -> O | None:
        """Read an object again; None where it is gone, or another one has taken its name."""
        try:
            latest = await self._client.get(self._kind, base.metadata.namespace, base.metadata.name)
        except errors.NotFound:
            return None
        return latest if latest.metadata.uid == base.metadata.uid else None

    async def annotate(self, base: O, annotations: Mapping[str, str | None]) -> O | None:
        """Set annotations, or take them away where None; what others wrote stays.

        Returns what the object became, or None where it is gone or has them already. Raises APIError, and Conflict
        where the object is not any more as in `base`.
        """
        news = {name: text for name, text in annotations.items() if base.metadata.annotations.get(name) != text}
        if not news:
            return None
        try:
            return await self._client.merge_patch(
                self._kind,
                base.metadata.namespace,
                base.metadata.name,
                {"metadata": {"annotations": news, "resourceVersion": base.metadata.resource_version}},
                field_manager=self._field_manager,
            )
        except errors.NotFound:
            return None

    def _patch(
        self,
        latest: O,
        fresh: Sequence[Condition],
        changes: Mapping[str, Any],
        wanted: ReconcileStatus,
        owned: Collection[str],
    ) -> dict[str, Any]:
        merged = conditions.merge(fresh, wanted.conditions, owned)
        status = {name: value for name, value in changes.items() if name != "conditions"}
        if set(merged) != set(fresh):
            status["conditions"] = msgspec.to_builtins(merged)
        if not status:
            return {}
        return {"metadata": {"resourceVersion": latest.metadata.resource_version}, "status": status}

    async def _send(self, obj: O, patch: Mapping[str, Any]) -> O:
        sent = await self._client.merge_patch(
            self._kind,
            obj.metadata.namespace,
            obj.metadata.name,
            patch,
            subresource="status",
            field_manager=self._field_manager,
        )
        if self._without_times is not None:
            self._written[_name(obj)] = _Written(sent.metadata.resource_version, self._clock.monotonic(), of(sent))
        return sent

    # Times that are held back.

    def forget(self, name: tuple[str, str]) -> None:
        """Drop what is known of an object (namespace, name) that is gone."""
        self._written.pop(name, None)

    def _served(self, base: O) -> ReconcileStatus:
        """Return the status that the server has of an object, which may lack times that `base` has."""
        written = self._written.get(_name(base))
        is_same = written is not None and written.version == base.metadata.resource_version
        return written.status if written is not None and is_same else of(base)

    def _is_held(self, base: O, served: ReconcileStatus, wanted: ReconcileStatus) -> bool:
        """Tell whether a status moves nothing but times, soon after the last write."""
        if self._without_times is None or served == wanted:
            return False
        if self._clock.monotonic() - self._last_write(_name(base)) >= self._hold:
            return False
        before, now = self._without_times(served), self._without_times(wanted)
        return _decided(before) == _decided(now) and _said(before.conditions) == _said(now.conditions)

    def _last_write(self, name: tuple[str, str]) -> float:
        """Return when an object was written last: a start is no reason to write all of them at once."""
        if (written := self._written.get(name)) is not None:
            return written.at
        return self._began - self._hold * zlib.crc32("/".join(name).encode()) / 2**32

    def _hold_back(self, base: O, served: ReconcileStatus, held: ReconcileStatus) -> O:
        """Return the object as it would be with the times, of the version that the server has."""
        name = _name(base)
        self._written[name] = _Written(base.metadata.resource_version, self._last_write(name), served)
        return cast("O", msgspec.structs.replace(cast("Any", base), status=held))


def _said(said: Sequence[Condition]) -> list[Condition]:
    """Return conditions but for since when they are so."""
    return [msgspec.structs.replace(condition, last_transition_time="") for condition in said]


def _name(obj: Object) -> tuple[str, str]:
    return obj.metadata.namespace, obj.metadata.name


def _decided(decided: ReconcileStatus) -> ReconcileStatus:
    """Return what runs have decided: all of a status but its conditions, in which several writers meet."""
    return msgspec.structs.replace(decided, conditions=())
