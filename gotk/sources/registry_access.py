"""How a registry is reached that an object names: its secrets, proxy and provider, read into one `Access`.

Answers to what image-reflector-controller and source-controller do alike: the pull secret and then the service
account's, only of the two docker types (others are passed over, and access is then anonymous), a login for `provider`,
TLS from `certSecretRef`, a proxy from `proxySecretRef`. They differ in what comes first and in how they report: what
goes wrong is a `Refused` that says at which step, and each kind words it its own way. Unlike there, one secret may
serve as pull secret and certificate secret at once.
"""

from dataclasses import dataclass
from enum import Enum
from functools import lru_cache

import msgspec

from gotk.api.core import Secret, ServiceAccount
from gotk.api.meta import LocalObjectReference
from gotk.cloud.cache import Subject
from gotk.cloud.errors import GateDisabled
from gotk.cloud.registries.login import Login, Logins
from gotk.http.proxy import Proxy
from gotk.http.secret import SecretError
from gotk.http.tls import SYSTEM, TLS, UNVERIFIED, InvalidTLS
from gotk.kube import errors as kube_errors
from gotk.kube.ports import Getter
from gotk.oci import keychain
from gotk.oci.access import Access
from gotk.oci.keychain import InvalidConfig
from gotk.oci.name import Repository
from gotk.sources import pull_secrets

_SHORTEST = 1.0
_ANY = Repository("", "")


class Step(Enum):
    """Where it went wrong. The last is the spec's fault: trying again will not help.

    `SECRET` is a pull secret that could not be had, in the words of the API server; `CERTIFICATES` likewise.
    """

    SECRET = "secret"  # noqa: S105 - a step's name
    CREDENTIALS = "credentials"
    PROVIDER = "provider"
    CERTIFICATES = "certificates"
    TLS = "tls"
    PROXY = "proxy"
    GATE = "gate"


class Refused(Exception):
    """The registry cannot be reached as it is specified. `message` holds no secret."""

    def __init__(self, step: Step, message: str) -> None:
        super().__init__(message)
        self.step = step
        self.message = message


class Wanted(msgspec.Struct, frozen=True, kw_only=True):
    """A repository, and what its object says of the way to it; a struct, for every scan makes one.

    With `secrets_first` the provider logs in only where no secret and no service account is named that could hold
    credentials; without it pull secrets are not looked at beside a provider. `timeout` is in seconds.
    """

    repository: Repository
    subject: Subject
    timeout: float
    provider: str = "generic"
    secret_ref: LocalObjectReference | None = None
    service_account_name: str | None = None
    cert_secret_ref: LocalObjectReference | None = None
    proxy_secret_ref: LocalObjectReference | None = None
    insecure: bool = False
    #: Plain HTTP is one thing; this is the other that source-controller means by `insecure`.
    unverified: bool = False
    secrets_first: bool = False


@lru_cache(maxsize=256)
def anonymous(timeout: float, *, insecure: bool = False) -> Access:
    """Return how a registry is reached that an object says nothing more of; `timeout` is in seconds."""
    provenance = pull_secrets.choose((), _ANY).provenance
    return Access(provenance=provenance, insecure=insecure, timeout=max(timeout, _SHORTEST))


