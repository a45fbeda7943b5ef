"""How a GitRepository is reached: its secret, its proxy and its provider, read into one `Credentials`.

Answers to `getAuthOpts` and `getProxyOpts` of Flux's source and image automation controllers, which share the rules and
differ in how they report: what goes wrong is a `Refused` that says at which step, and each kind words it its own way.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from enum import Enum
from typing import TypeVar

from gotk.api.core import Secret
from gotk.api.meta import Object
from gotk.api.source import GitRepository
from gotk.cloud import github
from gotk.cloud.cache import Subject
from gotk.cloud.errors import CloudError, GateDisabled
from gotk.cloud.git_login import Asked, GitLogins
from gotk.git import auth, errors
from gotk.git.auth import Credentials
from gotk.http.proxy import Proxy
from gotk.http.secret import SecretError
from gotk.http.tls import TLS, InvalidTLS
from gotk.kube.errors import APIError, NotFound
from gotk.kube.ports import Getter
from gotk.runtime.blocking import Limiter

O = TypeVar("O", bound=Object)  # noqa: E741 - the object's type

NO_APP = "secretRef with github app data must be specified when provider is set to github"


class Step(Enum):
    """Where it went wrong. The last two are the spec's fault: trying again will not help.

    `APP` is a secret that holds a GitHub App where none is wanted, or none where one is.
    """

    SECRET = "secret"  # noqa: S105 - a step's name
    AUTHENTICATION = "authentication"
    PROXY = "proxy"
    APP = "app"
    PROVIDER = "provider"
    GATE = "gate"


class Refused(Exception):
    """The repository cannot be reached as it is specified. `message` holds no secret."""

    def __init__(self, step: Step, message: str) -> None:
        super().__init__(message)
        self.step = step
        self.message = message


@dataclass(frozen=True, slots=True, kw_only=True)
class GitAccess:
    """Reads what a GitRepository refers to. Without `logins` there is no provider but `generic`."""

    objects: Getter
    limiter: Limiter
    logins: GitLogins | None = None

    async def credentials(self, repository: GitRepository, subject: Subject) -> Credentials:
        """Return who we are to the repository's remote.

        `subject` is the object that asks; a service account is looked up in its namespace. Raises Refused.
        """
        spec, where = repository.spec, repository.metadata.namespace
        proxy = await self._proxy(repository)
        data: Mapping[str, bytes] | None = None
        name = ""
        if spec.secret_ref is not None:
            name = f"{where}/{spec.secret_ref.name}"
            data = (await self._secret(where, spec.secret_ref.name, Step.SECRET)).data
        found = await self._found(repository, subject, data, name, proxy)
        return replace(found, proxy=proxy.address) if proxy else found

    def forget(self, subject: Subject) -> None:
        """An object is gone: drop what was counted of its tokens."""
        if self.logins is not None:
            self.logins.forget(subject)

    async def _found(
        self,
        repository: GitRepository,
        subject: Subject,
        data: Mapping[str, bytes] | None,
        name: str,
        proxy: Proxy | None,
    ) -> Credentials:
        spec = repository.spec
        provider = spec.provider or "generic"
        if provider == "github" and data is None:
            raise Refused(Step.PROVIDER, NO_APP)
        if provider == "github" and data is not None and not github.is_app(data):
            raise Refused(Step.APP, NO_APP)
        if provider != "github" and data is not None and github.is_app(data):
            message = f"secretRef '{name}' has github app data but provider is not set to github"
            raise Refused(Step.APP, message)
        try:
            own = await self._own(spec.url, data, name, provider)
            if provider == "generic":
                return own
            asked = Asked(
                provider=provider,
                url=spec.url,
                namespace=subject.namespace,
                account=spec.service_account_name,
                subject=subject,
                secret=data,
                secret_name=name,
                tls=TLS(ca=own.ca.encode(), certificate=own.certificate.encode(), key=own.key.encode()),
                proxy=proxy,
            )
            given = await self._given(asked)
        except (errors.InvalidUrl, errors.InvalidCredentials) as error:
            raise Refused(Step.AUTHENTICATION, error.message) from error
        return replace(given, ca=own.ca, certificate=own.certificate, key=own.key)

    async def _own(self, url: str, data: Mapping[str, bytes] | None, name: str, provider: str) -> Credentials:
        """Read what the secret itself says. A provider's secret counts for its TLS files."""
        if provider != "generic" and not url.startswith(("http://", "https://")):
            raise errors.InvalidCredentials(f"provider '{provider}' is for https addresses")
        if data is None:
            return auth.ANONYMOUS if provider != "generic" else auth.from_url(url)
        return await self.limiter.run(auth.from_secret, url, data, name=name)  # unlocking a key takes a while

    async def _given(self, asked: Asked) -> Credentials:
        if self.logins is None:
            raise Refused(Step.PROVIDER, f"provider '{asked.provider}' is not set up in this process")
        try:
            return await self.logins.credentials(asked)
        except GateDisabled as error:
            raise Refused(Step.GATE, str(error)) from error
        except (CloudError, InvalidTLS) as error:
            raise Refused(Step.AUTHENTICATION, str(error)) from error

    async def _proxy(self, repository: GitRepository) -> Proxy | None:
        reference = repository.spec.proxy_secret_ref
        if reference is None:
            return None
        secret = await self._secret(repository.metadata.namespace, reference.name, Step.PROXY)
        try:
            return Proxy.from_secret(secret)
        except SecretError as error:
            raise Refused(Step.PROXY, str(error)) from error

    async def _secret(self, namespace: str, name: str, step: Step) -> Secret:
        try:
            return await self.objects.get(Secret, namespace, name)
        except APIError as error:
            cause = error.message
            if step is not Step.SECRET:
                missing = isinstance(error, NotFound)
                cause = f"secret '{namespace}/{name}' not found" if missing else f"secret '{namespace}/{name}': {cause}"
            raise Refused(step, cause) from error
