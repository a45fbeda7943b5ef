"""What others have changed of what a release made: found by dry runs as the person who asks, from the stored release.

The release is read from its Secret as that person, so who may not read it is told so and compares nothing.
"""

from typing import Final

from deploy.cluster import ports
from deploy.cluster.apply import Applier
from deploy.helm import naming
from deploy.helm.actions import drift
from deploy.helm.actions.plan import Means
from deploy.helm.actions.ports import StorageError
from deploy.helm.storage import Storage, nothing_unfolded
from gotk.api.helm import HelmRelease
from gotk.kube import errors
from gotk.runtime.blocking import Limiter
from gotk.runtime.clock import Clock
from image_automation.dashboard.page import Departed, Drift

_OBJECTS: Final = 50


class ReleaseDrift:
    """Compares releases with the cluster, as people reach it."""

    def __init__(self, *, applier: Applier, limiter: Limiter, clock: Clock) -> None:
        self._applier = applier
        self._limiter = limiter
        self._clock = clock
        self._unfolded = nothing_unfolded()

    async def of(self, obj: HelmRelease, cluster: ports.Cluster) -> Drift:
        """Return what differs from the last release of an object, as somebody may see it. Raises Unauthorized."""
        if not obj.status.history:
            return Drift(problem="nothing is released yet")
        name, namespace = obj.status.history[0].name, obj.status.storage_namespace or naming.storage_namespace(obj)
        storage = Storage(cluster, namespace, limiter=self._limiter, clock=self._clock, unfolded=self._unfolded)
        try:
            release = await storage.last(name)
            if release is None:
                return Drift(problem=f"there is no release {name} in namespace {namespace}")
            means = Means(cluster=cluster, storage=storage, applier=self._applier, clock=self._clock)
            found = await drift.detect(obj, release, means)
        except errors.Unauthorized:
            raise
        except (errors.APIError, StorageError, drift.DriftError) as error:
            return Drift(problem=str(error))
        departed = tuple(
            Departed(object=each.item.id.subject, action="drifted", lines=(each.what,)) for each in found.differences
        )
        return Drift(
            revision=release.full_name,
            departed=departed[:_OBJECTS],
            left_out=max(0, len(departed) - _OBJECTS),
        )
