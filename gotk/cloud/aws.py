"""AWS: whose keys this process has, and the keys of a role that a service account may assume.

Answers to the SDKs' default chain as far as a pod or a node has it (environment, web identity, credentials file,
container endpoint, instance metadata version 2) and to STS `AssumeRoleWithWebIdentity`, which needs no signature.
Every endpoint follows the environment variables that the SDKs document; the environment comes in as a mapping.
"""

import configparser
import re
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from urllib.parse import urlencode

import msgspec
from yarl import URL

from gotk import plain_xml
from gotk.cloud import token as token_files
from gotk.cloud.account import Account
from gotk.cloud.caller import Caller, decode
from gotk.cloud.errors import CloudError, NotHere
from gotk.cloud.sigv4 import Keys, sign
from gotk.http.proxy import Proxy
from gotk.plain_xml import local_name

AUDIENCE = "sts.amazonaws.com"
ROLE_ANNOTATION = "eks.amazonaws.com/role-arn"

_ROLE = r"^arn:aws[\w-]*:iam::[0-9]{1,30}:role/.{1,200}$"
_DOMAINS = (
    ("cn-", "amazonaws.com.cn"),
    ("us-isob-", "sc2s.sgov.gov"),
    ("us-isof-", "csp.hci.ic.gov"),
    ("us-iso-", "c2s.ic.gov"),
    ("eu-isoe-", "cloud.adc-e.uk"),
    ("eusc-", "amazonaws.eu"),
)
_CONTAINER_HOSTS = frozenset({"169.254.170.2", "169.254.170.23", "fd00:ec2::23", "127.0.0.1", "::1", "localhost"})
_REGION = re.compile(r"[a-z0-9-]{1,64}", re.ASCII)
_IMDS = "http://169.254.169.254"
_IMDS_ROLES = "latest/meta-data/iam/security-credentials/"
_ENDLESS = timedelta(hours=1)


class _NodeKeys(msgspec.Struct, rename="pascal"):
    access_key_id: str
    secret_access_key: str
    token: str = ""
    expiration: datetime | None = None


