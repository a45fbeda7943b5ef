"""Key services: AWS KMS, Google Cloud KMS, Azure Key Vault and Vault's transit engine, asked to open a data key.

Each is one documented HTTP request, made by this process with its own client: sops gets neither credentials nor a
network. Answers to sops' key sources; whose credentials count is kustomize-controller's order, those of the Secret
before those of a service account, and these before the process's own.
"""

import base64
import binascii
import json
import re
from collections.abc import Awaitable, Callable, Mapping, Sequence
from datetime import datetime
from typing import Any, Protocol

import msgspec
from yarl import URL

from deploy.kustomize.decryption import keys as given_keys
from deploy.kustomize.decryption.keys import Keys, KeysError
from deploy.kustomize.decryption.vault_logins import VaultLogins
from gotk.cloud import client_certificate
from gotk.cloud.aws import Aws
from gotk.cloud.azure import Azure
from gotk.cloud.caller import Caller, decode
from gotk.cloud.errors import CloudError
from gotk.cloud.gcp import Gcp
from gotk.cloud.git_login import Entra, Iam
from gotk.cloud.google import Google
from gotk.cloud.identity import Identities, Provider, Wanted
from gotk.cloud.sigv4 import Keys as AwsKeys
from gotk.cloud.sigv4 import sign

_ARN = re.compile(r"arn:aws[\w-]*:kms:([a-z0-9-]{1,64}):[0-9]{1,30}:(?:key|alias)/.{1,250}", re.ASCII)
_ROLE = re.compile(r"arn:aws[\w-]*:iam::[0-9]{1,30}:role/.{1,200}", re.ASCII)
_RESOURCE = re.compile(r"projects/[^/?#]+/locations/[^/?#]+/keyRings/[^/?#]+/cryptoKeys/[^/?#]+", re.ASCII)
_NAME = re.compile(r"[A-Za-z0-9-]{0,127}", re.ASCII)
_PATH = re.compile(r"[\w.-]+(?:/[\w.-]+)*", re.ASCII)
GOOGLE = "https://cloudkms.googleapis.com"
#: Where Azure's key vaults are, and for whom a token of each is.
VAULTS = {
    "vault.azure.net": "https://vault.azure.net/.default",
    "vault.azure.cn": "https://vault.azure.cn/.default",
    "vault.usgovcloudapi.net": "https://vault.usgovcloudapi.net/.default",
    "managedhsm.azure.net": "https://managedhsm.azure.net/.default",
}
_JSON = {"Content-Type": "application/json"}


class ServiceError(ValueError):
    """A data key that a service does not open. The message names the service and the cause, and holds no secret."""


class Opens(Protocol):
    """Opens the data key in an entry of the metadata."""

    async def open(self, kind: str, entry: Mapping[str, Any], keys: Keys) -> bytes:
        """Return the data key. Raises ServiceError."""
        ...


class NoServices:
    """Opens nothing: where no key service may be asked."""

    async def open(self, kind: str, entry: Mapping[str, Any], keys: Keys) -> bytes:  # noqa: ARG002 - the port's
        """Refuse."""
        raise ServiceError("no key service may be asked")


class _Plain(msgspec.Struct):
    plaintext: str


class _AwsPlain(msgspec.Struct):
    plaintext: str = msgspec.field(name="Plaintext")


class _AzurePlain(msgspec.Struct):
    value: str


class _VaultPlain(msgspec.Struct):
    data: _Plain


