"""Azure: Microsoft Entra tokens for this process, or for a service account.

Answers to azidentity's default chain without command-line tools (environment credential, workload identity, managed
identity) and to its client-assertion credential, as OAuth 2.0 calls of the Microsoft identity platform.
"""

from collections.abc import Callable, Mapping
from datetime import datetime, timedelta

import msgspec
from yarl import URL

from gotk.cloud import token as token_files
from gotk.cloud.account import Account
from gotk.cloud.caller import Caller, decode
from gotk.cloud.client_certificate import ClientCertificate
from gotk.cloud.errors import CloudError, NotHere
from gotk.cloud.token import Token
from gotk.http.proxy import Proxy

AUDIENCE = "api://AzureADTokenExchange"

_TENANT = "azure.workload.identity/tenant-id"
_CLIENT = "azure.workload.identity/client-id"
_AUTHORITY = "https://login.microsoftonline.com/"
_IMDS = "http://169.254.169.254"
_ASSERTION = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"


class _Answer(msgspec.Struct):
    access_token: str
    expires_in: int | str = 3600


class Azure:
    """Entra tokens, fetched anew with every call: keeping them is the caller's part."""

    def __init__(self, caller: Caller, *, environment: Mapping[str, str], now: Callable[[], datetime]) -> None:
        self._caller = caller
        self._environment = environment
        self._now = now

    async def controller(self, scope: str, proxy: Proxy | None) -> Token:
        """Return a token for this process. Raises CloudError."""
        said: list[str] = []
        for source in (self._secret, self._workload, self._managed):
            try:
                return await source(scope, proxy)
            except NotHere as error:
                said.append(str(error))
        raise CloudError(f"no Azure credential found: {'; '.join(said)}")

    async def secret(
        self, tenant: str, client: str, secret: str, scope: str, *, authority: str = "", proxy: Proxy | None = None
    ) -> Token:
        """Return a token of an application for its secret. Raises CloudError."""
        return await self._grant(tenant, client, {"client_secret": secret}, scope, proxy, authority=authority)

    async def certificate(
        self,
        tenant: str,
        client: str,
        certificate: ClientCertificate,
        scope: str,
        *,
        chain: bool = False,
        authority: str = "",
        proxy: Proxy | None = None,
    ) -> Token:
        """Return a token of an application for its certificate, told with its `chain` or by name. Raises CloudError."""
        audience = str(self._place(tenant, authority))
        said = certificate.assertion(client=client, audience=audience, now=self._now(), chain=chain)
        proof = {"client_assertion_type": _ASSERTION, "client_assertion": said}
        return await self._grant(tenant, client, proof, scope, proxy, authority=authority)

    async def managed(self, client: str, scope: str) -> Token:
        """Return a token of a managed identity of this machine. Raises CloudError."""
        return await self._managed(scope, None, client=client)

    async def assert_client(self, tenant: str, client: str, assertion: str, scope: str, proxy: Proxy | None) -> Token:
        """Return a token of an application for a federated assertion. Raises CloudError."""
        proof = {"client_assertion_type": _ASSERTION, "client_assertion": assertion}
        return await self._grant(tenant, client, proof, scope, proxy)

    async def _secret(self, scope: str, proxy: Proxy | None) -> Token:
        tenant, client, secret = self._variables("AZURE_TENANT_ID", "AZURE_CLIENT_ID", "AZURE_CLIENT_SECRET")
        return await self._grant(tenant, client, {"client_secret": secret}, scope, proxy)

    async def _workload(self, scope: str, proxy: Proxy | None) -> Token:
        tenant, client, file = self._variables("AZURE_TENANT_ID", "AZURE_CLIENT_ID", "AZURE_FEDERATED_TOKEN_FILE")
        return await self.assert_client(tenant, client, token_files.read(file), scope, proxy)

    async def _managed(self, scope: str, _: Proxy | None, *, client: str = "") -> Token:
        base = URL(self._environment.get("AZURE_POD_IDENTITY_AUTHORITY_HOST") or _IMDS)
        query = {"api-version": "2018-02-01", "resource": scope.removesuffix("/.default")}
        if client := client or self._environment.get("AZURE_CLIENT_ID", ""):
            query["client_id"] = client
        url = base / "metadata/identity/oauth2/token" % query
        return self._token(await self._caller.ask_node("GET", url, headers={"Metadata": "true"}), url)

    async def _grant(
        self,
        tenant: str,
        client: str,
        proof: Mapping[str, str],
        scope: str,
        proxy: Proxy | None,
        *,
        authority: str = "",
    ) -> Token:
        url = self._place(tenant, authority)
        form = {"grant_type": "client_credentials", "client_id": client, "scope": scope, **proof}
        return self._token(await self._caller.ask("POST", url, form=form, proxy=proxy), url)

    def _place(self, tenant: str, authority: str) -> URL:
        host = authority or self._environment.get("AZURE_AUTHORITY_HOST") or _AUTHORITY
        return URL(host) / tenant / "oauth2/v2.0/token"

    def _variables(self, *names: str) -> list[str]:
        values = [self._environment.get(name, "") for name in names]
        if not all(values):
            raise NotHere(f"{', '.join(names)} are not all set")
        return values

    def _token(self, body: bytes, url: URL) -> Token:
        answer = decode(body, _Answer, url.with_query(None))
        return Token(value=answer.access_token, expires=self._now() + timedelta(seconds=int(answer.expires_in)))


def identity(account: Account) -> tuple[str, str]:
    """Return the tenant and the client that a service account is annotated with. Raises CloudError."""
    for name, key in (("tenant", _TENANT), ("client", _CLIENT)):
        if not account.annotations.get(key):
            raise CloudError(f"azure {name} ID is not set in the service account annotation {key}")
    return account.annotations[_TENANT], account.annotations[_CLIENT]
