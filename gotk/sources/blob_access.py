"""Who we are to Azure's Blob service: by a Bucket's secret, or as this process or a service account.

Answers to the Azure client of source-controller: which keys of the secret count, and in which order, error texts
included. Unlike there, who we are without a secret is told to Azure's own addresses only: whoever writes a Bucket
would be given a token of this process otherwise.
"""

import base64
import binascii
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from urllib.parse import parse_qsl

from yarl import URL

from gotk.api.core import Secret
from gotk.cloud import client_certificate
from gotk.cloud.azure import Azure
from gotk.cloud.client_certificate import BadCertificate
from gotk.cloud.token import Token
from gotk.http.proxy import Proxy
from gotk.http.secret import SecretError, name_of, text

SCOPE = "https://storage.azure.com/.default"
_AZURE_S = (
    ".blob.core.windows.net",
    ".blob.core.chinacloudapi.cn",
    ".blob.core.usgovcloudapi.net",
    ".blob.storage.azure.net",
)
_LABELS = 2
_BYTES = frozenset({"clientCertificate", "clientCertificatePassword"})


class Unusable(Exception):
    """The endpoint or the secret will not do. Holds no secret."""


@dataclass(frozen=True, slots=True, kw_only=True)
class BlobLogin:
    """The account's address, and who we are to it: a token, or the account's name and key, or a SAS in the query."""

    endpoint: URL = field(repr=False)
    token: Token | None = None
    account: str = ""
    key: bytes = field(default=b"", repr=False)


def address(endpoint: str) -> URL:
    """Return a Bucket's endpoint as an address. Raises Unusable."""
    try:
        url = URL(endpoint)
        if url.scheme in {"http", "https"} and url.host and url.user is None and not url.fragment:
            return url
    except ValueError:
        pass
    raise Unusable("the endpoint is no address of an account, such as https://ACCOUNT.blob.core.windows.net")


async def by_secret(secret: Secret, url: URL, cloud: Azure, proxy: Proxy | None) -> BlobLogin:
    """Log in with a Bucket's secret. Raises Unusable, CloudError."""
    given = secret.data
    if not given.keys() & {"clientId", "accountKey", "sasKey", "authorityHost"}:
        raise Unusable(
            f"invalid '{secret.metadata.name}' secret data: requires a 'clientId' or 'accountKey' field, a combination "
            "of 'tenantId', 'clientId' and 'clientSecret', or 'tenantId', 'clientId' and 'clientCertificate'"
        )
    try:
        said = {key: text(secret, key) for key in given if key not in _BYTES}
    except SecretError as error:
        raise Unusable(str(error)) from error
    if "clientId" in said:
        return BlobLogin(endpoint=url, token=await _entra(said, secret, url, cloud, proxy))
    if "accountKey" in said:
        return _by_key(said["accountKey"].strip(), secret, url)
    if "sasKey" in said:
        shared = dict(parse_qsl(said["sasKey"].strip().removeprefix("?"), keep_blank_values=True))
        return BlobLogin(endpoint=url.with_query({**dict(url.query), **shared}))
    raise Unusable(f"secret '{name_of(secret)}': 'authorityHost' alone is no credential: add 'clientId'")


async def as_ourselves(url: URL, token: Callable[[], Awaitable[Token]]) -> BlobLogin:
    """Log in as this process or a service account. Raises Unusable, and what `token` raises."""
    _own(url)
    return BlobLogin(endpoint=url, token=await token())


async def _entra(said: dict[str, str], secret: Secret, url: URL, cloud: Azure, proxy: Proxy | None) -> Token:
    _encrypted(url)
    tenant, client, authority = said.get("tenantId"), said["clientId"], said.get("authorityHost", "")
    if authority and tenant is not None:
        _encrypted(address(authority), "authorityHost")
    if tenant is not None and said.get("clientSecret"):
        return await cloud.secret(tenant, client, said["clientSecret"], SCOPE, authority=authority, proxy=proxy)
    if tenant is not None and (content := secret.data.get("clientCertificate")):
        try:
            found = client_certificate.parse(content, secret.data.get("clientCertificatePassword"))
        except BadCertificate as error:
            raise Unusable(
                f"failed to create token credential from '{secret.metadata.name}' Secret: "
                f"failed to parse client certificates: key 'clientCertificate': {error}"
            ) from error
        chain = said.get("clientCertificateSendChain", "").lower() in {"1", "true"}
        return await cloud.certificate(tenant, client, found, SCOPE, chain=chain, authority=authority, proxy=proxy)
    _own(url)
    return await cloud.managed(client, SCOPE)


def _by_key(key: str, secret: Secret, url: URL) -> BlobLogin:
    labels = (url.host or "").split(".")
    if len(labels) <= _LABELS:
        raise Unusable(
            f"failed to create shared credential from '{secret.metadata.name}' Secret data: "
            f"failed to extract account name from endpoint: expected '{url.host}' to be a subdomain"
        )
    try:
        opened = base64.b64decode(key, validate=True)
    except (binascii.Error, ValueError):
        raise Unusable(f"secret '{name_of(secret)}': key 'accountKey' is not base64") from None
    if not opened:
        raise Unusable(f"secret '{name_of(secret)}': key 'accountKey' is empty")
    return BlobLogin(endpoint=url, account=labels[0], key=opened)


def _own(url: URL) -> None:
    _encrypted(url)
    if not (url.host or "").endswith(_AZURE_S):
        raise Unusable(f"the endpoint's host '{url.host}' is none of Azure's: it is not told who this process is")


def _encrypted(url: URL, what: str = "endpoint") -> None:
    if url.scheme != "https":
        raise Unusable(f"the {what} is not https: tokens are not sent in the clear")
