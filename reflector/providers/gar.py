"""Google's Artifact Registry and Container Registry: `provider: gcp`. Answers to `fluxcd/pkg/auth/gcp`."""

import re

from gotk.cloud import gcp
from gotk.cloud.account import Account
from gotk.cloud.errors import CloudError
from gotk.cloud.gcp import Gcp
from gotk.cloud.token import Token
from gotk.oci.access import Proxy
from gotk.oci.keychain import Credentials
from reflector.providers.ports import RegistryCredentials

_PATTERN = r"^(((.+\.)?gcr\.io)|(.+-docker\.pkg\.dev)|(docker\.s3nsregistry\.fr))$"


class Gar:
    """Credentials of Google's registries: the access token itself, the same for all of them."""

    name = "gcp"

    def __init__(self, cloud: Gcp) -> None:
        self._cloud = cloud

    def input(self, registry: str) -> str:
        """Return the provider's name. Raises CloudError for a host that is not Google's."""
        if not re.fullmatch(_PATTERN, registry):
            raise CloudError(f"invalid GCP registry: '{registry}'. must match {_PATTERN}")
        return self.name

    def scope(self, registry_input: str) -> str:
        """Return the scopes, the same for all."""
        del registry_input
        return gcp.SCOPES

    async def controller_token(self, scope: str, proxy: Proxy | None) -> Token:
        """Return an access token of this process."""
        del scope
        return await self._cloud.controller(proxy)

    async def audience(self, account: Account) -> str:
        """Return the account's workload identity provider, or the cluster's pool."""
        return await self._cloud.audience(account)

    def identity(self, account: Account) -> tuple[str, str]:
        """Return whom the account impersonates, and through which provider."""
        return gcp.email(account), gcp.workload_identity_provider(account)

    async def account_token(self, account: Account, subject: str, scope: str, proxy: Proxy | None) -> Token:
        """Return an access token of the account."""
        del scope
        return await self._cloud.for_account(account, subject, proxy)

    async def registry(self, registry_input: str, token: Token, proxy: Proxy | None) -> RegistryCredentials:
        """Use the access token as it is."""
        del registry_input, proxy
        return RegistryCredentials(
            credentials=Credentials(username="oauth2accesstoken", password=token.value), expires=token.expires
        )
