"""Amazon's Elastic Container Registry, private and public: `provider: aws`.

Answers to `fluxcd/pkg/auth/aws` and ECR's `GetAuthorizationToken`. Unlike there, the whole host must fit the pattern:
`<id>.dkr.ecr.<region>.amazonaws.com.example.com` is somebody else's.
"""

import base64
import binascii
import re
from collections.abc import Callable
from datetime import UTC, datetime

import msgspec
from yarl import URL

from gotk.cloud import aws
from gotk.cloud.account import Account
from gotk.cloud.aws import Aws
from gotk.cloud.caller import Caller, decode
from gotk.cloud.errors import CloudError
from gotk.cloud.registries.ports import RegistryCredentials
from gotk.cloud.sigv4 import Keys, sign
from gotk.http.proxy import Proxy
from gotk.oci.keychain import Credentials

PUBLIC = "public.ecr.aws"

_PATTERN = (
    r"([0-9+]*).dkr[.-]ecr(?:-fips)?\.([^/.]*)\."
    r"(amazonaws\.com[.cn]*|amazonaws\.eu|sc2s\.sgov\.gov|c2s\.ic\.gov|cloud\.adc-e\.uk|csp\.hci\.ic\.gov|on\.aws)"
)
_PRIVATE_TARGET = "AmazonEC2ContainerRegistry_V20150921.GetAuthorizationToken"
_PUBLIC_TARGET = "SpencerFrontendService.GetAuthorizationToken"


class _Data(msgspec.Struct, rename="camel"):
    authorization_token: str
    expires_at: float


class _Private(msgspec.Struct, rename="camel"):
    authorization_data: list[_Data]


class _Public(msgspec.Struct, rename="camel"):
    authorization_data: _Data


class Ecr:
    """Credentials of ECR. The input of a registry is its region, or `public.ecr.aws`."""

    name = "aws"

    def __init__(self, caller: Caller, cloud: Aws, *, now: Callable[[], datetime]) -> None:
        self._caller = caller
        self._cloud = cloud
        self._now = now

    def input(self, registry: str) -> str:
        """Return the region of a registry. Raises CloudError for a host that is not ECR's."""
        if registry == PUBLIC:
            return PUBLIC
        found = re.fullmatch(_PATTERN, registry, re.ASCII)
        if found is None:
            raise CloudError(f"invalid AWS registry: '{registry}'. must match {_PATTERN}")
        return found[2]

    def scope(self, registry_input: str) -> str:
        """Return the region whose STS is asked: the registry's, so that a node's role works without `AWS_REGION`."""
        return "us-east-1" if registry_input == PUBLIC else registry_input

    async def controller_token(self, scope: str, proxy: Proxy | None) -> Keys:
        """Return this process's keys."""
        return await self._cloud.controller(scope, proxy)

    async def audience(self, account: Account) -> str:
        """Return STS, the same for all."""
        del account
        return aws.AUDIENCE

    def identity(self, account: Account) -> str:
        """Return the account's role."""
        return aws.role(account)

    async def account_token(self, account: Account, subject: str, scope: str, proxy: Proxy | None) -> Keys:
        """Assume the account's role."""
        return await self._cloud.assume(aws.role(account), aws.session_name(account, scope), subject, scope, proxy)

    async def registry(self, registry_input: str, token: Keys, proxy: Proxy | None) -> RegistryCredentials:
        """Ask ECR for an authorization token."""
        region = self.scope(registry_input)
        public = registry_input == PUBLIC
        service = "ecr-public" if public else "ecr"
        host = "api.ecr-public.{region}.{domain}" if public else "api.ecr.{region}.{domain}"
        url = self._cloud.endpoint(service, region, host) / ""
        body = b"{}"
        headers = {
            "Content-Type": "application/x-amz-json-1.1",
            "X-Amz-Target": _PUBLIC_TARGET if public else _PRIVATE_TARGET,
        }
        signed = sign(
            token, method="POST", url=url, headers=headers, body=body, region=region, service=service, now=self._now()
        )
        answer = await self._caller.ask("POST", url, headers=signed, content=body, proxy=proxy)
        return _read(answer, url, public=public)


def _read(answer: bytes, url: URL, *, public: bool) -> RegistryCredentials:
    data = (
        [decode(answer, _Public, url).authorization_data]
        if public
        else decode(answer, _Private, url).authorization_data
    )
    if not data:
        raise CloudError("no authorization data returned")
    try:
        username, separator, password = base64.b64decode(data[0].authorization_token).decode().partition(":")
    except (binascii.Error, UnicodeDecodeError):
        raise CloudError("failed to parse authorization token") from None
    if not separator:
        raise CloudError("invalid authorization token format")
    return RegistryCredentials(
        credentials=Credentials(username=username, password=password),
        expires=datetime.fromtimestamp(data[0].expires_at, UTC),
    )
