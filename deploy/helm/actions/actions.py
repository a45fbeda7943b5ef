"""Everything that can be done to one release on its cluster."""

from collections.abc import Sequence
from typing import Literal

from deploy.cluster import ports as clusters
from deploy.cluster.apply import Applier
from deploy.cluster.changes import Change
from deploy.cluster.objects import Manifest
from deploy.helm.actions import crds, drift, install, rollback, testing, uninstall, unlock, upgrade
from deploy.helm.actions.drift import Correction, Drift
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

    @property
    def journal(self) -> str:
        """What the last action has done, line by line."""
        return str(self._means.journal)

    async def apply_crds(
        self, obj: HelmRelease, definitions: Sequence[Manifest], *, action: Literal["install", "upgrade"]
    ) -> list[Change]:
        """Apply the definitions of a chart, before it is rendered: its objects may be of their kinds.

        Returns what became of each. Raises ActionError.
        """
        return await crds.apply(obj, definitions, self._means, action=action)

    async def install(self, plan: Plan) -> Release:
        """Install what was rendered."""
        self._means.journal.begin()
        return await install.install(plan, self._means)

    async def upgrade(self, plan: Plan) -> Release:
        """Upgrade to what was rendered."""
        self._means.journal.begin()
        return await upgrade.upgrade(plan, self._means)

    async def rollback(self, plan: Plan) -> Release:
        """Go back to the plan's release, in a revision of its own."""
        self._means.journal.begin()
        return await rollback.rollback(plan, self._means)

    async def test(self, plan: Plan) -> Release:
        """Run the tests of the plan's release, which must be the last revision."""
        return await testing.test(plan, self._means)

    async def unlock(self, release: Release) -> Release:
        """Mark a revision as failed that somebody worked on who is gone."""
        return await unlock.unlock(release, self._means)

    async def uninstall(self, obj: HelmRelease, name: str, *, timeout: float) -> Release | None:
        """Delete a release, and return its last revision as it is then; None where none was stored.

        Its history stays where `spec.uninstall.keepHistory` says so. One that was uninstalled already stays as it was.
        """
        self._means.journal.begin()
        return await uninstall.uninstall(obj, name, self._means, timeout=timeout)

    async def drift(self, obj: HelmRelease, release: Release) -> Drift:
        """Hold the cluster against a release. Raises DriftError."""
        return await drift.detect(obj, release, self._means)

    async def correct(self, obj: HelmRelease, found: Drift) -> Correction:
        """Bring back what differs; what could not be is told in what is returned."""
        return await drift.correct(obj, found, self._means)
