"""Which cluster an object's manifests go to, and as whom: its own unless it says otherwise.

Answers to `Impersonator` of `fluxcd/pkg/runtime/client`. An account is impersonated by its name alone: the API server
adds the groups of service accounts, and its authorizer decides. One view of the cluster is kept for each account, since
what was found in sync hangs on it.
"""

import contextlib
from collections.abc import AsyncIterator

from deploy.cluster import ports
from gotk.api.core import ServiceAccount
from gotk.bounded import Bounded
from gotk.kube.errors import NotFound

#: As many accounts of a cluster are remembered with what was found in sync for them.
_ACCOUNTS = 4096


class TargetClusters:
    """Chooses clusters by `spec.serviceAccountName`; objects that name no account act as `default_account`, if any."""

    def __init__(self, own: ports.Impersonating, *, default_account: str) -> None:
        self._own = own
        self._default_account = default_account
        self._views: Bounded[str, ports.Cluster] = Bounded(_ACCOUNTS)

    @contextlib.asynccontextmanager
    async def of(self, obj: ports.Targeted) -> AsyncIterator[ports.Cluster]:
        """Give the cluster of an object, as the account that acts for it sees it."""
        account = self._account(obj)
        yield self._view(f"system:serviceaccount:{obj.metadata.namespace}:{account}") if account else self._own

    async def has_account(self, obj: ports.Targeted) -> bool:
        """Tell whether the account is there; without one the service acts, which always is."""
        account = self._account(obj)
        try:
            return not account or bool(await self._own.get(ServiceAccount, obj.metadata.namespace, account))
        except NotFound:
            return False

    def _account(self, obj: ports.Targeted) -> str:
        return obj.spec.service_account_name or self._default_account

    def _view(self, user: str) -> ports.Cluster:
        view = self._views.get(user)
        if view is None:
            view = self._own.acting_as(user)
            self._views.put(user, view)
        return view
