"""Deleting what is no longer declared, and only what is surely ours.

Answers to kustomize-controller's garbage collection: an object goes if its live labels still name its owner
and neither it nor a label on it asks to be kept. What could not be deleted stays in the inventory.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Literal

from deploy.cluster import controls, ports
from deploy.cluster.changes import Change
from deploy.cluster.inventory import Item
from deploy.cluster.owner import Owner
from gotk.kube.errors import APIError, NotFound


@dataclass(slots=True)
class Pruned:
    """What became of the objects: deleted or skipped, and why some could not be deleted."""

    changes: list[Change] = field(default_factory=list)
    failed: list[Item] = field(default_factory=list)
    errors: list[str] = field(default_factory=list)

    @property
    def error(self) -> str | None:
        """Every failure in one message, or None."""
        return f"delete failed, errors: {''.join(f'{error};' for error in self.errors)}" if self.errors else None

    @property
    def deleted(self) -> list[Item]:
        """The objects that were deleted."""
        return [change.item for change in self.changes if change.action == "deleted"]


async def prune(items: Iterable[Item], *, cluster: ports.Cluster, owner: Owner) -> Pruned:
    """Delete the objects that are still this owner's, in the given order."""
    pruned = Pruned()
    for item in items:
        try:
            pruned.changes.append(Change(item, await _delete(item, cluster, owner)))
        except APIError as error:
            pruned.failed.append(item)
            pruned.errors.append(f"{item.id.subject} delete failed: {error.message}")
    return pruned


async def _delete(item: Item, cluster: ports.Cluster, owner: Owner) -> Literal["deleted", "skipped"]:
    place = (item.api_version, item.id.kind, item.id.namespace, item.id.name)
    try:
        if await cluster.is_namespaced(item.api_version, item.id.kind) != bool(item.id.namespace):
            return "deleted"  # with its kind, which lives elsewhere now: what bears the name there is another object
        live = await cluster.get_object(*place)
        if not owner.owns(live) or controls.kept(live, owner):
            return "skipped"
        await cluster.delete_object(*place, propagation="Background", uid=str(live["metadata"].get("uid") or ""))
    except NotFound:
        return "deleted"
    return "deleted"
