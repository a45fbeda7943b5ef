"""`dependsOn[].readyExpr`: what an expression says of a dependency. Whose dependency it is, others know."""

from collections.abc import Mapping
from typing import Any

from deploy.cluster.expressions import Expressions
from gotk.cel import expression
from gotk.cel.expression import InvalidExpressionError

__all__ = ["InvalidExpressionError", "unmet"]


async def unmet(text: str, scope: Mapping[str, Any], where: str, expressions: Expressions, *, owner: str) -> str | None:
    """Return why an expression does not let its owner go on, or None where it does.

    `scope` holds the plain objects `self` and `dep`, `where` names the latter. Raises InvalidExpressionError.
    """
    expression.check(text, "dep", "self", boolean=True)
    try:
        (verdict,) = await expressions.verdicts(owner, [text], scope, open_=False)
    except expression.EvaluationError as error:
        return str(error)
    if isinstance(verdict, str):
        return verdict
    return None if verdict else f"dependency '{where}' is not ready according to readyExpr eval"
