"""Applying as Helm 3 did: created, or patched with what differs, by the client's own merge.

Answers to the `csa` method of Helm's `pkg/kube`, for charts whose objects a server-side apply does not take, such as
those with two variables of a name in one container. Nothing is tried before it is written, as there.
"""

from collections.abc import Mapping, Sequence
from typing import Literal

import msgspec

from deploy.cluster import inventory, order, redaction, wait
from deploy.cluster.changes import Change
from deploy.cluster.inventory import Item, ObjectID
from deploy.cluster.objects import Manifest
from deploy.cluster.trial import ApplyError
from deploy.helm.actions import merging
from deploy.helm.actions.plan import FIELD_MANAGER, Means
from deploy.helm.release import Release
from gotk.api.helm import ServerSide
from gotk.kube.errors import APIError, NotFound

_STAGE_SECONDS = 60.0


def by_method(release: Release, wanted: ServerSide | bool, like: Release | None = None) -> Release:
    """Return a revision with how it is applied: as wanted, and by `auto` as the revision that it is `like`."""
    auto = like is not None and like.apply_method == "ssa"
    ssa = wanted if isinstance(wanted, bool) else wanted == "enabled" or (wanted == "auto" and auto)
    return msgspec.structs.replace(release, apply_method="ssa" if ssa else "csa")


async def apply(
    manifests: Sequence[Manifest], before: Mapping[ObjectID, Manifest], *, replace: bool, means: Means
) -> list[Change]:
    """Bring objects from what they were `before` to what they are to be, and return what became of each.

    With `replace` nothing is left of what others have written, metadata excepted. Raises ApplyError.
    """
    changes: list[Change] = []
    hidden = redaction.of_objects(manifests)
    for stage in order.stages(manifests):
        for obj in stage:
            item = inventory.item_of(obj)
            try:
                action = await _write(item, obj, before.get(item.id), replace=replace, means=means)
            except APIError as error:
                told = redaction.of_refusal(error.message, obj, hidden)
                raise ApplyError(f"{item.id.subject} apply failed: {told}", changes) from error
            changes.append(Change(item, action))
        if order.awaited(stage):
            await _establish([inventory.item_of(obj) for obj in stage], changes, means)
    return changes


async def _write(
    item: Item, obj: Manifest, before: Manifest | None, *, replace: bool, means: Means
) -> Literal["created", "configured", "unchanged"]:
    place = (item.api_version, item.id.kind, item.id.namespace, item.id.name)
    try:
        live = await means.cluster.get_object(*place)
    except NotFound:
        await means.cluster.create_object(obj, field_manager=FIELD_MANAGER)
        return "created"
    old = before or {}
    patch = merging.replacement(obj, live, old) if replace else merging.patch(old, obj, live)
    if not patch:
        return "unchanged"
    await means.cluster.patch_object(*place, patch, type="merge", field_manager=FIELD_MANAGER)
    return "configured"


async def _establish(items: Sequence[Item], changes: Sequence[Change], means: Means) -> None:
    """Wait for definitions, namespaces and classes that what comes next needs. Raises ApplyError."""
    try:
        await wait.Waiter(clock=means.clock).until_current(items, cluster=means.cluster, timeout=_STAGE_SECONDS)
    except wait.WaitError as error:
        raise ApplyError(str(error), changes) from error
