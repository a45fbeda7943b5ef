"""Status patches: only what changed, only conditions of ours, never over a state that we have not seen.

Answers to `fluxcd/pkg/runtime/patch`, but for this: every patch carries the resource version that it was made from.
When the object has moved it is read again. Where only its conditions, its spec or its metadata are others, our
conditions are merged into the fresh ones; where any other field of its status is, somebody else has decided since this
run began, and what it came to is older knowledge: that is a Conflict, and the run is made anew (ADR 0060).

What runs change that changed nothing may be held back, and is known to this process meanwhile (`holding`).
"""

from collections.abc import Collection, Mapping, Sequence
from typing import Any, Generic, Protocol, TypeVar, cast

import msgspec

from gotk.api import scheme
from gotk.api.meta import Condition, Object, ReconcileStatus
from gotk.kube import errors
from gotk.kube.ports import Getter
from gotk.runtime import conditions
from gotk.runtime.clock import Clock
from gotk.runtime.holding import Holding, decided

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


class StatusWriter(Generic[O]):
    """Writes the status of one kind's objects; some of it may be held back."""

    def __init__(
        self, kind: type[O], *, client: Objects, clock: Clock, field_manager: str, holding: Holding[O] | None = None
    ) -> None:
        self._kind = kind
        self._client = client
        self._clock = clock
        self._field_manager = field_manager
        self._holding = holding or Holding(clock=clock)

    async def write(
        self, base: O, wanted: ReconcileStatus, owned: Collection[str], *, holding: bool = True
    ) -> O | None:
        """Make the status `wanted`, as seen from `base`; conditions of types that are not `owned` stay as they are.

        Returns what the object became, or None where it is gone or another one has taken its name. Raises APIError, and
        Conflict where another field of its status is not any more what it was in `base`. What is held back is in what
        is returned, of the resource version that the server has; without `holding` nothing is.
        """
        served = self._holding.served(base, of(base))
        whole = msgspec.structs.replace(
            wanted, conditions=conditions.merge(served.conditions, wanted.conditions, owned)
        )
        if holding and self._holding.hold(base, of(base), served, whole):
            return cast("O", msgspec.structs.replace(cast("Any", base), status=whole))
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
            if decided(of(newer)) != decided(served):
                raise errors.Conflict(409, "Conflict", "its status has been written by somebody else meanwhile")
            latest, fresh = newer, of(newer).conditions
        return None

    def forget(self, name: tuple[str, str]) -> None:
        """Drop what is known of an object (namespace, name) that is gone."""
        self._holding.forget(name)

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
        self._holding.writes(obj)
        sent = await self._client.merge_patch(
            self._kind,
            obj.metadata.namespace,
            obj.metadata.name,
            patch,
            subresource="status",
            field_manager=self._field_manager,
        )
        self._holding.wrote(sent, of(sent))
        return sent
