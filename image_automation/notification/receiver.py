"""Receiver: derives the path that takes calls, and says whether it is open.

Answers to notification-controller's ReceiverReconciler, to the letter of its conditions: the path is the SHA-256 of
token, name and namespace, so that knowing it proves knowing the token.
"""

import hashlib
from collections.abc import Iterator, Sequence
from typing import Any, Protocol, TypeVar

from gotk.api.core import Secret
from gotk.api.meta import Object
from gotk.api.notification import Receiver, ReceiverSpec, ReceiverStatus
from gotk.duration import Duration
from gotk.kube import errors as kube
from gotk.runtime import conditions
from gotk.runtime.errors import Retry, Stalled
from gotk.runtime.reconciler import Outcome, Run, Watch
from image_automation.notification import cel

O = TypeVar("O", bound=Object)  # noqa: E741 - the object's type

TOKEN_NOT_FOUND = "TokenNotFound"  # noqa: S105 - a reason
INVALID_CEL = "InvalidCELExpression"
VALIDATION_FAILED = "ValidationFailed"
_TERMINALLY = "Reconciliation failed terminally due to configuration error"
OIDC = "generic-oidc"


class Objects(Protocol):
    """The cluster's objects, one at a time."""

    async def get(self, kind: type[O], namespace: str, name: str) -> O:
        """Return one object."""
        ...


class TokenError(Exception):
    """The token cannot be read; the message names the secret."""


def path_of(token: bytes, name: str, namespace: str) -> str:
    """Return the path of a receiver."""
    return f"/hook/{hashlib.sha256(token + name.encode() + namespace.encode()).hexdigest()}"


async def read_secret(objects: Objects, obj: Receiver) -> Secret | None:
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


def expressions(spec: ReceiverSpec) -> Iterator[tuple[str, str, tuple[str, ...]]]:
    """Yield the CEL expressions of a receiver: where they stand, their text, the variables that they may use."""
    over = ("claims", "req", "res") if spec.type == OIDC else ("req", "res")
    if spec.resource_filter:
        yield "spec.resourceFilter", spec.resource_filter, over
    for index, resource in enumerate(spec.resources):
        if resource.filter:
            yield f"spec.resources[{index}].filter", resource.filter, over
    for index, provider in enumerate(spec.oidc_providers):
        where = f"spec.oidcProviders[{index}]"
        for number, variable in enumerate(provider.variables):
            yield f"{where}.variables[{number}].expression", variable.expression, ("claims", "vars")
        for number, validation in enumerate(provider.validations):
            yield f"{where}.validations[{number}].expression", validation.expression, ("claims", "vars")


def check(spec: ReceiverSpec) -> None:
    """Check what the schema cannot. Raises Stalled."""
    problem = ""
    if spec.type == OIDC:
        if spec.secret_ref is not None:
            problem = "spec.secretRef cannot be set for the type generic-oidc"
        elif not spec.oidc_providers:
            problem = "spec.oidcProviders is required for the type generic-oidc"
        elif len({each.issuer_url for each in spec.oidc_providers}) < len(spec.oidc_providers):
            problem = "spec.oidcProviders names an issuer twice"
    elif spec.secret_ref is None:
        problem = f"spec.secretRef is required for the type {spec.type}"
    if problem:
        raise Stalled(VALIDATION_FAILED, f"{_TERMINALLY}: {problem}")
    for where, expression, variables in expressions(spec):
        try:
            cel.check(expression, *variables)
        except cel.InvalidExpressionError as error:
            raise Stalled(INVALID_CEL, f"{_TERMINALLY}: {where}: {error}") from error


class ReceiverReconciler:
    """Reconciles Receivers."""

    kind = Receiver
    controller = "notification-controller"
    rules = conditions.Rules(interval_jitter=True)
    watches: Sequence[Watch[Any]] = ()
    unsupported: Sequence[str] = ()

    def __init__(self, *, objects: Objects) -> None:
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