class Aws:
    """Keys of AWS, fetched anew with every call: keeping them is the caller's part."""

    def __init__(
        self, caller: Caller, *, environment: Mapping[str, str], now: Callable[[], datetime], sts: str = ""
    ) -> None:
        """Take what it works with; `sts` is a token service to ask instead of the region's own."""
        self._caller = caller
        self._environment = environment
        self._now = now
        self._sts = sts

    def at(self, sts: str) -> "Aws":
        """Return the same with another token service."""
        return Aws(self._caller, environment=self._environment, now=self._now, sts=sts)

    def endpoint(self, service: str, region: str, default: str) -> URL:
        """Return where a service is: what `AWS_ENDPOINT_URL_<SERVICE>` says, else the region's own host.

        `default` is the host with `{region}` and `{domain}` to fill in.
        """
        variables = (f"AWS_ENDPOINT_URL_{service.upper().replace('-', '_')}", "AWS_ENDPOINT_URL")
        said = next((value for name in variables if (value := self._environment.get(name))), "")
        if said:
            return URL(said)
        if not _REGION.fullmatch(region):
            raise CloudError(f"'{region}' is no AWS region")
        return URL("https://" + default.format(region=region, domain=domain(region)))

    async def controller(self, region: str, proxy: Proxy | None) -> Keys:
        """Return this process's own keys. Raises CloudError."""
        said: list[str] = []
        for source in (self._static, self._web_identity, self._file, self._container, self._instance):
            try:
                return await source(region, proxy)
            except NotHere as error:
                said.append(str(error))
        raise CloudError(f"no AWS credentials found: {'; '.join(said)}")

    async def assume(self, role: str, session: str, token: str, region: str, proxy: Proxy | None) -> Keys:
        """Return the keys of a role for a web identity's token. Raises CloudError."""
        form = {
            "Action": "AssumeRoleWithWebIdentity",
            "Version": "2011-06-15",
            "RoleArn": role,
            "RoleSessionName": session,
            "WebIdentityToken": token,
        }
        url = self._token_service(region)
        return assumed(await self._caller.ask("POST", url, form=form, proxy=proxy), url)

    async def assume_role(self, keys: Keys, role: str, session: str, region: str, proxy: Proxy | None) -> Keys:
        """Return the keys of a role that other keys may assume. Raises CloudError."""
        form = {"Action": "AssumeRole", "Version": "2011-06-15", "RoleArn": role, "RoleSessionName": session}
        body = urlencode(form).encode()
        url = self._token_service(region)
        headers = {"Content-Type": "application/x-www-form-urlencoded"}
        signed = sign(
            keys, method="POST", url=url, headers=headers, body=body, region=region, service="sts", now=self._now()
        )
        return assumed(await self._caller.ask("POST", url, headers=signed, content=body, proxy=proxy), url)

    def _token_service(self, region: str) -> URL:
        return (URL(self._sts) if self._sts else self.endpoint("sts", region, "sts.{region}.{domain}")) / ""

    async def _static(self, _: str, __: Proxy | None) -> Keys:
        key, secret = self._environment.get("AWS_ACCESS_KEY_ID"), self._environment.get("AWS_SECRET_ACCESS_KEY")
        if not key or not secret:
            raise NotHere("AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY are not set")
        return self._lasting(key, secret, self._environment.get("AWS_SESSION_TOKEN", ""))

    async def _web_identity(self, region: str, proxy: Proxy | None) -> Keys:
        role, file = self._environment.get("AWS_ROLE_ARN"), self._environment.get("AWS_WEB_IDENTITY_TOKEN_FILE")
        if not role or not file:
            raise NotHere("AWS_ROLE_ARN and AWS_WEB_IDENTITY_TOKEN_FILE are not set")
        session = self._environment.get("AWS_ROLE_SESSION_NAME") or "image-automation"
        return await self.assume(role, session, token_files.read(file), region, proxy)

    async def _file(self, _: str, __: Proxy | None) -> Keys:
        home = self._environment.get("HOME", "/")
        path = Path(self._environment.get("AWS_SHARED_CREDENTIALS_FILE") or f"{home}/.aws/credentials")
        profile = self._environment.get("AWS_PROFILE") or "default"
        parser = configparser.RawConfigParser()
        try:
            parser.read(path)
            keys = parser[profile]
            return self._lasting(
                keys["aws_access_key_id"], keys["aws_secret_access_key"], keys.get("aws_session_token", "")
            )
        except (OSError, UnicodeDecodeError, configparser.Error, KeyError):
            raise NotHere(f"{path} holds no keys of the profile {profile}") from None

    async def _container(self, _: str, __: Proxy | None) -> Keys:
        relative = self._environment.get("AWS_CONTAINER_CREDENTIALS_RELATIVE_URI")
        full = self._environment.get("AWS_CONTAINER_CREDENTIALS_FULL_URI")
        if not relative and not full:
            raise NotHere("AWS_CONTAINER_CREDENTIALS_FULL_URI is not set")
        url = URL(f"http://169.254.170.2{relative}" if relative else full or "")
        if url.scheme != "https" and url.host not in _CONTAINER_HOSTS:
            raise CloudError(f"AWS_CONTAINER_CREDENTIALS_FULL_URI: {url.host} is no host of container credentials")
        token = self._environment.get("AWS_CONTAINER_AUTHORIZATION_TOKEN", "")
        if file := self._environment.get("AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE"):
            token = token_files.read(file)
        headers = {"Authorization": token} if token else {}
        return self._from_node(await self._caller.ask_node("GET", url, headers=headers), url)

    async def _instance(self, _: str, __: Proxy | None) -> Keys:
        if self._environment.get("AWS_EC2_METADATA_DISABLED", "").lower() == "true":
            raise NotHere("AWS_EC2_METADATA_DISABLED is set")
        base = URL(self._environment.get("AWS_EC2_METADATA_SERVICE_ENDPOINT") or _IMDS)
        lifetime = {"X-aws-ec2-metadata-token-ttl-seconds": "300"}
        token = await self._caller.ask_node("PUT", base / "latest/api/token", headers=lifetime)
        headers = {"X-aws-ec2-metadata-token": _word(token, base)}
        roles = await self._caller.ask_node("GET", base.joinpath(_IMDS_ROLES), headers=headers)
        url = base.joinpath(_IMDS_ROLES + _word(roles, base).split("\n", 1)[0])
        return self._from_node(await self._caller.ask_node("GET", url, headers=headers), url)

    def _from_node(self, body: bytes, url: URL) -> Keys:
        found = decode(body, _NodeKeys, url)
        return Keys(
            access_key=found.access_key_id,
            secret_key=found.secret_access_key,
            session_token=found.token,
            expires=found.expiration or self._now() + _ENDLESS,
        )

    def _lasting(self, key: str, secret: str, token: str) -> Keys:
        return Keys(access_key=key, secret_key=secret, session_token=token, expires=self._now() + _ENDLESS)


def domain(region: str) -> str:
    """Return the DNS suffix of a region's partition."""
    return next((suffix for prefix, suffix in _DOMAINS if region.startswith(prefix)), "amazonaws.com")


def role(account: Account) -> str:
    """Return the role that a service account is annotated with. Raises CloudError."""
    found = account.annotations.get(ROLE_ANNOTATION, "")
    if not re.fullmatch(_ROLE, found, re.ASCII):
        raise CloudError(f"invalid AWS role ARN: '{found}'. must match {_ROLE}")
    return found


def session_name(account: Account, region: str) -> str:
    """Return the name under which a role's sessions stand in the audit log."""
    return f"{account.name}.{account.namespace}.{region}.fluxcd.io"


def assumed(body: bytes, url: URL) -> Keys:
    """Read the keys of an answer of STS. Raises CloudError."""
    try:
        found = {local_name(node): node.text or "" for node in plain_xml.parse(body).iter()}
        return Keys(
            access_key=found["AccessKeyId"],
            secret_key=found["SecretAccessKey"],
            session_token=found["SessionToken"],
            expires=datetime.fromisoformat(found["Expiration"]).astimezone(UTC),
        )
    except (KeyError, ValueError):
        raise CloudError(f"POST {url}: the answer is not what the service documents") from None


def _word(body: bytes, url: URL) -> str:
    text = body.decode("ascii", "replace").strip()
    if not text or (not text.isprintable() and "\n" not in text):
        raise CloudError(f"{url}: the answer is not what the service documents")
    return text
