"""Google Cloud: access tokens for this process, or for a service account.

Answers to Google's Application Default Credentials (a file, else the metadata server) and to workload identity
federation: a token of the cluster is exchanged at the Security Token Service, and the result may then impersonate a
service account of the cloud.
"""

import re
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path

import msgspec
from yarl import URL

from gotk.cloud import jwt
from gotk.cloud import token as token_files
from gotk.cloud.account import Account
from gotk.cloud.caller import Caller, decode
from gotk.cloud.errors import CloudError, NotHere
from gotk.cloud.token import Token
from gotk.http.proxy import Proxy

SCOPES = "https://www.googleapis.com/auth/cloud-platform https://www.googleapis.com/auth/userinfo.email"

_EMAIL_ANNOTATION = "iam.gke.io/gcp-service-account"
_PROVIDER_ANNOTATION = "gcp.auth.fluxcd.io/workload-identity-provider"
_EMAIL = r"^[a-zA-Z0-9-]{1,100}@[a-zA-Z0-9-]{1,100}\.iam\.gserviceaccount\.com$"
_PROVIDER = r"^projects/\d{1,30}/locations/global/workloadIdentityPools/[^/]{1,100}/providers/[^/]{1,100}$"
_STS = "https://sts.googleapis.com"
_IAM = "https://iamcredentials.googleapis.com"
_TOKEN = "https://oauth2.googleapis.com/token"  # noqa: S105 - an address
_FLAVOR = {"Metadata-Flavor": "Google"}
_EXCHANGE = "urn:ietf:params:oauth:grant-type:token-exchange"
_ACCESS_TOKEN = "urn:ietf:params:oauth:token-type:access_token"  # noqa: S105 - a type's name
_JWT = "urn:ietf:params:oauth:token-type:jwt"
#: Types of credentials that hold all that they need.
_OF_THEMSELVES = frozenset({"service_account", "authorized_user"})


class _Answer(msgspec.Struct):
    access_token: str
    expires_in: int = 3600


class _Impersonated(msgspec.Struct, rename="camel"):
    access_token: str
    expire_time: datetime


class _Source(msgspec.Struct):
    file: str = ""


class _Credentials(msgspec.Struct):
    """A file of Application Default Credentials, any of its types."""

    type: str
    client_email: str = ""
    private_key: str = ""
    token_uri: str = _TOKEN
    client_id: str = ""
    client_secret: str = ""
    refresh_token: str = ""
    audience: str = ""
    subject_token_type: str = _JWT
    token_url: str = f"{_STS}/v1/token"
    service_account_impersonation_url: str = ""
    credential_source: _Source | None = None


