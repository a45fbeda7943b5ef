"""Alerts and Providers that someone gave Flux's finalizer: it is taken off when they are to go.

Both kinds are static, so nobody else would. notification-controllers before v1beta3 put the finalizer there; without
this an Alert made in those days could never be deleted.
"""

import asyncio
from typing import Any, Protocol, TypeVar

import structlog

from gotk.api.meta import Object
from gotk.api.notification import Alert, Provider
from gotk.kube import errors as kube
from gotk.kube.cache import Caches
from gotk.kube.entries import Undecodable

O = TypeVar("O", bound=Object)  # noqa: E741 - the object's type

FINALIZER = "finalizers.fluxcd.io"
KINDS: tuple[type[Object], ...] = (Alert, Provider)


class Objects(Protocol):
    """What is needed of a client."""

    async def merge_patch(self, kind: type[O], namespace: str, name: str, patch: dict[str, Any]) -> O:
        """Merge fields into an object."""
        ...


class Finalizers:
    """Watches Alerts and Providers and lets them go."""

    def __init__(self, *, caches: Caches, client: Objects) -> None:
        self._client = client
        self._going: asyncio.Queue[tuple[type[Object], Object]] = asyncio.Queue()
        self._log = structlog.get_logger().bind(logger="notifications")
        for kind in KINDS:
            caches.of(kind).subscribe(self._changed)

    async def run(self) -> None:
        """Take finalizers off until cancelled; a failure is tried again at the object's next change."""
        while True:
            kind, obj = await self._going.get()
            metadata = obj.metadata
            left = [name for name in metadata.finalizers if name != FINALIZER]
            patch = {"metadata": {"finalizers": left, "resourceVersion": metadata.resource_version}}
            try:
                await self._client.merge_patch(kind, metadata.namespace, metadata.name, patch)
            except kube.APIError as error:
                self._log.info("cannot take the finalizer off", name=metadata.name, error=error.message)

    def _changed(self, _: Object | Undecodable | None, new: Object | Undecodable | None) -> None:
        if isinstance(new, KINDS) and new.metadata.deletion_timestamp and FINALIZER in new.metadata.finalizers:
            self._going.put_nowait((type(new), new))
