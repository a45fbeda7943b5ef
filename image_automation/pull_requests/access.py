"""Which repository of which forge an automation's pull requests are at, or its commits, and as whom it is asked.

A token goes to the server that it is for: the GitRepository's own secret to the host of its address alone, and a
Secret that the annotation names to the address that the annotation names beside it.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Final, Protocol, TypeVar
from urllib.parse import urlsplit

import msgspec

from gotk.api import extensions
from gotk.api.core import Secret
from gotk.api.image import ImageUpdateAutomation
from gotk.api.meta import LocalObjectReference
from gotk.api.source import GitRepository
from gotk.cloud import github as apps
from gotk.forge import choosing
from gotk.forge import repository as addresses
from gotk.forge.hosting import Asking
from gotk.git.auth import Credentials
from gotk.http.exchange import Unusable
from gotk.http.proxy import Proxy
from gotk.http.secret import SecretError
from gotk.http.tls import SYSTEM, TLS
from gotk.kube.errors import APIError
from gotk.kube.ports import Getter
from gotk.runtime.errors import Retry
from gotk.sources.git_access import GitAccess
from image_automation.pull_requests.settings import Forge, Settings, invalid
from image_automation.writing import checkout

T = TypeVar("T")
#: Why an object is not ready whose pull requests cannot be kept.
FAILED: Final = "PullRequestFailed"
#: Hosts for SSH that have no API.
_ALIASES: Final = {"https://ssh.github.com": "https://github.com", "https://altssh.gitlab.com": "https://gitlab.com"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Way:
    """How a forge is reached; none of `secrets` gets into a message."""

    tls: TLS = SYSTEM
    proxy: Proxy | None = None
    secrets: tuple[str, ...] = field(default=(), repr=False)


class Asker(Protocol):
    """Carries conversations out."""

    async def ask(self, conversation: Asking[T]) -> T:
        """Hold a conversation to its end. Raises Unusable and the errors of `gotk.http`."""
        ...


class _WrongError(Exception):
    """The annotation is wrong; the message says how."""


#: Opens a way to forges.
Connect = Callable[[Way], Asker]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Account:
    username: str = ""
    token: str = field(repr=False)
    tls: TLS = SYSTEM
    proxy: Proxy | None = None


def check(settings: Forge, source: GitRepository) -> None:
    """See that it shows which forge a repository is at, before there is anything to ask it. Raises Stalled."""
    try:
        _choose(settings, _address(settings, source), _Account(token=""))
    except _WrongError as error:
        raise invalid(str(error), _says(settings)) from error


@dataclass(frozen=True, slots=True, kw_only=True)
class Access:
    """Finds the forge of an automation, and its token, each time anew: a rotated one counts at once."""

    objects: Getter
    git: GitAccess
    connect: Connect

    async def open(
        self, settings: Forge, automation: ImageUpdateAutomation, source: GitRepository
    ) -> tuple[choosing.Forge, Asker]:
        """Return the forge's repository and who asks it. Raises Stalled and Retry."""
        try:
            return await self._open(settings, automation, source)
        except _WrongError as error:
            raise invalid(str(error), _says(settings)) from error

    async def _open(
        self, settings: Forge, automation: ImageUpdateAutomation, source: GitRepository
    ) -> tuple[choosing.Forge, Asker]:
        address = _address(settings, source)
        if settings.secret_ref is None:
            account = await self._of_source(settings, automation, source)
        else:
            account = await self._of_secret(settings.secret_ref, automation, source, address)
        forge = _choose(settings, address, account)
        way = Way(tls=account.tls, proxy=account.proxy, secrets=(account.token,))
        return forge, self.connect(way)

    async def _of_source(self, settings: Forge, automation: ImageUpdateAutomation, source: GitRepository) -> _Account:
        if settings.address and not _trusts(source.spec.url, settings.address):
            raise _WrongError(
                "`address` names another server than the GitRepository: name a Secret for it in `secretRef`"
            )
        found = await checkout.credentials(self.git, source, automation)
        token = found.bearer_token or found.password
        if not token:
            where = f"GitRepository '{source.metadata.namespace}/{source.metadata.name}'"
            raise _WrongError(f"{where} has no token or password for the forge: name a Secret with one in `secretRef`")
        return _account(found, token)

    async def _of_secret(
        self,
        reference: LocalObjectReference,
        automation: ImageUpdateAutomation,
        source: GitRepository,
        address: str,
    ) -> _Account:
        namespace = automation.metadata.namespace
        name = f"{namespace}/{reference.name}"
        try:
            secret = await self.objects.get(Secret, namespace, reference.name)
        except APIError as error:
            raise Retry(FAILED, f"secret '{name}' for the forge: {error.message}") from error
        if apps.is_app(secret.data):
            app = await self._of_app(reference, automation, source, address)
            return _account(app, app.password)
        try:
            tls = TLS.find(secret) or SYSTEM
        except SecretError as error:
            raise Retry(FAILED, str(error)) from error
        token = next(filter(None, (_text(secret.data, key, name) for key in ("token", "bearerToken", "password"))), "")
        if not token:
            raise Retry(FAILED, f"secret '{name}' has none of 'token', 'bearerToken', 'password' and a GitHub App")
        return _Account(username=_text(secret.data, "username", name), token=token, tls=tls)

    async def _of_app(
        self,
        reference: LocalObjectReference,
        automation: ImageUpdateAutomation,
        source: GitRepository,
        address: str,
    ) -> Credentials:
        """Return a token of a GitHub App's installation, as a GitRepository with this secret would get it."""
        spec = msgspec.structs.replace(
            source.spec,
            url=address,
            secret_ref=reference,
            provider="github",
            proxy_secret_ref=None,
        )
        metadata = msgspec.structs.replace(source.metadata, namespace=automation.metadata.namespace)
        borrowed = msgspec.structs.replace(source, spec=spec, metadata=metadata)
        return await checkout.credentials(self.git, borrowed, automation)


