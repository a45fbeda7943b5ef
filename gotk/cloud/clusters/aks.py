"""Azure Kubernetes Service: the token is one of Entra for AKS; address and authority stand in a kubeconfig of ARM's."""

import base64
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import msgspec
import yaml
from yarl import URL

from gotk import lenient, nesting
from gotk.cloud.azure import Azure
from gotk.cloud.caller import Caller, decode
from gotk.cloud.clusters.asked import Access, Asked, canonical
from gotk.cloud.errors import CloudError
from gotk.cloud.git_login import Entra
from gotk.cloud.token import Token

_SCOPE = "6dae42f8-4368-4678-94ff-3960e28e3630/.default"
_PATTERN = (
    r"(?i)^/subscriptions/([^/]{36})/resourceGroups/([^/]{1,200})/providers/Microsoft\.ContainerService/"
    r"managedClusters/([^/]{1,200})$"
)
_VERSION = "2024-09-01"
_CLOUDS = {
    "chinacloudapi.cn": ("https://management.chinacloudapi.cn", "https://management.core.chinacloudapi.cn"),
    "microsoftonline.us": ("https://management.usgovcloudapi.net", "https://management.core.usgovcloudapi.net"),
}
_PUBLIC = ("https://management.azure.com", "https://management.core.windows.net")
_ENTRA = "https://learn.microsoft.com/en-us/azure/aks/enable-authentication-microsoft-entra-id"


class _Environment(msgspec.Struct, rename="camel"):
    resource_manager_endpoint: str = ""
    token_audience: str = ""


class _Properties(msgspec.Struct, frozen=True, rename="camel"):
    aad_profile: dict[str, Any] | None = None


class _Cluster(msgspec.Struct):
    properties: _Properties = _Properties()


class _Kubeconfig(msgspec.Struct):
    value: str


class _Kubeconfigs(msgspec.Struct):
    kubeconfigs: list[_Kubeconfig] = []


class Aks:
    """Clusters of AKS, by resource ID; those with Entra alone."""

    def __init__(self, caller: Caller, cloud: Azure, *, environment: Mapping[str, str]) -> None:
        self.provider = Entra(cloud)
        self._caller = caller
        self._environment = environment

    def scopes(self, asked: Asked) -> Sequence[str]:
        """Return the scope of AKS, and that of the resource manager where it has to be asked. Raises CloudError."""
        if asked.whole:
            return (_SCOPE,)
        if not re.fullmatch(_PATTERN, asked.cluster):
            raise CloudError(f"invalid AKS cluster ID: '{asked.cluster}'. must match {_PATTERN}")
        return _SCOPE, f"{self._manager()[1]}/.default"

    async def reach(self, asked: Asked, tokens: Sequence[Any]) -> Access:
        """Return the way to a cluster with a token for it, and one for the resource manager. Raises CloudError."""
        address, authority = asked.address, asked.authority
        if not asked.whole:
            found = await self._find(asked, tokens[1])
            address, authority = address or found[0], authority or found[1]
        return Access(host=canonical(address), authority=authority, token=tokens[0].value, expires=tokens[0].expires)

    async def _find(self, asked: Asked, token: Token) -> tuple[str, str]:
        """Return address and authority of the kubeconfig for the address that is said, or of the first one."""
        url = URL(self._manager()[0]).joinpath(*asked.cluster.strip("/").split("/"))
        headers = {"Authorization": f"Bearer {token.value}"}
        try:
            body = await self._caller.ask("GET", url % {"api-version": _VERSION}, headers=headers)
        except CloudError as error:
            raise CloudError(f"failed to describe AKS cluster: {error}") from error
        if decode(body, _Cluster, url).properties.aad_profile is None:
            cause = f"does not have Microsoft Entra ID integration enabled. See docs for enabling: {_ENTRA}"
            raise CloudError(f"AKS cluster {asked.cluster} {cause}")
        listing = url / "listClusterUserCredential"
        body = await self._caller.ask("POST", listing % {"api-version": _VERSION}, headers=headers, content=b"")
        wanted = canonical(asked.address) if asked.address else ""
        addresses: list[str] = []
        for number, each in enumerate(decode(body, _Kubeconfigs, listing).kubeconfigs):
            server, authority = _parsed(each.value, number)
            if wanted in {"", canonical(server)}:
                return server, authority
            addresses.append(f"'{server}'")
        if not wanted:
            raise CloudError(f"no kubeconfig found for AKS cluster {asked.cluster}")
        cause = f"matching the specified address '{asked.address}'. cluster addresses: [{', '.join(addresses)}]"
        raise CloudError(f"no kubeconfig found for AKS cluster {asked.cluster} {cause}")

    def _manager(self) -> tuple[str, str]:
        """Return the resource manager's address and its tokens' audience. Raises CloudError."""
        if path := self._environment.get("AZURE_ENVIRONMENT_FILEPATH"):
            try:
                found = lenient.decode(Path(path).read_bytes(), _Environment)
            except (OSError, lenient.Unreadable) as error:
                raise CloudError(f"cannot read the environment file {path}: {type(error).__name__}") from None
            if not found.resource_manager_endpoint or not found.token_audience:
                raise CloudError("resourceManagerEndpoint and tokenAudience must be set in the environment file")
            return found.resource_manager_endpoint, found.token_audience
        authority = self._environment.get("AZURE_AUTHORITY_HOST", "")
        return next((cloud for mark, cloud in _CLOUDS.items() if mark in authority), _PUBLIC)


def _parsed(value: str, number: int) -> tuple[str, str]:
    """Return server and authority of a kubeconfig's only cluster."""
    try:
        document: Any = next(iter(nesting.load(base64.b64decode(value))), None)
        cluster = document["clusters"][0]["cluster"]
        return str(cluster["server"]), base64.b64decode(cluster["certificate-authority-data"]).decode("ascii")
    except (yaml.YAMLError, nesting.TooDeep, ValueError, LookupError, TypeError):
        raise CloudError(f"failed to parse kubeconfig[{number}]") from None
