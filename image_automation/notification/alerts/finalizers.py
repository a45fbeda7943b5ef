"""Alerts and Providers that have Flux's finalizer: it is taken off, so that they can be deleted.

Both kinds are static, so nobody else would. An Alert has it from a notification-controller before v1beta3 and loses it
at once, unless it is suspended. A Provider has it from any notification-controller, which may run beside us and would
put it back, and so it loses it when it is to go.
"""

import asyncio
import functools
from dataclasses import dataclass
from typing import Any, Protocol, TypeVar

import structlog

from gotk.api import scheme
from gotk.api.meta import Object, ObjectMeta
from gotk.api.notification import Alert, Provider
from gotk.kube import errors as kube
from gotk.kube.cache import Caches
from gotk.kube.entries import Undecodable
from gotk.runtime import events
from gotk.runtime.clock import Clock
from image_automation.notification.alerts.notifier import CONTROLLER

O = TypeVar("O", bound=Object)  # noqa: E741 - the object's type

FINALIZER = "finalizers.fluxcd.io"
_AGAIN = 5.0
_MIGRATED = "removed finalizer from Alert to migrate to static Alert"
KINDS: tuple[type[Object], ...] = (Alert, Provider)


class Objects(Protocol):
    """What is needed of a client."""

    async def merge_patch(self, kind: type[O], namespace: str, name: str, patch: dict[str, Any]) -> O:
        """Merge fields into an object."""
        ...


@dataclass(frozen=True, slots=True)
class _Held:
    """An object that has the finalizer."""

    kind: type[Object]
    api_version: str
    metadata: ObjectMeta

    @property
    def key(self) -> tuple[str, str, str]:
        return self.kind.__name__, self.metadata.namespace, self.metadata.name


class Finalizers:
    """Watches Alerts and Providers and lets them go."""

    def __init__(self, *, caches: Caches, client: Objects, recorder: events.Recorder, clock: Clock) -> None:
        self._client = client
        self._recorder = recorder
        self._clock = clock
        self._held: dict[tuple[str, str, str], _Held] = {}
        self._changed = asyncio.Event()
        self._log = structlog.get_logger().bind(logger="notifications")
        for kind in KINDS:
            caches.of(kind).subscribe(functools.partial(self._seen, kind))

    async def run(self) -> None:
        """Take finalizers off until cancelled; what fails is tried again after a while."""
        while True:
            await self._changed.wait()
            self._changed.clear()
            found, self._held = self._held, {}
            for held in found.values():
                await self._release(held)
            if self._held:
                await self._clock.sleep(_AGAIN)

    async def _release(self, held: _Held) -> None:
        metadata = held.metadata
        left = [name for name in metadata.finalizers if name != FINALIZER]
        patch = {"metadata": {"finalizers": left, "resourceVersion": metadata.resource_version}}
        try:
            await self._client.merge_patch(held.kind, metadata.namespace, metadata.name, patch)
        except (kube.NotFound, kube.Conflict):
            return  # It has changed, and is seen again where it still is.
        except kube.APIError as error:
            self._log.info("cannot take the finalizer off", name=metadata.name, error=error.message)
            self._held.setdefault(held.key, held)
            self._changed.set()
            return
        if held.kind is Alert:
            about = events.reference(held.api_version, "Alert", metadata)
            self._recorder.emit(about, "Normal", "Migration", _MIGRATED, controller=CONTROLLER)

    def _seen(self, kind: type[Object], _: Object | Undecodable | None, new: Object | Undecodable | None) -> None:
        if new is None or FINALIZER not in new.metadata.finalizers:
            return
        waits = isinstance(new, Undecodable) or (isinstance(new, Alert) and new.spec.suspend)
        if not new.metadata.deletion_timestamp and (kind is not Alert or waits):
            return
        held = _Held(kind, scheme.resource_of(kind).api_version, new.metadata)
        self._held[held.key] = held
        self._changed.set()
