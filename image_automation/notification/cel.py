"""CEL expressions that users write: over the object, the call's body and a token's claims.

The engine is the C++ one that CEL comes from. Expressions are checked when a Receiver is reconciled and are kept
compiled.
"""

import functools
from collections.abc import Mapping
from typing import Any

_VARIABLES = ("res", "req", "claims", "vars")
_LIMIT = 4096


class InvalidExpressionError(ValueError):
    """The expression does not compile."""


class EvaluationError(ValueError):
    """The expression has no value for these inputs."""


def check(expression: str, *variables: str) -> None:
    """Compile an expression. Raises InvalidExpressionError."""
    _compile(expression, tuple(sorted(variables or _VARIABLES)))


def evaluate(expression: str, data: Mapping[str, Any]) -> Any:
    """Return the expression's value. Raises EvaluationError."""
    try:
        result = _compile(expression, tuple(sorted(data))).eval(data=dict(data))
        value = result.value()
    except (InvalidExpressionError, RuntimeError, TypeError, ValueError, OverflowError) as error:
        raise EvaluationError(f"failed to evaluate the CEL expression '{expression}': {error}") from None
    if type(value).__module__.startswith("cel_expr_python"):
        raise EvaluationError(f"failed to evaluate the CEL expression '{expression}': {value}")
    return value


def holds(expression: str, data: Mapping[str, Any]) -> bool:
    """Tell whether a boolean expression is true. Raises EvaluationError."""
    value = evaluate(expression, data)
    if not isinstance(value, bool):
        raise EvaluationError(f"the CEL expression '{expression}' is not a boolean")
    return value


@functools.lru_cache(maxsize=512)
def _compile(expression: str, variables: tuple[str, ...]) -> Any:
    if len(expression) > _LIMIT:
        raise InvalidExpressionError(f"longer than {_LIMIT} characters")
    try:
        return _environment(variables).compile(expression)
    except RuntimeError as error:
        raise InvalidExpressionError(str(error)) from None


@functools.lru_cache(maxsize=16)
def _environment(variables: tuple[str, ...]) -> Any:
    from cel_expr_python import cel  # noqa: PLC0415 - a native library that only receivers with expressions need
    from cel_expr_python.ext import ext_encoders, ext_strings  # noqa: PLC0415 - as above

    extensions = [ext_strings.ExtStrings(), ext_encoders.ExtEncoders()]
    return cel.NewEnv(variables=dict.fromkeys(variables, cel.Type.DYN), extensions=extensions)