class Services:
    """Asks key services.

    `vaults` are the domains of Azure's key vaults with the scope of their tokens; `google` is Google's service. Without
    `vault_logins` Vault takes only a token that the Secret holds.
    """

    def __init__(
        self,
        *,
        identities: Identities,
        caller: Caller,
        environment: Mapping[str, str],
        now: Callable[[], datetime],
        vaults: Mapping[str, str],
        google: str,
        vault_logins: VaultLogins | None = None,
    ) -> None:
        self._vault_logins = vault_logins
        self._identities = identities
        self._caller = caller
        self._aws = Aws(caller, environment=environment, now=now)
        self._azure = Azure(caller, environment=environment, now=now)
        self._gcp = Gcp(caller, environment=environment, now=now)
        self._now = now
        self._vaults = vaults
        self._gcp_url = URL(google)
        self._ways: Mapping[str, Callable[[Mapping[str, Any], Keys], Awaitable[bytes]]] = {
            "kms": self._open_aws,
            "gcp_kms": self._open_gcp,
            "azure_kv": self._open_azure,
            "hc_vault": self._open_vault,
        }

    async def open(self, kind: str, entry: Mapping[str, Any], keys: Keys) -> bytes:
        """Return the data key of an entry. Raises ServiceError."""
        way = self._ways.get(kind)
        if way is None:
            raise ServiceError("this kind of key is not supported")
        try:
            return await way(entry, keys)
        except (CloudError, KeysError, ServiceError) as error:
            raise ServiceError(str(error)) from error

    async def _open_aws(self, entry: Mapping[str, Any], keys: Keys) -> bytes:
        arn, role = _text(entry, "arn"), _text(entry, "role")
        found = _ARN.fullmatch(arn)
        if found is None:
            raise ServiceError("`arn` is no key of AWS KMS")
        given = entry.get("context") or {}
        if not isinstance(given, Mapping):
            raise ServiceError("`context` is no mapping")
        region = found[1]
        credentials = await self._aws_keys(region, keys)
        if role:
            if not _ROLE.fullmatch(role):
                raise ServiceError("`role` is no role of AWS")
            credentials = await self._aws.assume_role(credentials, role, "sops", region, None)
        context = {str(name): str(value) for name, value in given.items()}
        asked = {"KeyId": arn, "CiphertextBlob": _text(entry, "enc"), "EncryptionContext": context}
        body = json.dumps(asked).encode()
        url = self._aws.endpoint("kms", region, "kms.{region}.{domain}") / ""
        headers = {"Content-Type": "application/x-amz-json-1.1", "X-Amz-Target": "TrentService.Decrypt"}
        signed = sign(
            credentials, method="POST", url=url, headers=headers, body=body, region=region, service="kms",
            now=self._now(),
        )  # fmt: skip
        answer = decode(await self._caller.ask("POST", url, headers=signed, content=body), _AwsPlain, url)
        return _decoded(answer.plaintext)

    async def _open_gcp(self, entry: Mapping[str, Any], keys: Keys) -> bytes:
        resource = _text(entry, "resource_id")
        if not _RESOURCE.fullmatch(resource):
            raise ServiceError("`resource_id` is no key of Google Cloud KMS")
        if (given := keys.services.get(given_keys.GCP)) is not None:
            token = await self._gcp.given(given.strip(b"\n"), given_keys.GCP)
        else:
            token = await self._token(Google(self._gcp), "", keys, "decrypt_with_gcp")
        url = self._gcp_url / "v1" / f"{resource}:decrypt"
        asked = {"ciphertext": _text(entry, "enc")}
        return _decoded((await self._post(url, asked, f"Bearer {token.value}", _Plain)).plaintext)

    async def _open_azure(self, entry: Mapping[str, Any], keys: Keys) -> bytes:
        name, version, address = (_text(entry, field) for field in ("name", "version", "vault_url"))
        vault, scope = _url(address, "vault_url"), ""
        for domain, its in self._vaults.items():
            scope = its if vault.host == domain or (vault.host or "").endswith(f".{domain}") else scope
        if not scope or (vault.scheme != "https" and self._vaults is VAULTS):
            raise ServiceError("`vault_url` is no key vault of Azure")
        if not name or not _NAME.fullmatch(name) or not _NAME.fullmatch(version):
            raise ServiceError("`name` and `version` are none of a key")
        token = await self._azure_token(scope, keys)
        url = (vault / "keys" / name / version / "decrypt").with_query({"api-version": "7.4"})
        asked = {"alg": "RSA-OAEP-256", "value": _text(entry, "enc")}
        return _decoded((await self._post(url, asked, f"Bearer {token}", _AzurePlain)).value, url_safe=True)

    async def _open_vault(self, entry: Mapping[str, Any], keys: Keys) -> bytes:
        engine, name = _text(entry, "engine_path"), _text(entry, "key_name")
        if not _PATH.fullmatch(engine) or not _PATH.fullmatch(name) or ".." in f"{engine}/{name}".split("/"):
            raise ServiceError("`engine_path` and `key_name` are none of a key of Vault")
        address = _text(entry, "vault_address")
        url = _url(address, "vault_address").joinpath("v1", *engine.split("/"), "decrypt", name)
        headers = {**_JSON, "X-Vault-Token": await self._vault_token(address, keys)}
        body = json.dumps({"ciphertext": _text(entry, "enc")}).encode()
        answer = decode(await self._caller.ask("POST", url, headers=headers, content=body), _VaultPlain, url)
        return _decoded(answer.data.plaintext)

    async def _vault_token(self, address: str, keys: Keys) -> str:
        given = keys.services.get(given_keys.VAULT)
        if given is not None:
            return given.decode("ascii").strip()
        if self._vault_logins is None:
            raise ServiceError(f"there is no token for it: add one to the Secret as {given_keys.VAULT}")
        return await self._vault_logins.token(address, keys)

    async def _aws_keys(self, region: str, keys: Keys) -> AwsKeys:
        given = keys.services.get(given_keys.AWS)
        if given is None:
            found: AwsKeys = await self._token(Iam(self._aws), region, keys, "decrypt_with_aws")
            return found
        fields = given_keys.fields(given)
        return AwsKeys(
            access_key=fields["aws_access_key_id"],
            secret_key=fields["aws_secret_access_key"],
            session_token=fields.get("aws_session_token", ""),
            expires=self._now(),
        )

    async def _azure_token(self, scope: str, keys: Keys) -> str:
        given = keys.services.get(given_keys.AZURE)
        if given is None:
            return str((await self._token(Entra(self._azure), scope, keys, "decrypt_with_azure")).value)
        fields = given_keys.fields(given)
        tenant = fields.get("tenantId") or fields.get("tenant", "")
        client = fields.get("clientId") or fields.get("appId", "")
        secret = fields.get("clientSecret") or fields.get("password")
        authority = fields.get("authorityHost", "")
        if not secret and (certificate := fields.get("clientCertificate")):
            shown = client_certificate.parse(certificate.encode(), None)
            chain = fields.get("clientCertificateSendChain", "").lower() in {"1", "true"}
            return (await self._azure.certificate(tenant, client, shown, scope, chain=chain, authority=authority)).value
        if not secret:
            return (await self._azure.managed(client, scope)).value
        return (await self._azure.secret(tenant, client, secret, scope, authority=authority)).value

    async def _token(self, provider: Provider, scope: str, keys: Keys, operation: str) -> Any:
        """Return a token of the service account, or of this process where there is none."""
        namespace, account = keys.account
        wanted = Wanted(
            provider=provider, scope=scope, namespace=namespace, account=account, proxy=None,
            subject=keys.subject._replace(operation=operation),
        )  # fmt: skip
        return await self._identities.token(await self._identities.resolve(wanted))

    async def _post(self, url: URL, asked: Mapping[str, str], authorization: str, shape: type[Any]) -> Any:
        headers = {**_JSON, "Authorization": authorization}
        body = await self._caller.ask("POST", url, headers=headers, content=json.dumps(asked).encode())
        return decode(body, shape, url.with_query(None))


def _text(entry: Mapping[str, Any], field: str) -> str:
    value = entry.get(field)
    return value.strip() if isinstance(value, str) else ""


def _url(text: str, field: str) -> URL:
    try:
        url = URL(text)
    except ValueError:
        raise ServiceError(f"`{field}` is no address") from None
    if url.scheme not in {"http", "https"} or not url.host or url.user or url.query_string:
        raise ServiceError(f"`{field}` is no address")
    return url


def _decoded(text: str, *, url_safe: bool = False) -> bytes:
    signs = text.replace("-", "+").replace("_", "/") if url_safe else text
    try:
        return base64.b64decode(signs + "=" * (-len(signs) % 4), validate=True)
    except (binascii.Error, ValueError):
        raise ServiceError("the answer holds no key") from None


def in_order(kinds: Sequence[str]) -> Sequence[str]:
    """Return the kinds of keys that services open, in the order in which they are asked."""
    return [kind for kind in ("kms", "gcp_kms", "azure_kv", "hc_vault", "hckms") if kind in kinds]
