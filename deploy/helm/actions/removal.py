"""Deleting the objects of a release, and only those that are surely its own.

Answers to `deleteRelease` of Helm's `pkg/action/uninstall.go`: what asks to be kept stays, and so does what no longer
carries the marks of the release, since another has taken it over.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

import structlog

from deploy.cluster import inventory
from deploy.cluster.inventory import Item, ObjectID
from deploy.cluster.objects import Manifest
from deploy.helm.actions import objects
from deploy.helm.actions.plan import Means
from deploy.helm.release import Release
from gotk.kube.errors import APIError, NotFound

_log = structlog.get_logger()


@dataclass(slots=True)
class Removed:
    """What became of the objects: deleted, or not and why."""

    deleted: list[Item] = field(default_factory=list)
    errors: list[str] = field(default_factory=list)


async def of_all(releases: Iterable[Release], means: Means) -> dict[ObjectID, Manifest]:
    """Return the objects of some revisions, as the newest of them has them. Raises ObjectsError and APIError."""
    found = {}
    for release in releases:
        for obj in await objects.known(release, cluster=means.cluster):
            found[ObjectID.of(obj)] = obj
    return found


async def remove(
    manifests: Sequence[Manifest], *, release: Release, means: Means, propagation: str = "Background"
) -> Removed:
    """Delete the objects that are still the release's, in the reverse of the order of application."""
    removed = Removed()
    keep = {ObjectID.of(each) for each in manifests if objects.kept(each)}
    for item in inventory.deletion_order(inventory.item_of(each) for each in manifests):
        if item.id in keep:
            continue
        try:
            if await _delete(item, release, means, propagation):
                removed.deleted.append(item)
        except APIError as error:
            place = f"namespace={item.id.namespace}, name={item.id.name}, kind={item.id.kind}"
            removed.errors.append(f"failed to delete resource {place}: {error.message}")
    return removed


async def _delete(item: Item, release: Release, means: Means, propagation: str) -> bool:
    place = (item.api_version, item.id.kind, item.id.namespace, item.id.name)
    try:
        live = await means.cluster.get_object(*place)
        if why := "it asks to be kept" if objects.kept(live) else objects.foreign(live, release):
            _log.info("an object is left where it is", object=item.id.subject, release=release.full_name, why=why)
            return False
        uid = str(live["metadata"].get("uid") or "")
        await means.cluster.delete_object(*place, propagation=propagation, uid=uid)
    except NotFound:
        return True
    return True
