"""How a Helm repository with an index is reached: its secrets, read into credentials and trust.

Answers to `getter.GetClientOpts` of source-controller, error texts included: username and password go to the
repository's own host only, unless `passCredentials` says otherwise, and certificates may still be in the same secret.
"""

from dataclasses import dataclass, field
from urllib.parse import urlsplit

from gotk.api.core import Secret
from gotk.api.source import HelmRepository
from gotk.http.basic import basic
from gotk.http.secret import SecretError, name_of, text
from gotk.http.tls import SYSTEM, TLS, InvalidTLS
from gotk.kube.errors import APIError
from gotk.kube.ports import Getter


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


async def read(objects: Getter, repository: HelmRepository) -> HelmAccess:
    """Read what a repository refers to. Raises Refused."""
    spec, namespace = repository.spec, repository.metadata.namespace
    tls, authorization = SYSTEM, None
    if spec.cert_secret_ref is not None:
        secret = await _secret(objects, namespace, spec.cert_secret_ref.name, "TLS authentication")
        tls = _tls(secret, "failed to construct Helm client's TLS config")
    if spec.secret_ref is not None:
        secret = await _secret(objects, namespace, spec.secret_ref.name, "authentication")
        try:
            authorization = basic_of(secret)
            found = TLS.find(secret)
        except SecretError as error:
            raise Refused(f"failed to detect authentication methods: {error}") from error
        if spec.cert_secret_ref is None and found is not None:
            tls = _checked(found, secret, "failed to detect authentication methods")
    return HelmAccess(url=spec.url, authorization=authorization, tls=tls, everywhere=spec.pass_credentials)


def basic_of(secret: Secret) -> str | None:
    """Read username and password; one without the other is an error. Raises SecretError."""
    has_name, has_password = "username" in secret.data, "password" in secret.data
    if not has_name and not has_password:
        return None
    if not (has_name and has_password):
        missing, there = ("password", "username") if has_name else ("username", "password")
        raise SecretError(f"secret '{name_of(secret)}': key '{missing}' not found, but '{there}' is there")
    username, password = text(secret, "username"), text(secret, "password")
    return basic(username, password) if username and password else None


def _tls(secret: Secret, failed: str) -> TLS:
    try:
        found = TLS.from_secret(secret)
    except SecretError as error:
        raise Refused(f"{failed}: {error}") from error
    return _checked(found, secret, failed)


def _checked(found: TLS, secret: Secret, failed: str) -> TLS:
    try:
        found.context()
    except InvalidTLS as error:
        raise Refused(f"{failed}: secret '{name_of(secret)}': {error}") from error
    return found


async def _secret(objects: Getter, namespace: str, name: str, what: str) -> Secret:
    try:
        return await objects.get(Secret, namespace, name)
    except APIError as error:
        raise Refused(f"failed to get {what} secret '{namespace}/{name}': {error.message}") from error
