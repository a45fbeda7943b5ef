"""Logging in to a cloud's registry when it is first asked, with what is cached.

Answers to `fluxcd/pkg/auth.GetArtifactRegistryCredentials`: access token and registry credentials are two cache
entries, object-level identity is behind a feature gate, and every failure here is one of reading the registry, for
the login happens on the way to it.
"""

from collections.abc import Hashable, Mapping
from dataclasses import dataclass, field
from typing import Any

from gotk.api.image import ImageRepository
from gotk.cloud import account as accounts
from gotk.cloud.account import Account, Cluster
from gotk.cloud.cache import Subject, TokenCache
from gotk.cloud.errors import CloudError
from gotk.oci.access import Proxy
from gotk.oci.errors import LoginFailed
from gotk.oci.keychain import Credentials
from gotk.oci.name import Repository
from gotk.runtime.errors import Stalled
from reflector.providers.ports import Provider

GATE = "ObjectLevelWorkloadIdentity"
GATE_DISABLED = "FeatureGateDisabled"
GATE_MESSAGE = (
    "to use spec.serviceAccountName for provider authentication please enable the "
    f"{GATE} feature gate in the controller"
)


class Logins:
    """Makes logins for objects; one per process.

    `default_account` is the service account of objects that name none; `workload_identity` is the feature gate.
    """

    def __init__(
        self,
        providers: Mapping[str, Provider],
        *,
        cluster: Cluster,
        cache: TokenCache,
        workload_identity: bool = False,
        default_account: str = "",
    ) -> None:
        self.providers = providers
        self.cluster = cluster
        self.cache = cache
        self._workload_identity = workload_identity
        self._default_account = default_account

    def of(self, repository: ImageRepository, name: Repository, proxy: Proxy | None) -> "Login":
        """Return the login of an ImageRepository. Raises Stalled while the feature gate is off."""
        account = repository.spec.service_account_name or self._default_account
        if account and not self._workload_identity:
            raise Stalled(GATE_DISABLED, GATE_MESSAGE)
        return Login(
            provider=repository.spec.provider,
            registry=name.registry,
            namespace=repository.metadata.namespace,
            account=account,
            proxy=proxy,
            subject=_subject(repository),
            logins=self,
        )

    def forget(self, repository: ImageRepository) -> None:
        """An ImageRepository is gone: drop its series of metrics."""
        self.cache.forget(_subject(repository))


@dataclass(frozen=True, slots=True, kw_only=True)
class Login:
    """Credentials to be: called when the registry is first asked. Two logins of one identity are equal."""

    provider: str
    registry: str
    namespace: str
    account: str
    proxy: Proxy | None
    subject: Subject = field(compare=False)
    logins: Logins = field(compare=False, repr=False)

    async def __call__(self) -> Credentials:
        """Return the credentials. Raises LoginFailed."""
        try:
            return await self._credentials(self.logins.providers[self.provider])
        except CloudError as error:
            raise LoginFailed(str(error)) from error

    async def _credentials(self, provider: Provider) -> Credentials:
        registry_input = provider.input(self.registry)
        scope = provider.scope(registry_input)
        account: Account | None = None
        identity: tuple[Hashable, ...] = ()
        if self.account:
            account = await accounts.get(self.logins.cluster, self.namespace, self.account)
            identity = (self.namespace, self.account, self._identity(provider, account))
        proxy = (str(self.proxy.url), self.proxy.username, self.proxy.password) if self.proxy else ()
        key = (provider.name, *map(repr, identity), scope, *proxy)

        async def access_token() -> Any:
            return await self._access_token(provider, account, scope)

        try:
            token = await self.logins.cache.get(("access", *key), self.subject, access_token)
        except CloudError as error:
            raise CloudError(f"failed to get access token for artifact registry: {error}") from error

        async def registry() -> Any:
            return await provider.registry(registry_input, token, self.proxy)

        try:
            found = await self.logins.cache.get(("registry", registry_input, *key), self.subject, registry)
        except CloudError as error:
            raise CloudError(f"failed to create artifact registry credentials: {error}") from error
        credentials: Credentials = found.credentials
        return credentials

    async def _access_token(self, provider: Provider, account: Account | None, scope: str) -> Any:
        if account is None:
            try:
                return await provider.controller_token(scope, self.proxy)
            except CloudError as error:
                raise CloudError(f"failed to create provider access token for the controller: {error}") from error
        try:
            audience = await provider.audience(account)
        except CloudError as error:
            raise CloudError(f"failed to get provider audience: {error}") from error
        subject = await accounts.token(self.logins.cluster, account, audience)
        try:
            return await provider.account_token(account, subject, scope, self.proxy)
        except CloudError as error:
            raise CloudError(
                f"failed to create provider access token for service account '{account}': {error}"
            ) from error

    def _identity(self, provider: Provider, account: Account) -> Hashable:
        try:
            return provider.identity(account)
        except CloudError as error:
            raise CloudError(
                f"failed to get provider identity from service account '{account}' annotations: {error}"
            ) from error


def _subject(repository: ImageRepository) -> Subject:
    return Subject("ImageRepository", repository.metadata.namespace, repository.metadata.name)
