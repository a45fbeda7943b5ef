"""Azure Container Registry: `provider: azure`.

Answers to `fluxcd/pkg/auth/azure`: an Entra token with the cloud's resource manager as scope is exchanged at the
registry itself for a refresh token, which is the password of a user made of zeros. A sovereign cloud that is none of
the four known ones is described by the file in `AZURE_ENVIRONMENT_FILEPATH`.
"""

import base64
import binascii
import re
from collections.abc import Callable
from datetime import UTC, datetime

import msgspec
from yarl import URL

from gotk import lenient
from gotk.cloud import azure
from gotk.cloud.account import Account
from gotk.cloud.azure import Azure
from gotk.cloud.caller import Caller, decode
from gotk.cloud.errors import CloudError
from gotk.cloud.registries.ports import RegistryCredentials
from gotk.cloud.token import Token
from gotk.http.proxy import Proxy
from gotk.oci.keychain import Credentials

_PATTERN = r"^.+\.(azurecr\.io|azurecr\.cn|azurecr\.de|azurecr\.us)$"
_HOST = re.compile(r"[a-z0-9.-]+", re.ASCII | re.IGNORECASE)
_NOBODY = "00000000-0000-0000-0000-000000000000"
_PUBLIC = "https://management.azure.com"
_MANAGERS = {
    ".azurecr.cn": "https://management.chinacloudapi.cn",
    ".azurecr.us": "https://management.usgovcloudapi.net",
}


class Environment(msgspec.Struct, rename="camel"):
    """A sovereign cloud."""

    container_registry_dns_suffix: str = msgspec.field(name="containerRegistryDNSSuffix", default="")
    resource_manager_endpoint: str = ""


class _Answer(msgspec.Struct):
    refresh_token: str


class _Claims(msgspec.Struct):
    exp: int


def _exchange(registry: str) -> URL:
    return URL(f"https://{registry}/oauth2/exchange")


class Acr:
    """Credentials of ACR. The input of a registry is its host."""

    name = "azure"

    def __init__(
        self,
        caller: Caller,
        cloud: Azure,
        *,
        environment: Environment | None = None,
        exchange: Callable[[str], URL] = _exchange,
    ) -> None:
        self._caller = caller
        self._cloud = cloud
        self._environment = environment or Environment()
        self._exchange = exchange

    def input(self, registry: str) -> str:
        """Return a registry's host. Raises CloudError for one that is not ACR's."""
        suffix = self._environment.container_registry_dns_suffix
        own = bool(suffix) and registry.endswith(f".{suffix.lstrip('.')}")
        if not _HOST.fullmatch(registry) or not (own or re.fullmatch(_PATTERN, registry)):
            raise CloudError(f"invalid Azure registry: '{registry}'. must match {_PATTERN}")
        return registry

    def scope(self, registry_input: str) -> str:
        """Return the scope of the cloud that the registry is in."""
        known = next((manager for suffix, manager in _MANAGERS.items() if registry_input.endswith(suffix)), _PUBLIC)
        return (self._environment.resource_manager_endpoint.rstrip("/") or known) + "/.default"

    async def controller_token(self, scope: str, proxy: Proxy | None) -> Token:
        """Return an Entra token of this process."""
        return await self._cloud.controller(scope, proxy)

    async def audience(self, account: Account) -> str:
        """Return Entra's token exchange, the same for all."""
        del account
        return azure.AUDIENCE

    def identity(self, account: Account) -> tuple[str, str]:
        """Return the account's tenant and client."""
        return azure.identity(account)

    async def account_token(self, account: Account, subject: str, scope: str, proxy: Proxy | None) -> Token:
        """Return an Entra token of the account's client."""
        tenant, client = azure.identity(account)
        return await self._cloud.assert_client(tenant, client, subject, scope, proxy)

    async def registry(self, registry_input: str, token: Token, proxy: Proxy | None) -> RegistryCredentials:
        """Exchange the Entra token at the registry."""
        url = self._exchange(registry_input)
        form = {"grant_type": "access_token", "service": registry_input, "access_token": token.value}
        found = decode(await self._caller.ask("POST", url, form=form, proxy=proxy), _Answer, url).refresh_token
        return RegistryCredentials(
            credentials=Credentials(username=_NOBODY, password=found), expires=_expiry(found, url)
        )


def read_environment(content: bytes) -> Environment:
    """Read the description of a sovereign cloud. Raises ValueError."""
    return msgspec.json.decode(content, type=Environment)


def _expiry(token: str, url: URL) -> datetime:
    """Read a JWT's end; whether it is genuine is the registry's business."""
    try:
        _, payload, _ = token.split(".")
        claims = base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4))
        return datetime.fromtimestamp(lenient.decode(claims, _Claims).exp, UTC)
    except (ValueError, binascii.Error, OverflowError, OSError):
        raise CloudError(f"{url}: the refresh token is no JWT with an end") from None
