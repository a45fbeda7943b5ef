"""How to reach an ImageRepository's registry: its secrets, read and turned into an `Access`.

Answers to image-reflector-controller's `getAuthOptions`: the pull secret and then the service account's, only of the
two docker types (others are passed over, and access is then anonymous), a login instead of both for `provider`, TLS
from `certSecretRef`, a proxy from `proxySecretRef`. Unlike there, one secret may serve as pull secret and certificate
secret at once.
"""

from gotk.api.core import Secret, ServiceAccount
from gotk.api.image import ImageRepository
from gotk.http.proxy import Proxy
from gotk.http.secret import SecretError
from gotk.http.tls import SYSTEM, TLS, InvalidTLS
from gotk.kube import errors as kube_errors
from gotk.kube.ports import Getter
from gotk.oci import keychain
from gotk.oci.access import Access
from gotk.oci.keychain import InvalidConfig
from gotk.oci.name import Repository
from reflector import pull_secrets
from reflector.providers.login import Login, Logins

_SHORTEST = 1.0


class AccessError(Exception):
    """A secret or service account is missing or does not hold what it should. The message names it."""


async def access(
    objects: Getter, repository: ImageRepository, name: Repository, logins: Logins | None = None
) -> Access:
    """Read what the spec refers to. Raises AccessError; Stalled where a feature gate forbids what the spec wants.

    Without `logins` there is no provider but `generic`.
    """
    spec = repository.spec
    try:
        proxy = await _proxy(objects, repository)
        login = _login(logins, repository, name, proxy)
        found = _of_login(repository) if login else await _credentials(objects, repository, name)
        return Access(
            credentials=found.credentials,
            provenance=found.provenance,
            login=login,
            tls=await _tls(objects, repository),
            proxy=proxy,
            insecure=spec.insecure,
            timeout=max((spec.timeout or spec.interval).seconds, _SHORTEST),
        )
    except (SecretError, InvalidConfig) as error:
        raise AccessError(str(error)) from error


def _login(logins: Logins | None, repository: ImageRepository, name: Repository, proxy: Proxy | None) -> Login | None:
    """Return the login of a provider; pull secrets are then not looked at."""
    if repository.spec.provider == "generic":
        return None
    if logins is None:
        raise AccessError(f"provider '{repository.spec.provider}' is not set up in this process")
    return logins.of(repository, name, proxy)


async def _credentials(objects: Getter, repository: ImageRepository, name: Repository) -> pull_secrets.Found:
    namespace, spec = repository.metadata.namespace, repository.spec
    secrets = [await _get_secret(objects, namespace, spec.secret_ref.name)] if spec.secret_ref else []
    if spec.service_account_name:
        secrets += await _pull_secrets(objects, namespace, spec.service_account_name)
    try:
        return pull_secrets.choose(secrets, name, account=spec.service_account_name or "")
    except InvalidConfig as error:
        raise AccessError(str(error)) from error


def _of_login(repository: ImageRepository) -> pull_secrets.Found:
    """Say whose the credentials are that a provider will give."""
    return pull_secrets.Found(
        keychain.ANONYMOUS, f"the credentials that provider '{repository.spec.provider}' gave are refused"
    )


async def _tls(objects: Getter, repository: ImageRepository) -> TLS:
    reference = repository.spec.cert_secret_ref
    if reference is None:
        return SYSTEM
    tls = TLS.from_secret(await _get_secret(objects, repository.metadata.namespace, reference.name))
    try:
        tls.context()
    except InvalidTLS as error:
        raise AccessError(f"secret '{repository.metadata.namespace}/{reference.name}': {error}") from error
    return tls


async def _proxy(objects: Getter, repository: ImageRepository) -> Proxy | None:
    reference = repository.spec.proxy_secret_ref
    if reference is None:
        return None
    namespace = repository.metadata.namespace
    absent = f"secret '{namespace}/{reference.name}' not found"
    return Proxy.from_secret(await _get_secret(objects, namespace, reference.name, absent=absent))


async def _pull_secrets(objects: Getter, namespace: str, account: str) -> list[Secret]:
    references = (await _get_account(objects, namespace, account)).image_pull_secrets
    about = f"failed to get image pull secret for serviceaccount '{namespace}/{account}'"
    return [
        await _get_secret(objects, namespace, name, absent=f"{about}: secret '{namespace}/{name}' not found")
        for name in (reference.name for reference in references)
    ]


async def _get_secret(objects: Getter, namespace: str, name: str, *, absent: str = "") -> Secret:
    """Get a secret; one that is absent is told in the words of the API server where Flux has none of its own."""
    try:
        return await objects.get(Secret, namespace, name)
    except kube_errors.NotFound as error:
        raise AccessError(absent or f'secrets "{name}" not found') from error
    except kube_errors.APIError as error:
        raise AccessError(f"failed to get secret '{namespace}/{name}': {error}") from error


async def _get_account(objects: Getter, namespace: str, name: str) -> ServiceAccount:
    try:
        return await objects.get(ServiceAccount, namespace, name)
    except kube_errors.NotFound as error:
        raise AccessError(f"serviceaccount '{namespace}/{name}' not found") from error
    except kube_errors.APIError as error:
        raise AccessError(f"failed to get service account '{namespace}/{name}': {error}") from error
