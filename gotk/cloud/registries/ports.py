"""What a cloud's registry needs to say: who it is, and how it turns an identity into credentials."""

from collections.abc import Hashable
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol

from gotk.cloud.account import Account
from gotk.http.proxy import Proxy
from gotk.oci.keychain import Credentials


@dataclass(frozen=True, slots=True, kw_only=True)
class RegistryCredentials:
    """Credentials of a registry, with their end."""

    credentials: Credentials
    expires: datetime


class Provider(Protocol):
    """One cloud's registry. Every method raises `gotk.cloud.errors.CloudError`."""

    name: str

    def input(self, registry: str) -> str:
        """Check that a host is the provider's registry, and return what its credentials depend on."""
        ...

    def scope(self, registry_input: str) -> str:
        """Return what an access token for it depends on: a region, a scope."""
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

    async def registry(self, registry_input: str, token: Any, proxy: Proxy | None) -> RegistryCredentials:
        """Exchange an access token for the registry's credentials."""
        ...
