"""What happens to applied objects when their Kustomization goes.

Answers to the finalizer of kustomize-controller: `deletionPolicy` decides, the default follows `prune`; a suspended
Kustomization leaves its objects behind.
"""

from deploy.cluster import inventory, ports, prune, wait
from deploy.cluster.inventory import Item
from deploy.kustomize import owner
from gotk.api.kustomize import GROUP, Kustomization


def deletes(kustomization: Kustomization) -> bool:
    """Tell whether the objects go with their Kustomization."""
    spec, applied = kustomization.spec, kustomization.status.inventory
    if spec.suspend or applied is None or not applied.entries:
        return False
    policy = spec.deletion_policy or "MirrorPrune"
    return policy in {"Delete", "WaitForTermination"} or (policy == "MirrorPrune" and spec.prune)


def orphans(kustomization: Kustomization) -> str:
    """Say which objects stay because the account that would delete them is gone."""
    items = inventory.read(kustomization.status.inventory)
    return "\n".join(("unable to prune objects: ", *(item.id.subject for item in items)))


def metadata(kustomization: Kustomization) -> dict[str, str]:
    """Return what the last events of a Kustomization carry: the revision that was applied last."""
    status = kustomization.status
    found = {"revision": status.last_applied_revision, "originRevision": status.last_applied_origin_revision}
    return {f"{GROUP}/{key}": value for key, value in found.items() if value}


async def delete_objects(kustomization: Kustomization, *, cluster: ports.Cluster) -> prune.Pruned:
    """Delete everything in the inventory that is still this Kustomization's."""
    items = inventory.deletion_order(inventory.read(kustomization.status.inventory))
    return await prune.prune(items, cluster=cluster, owner=owner.of(kustomization))


async def wait_for_termination(
    kustomization: Kustomization,
    deleted: list[Item],
    *,
    cluster: ports.Cluster,
    waiter: wait.Waiter,
    timeout: float,
) -> list[Item]:
    """Wait, where the policy says so, until the deleted objects are gone; return those that are not."""
    if kustomization.spec.deletion_policy != "WaitForTermination":
        return []
    return await waiter.until_gone(deleted, cluster=cluster, timeout=timeout)