def _says(settings: Forge) -> str:
    """Return the annotation that says where a forge is."""
    return extensions.PULL_REQUEST if isinstance(settings, Settings) else extensions.FORGE_COMMITS


def _choose(settings: Forge, address: str, account: _Account) -> choosing.Forge:
    try:
        return choosing.choose(address, token=account.token, username=account.username, kind=settings.type)
    except Unusable as error:
        raise _WrongError(f"{error}, in `type`") from error


def _address(settings: Forge, source: GitRepository) -> str:
    """Return the repository's address at its forge. Raises Stalled."""
    try:
        found = addresses.parse(settings.address or source.spec.url)
    except Unusable:
        where = "`address`" if settings.address else "the GitRepository's address"
        example = "https://git.example.com/org/web"
        raise _WrongError(
            f"{where} is none of a repository at a forge: say in `address` where it is, as {example}"
        ) from None
    if settings.address and urlsplit(settings.address).scheme not in {"http", "https"}:
        raise _WrongError("`address` must begin with https://, for the forge's API is asked there")
    if found.host in _ALIASES:
        return f"{_ALIASES[found.host]}/{found.path}"
    return settings.address or source.spec.url


def _trusts(url: str, address: str) -> bool:
    """Tell whether a secret for one address may go to another one."""
    ours, theirs = urlsplit(url), urlsplit(address)
    return ours.hostname == theirs.hostname and theirs.scheme in {"https", ours.scheme}


def _account(found: Credentials, token: str) -> _Account:
    files = TLS(ca=found.ca.encode(), certificate=found.certificate.encode(), key=found.key.encode())
    return _Account(
        username=found.username,
        token=token,
        tls=files if found.ca or found.certificate else SYSTEM,
        proxy=Proxy.parse(found.proxy) if found.proxy else None,
    )


def _text(data: Mapping[str, bytes], key: str, name: str) -> str:
    try:
        return data.get(key, b"").decode().strip()
    except UnicodeDecodeError:
        raise Retry(FAILED, f"secret '{name}': '{key}' is not text") from None
