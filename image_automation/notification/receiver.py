"""Receiver: derives the path that takes calls, and says whether it is open.

Answers to notification-controller's ReceiverReconciler, to the letter of its conditions: the path is the SHA-256 of
token, name and namespace, so that knowing it proves knowing the token.
"""

import hashlib
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

from gotk.api.core import Secret
from gotk.api.meta import Object
from gotk.api.notification import Receiver, ReceiverSpec, ReceiverStatus
from gotk.cel import expression
from gotk.duration import Duration
from gotk.kube import errors as kube
from gotk.kube.ports import Getter
from gotk.runtime import conditions
from gotk.runtime.errors import Retry, Stalled
from gotk.runtime.reconciler import Outcome, Run, Watch

O = TypeVar("O", bound=Object)  # noqa: E741 - the object's type

TOKEN_NOT_FOUND = "TokenNotFound"  # noqa: S105 - a reason
INVALID_CEL = "InvalidCELExpression"
VALIDATION_FAILED = "ValidationFailed"
_TERMINALLY = "Reconciliation failed terminally due to configuration error"
OIDC = "generic-oidc"


class TokenError(Exception):
    """The token cannot be read; the message names the secret."""


def path_of(token: bytes, name: str, namespace: str) -> str:
    """Return the path of a receiver."""
    return f"/hook/{hashlib.sha256(token + name.encode() + namespace.encode()).hexdigest()}"


async def read_secret(objects: Getter, obj: Receiver) -> Secret | None:
    """Return the secret with the token, None for the type without one. Raises TokenError."""
    if obj.spec.type == OIDC:
        return None
    namespace, name = obj.metadata.namespace, obj.spec.secret_ref.name if obj.spec.secret_ref else ""
    try:
        secret = await objects.get(Secret, namespace, name)
    except kube.APIError as error:
        raise TokenError(f"unable to read token from secret '{namespace}/{name}' error: {error}") from error
    if "token" not in secret.data:
        raise TokenError(f"invalid '{namespace}/{name}' secret data: required fields 'token'")
    return secret


@dataclass(frozen=True, slots=True)
class Expression:
    """A CEL expression of a receiver: what is said of it where it is invalid, and the variables that it may use."""

    complaint: str
    text: str
    variables: tuple[str, ...]
    boolean: bool = True


def filters(spec: ReceiverSpec) -> Iterator[Expression]:
    """Yield the expressions that choose objects."""
    over = ("claims", "req", "res") if spec.type == OIDC else ("req", "res")
    if spec.resource_filter:
        yield Expression("invalid resourceFilter expression", spec.resource_filter, over)
    for index, each in enumerate(spec.resources):
        if each.filter:
            where = f'resources[{index}] (kind="{each.kind}", name="{each.name}")'
            yield Expression(f"invalid filter expression for {where}", each.filter, over)


def rules(spec: ReceiverSpec) -> Iterator[Expression]:
    """Yield the expressions over claims."""
    for index, provider in enumerate(spec.oidc_providers):
        where = f'oidcProviders[{index}] (issuerURL="{provider.issuer_url}"): invalid expression for'
        for variable in provider.variables:
            complaint = f'{where} variable "{variable.name}"'
            yield Expression(complaint, variable.expression, ("claims", "vars"), boolean=False)
        for validation in provider.validations:
            yield Expression(f'{where} validation "{validation.message}"', validation.expression, ("claims", "vars"))


def check(spec: ReceiverSpec) -> None:
    """Check what the schema cannot, in Flux's order and words. Raises Stalled."""
    _compile(filters(spec))
    if problem := _problem(spec):
        raise Stalled(VALIDATION_FAILED, f"{_TERMINALLY}: {problem}")
    _compile(rules(spec))


def _problem(spec: ReceiverSpec) -> str:
    """Return why secret and issuers do not go with the type, empty where they do."""
    if spec.type != OIDC:
        if spec.oidc_providers:
            return "oidcProviders can only be set when type is generic-oidc"
        return "" if spec.secret_ref else "secretRef is required when type is not generic-oidc"
    if not spec.oidc_providers:
        return "generic-oidc receiver requires at least one oidcProvider"
    if spec.secret_ref is not None:
        return "secretRef cannot be set when type is generic-oidc"
    seen: set[str] = set()
    for index, provider in enumerate(spec.oidc_providers):
        if provider.issuer_url in seen:
            return f'oidcProviders[{index}]: duplicate issuerURL "{provider.issuer_url}"'
        seen.add(provider.issuer_url)
    return ""


def _compile(expressions: Iterable[Expression]) -> None:
    for each in expressions:
        try:
            expression.check(each.text, *each.variables, boolean=each.boolean)
        except expression.InvalidExpressionError as error:
            raise Stalled(INVALID_CEL, f"{_TERMINALLY}: {each.complaint}: {error}") from error


class ReceiverReconciler:
    """Reconciles Receivers."""

    kind = Receiver
    controller = "notification-controller"
    rules = conditions.Rules(
        interval_jitter=True, progress="Reconciliation in progress", failure_event=conditions.FAILED
    )
    watches: Sequence[Watch[Any]] = ()
    unsupported: Sequence[str] = ()

    def __init__(self, *, objects: Getter) -> None:
        self._objects = objects

    async def reconcile(self, obj: Receiver, run: Run[ReceiverStatus]) -> Outcome:
        """Open the path."""
        check(obj.spec)
        try:
            secret = await read_secret(self._objects, obj)
        except TokenError as error:
            run.update(webhook_path="")
            raise Retry(TOKEN_NOT_FOUND, str(error)) from error
        path = path_of(secret.data["token"] if secret else b"", obj.metadata.name, obj.metadata.namespace)
        changed = path != run.status.webhook_path
        run.update(webhook_path=path)
        interval = obj.spec.interval.seconds
        finished = f"Reconciliation finished, next run in {Duration.of(interval)}"
        return Outcome(
            message=f"Receiver initialized for path: {path}",
            requeue_after=interval,
            changed=changed,
            event=finished,
            trace=finished,
        )

    async def finalize(self, obj: Receiver, run: Run[ReceiverStatus]) -> None:
        """Nothing is held: the path closes with the object."""
