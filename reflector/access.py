"""How to reach an ImageRepository's registry: what its spec says, in the terms of `gotk.sources.registry_access`.

Answers to image-reflector-controller's `getAuthOptions`: beside a `provider` pull secrets are not looked at, and what
is missing is told in the API server's words where Flux has none of its own.
"""

from gotk.api.image import ImageRepository
from gotk.cloud.cache import Subject
from gotk.cloud.identity import GATE_DISABLED
from gotk.cloud.registries.login import Logins
from gotk.kube.ports import Getter
from gotk.oci.access import Access
from gotk.oci.name import Repository
from gotk.runtime.errors import Stalled
from gotk.sources.registry_access import Refused, RegistryAccess, Step, Wanted, anonymous


class AccessError(Exception):
    """A secret or service account is missing or does not hold what it should. The message names it."""


async def access(
    objects: Getter, repository: ImageRepository, name: Repository, logins: Logins | None = None
) -> Access:
    """Read what the spec refers to. Raises AccessError; Stalled where a feature gate forbids what the spec wants.

    Without `logins` there is no provider but `generic`.
    """
    spec = repository.spec
    timeout = (spec.timeout or spec.interval).seconds
    if spec.provider == "generic" and not (
        spec.secret_ref or spec.service_account_name or spec.cert_secret_ref or spec.proxy_secret_ref
    ):
        return anonymous(timeout, insecure=spec.insecure)
    wanted = Wanted(
        repository=name,
        subject=subject(repository),
        provider=spec.provider,
        secret_ref=spec.secret_ref,
        service_account_name=spec.service_account_name,
        cert_secret_ref=spec.cert_secret_ref,
        proxy_secret_ref=spec.proxy_secret_ref,
        insecure=spec.insecure,
        timeout=timeout,
    )
    try:
        return await RegistryAccess(objects=objects, logins=logins).access(wanted)
    except Refused as error:
        if error.step is Step.GATE:
            raise Stalled(GATE_DISABLED, error.message) from error
        raise AccessError(error.message) from error


def subject(repository: ImageRepository) -> Subject:
    """Return whom tokens are counted for."""
    return Subject("ImageRepository", repository.metadata.namespace, repository.metadata.name)
