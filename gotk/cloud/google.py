"""Google's identities, as `gotk.cloud.identity` takes a cloud: for registries and queues alike."""

from gotk.cloud import gcp
from gotk.cloud.account import Account
from gotk.cloud.gcp import Gcp
from gotk.cloud.token import Token
from gotk.http.proxy import Proxy


class Google:
    """Access tokens of Google Cloud; their scopes are the same for all."""

    name = "gcp"

    def __init__(self, cloud: Gcp) -> None:
        self._cloud = cloud

    async def given(self, credentials: bytes, what: str, proxy: Proxy | None) -> Token:
        """Return an access token for credentials that somebody else gives; `what` they are. Raises CloudError."""
        return await self._cloud.given(credentials, what, proxy)

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
