"""Taking fields over from those that wrote them before: `kubectl apply`, `kubectl edit` and older controllers.

Answers to the cleanup of `fluxcd/pkg/ssa`: what such a manager owns would survive its removal from the manifests and
would shadow changes, so its entries become part of ours. Pure: a live object in, a JSON patch out.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from deploy.cluster import controls
from deploy.cluster.owner import Owner

#: Who else wrote what is taken over; the owner's own updates are as well.
_TAKEN_OVER = (
    ("kubectl", "Apply"),
    ("kubectl", "Update"),
    ("before-first-apply", "Update"),
)
_ANNOTATIONS = (
    "kubectl.kubernetes.io/last-applied-configuration",
    "fluxcd.io/sync-checksum",
)
_LABELS = ("fluxcd.io/sync-gc-mark",)


def cleanup(
    live: Mapping[str, Any], desired: Mapping[str, Any], owner: Owner, more: Sequence[str] = ()
) -> list[dict[str, Any]]:
    """Return the JSON patch that makes the owner the manager of a live object; empty where nothing is taken over.

    `more` are beginnings of the names of other managers that are taken over, whatever they did.
    """
    if controls.merged(desired, owner) or controls.merged(live, owner):
        return []
    metadata = live["metadata"]
    patch: list[dict[str, Any]] = [
        {"op": "remove", "path": f"/metadata/{place}/{key.replace('/', '~1')}"}
        for place, keys in (("annotations", (*_ANNOTATIONS, f"{owner.group}/checksum")), ("labels", _LABELS))
        for key in keys
        if key in (metadata.get(place) or {}) and key not in (desired["metadata"].get(place) or {})
    ]
    entries = _taken_over(metadata.get("managedFields") or [], owner.field, more)
    if entries is not None:
        patch.append({"op": "replace", "path": "/metadata/managedFields", "value": entries})
    if patch:
        version = {"op": "replace", "path": "/metadata/resourceVersion", "value": metadata["resourceVersion"]}
        patch.append(version)
    return patch


def _taken_over(entries: list[dict[str, Any]], field: str, more: Sequence[str]) -> list[dict[str, Any]] | None:
    """Return the entries with those of the other managers merged into ours, or None where there are none."""
    ours = next((e for e in entries if e.get("manager") == field and e.get("operation") == "Apply"), None)
    others = [entry for entry in entries if entry is not ours and _is_taken_over(entry, field, more)]
    if not others:
        return None
    merged = dict(ours or {**others[0], "manager": field, "operation": "Apply"})
    for entry in others:
        merged["fieldsV1"] = union(merged.get("fieldsV1") or {}, entry.get("fieldsV1") or {})
    kept = [entry for entry in entries if entry is not ours and not any(entry is other for other in others)]
    return [*kept, merged]


def _is_taken_over(entry: Mapping[str, Any], field: str, more: Sequence[str]) -> bool:
    manager, operation = str(entry.get("manager", "")), entry.get("operation")
    return not entry.get("subresource") and (
        any(manager.startswith(prefix) for prefix in more)
        or any(
            manager.startswith(prefix) and operation == wanted for prefix, wanted in (*_TAKEN_OVER, (field, "Update"))
        )
    )


def of(live: Mapping[str, Any], patch: Sequence[Mapping[str, Any]]) -> Sequence[Mapping[str, Any]]:
    """Return the entries of an object's managers as a patch of `cleanup` leaves them."""
    replaced = (step["value"] for step in patch if step["path"] == "/metadata/managedFields")
    entries: Sequence[Mapping[str, Any]] = next(replaced, live["metadata"].get("managedFields") or ())
    return entries


def migration(live: Mapping[str, Any], api_version: str) -> list[dict[str, Any]]:
    """Return the JSON patch after which every manager's entry is of an API version; empty where each is already.

    An entry of an older version can make an apply fail where a new one has given fields defaults.
    """
    metadata = live["metadata"]
    entries = metadata.get("managedFields") or []
    if all(entry.get("apiVersion") == api_version for entry in entries):
        return []
    return [
        {
            "op": "replace",
            "path": "/metadata/managedFields",
            "value": [e | {"apiVersion": api_version} for e in entries],
        },
        {"op": "replace", "path": "/metadata/resourceVersion", "value": metadata["resourceVersion"]},
    ]


def union(one: Mapping[str, Any], other: Mapping[str, Any]) -> dict[str, Any]:
    """Return the fields that are in either of two field sets."""
    merged = dict(one)
    for key, value in other.items():
        present = merged.get(key)
        merged[key] = union(present, value) if isinstance(present, Mapping) and isinstance(value, Mapping) else value
    return merged
