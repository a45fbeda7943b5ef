"""Waiting for an object: whether it has come to rest, well or badly.

Answers to `kstatus` as flux uses it, with one difference: a run that was asked for and has ended badly is a failure at
once, with its message, where flux goes on waiting until its timeout and then says that a deadline was exceeded. What
is new waits for others as long as flux does: it may have been made before what it depends on.
"""

import asyncio
from collections.abc import Callable
from typing import TYPE_CHECKING

import msgspec

from gotk.kube import errors
from image_automation.cli import kinds, output

if TYPE_CHECKING:
    from gotk.kube import client as kube

_POLL = 0.5
#: Why an object is not ready whose turn it is not yet.
_DEPENDS = frozenset({"ArtifactFailed", "DependencyNotReady", "NoArtifact", "NoSourceArtifact", "SourceNotReady"})


async def fetch(client: "kube.Client", kind: kinds.Kind, namespace: str, name: str) -> kinds.Json:
    """Return one object whole. Raises NotFound in flux's words."""
    items, _ = await client.list_raw(kind.struct, namespace, fields=f"metadata.name={name}")
    if not items:
        raise errors.NotFound(404, "NotFound", f"{kind.name} object '{name}' not found in \"{namespace}\" namespace")
    found: kinds.Json = msgspec.json.decode(items[0])
    return found


def depends(obj: kinds.Json) -> bool:
    """Tell whether the object is not ready because another one is not."""
    ready = kinds.condition(obj, "Ready") or {}
    return ready.get("status") == "False" and ready.get("reason") in _DEPENDS


def settled(obj: kinds.Json, *, patient: bool = False) -> bool:
    """Tell whether the object is done with its present generation; raises Failure when it has failed.

    With patience an object that waits for another one has not failed.
    """
    generation = obj["metadata"].get("generation")
    ready, message = kinds.readiness(obj)
    failures = [("Stalled", "True"), *([] if patient and depends(obj) else [("Ready", "False")])]
    for type_, bad in failures:
        condition = kinds.condition(obj, type_) or {}
        if condition.get("status") == bad and condition.get("observedGeneration") == generation:
            raise output.Failure(message)
    observed = kinds.dig(obj, "status", "observedGeneration")
    if observed is None:  # there are kinds without the field: as kstatus has it, the condition's own counts then
        observed = (kinds.condition(obj, "Ready") or {}).get("observedGeneration")
    return ready == "True" and observed == generation and not kinds.condition(obj, "Reconciling")


async def until(
    client: "kube.Client",
    kind: kinds.Kind,
    namespace: str,
    name: str,
    *,
    begun: Callable[[kinds.Json], bool],
    timeout: float,
    patient: bool = False,
) -> kinds.Json:
    """Wait until the object has `begun` what was asked for and has settled. Raises Failure with the cause.

    With patience what another object holds up is waited for, and told once.
    """
    message = told = ""
    try:
        async with asyncio.timeout(timeout):
            while True:
                obj = await fetch(client, kind, namespace, name)
                message = kinds.readiness(obj)[1]
                if begun(obj) and settled(obj, patient=patient):
                    return obj
                if patient and depends(obj) and message != told:
                    told = message
                    output.waiting(message)
                await asyncio.sleep(_POLL)
    except TimeoutError:
        detail = f"; its last message: {message}" if message else ""
        raise output.Failure(f"timed out waiting for {kind.name} {namespace}/{name}{detail}") from None
