"""Access tokens for whoever an object names: this process, or a service account that a cloud believes.

Answers to `fluxcd/pkg/auth.GetAccessToken`: object-level identity is behind a feature gate, the service account's
annotations say who to be, and what was obtained is kept. Registries and Git remotes both stand on it.
"""

from collections.abc import Hashable
from dataclasses import dataclass
from typing import Any, Protocol

from gotk.cloud import account as accounts
from gotk.cloud.account import Account, Cluster
from gotk.cloud.cache import Subject, TokenCache
from gotk.cloud.errors import CloudError, GateDisabled
from gotk.http.proxy import Proxy

GATE = "ObjectLevelWorkloadIdentity"
GATE_DISABLED = "FeatureGateDisabled"
GATE_MESSAGE = (
    "to use spec.serviceAccountName for provider authentication please enable the "
    f"{GATE} feature gate in the controller"
)


class Provider(Protocol):
    """One cloud's way to an access token. Every method raises `gotk.cloud.errors.CloudError`."""

    @property
    def name(self) -> str:
        """The provider's name in a spec."""
        ...

    async def controller_token(self, scope: str, proxy: Proxy | None) -> Any:
        """Return an access token of this process."""
        ...

    async def audience(self, account: Account) -> str:
        """Return the audience of the cluster's token for an account."""
        ...

    def identity(self, account: Account) -> Hashable:
        """Return who the account is in the cloud, by its annotations."""
        ...

    async def account_token(self, account: Account, subject: str, scope: str, proxy: Proxy | None) -> Any:
        """Exchange the cluster's token for an account for an access token."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """Whose token, for what and through which proxy; `account` is empty for this process.

    `service` is the token service that the provider asks, where it is not its own.
    """

    provider: Provider
    scope: str
    namespace: str
    account: str
    proxy: Proxy | None
    subject: Subject
    service: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Known:
    """Who that is. `key` is what a token of it depends on, to keep things under that are made of it."""

    wanted: Wanted
    account: Account | None
    key: tuple[str, ...]


class Identities:
    """Makes access tokens and keeps them; one per process.

    `default_account` is the service account of objects that name none; `workload_identity` is the feature gate.
    """

    def __init__(self, *, cluster: Cluster, cache: TokenCache, workload_identity: bool, default_account: str) -> None:
        self.cache = cache
        self.cluster = cluster
        self._workload_identity = workload_identity
        self._default_account = default_account

    def account(self, named: str | None) -> str:
        """Return the service account that counts. Raises GateDisabled."""
        account = named or self._default_account
        if account and not self._workload_identity:
            raise GateDisabled(GATE_MESSAGE)
        return account

    async def resolve(self, wanted: Wanted) -> Known:
        """Look the service account up, where there is one. Raises CloudError."""
        provider, proxy = wanted.provider, wanted.proxy
        account: Account | None = None
        identity: tuple[Hashable, ...] = ()
        if wanted.account:
            account = await accounts.get(self.cluster, wanted.namespace, wanted.account)
            identity = (wanted.namespace, wanted.account, _identity(provider, account))
        way = proxy.parts if proxy else ()
        key = (provider.name, *map(repr, identity), wanted.scope, wanted.service, *way)
        return Known(wanted=wanted, account=account, key=key)

    async def token(self, known: Known) -> Any:
        """Return an access token. Raises CloudError."""

        async def make() -> Any:
            return await self._make(known.wanted, known.account)

        return await self.cache.get(("access", *known.key), known.wanted.subject, make)

    async def _make(self, wanted: Wanted, account: Account | None) -> Any:
        provider = wanted.provider
        if account is None:
            try:
                return await provider.controller_token(wanted.scope, wanted.proxy)
            except CloudError as error:
                raise CloudError(f"failed to create provider access token for the controller: {error}") from error
        try:
            audience = await provider.audience(account)
        except CloudError as error:
            raise CloudError(f"failed to get provider audience: {error}") from error
        subject = await accounts.token(self.cluster, account, audience)
        try:
            return await provider.account_token(account, subject, wanted.scope, wanted.proxy)
        except CloudError as error:
            raise CloudError(
                f"failed to create provider access token for service account '{account}': {error}"
            ) from error


def _identity(provider: Provider, account: Account) -> Hashable:
    try:
        return provider.identity(account)
    except CloudError as error:
        raise CloudError(
            f"failed to get provider identity from service account '{account}' annotations: {error}"
        ) from error
