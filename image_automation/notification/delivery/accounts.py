"""Provider and Secrets, read into what a delivery needs: account, trust, proxy, deadline.

Answers to `notifier.Factory`. What is wrong is raised as `Unusable` with a message that names the object and the key.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol, TypeVar

import msgspec
import yaml

from gotk import nesting
from gotk.api import scheme
from gotk.api.core import Secret
from gotk.api.meta import LocalObjectReference, Object, ObjectMeta
from gotk.api.notification import Alert, Provider
from gotk.cel.expression import EvaluationError
from gotk.http.exchange import Unusable
from gotk.http.proxy import InvalidProxy, Proxy
from gotk.http.secret import SecretError
from gotk.http.tls import TLS
from gotk.kube import errors as kube
from gotk.kube.ports import Getter
from gotk.runtime.clock import Clock
from image_automation.notification.alerts import status_name, trace_parents
from image_automation.notification.notice import Notice
from image_automation.notification.providers import catalog
from image_automation.notification.providers.account import Account, Origin

O = TypeVar("O", bound=Object)  # noqa: E741 - the object's type

NO_NOTIFIER = "failed to initialize notifier for provider '{}': {}"
_TIMEOUT = 15.0
_ADDRESS_LIMIT = 2048


class Objects(Getter, Protocol):
    """What is needed of a client."""

    async def get_object(self, api_version: str, kind: str, namespace: str, name: str) -> dict[str, Any]:
        """Read an object of any kind."""
        ...


class ProviderTokens(Protocol):
    """Who gives tokens that no Secret holds."""

    async def join(self, provider: Provider, account: Account, tls: TLS | None, proxy: Proxy | None) -> Account:
        """Return the account, with a token where it needs one. Raises Unusable."""
        ...


class Expressions(Protocol):
    """Who evaluates CEL."""

    async def status_name(self, owner: str, expression: str, known: Mapping[str, Any]) -> str:
        """Return what an expression over event, alert and provider says. Raises EvaluationError."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Delivery:
    """An account, and how to get there. `timeout` spans all attempts."""

    account: Account
    timeout: float = _TIMEOUT
    tls: TLS | None = field(default=None, repr=False)
    proxy: Proxy | None = field(default=None, repr=False)

    @property
    def secrets(self) -> tuple[str, ...]:
        """Everything that must not be shown."""
        return (*self.account.secrets, *((self.proxy.address,) if self.proxy else ()))


