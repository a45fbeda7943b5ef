"""Which cluster an object's manifests go to, and as whom: its own unless it says otherwise.

Answers to `Impersonator` of `fluxcd/pkg/runtime/client`. An account is impersonated by its name alone: the API server
adds the groups of service accounts, and its authorizer decides. One view of a cluster is kept for each account, since
what was found in sync hangs on it.
"""

import contextlib
from collections.abc import AsyncIterator
from weakref import WeakKeyDictionary

from deploy.cluster import ports
from deploy.cluster.remotes import Remotes
from gotk.api.core import ServiceAccount
from gotk.bounded import Bounded
from gotk.kube.errors import APIError, NotFound

#: As many accounts of a cluster are remembered with what was found in sync for them.
_ACCOUNTS = 4096
_Views = Bounded[str, ports.Cluster]


class TargetClusters:
    """Chooses by `spec.kubeConfig` and `spec.serviceAccountName`; without the latter `default_account` acts, if any."""

    def __init__(self, own: ports.Impersonating, *, remotes: Remotes, default_account: str) -> None:
        self._own = own
        self._remotes = remotes
        self._default_account = default_account
        self._views: WeakKeyDictionary[ports.Impersonating, _Views] = WeakKeyDictionary()

    @contextlib.asynccontextmanager
    async def of(self, obj: ports.Targeted) -> AsyncIterator[ports.Cluster]:
        """Give the cluster of an object, as the account that acts for it sees it. Raises ClusterError."""
        async with self._place(obj) as cluster:
            yield self._seen_by(self._account(obj), obj.metadata.namespace, cluster)

    async def has_account(self, obj: ports.Targeted) -> bool:
        """Tell whether the account is there; without one the service acts, which always is. Raises ClusterError."""
        account = self._account(obj)
        if not account:
            return True
        async with self._place(obj) as cluster:
            try:
                await cluster.get(ServiceAccount, obj.metadata.namespace, account)
            except NotFound:
                return False
            except APIError:  # nobody knows: what is done in its name will tell
                return True
        return True

    def forget(self, obj: ports.Targeted) -> None:
        """An object is gone: drop the series of its tokens."""
        self._remotes.forget(obj)

    @contextlib.asynccontextmanager
    async def _place(self, obj: ports.Targeted) -> AsyncIterator[ports.Impersonating]:
        if obj.spec.kube_config is None:
            yield self._own
            return
        async with self._remotes.of(obj, obj.spec.kube_config) as cluster:
            yield cluster

    def _account(self, obj: ports.Targeted) -> str:
        return obj.spec.service_account_name or self._default_account

    def _seen_by(self, account: str, namespace: str, cluster: ports.Impersonating) -> ports.Cluster:
        if not account:
            return cluster
        user = f"system:serviceaccount:{namespace}:{account}"
        views = self._views.setdefault(cluster, Bounded(_ACCOUNTS))
        view = views.get(user)
        if view is None:
            view = cluster.acting_as(user)
            views.put(user, view)
        return view
