"""The name of a commit status: by default one per object and Provider, else what the Provider's CEL expression says."""

from collections.abc import Mapping
from typing import Any

from image_automation.notification import cel
from image_automation.notification.notice import Notice
from image_automation.notification.providers import commit


def default(provider_uid: str, notice: Notice) -> str:
    """Return the name where no expression is given."""
    return commit.default_status(provider_uid, notice)


def evaluate(expression: str, known: Mapping[str, Any]) -> str:
    """Evaluate `spec.commitStatusExpr` over event, alert and provider. Raises EvaluationError."""
    try:
        cel.check(expression, *known)
    except cel.InvalidExpressionError as error:
        raise cel.EvaluationError(f"failed to compile spec.commitStatusExpr: {error}") from None
    try:
        found = cel.evaluate(expression, known)
    except cel.EvaluationError as error:
        raise cel.EvaluationError(f"spec.commitStatusExpr did not evaluate to a text: {error}") from None
    if not isinstance(found, str) or not found:
        raise cel.EvaluationError(f"spec.commitStatusExpr did not evaluate to a text: {found}")
    return found
