"""Logging in to a cloud's registry when it is first asked, with what is cached.

Answers to `fluxcd/pkg/auth.GetArtifactRegistryCredentials`: access token and registry credentials are two cache
entries, object-level identity is behind a feature gate, and every failure here is one of reading the registry, for
the login happens on the way to it.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from gotk.cloud.cache import Subject
from gotk.cloud.errors import CloudError
from gotk.cloud.identity import Identities, Wanted
from gotk.cloud.registries.ports import Provider
from gotk.http.proxy import Proxy
from gotk.oci.errors import LoginFailed
from gotk.oci.keychain import Credentials
from gotk.oci.name import Repository


class Logins:
    """Makes logins for objects; one per process."""

    def __init__(self, providers: Mapping[str, Provider], identities: Identities) -> None:
        self.providers = providers
        self.identities = identities

    def of(
        self, subject: Subject, provider: str, *, account: str | None, name: Repository, proxy: Proxy | None
    ) -> "Login":
        """Return the login of an object. Raises GateDisabled where it names an account and the feature gate is off."""
        return Login(
            provider=provider,
            registry=name.registry,
            namespace=subject.namespace,
            account=self.identities.account(account),
            proxy=proxy,
            subject=subject,
            logins=self,
        )

    def forget(self, subject: Subject) -> None:
        """An object is gone: drop its series of metrics."""
        self.identities.cache.forget(subject)


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
        wanted = Wanted(
            provider=provider,
            scope=scope,
            namespace=self.namespace,
            account=self.account,
            proxy=self.proxy,
            subject=self.subject,
        )
        identities = self.logins.identities
        known = await identities.resolve(wanted)
        try:
            token = await identities.token(known)
        except CloudError as error:
            raise CloudError(f"failed to get access token for artifact registry: {error}") from error

        async def registry() -> Any:
            return await provider.registry(registry_input, token, self.proxy)

        try:
            found = await identities.cache.get(("registry", registry_input, *known.key), self.subject, registry)
        except CloudError as error:
            raise CloudError(f"failed to create artifact registry credentials: {error}") from error
        credentials: Credentials = found.credentials
        return credentials
