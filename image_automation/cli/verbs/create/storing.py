"""Objects onto the cluster: created, or, where they are there, given the new labels and the new spec in full.

Flux reads the object, sets both and writes the whole back. Here only what differs is sent, on the condition that nobody
else wrote meanwhile, so that fields which this program has never heard of stay as they are.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from gotk.kube import errors

if TYPE_CHECKING:
    from gotk.kube import client as kube

Manifest = dict[str, Any]
_MANAGER = "image-automation"
_ATTEMPTS = 5


@dataclass(frozen=True, slots=True)
class Stored:
    """An object as the cluster has it now, and whether it was `created` or `updated`."""

    verb: str
    obj: Manifest


async def put(client: "kube.Client", obj: Manifest) -> Stored:
    """Create an object, or replace the labels and the spec of the one that is there."""

    def changes(found: Manifest) -> Manifest:
        before = {"labels": found["metadata"].get("labels") or {}, "spec": found.get("spec") or {}}
        after = {"labels": obj["metadata"].get("labels") or {}, "spec": obj["spec"]}
        patch = difference(before, after)
        return {"metadata": {"labels": patch["labels"]} if patch.get("labels") else {}, "spec": patch.get("spec", {})}

    return await _upsert(client, obj, changes)


async def merge(client: "kube.Client", obj: Manifest) -> Stored:
    """Create an object, or add to the one that is there: what it has besides stays."""
    kept = {key: value for key, value in obj.items() if key not in {"apiVersion", "kind", "metadata", "type"}}
    added = {key: obj["metadata"][key] for key in ("labels", "annotations") if obj["metadata"].get(key)}
    return await _upsert(client, obj, lambda _: kept | {"metadata": added})


def difference(before: Mapping[str, Any], after: Mapping[str, Any]) -> Manifest:
    """Return the merge patch (RFC 7386) that makes one mapping out of another."""
    patch: Manifest = dict.fromkeys(before.keys() - after.keys())
    for key, value in after.items():
        old = before.get(key)
        if isinstance(old, Mapping) and isinstance(value, Mapping):
            inner = difference(old, value)
            if inner:
                patch[key] = inner
        elif key not in before or old != value:
            patch[key] = value
    return patch


async def _upsert(client: "kube.Client", obj: Manifest, changes: Any) -> Stored:
    metadata = obj["metadata"]
    place = (obj["apiVersion"], obj["kind"], metadata.get("namespace", ""), metadata["name"])
    for attempt in range(_ATTEMPTS):
        try:
            found = await client.get_object(*place)
        except errors.NotFound:
            try:
                return Stored("created", await client.create_object(obj, field_manager=_MANAGER))
            except errors.AlreadyExists:
                continue
        patch = changes(found)
        patch["metadata"] = patch["metadata"] | {"resourceVersion": found["metadata"]["resourceVersion"]}
        try:
            return Stored("updated", await client.patch_object(*place, patch, field_manager=_MANAGER))
        except errors.Conflict:
            if attempt == _ATTEMPTS - 1:
                raise
    raise errors.Conflict(409, "Conflict", f"{obj['kind']} {metadata['name']} appears and disappears: try again")
