"""Which cluster an object's manifests go to: today the one that the object itself lives in."""

from deploy.cluster.ports import Cluster
from gotk.api.meta import Object


class OwnCluster:
    """Applies every object's manifests to one cluster."""

    def __init__(self, cluster: Cluster) -> None:
        self._cluster = cluster

    def of(self, _obj: Object) -> Cluster:
        """Return the cluster, whatever the object."""
        return self._cluster
