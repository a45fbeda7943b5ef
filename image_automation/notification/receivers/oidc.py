"""generic-oidc: a token of a declared issuer, and CEL over its claims.

Answers to notification-controller's receiver: variables in their order, then validations, all of which must hold.
"""

from collections.abc import Mapping
from typing import Any

from gotk.api.notification import OIDCProvider
from gotk.cel import expression
from image_automation.notification.receivers.call import RefusedError


def provider_of(issuer: str, providers: tuple[OIDCProvider, ...]) -> OIDCProvider:
    """Return the declared provider of an issuer. Raises RefusedError."""
    for provider in providers:
        if provider.issuer_url == issuer:
            return provider
    raise RefusedError("the token's issuer is not one of spec.oidcProviders")


def validate(provider: OIDCProvider, claims: Mapping[str, Any]) -> None:
    """Check the validations over the claims. Raises RefusedError."""
    known: dict[str, Any] = {}
    try:
        for variable in provider.variables:
            known[variable.name] = expression.evaluate(
                variable.expression, {"claims": dict(claims), "vars": dict(known)}
            )
        data = {"claims": dict(claims), "vars": known}
        failed = [
            each.message for each in provider.validations if expression.evaluate(each.expression, data) is not True
        ]
    except expression.EvaluationError as error:
        raise RefusedError(f"token validation failed: {error}") from None
    if failed:
        raise RefusedError(f"token validation failed: {'; '.join(failed)}")