@dataclass(frozen=True, slots=True, kw_only=True)
class RegistryAccess:
    """Reads what an object refers to. Without `logins` there is no provider but `generic`."""

    objects: Getter
    logins: Logins | None = None

    async def access(self, wanted: Wanted) -> Access:
        """Return how to reach a repository. Raises Refused."""
        proxy = await self._proxy(wanted)
        secrets = await self._secrets(wanted) if wanted.secrets_first or wanted.provider == "generic" else []
        login = None if secrets else self._login(wanted, proxy)
        found = _of_login(wanted.provider) if login else _chosen(secrets, wanted)
        return Access(
            credentials=found.credentials,
            provenance=found.provenance,
            login=login,
            tls=await self._tls(wanted),
            proxy=proxy,
            insecure=wanted.insecure,
            timeout=max(wanted.timeout, _SHORTEST),
        )

    def forget(self, subject: Subject) -> None:
        """An object is gone: drop what was counted of its tokens."""
        if self.logins is not None:
            self.logins.forget(subject)

    def _login(self, wanted: Wanted, proxy: Proxy | None) -> Login | None:
        if wanted.provider == "generic":
            return None
        if self.logins is None:
            raise Refused(Step.PROVIDER, f"provider '{wanted.provider}' is not set up in this process")
        account, name = wanted.service_account_name, wanted.repository
        try:
            return self.logins.of(wanted.subject, wanted.provider, account=account, name=name, proxy=proxy)
        except GateDisabled as error:
            raise Refused(Step.GATE, str(error)) from error

    async def _secrets(self, wanted: Wanted) -> list[Secret]:
        secrets = [await self._get(wanted, wanted.secret_ref, Step.SECRET)] if wanted.secret_ref else []
        if wanted.service_account_name:
            secrets += await self._of_account(wanted.subject.namespace, wanted.service_account_name)
        return secrets

    async def _of_account(self, namespace: str, account: str) -> list[Secret]:
        about = f"failed to get image pull secret for serviceaccount '{namespace}/{account}'"
        found = []
        for name in (reference.name for reference in (await self._account(namespace, account)).image_pull_secrets):
            try:
                found.append(await self.objects.get(Secret, namespace, name))
            except kube_errors.NotFound as error:
                message = f"{about}: secret '{namespace}/{name}' not found"
                raise Refused(Step.CREDENTIALS, message) from error
            except kube_errors.APIError as error:
                raise Refused(Step.CREDENTIALS, f"{about}: {error}") from error
        return found

    async def _account(self, namespace: str, name: str) -> ServiceAccount:
        try:
            return await self.objects.get(ServiceAccount, namespace, name)
        except kube_errors.NotFound as error:
            raise Refused(Step.CREDENTIALS, f"serviceaccount '{namespace}/{name}' not found") from error
        except kube_errors.APIError as error:
            message = f"failed to get service account '{namespace}/{name}': {error}"
            raise Refused(Step.CREDENTIALS, message) from error

    async def _tls(self, wanted: Wanted) -> TLS:
        reference = wanted.cert_secret_ref
        if reference is None:
            return UNVERIFIED if wanted.unverified else SYSTEM
        secret = await self._get(wanted, reference, Step.CERTIFICATES)
        try:
            tls = TLS.from_secret(secret)
            tls.context()
        except SecretError as error:
            raise Refused(Step.TLS, str(error)) from error
        except InvalidTLS as error:
            raise Refused(Step.TLS, f"secret '{wanted.subject.namespace}/{reference.name}': {error}") from error
        return tls

    async def _proxy(self, wanted: Wanted) -> Proxy | None:
        reference = wanted.proxy_secret_ref
        if reference is None:
            return None
        try:
            return Proxy.from_secret(await self._get(wanted, reference, Step.PROXY))
        except SecretError as error:
            raise Refused(Step.PROXY, str(error)) from error

    async def _get(self, wanted: Wanted, reference: LocalObjectReference, step: Step) -> Secret:
        where = wanted.subject.namespace
        try:
            return await self.objects.get(Secret, where, reference.name)
        except kube_errors.NotFound as error:
            bare = f'secrets "{reference.name}" not found'
            message = f"secret '{where}/{reference.name}' not found" if step is Step.PROXY else bare
            raise Refused(step, message) from error
        except kube_errors.APIError as error:
            raise Refused(step, f"failed to get secret '{where}/{reference.name}': {error}") from error


def _chosen(secrets: list[Secret], wanted: Wanted) -> pull_secrets.Found:
    try:
        return pull_secrets.choose(secrets, wanted.repository, account=wanted.service_account_name or "")
    except InvalidConfig as error:
        raise Refused(Step.CREDENTIALS, str(error)) from error


def _of_login(provider: str) -> pull_secrets.Found:
    """Say whose the credentials are that a provider will give."""
    return pull_secrets.Found(keychain.ANONYMOUS, f"the credentials that provider '{provider}' gave are refused")
