"""The name of a commit status: by default one per object and Provider, else what the Provider's CEL expression says."""

from collections.abc import Mapping
from typing import Any

from gotk.cel import expression
from image_automation.notification.notice import Notice
from image_automation.notification.providers.git import event


def default(provider_uid: str, notice: Notice) -> str:
    """Return the name where no expression is given."""
    return event.default_status(provider_uid, notice)


def evaluate(text: str, known: Mapping[str, Any]) -> str:
    """Evaluate `spec.commitStatusExpr` over event, alert and provider. Raises EvaluationError."""
    try:
        expression.check(text, *known)
    except expression.InvalidExpressionError as error:
        raise expression.EvaluationError(f"failed to compile spec.commitStatusExpr: {error}") from None
    try:
        found = expression.evaluate(text, known)
    except expression.EvaluationError as error:
        raise expression.EvaluationError(f"spec.commitStatusExpr did not evaluate to a text: {error}") from None
    if not isinstance(found, str) or not found:
        raise expression.EvaluationError(f"spec.commitStatusExpr did not evaluate to a text: {found}")
    return found