class Accounts:
    """Reads what a Provider refers to, each time anew: a rotated secret counts at once.

    Without `grants` there are no tokens but those in Secrets.
    """

    def __init__(
        self, *, client: Objects, clock: Clock, expressions: Expressions, tokens: ProviderTokens | None = None
    ) -> None:
        self._client = client
        self._expressions = expressions
        self._clock = clock
        self._tokens = tokens

    async def open(self, provider: Provider, alert: Alert, notice: Notice) -> Delivery:
        """Read everything. Raises Unusable, which begins with what could not be made."""
        try:
            status = await self._commit_status(provider, alert, notice)
        except EvaluationError as error:
            raise Unusable(f"failed to create commit status: {error}") from None
        try:
            placed = await trace_parents.of(self._client, notice) if provider.spec.type == "otel" else None
            return await self._open(provider, alert, status, placed)
        except Unusable as error:
            raise Unusable(NO_NOTIFIER.format(provider.metadata.name, error)) from None

    async def _open(
        self, provider: Provider, alert: Alert, commit_status: str, placed: trace_parents.Lineage | None
    ) -> Delivery:
        spec, namespace = provider.spec, provider.metadata.namespace
        if spec.type not in catalog.TYPES:
            raise Unusable(f"type {spec.type} of Provider '{namespace}/{provider.metadata.name}' is not known here")
        secret = await self._secret(namespace, spec.secret_ref)
        data = secret.data if secret else {}
        address = _text(data, "address").strip() if "address" in data else spec.address
        if not address and spec.type not in catalog.KNOWN_ADDRESS:
            raise Unusable("provider has no address")
        if len(address) > _ADDRESS_LIMIT:
            raise Unusable(f"the address is longer than {_ADDRESS_LIMIT} characters")
        account = Account(
            type=spec.type,
            uid=provider.metadata.uid,
            now=self._clock.now(),
            alert=Origin(alert.metadata.namespace, alert.metadata.name, alert.metadata.uid),
            address=address,
            channel=spec.channel,
            username=_text(data, "username") if "password" in data and "username" in data else spec.username,
            token=_text(data, "token").strip(),
            password=_text(data, "password"),
            headers=_headers(data),
            secret=data,
            secret_name=spec.secret_ref.name if spec.secret_ref else "",
            commit_status=commit_status,
            lineage=placed,
        )
        tls, proxy = await self._tls(provider, data), await self._proxy(provider, data)
        if self._tokens is not None:
            account = await self._tokens.join(provider, account, tls, proxy)
        return Delivery(
            account=account,
            timeout=spec.timeout.seconds if spec.timeout is not None else _TIMEOUT,
            tls=tls,
            proxy=proxy,
        )

    async def _commit_status(self, provider: Provider, alert: Alert, notice: Notice) -> str:
        if provider.spec.type not in catalog.COMMIT_STATUS:
            return ""
        if not provider.spec.commit_status_expr:
            return status_name.default(provider.metadata.uid, notice)
        known = {"event": notice.as_json(), "alert": _as_json(alert), "provider": _as_json(provider)}
        return await self._expressions.status_name(provider.metadata.uid, provider.spec.commit_status_expr, known)

    async def _secret(self, namespace: str, reference: LocalObjectReference | None) -> Secret | None:
        if reference is None:
            return None
        try:
            return await self._client.get(Secret, namespace, reference.name)
        except kube.APIError as error:
            raise Unusable(f"failed to get secret '{namespace}/{reference.name}': {error.message}") from None

    async def _tls(self, provider: Provider, data: Any) -> TLS | None:
        spec, namespace = provider.spec, provider.metadata.namespace
        secret = await self._secret(namespace, spec.cert_secret_ref)
        try:
            if secret is not None:
                return TLS.from_secret(secret)
            if spec.secret_ref is not None and spec.type in catalog.COMMIT_STATUS:
                metadata = ObjectMeta(name=spec.secret_ref.name, namespace=namespace)
                return TLS.find(Secret(api_version="v1", kind="Secret", metadata=metadata, data=data))
        except SecretError as error:
            raise Unusable(f"failed to get TLS config: {error}") from None
        return None

    async def _proxy(self, provider: Provider, data: Any) -> Proxy | None:
        secret = await self._secret(provider.metadata.namespace, provider.spec.proxy_secret_ref)
        try:
            if secret is not None:
                return Proxy.from_secret(secret)
            written = _text(data, "proxy") or provider.spec.proxy
            return Proxy.parse(written) if written else None
        except SecretError as error:
            raise Unusable(f"failed to get proxy URL: {error}") from None
        except InvalidProxy:
            raise Unusable("the proxy must be an http, https or socks5 URL") from None


def _text(data: Any, key: str) -> str:
    try:
        return str(data.get(key, b"").decode()).strip("\r\n") if key in data else ""
    except UnicodeDecodeError:
        raise Unusable(f"the secret's key '{key}' is not text") from None


def _headers(data: Any) -> dict[str, str]:
    written = _text(data, "headers")
    try:
        nesting.check_text(written)
        # Every scalar is a text to this loader: `X-Retries: 1` is a header like any other.
        return msgspec.convert(yaml.load(written, Loader=yaml.CBaseLoader) or {}, type=dict[str, str])  # noqa: S506
    except (yaml.YAMLError, msgspec.ValidationError, nesting.TooDeep):
        raise Unusable("the secret's key 'headers' is not a YAML map of texts") from None


def _as_json(obj: Object) -> Any:
    # The expression's engine knows lists and maps only, as JSON has them.
    return msgspec.json.decode(msgspec.json.encode(scheme.to_builtins(obj)))