class Gcp:
    """Access tokens, fetched anew with every call: keeping them is the caller's part."""

    def __init__(
        self,
        caller: Caller,
        *,
        environment: Mapping[str, str],
        now: Callable[[], datetime],
        sts: str = _STS,
        iam: str = _IAM,
    ) -> None:
        self._caller = caller
        self._environment = environment
        self._now = now
        self._exchange_url = URL(sts) / "v1/token"
        self._iam = URL(iam)
        self._cluster: tuple[str, str, str] | None = None

    async def controller(self, proxy: Proxy | None) -> Token:
        """Return a token for this process. Raises CloudError."""
        try:
            credentials = self._file()
        except NotHere as missing:
            try:
                return await self._metadata_token()
            except NotHere as error:
                raise CloudError(f"no Google Cloud credentials found: {missing}; {error}") from error
        if credentials.type in _OF_THEMSELVES:
            return await self._of_themselves(credentials, proxy)
        if credentials.type == "external_account" and credentials.credential_source is not None:
            subject = token_files.read(credentials.credential_source.file)
            return await self._federated(
                URL(credentials.token_url),
                credentials.audience,
                subject,
                credentials.service_account_impersonation_url,
                proxy,
            )
        raise CloudError(f"credentials of the type '{credentials.type}' are not supported in a file")

    async def given(self, credentials: bytes, what: str, proxy: Proxy | None = None) -> Token:
        """Return a token for credentials that somebody else gives, so no file is read for them. Raises CloudError."""
        found = decode(credentials, _Credentials, what)
        if found.type not in _OF_THEMSELVES:
            raise CloudError(f"{what}: credentials of the type '{found.type}' are not supported here")
        try:
            URL(found.token_uri)
        except ValueError:
            raise CloudError(f"{what}: the token_uri is no URL") from None
        return await self._of_themselves(found, proxy)

    async def _of_themselves(self, credentials: _Credentials, proxy: Proxy | None) -> Token:
        if credentials.type == "service_account":
            return await self._service_account(credentials, proxy)
        return await self._authorized_user(credentials, proxy)

    async def audience(self, account: Account) -> str:
        """Return the audience of the cluster's token for an account. Raises CloudError."""
        if provider := workload_identity_provider(account):
            return provider
        project, _, _ = await self._gke()
        return f"{project}.svc.id.goog"

    async def for_account(self, account: Account, subject: str, proxy: Proxy | None) -> Token:
        """Exchange the cluster's token for an account for the cloud's. Raises CloudError."""
        audience = workload_identity_provider(account)
        if not audience:
            project, location, name = await self._gke()
            place = f"https://container.googleapis.com/v1/projects/{project}/locations/{location}/clusters/{name}"
            audience = f"identitynamespace:{project}.svc.id.goog:{place}"
        impersonate = ""
        if address := email(account):
            impersonate = str(self._iam / f"v1/projects/-/serviceAccounts/{address}:generateAccessToken")
        return await self._federated(self._exchange_url, audience, subject, impersonate, proxy)

    async def _federated(self, url: URL, audience: str, subject: str, impersonate: str, proxy: Proxy | None) -> Token:
        form = {
            "grant_type": _EXCHANGE,
            "audience": audience,
            "scope": "https://www.googleapis.com/auth/cloud-platform" if impersonate else SCOPES,
            "requested_token_type": _ACCESS_TOKEN,
            "subject_token": subject,
            "subject_token_type": _JWT,
        }
        token = self._token(await self._caller.ask("POST", url, form=form, proxy=proxy), url)
        if not impersonate:
            return token
        body = await self._caller.ask(
            "POST",
            URL(impersonate),
            headers={"Authorization": f"Bearer {token.value}", "Content-Type": "application/json"},
            content=msgspec.json.encode({"scope": SCOPES.split(), "lifetime": "3600s"}),
            proxy=proxy,
        )
        found = decode(body, _Impersonated, impersonate)
        return Token(value=found.access_token, expires=found.expire_time.astimezone(UTC))

    async def _service_account(self, credentials: _Credentials, proxy: Proxy | None) -> Token:
        now = int(self._now().timestamp())
        claims: dict[str, str | int] = {
            "iss": credentials.client_email,
            "scope": SCOPES,
            "aud": credentials.token_uri,
            "iat": now,
            "exp": now + 3600,
        }
        form = {
            "grant_type": "urn:ietf:params:oauth:grant-type:jwt-bearer",
            "assertion": _signed(claims, credentials.private_key),
        }
        url = URL(credentials.token_uri)
        return self._token(await self._caller.ask("POST", url, form=form, proxy=proxy), url)

    async def _authorized_user(self, credentials: _Credentials, proxy: Proxy | None) -> Token:
        form = {
            "grant_type": "refresh_token",
            "client_id": credentials.client_id,
            "client_secret": credentials.client_secret,
            "refresh_token": credentials.refresh_token,
        }
        url = URL(credentials.token_uri)
        return self._token(await self._caller.ask("POST", url, form=form, proxy=proxy), url)

    async def _metadata_token(self) -> Token:
        url = self._metadata("instance/service-accounts/default/token") % {"scopes": SCOPES.replace(" ", ",")}
        return self._token(await self._caller.ask_node("GET", url, headers=_FLAVOR), url)

    async def _gke(self) -> tuple[str, str, str]:
        """Return the project, location and name of the cluster that this process runs in."""
        if self._cluster is None:
            self._cluster = (
                await self._gke_value("project ID", "project/project-id"),
                await self._gke_value("location", "instance/attributes/cluster-location"),
                await self._gke_value("name", "instance/attributes/cluster-name"),
            )
        return self._cluster

    async def _gke_value(self, what: str, path: str) -> str:
        message = f"failed to get GKE cluster {what} from the metadata service"
        try:
            value = (await self._caller.ask_node("GET", self._metadata(path), headers=_FLAVOR)).decode("ascii").strip()
        except (CloudError, UnicodeDecodeError) as error:
            raise CloudError(f"{message}: {error}") from error
        if not value:
            raise CloudError(f"{message}: empty value")
        return value

    def _metadata(self, path: str) -> URL:
        host = self._environment.get("GCE_METADATA_HOST") or "169.254.169.254"
        return URL(f"http://{host}/computeMetadata/v1/") / path

    def _file(self) -> _Credentials:
        named = self._environment.get("GOOGLE_APPLICATION_CREDENTIALS", "")
        home = self._environment.get("HOME", "/")
        path = Path(named or f"{home}/.config/gcloud/application_default_credentials.json")
        try:
            return decode(path.read_bytes(), _Credentials, path)
        except OSError as error:
            kind = CloudError if named else NotHere
            raise kind(f"cannot read {path}: {type(error).__name__}") from None

    def _token(self, body: bytes, url: URL) -> Token:
        answer = decode(body, _Answer, url.with_query(None))
        return Token(value=answer.access_token, expires=self._now() + timedelta(seconds=answer.expires_in))


def email(account: Account) -> str:
    """Return the cloud's service account that an account is to impersonate, if any. Raises CloudError."""
    return _annotated(account, _EMAIL_ANNOTATION, _EMAIL)


def workload_identity_provider(account: Account) -> str:
    """Return the audience of the provider that an account names; empty means GKE. Raises CloudError."""
    found = _annotated(account, _PROVIDER_ANNOTATION, _PROVIDER)
    return f"//iam.googleapis.com/{found}" if found else ""


def _annotated(account: Account, key: str, pattern: str) -> str:
    found = account.annotations.get(key, "")
    if found and not re.fullmatch(pattern, found, re.ASCII):
        raise CloudError(f"invalid {key} annotation: '{found}'. must match {pattern}")
    return found


def _signed(claims: Mapping[str, str | int], key: str) -> str:
    try:
        return jwt.sign(claims, key.encode())
    except ValueError:
        raise CloudError("the credentials file holds no RSA key") from None
