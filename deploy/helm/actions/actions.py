"""Everything that can be done to one release on its cluster."""

from collections.abc import Sequence
from typing import Literal

from deploy.cluster import ports as clusters
from deploy.cluster.apply import Applier
from deploy.cluster.changes import Change
from deploy.cluster.objects import Manifest
from deploy.helm.actions import crds, install, upgrade
from deploy.helm.actions.plan import Means, Plan
from deploy.helm.actions.ports import Storage
from deploy.helm.release import Release
from gotk.api.helm import HelmRelease
from gotk.runtime.clock import Clock


class Actions:
    """Acts on a cluster, and keeps releases in a storage. Made for one reconcile; the applier outlives it.

    A method that changes the release returns the revision as it is stored then, and raises ActionError.
    """

    def __init__(self, *, cluster: clusters.Cluster, storage: Storage, applier: Applier, clock: Clock) -> None:
        self._means = Means(cluster=cluster, storage=storage, applier=applier, clock=clock)

    async def apply_crds(
        self, obj: HelmRelease, definitions: Sequence[Manifest], *, action: Literal["install", "upgrade"]
    ) -> list[Change]:
        """Apply the definitions of a chart, before it is rendered: its objects may be of their kinds.

        Returns what became of each. Raises ActionError.
        """
        return await crds.apply(obj, definitions, self._means, action=action)

    async def install(self, plan: Plan) -> Release:
        """Install what was rendered."""
        return await install.install(plan, self._means)

    async def upgrade(self, plan: Plan) -> Release:
        """Upgrade to what was rendered."""
        return await upgrade.upgrade(plan, self._means)
