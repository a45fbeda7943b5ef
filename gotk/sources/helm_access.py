"""How a Helm repository is reached, one with an index and a registry: its secrets, read into credentials and trust.

Answers to `getter.GetClientOpts` of source-controller, error texts included: username and password go to the
repository's own host only, unless `passCredentials` says otherwise, and certificates may still be in the same secret.
"""

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from urllib.parse import urlsplit

from gotk.api.core import Secret
from gotk.api.source import HelmRepository
from gotk.cloud.cache import Subject
from gotk.http.basic import basic
from gotk.http.secret import SecretError, name_of, text
from gotk.http.tls import SYSTEM, TLS, InvalidTLS
from gotk.kube.errors import APIError
from gotk.kube.ports import Getter
from gotk.oci.access import Access
from gotk.oci.keychain import Credentials, InvalidConfig
from gotk.oci.name import Repository
from gotk.sources import pull_secrets, registry_access
from gotk.sources.pull_secrets import Found
from gotk.sources.registry_access import RegistryAccess, Wanted

_PROVENANCE = "the credentials of the HelmRepository's secretRef are refused"


class Refused(Exception):
    """The repository cannot be reached as it is specified. The message holds no secret."""


@dataclass(frozen=True, slots=True, kw_only=True)
class HelmAccess:
    """Who we are to a repository, and whom we trust. `everywhere` lets the credentials go to other hosts, too."""

    url: str
    authorization: str | None = field(default=None, repr=False)
    tls: TLS = SYSTEM
    everywhere: bool = False

    def authorization_for(self, url: str) -> str | None:
        """Return the credentials for an address: those of the repository for its own host and port alone."""
        own, other = urlsplit(self.url), urlsplit(url)
        if self.everywhere or (own.scheme, own.netloc) == (other.scheme, other.netloc):
            return self.authorization
        return None


@dataclass(frozen=True, slots=True, kw_only=True)
class HelmAccesses:
    """Reads what HelmRepositories refer to."""

    objects: Getter
    registries: RegistryAccess

    async def index(self, repository: HelmRepository) -> HelmAccess:
        """Return how a repository with an index is reached. Raises Refused."""
        authorization, tls = None, SYSTEM
        if (secret := await self._login(repository)) is not None:
            try:
                found = login_of(secret)
            except SecretError as error:
                raise Refused(f"failed to detect authentication methods: {error}") from error
            authorization = basic(*found) if found else None
        tls = await self._tls(repository, secret)
        spec = repository.spec
        return HelmAccess(url=spec.url, authorization=authorization, tls=tls, everywhere=spec.pass_credentials)

    async def registry(self, repository: HelmRepository, base: Repository) -> Access:
        """Return how a registry is reached: by a login or a docker configuration, else by the provider's login.

        Raises Refused.
        """
        spec, metadata = repository.spec, repository.metadata
        secret = await self._login(repository)
        wanted = Wanted(
            repository=base,
            subject=_subject(metadata.namespace, metadata.name),
            timeout=spec.patience,
            provider=spec.provider if secret is None else "generic",
            insecure=spec.insecure,
        )
        try:
            access = await self.registries.access(wanted)
        except registry_access.Refused as error:
            raise Refused(f"failed to get credential from '{spec.provider}': {error.message}") from error
        if secret is not None:
            found = _credentials(secret, base)
            access = replace(access, credentials=found.credentials, provenance=found.provenance)
        return replace(access, tls=await self._tls(repository, secret))

    def forget(self, namespace: str, name: str) -> None:
        """A repository is gone: drop what was counted of its tokens."""
        self.registries.forget(_subject(namespace, name))

    async def _login(self, repository: HelmRepository) -> Secret | None:
        reference = repository.spec.secret_ref
        if reference is None:
            return None
        return await self._secret(repository.metadata.namespace, reference.name, "authentication")

    async def _tls(self, repository: HelmRepository, login: Secret | None) -> TLS:
        """Return whom we trust: by `certSecretRef`, else by what the login's secret still may hold."""
        reference = repository.spec.cert_secret_ref
        if reference is not None:
            secret = await self._secret(repository.metadata.namespace, reference.name, "TLS authentication")
            return _tls(secret, "failed to construct Helm client's TLS config", TLS.from_secret)
        if login is None:
            return SYSTEM
        return _tls(login, "failed to detect authentication methods", TLS.find)

    async def _secret(self, namespace: str, name: str, what: str) -> Secret:
        try:
            return await self.objects.get(Secret, namespace, name)
        except APIError as error:
            raise Refused(f"failed to get {what} secret '{namespace}/{name}': {error.message}") from error


def login_of(secret: Secret) -> tuple[str, str] | None:
    """Read username and password; one without the other is an error. Raises SecretError."""
    has_name, has_password = "username" in secret.data, "password" in secret.data
    if not has_name and not has_password:
        return None
    if not (has_name and has_password):
        missing, there = ("password", "username") if has_name else ("username", "password")
        raise SecretError(f"secret '{name_of(secret)}': key '{missing}' not found, but '{there}' is there")
    username, password = text(secret, "username"), text(secret, "password")
    return (username, password) if username and password else None


def _subject(namespace: str, name: str) -> Subject:
    return Subject("HelmRepository", namespace, name)


def _credentials(secret: Secret, base: Repository) -> Found:
    failed = "failed to configure OCI registry authentication"
    try:
        found = login_of(secret)
        if found is not None:
            return Found(Credentials(username=found[0], password=found[1]), _PROVENANCE)
        return pull_secrets.choose([secret], base)
    except (SecretError, InvalidConfig) as error:
        raise Refused(f"{failed}: {error}") from error


def _tls(secret: Secret, failed: str, read: Callable[[Secret], TLS | None]) -> TLS:
    try:
        found = read(secret) or SYSTEM
        found.context()
    except SecretError as error:
        raise Refused(f"{failed}: {error}") from error
    except InvalidTLS as error:
        raise Refused(f"{failed}: secret '{name_of(secret)}': {error}") from error
    return found
