"""Deleting as a state of its own: what is held stays, marked, until nobody holds it.

Answers to `rest.BeforeDelete` and the deletion half of `registry.Store`: finalizers by propagation policy,
preconditions, deletionTimestamp.
"""

from typing import Any

from gotk.apiserver import status
from gotk.apiserver.resources.resource import Resource
from gotk.apiserver.storage.store import Stored
from gotk.apiserver.wire import options

Json = dict[str, Any]

FOREGROUND, ORPHAN = "foregroundDeletion", "orphan"
#: Holds a definition until its last instance is gone.
CLEANUP = "customresourcecleanup.apiextensions.k8s.io"


def check(resource: Resource, old: Stored, how: options.Delete) -> None:
    """Refuse when the client means another object, or another state of it. Raises Refusal (409)."""
    for field, wanted, found, hint in (
        ("UID", how.uid, old.uid, "deleted and then recreated"),
        ("ResourceVersion", how.revision, str(old.revision), "modified"),
    ):
        if wanted and wanted != found:
            why = (
                f"the {field} in the precondition ({wanted}) does not match the {field} in record ({found}). "
                f"The object might have been {hint}"
            )
            raise _mismatch(resource, old.key.name, why)


def finalizers(resource: Resource, obj: Json, how: options.Delete) -> list[str]:
    """Return who will hold an object that is now being deleted in this way."""
    present = obj["metadata"].get("finalizers") or ()
    kept = [each for each in present if each not in {ORPHAN, FOREGROUND}]
    if how.propagation == "Foreground" or (not how.propagation and FOREGROUND in present):
        kept.append(FOREGROUND)
    if how.propagation == "Orphan" or (not how.propagation and ORPHAN in present):
        kept.append(ORPHAN)
    if (resource.group, resource.plural) == (
        "apiextensions.k8s.io",
        "customresourcedefinitions",
    ) and CLEANUP not in kept:
        kept.append(CLEANUP)
    return kept


def held(resource: Resource, obj: Json) -> bool:
    """Whether anything keeps an object that is being deleted; a namespace waits to be emptied."""
    if obj["metadata"].get("finalizers"):
        return True
    if (resource.group, resource.plural) == ("", "namespaces"):
        return bool((obj.get("spec") or {}).get("finalizers"))
    return False


def mark(resource: Resource, obj: Json, now: str) -> None:
    """Mark an object as being deleted, in place; that is a new generation."""
    metadata = obj["metadata"]
    if "deletionTimestamp" in metadata:
        return
    metadata["deletionTimestamp"] = now
    metadata["deletionGracePeriodSeconds"] = 0
    if "generation" in metadata:
        metadata["generation"] += 1
    if (resource.group, resource.plural) == ("", "namespaces"):
        obj["status"] = {**(obj.get("status") or {}), "phase": "Terminating"}


def _mismatch(resource: Resource, name: str, why: str) -> status.Refusal:
    refusal = status.conflict(resource, name, why)
    label = f"{resource.kind}.{resource.group}" if resource.group else resource.kind
    refusal.message = f'Operation cannot be fulfilled on {label} "{name}": {why}'
    refusal.details = {**(refusal.details or {}), "kind": resource.kind}
    return refusal
