"""CEL expressions that users write: over the object, the call's body and a token's claims.

Answers to `fluxcd/pkg/runtime/cel`: variables are JSON objects, whose numbers are all floating-point; strings, sets,
encoders and optional types are there. The engine is the C++ one that CEL comes from: it stops after ten thousand steps
of a loop and takes 32 levels of nesting. Expressions are checked when their object is reconciled and are kept compiled.
"""

import functools
import re
from collections.abc import Mapping
from typing import Any

_LIMIT = 32768
_EXTENSIONS = ("strings", "sets", "encoders", "optional")
_NO_VALUES = frozenset({"ERROR", "UNKNOWN"})
#: What the engine says of types and variables, which it looks at once an expression could be read.
_OF_TYPES = re.compile(
    "undeclared reference to|found no matching overload|expression of type|(?:type )?'[^']*' does not support"
)
#: How each issue begins; what follows, the expression itself among it, is indented.
_ISSUE = re.compile(r"^ERROR: [^\n]*?:\d+:\d+: (.*)$", re.MULTILINE)
_STATUS = re.compile(r"^[A-Z_]+: | \[[A-Z_]+\]$")


class InvalidExpressionError(ValueError):
    """The expression does not compile. `issues` are the engine's, without places."""

    def __init__(self, message: str, issues: tuple[str, ...] = ()) -> None:
        super().__init__(message)
        self.issues = issues


class EvaluationError(ValueError):
    """The expression has no value for these inputs."""


def check(expression: str, *variables: str, boolean: bool = False) -> None:
    """Compile an expression over these variables. Raises InvalidExpressionError."""
    found = _compile(expression, tuple(sorted(variables))).return_type().name()
    if boolean and found != "BOOL":
        raise InvalidExpressionError(f"CEL expression output type mismatch: expected bool, got {found.lower()}")


def check_syntax(expression: str) -> None:
    """See whether an expression can be read, whatever its variables turn out to be. Raises InvalidExpressionError."""
    try:
        _compile(expression, ())
    except InvalidExpressionError as error:
        if not any(_OF_TYPES.match(issue) for issue in error.issues):
            raise


def evaluate(expression: str, data: Mapping[str, Any], *, open_: bool = False) -> Any:
    """Return the expression's value; with `open_` a variable may be anything, else each is an object.

    Raises EvaluationError.
    """
    try:
        result = _compile(expression, tuple(sorted(data)), open_=open_).eval(data=dict(data))
        value = result.value()
    except (InvalidExpressionError, RuntimeError, TypeError, ValueError, OverflowError) as error:
        raise EvaluationError(f"failed to evaluate the CEL expression '{expression}': {_told(error)}") from None
    if result.type().name() in _NO_VALUES:  # an error's value is its text: not to be taken for the expression's own
        raise EvaluationError(f"failed to evaluate the CEL expression '{expression}': {_told(value)}")
    return value


def holds(expression: str, data: Mapping[str, Any], *, open_: bool = False) -> bool:
    """Tell whether a boolean expression is true. Raises EvaluationError."""
    value = evaluate(expression, data, open_=open_)
    if not isinstance(value, bool):
        raise EvaluationError(f"failed to evaluate CEL expression as boolean: '{expression}'")
    return value


def floating(value: Any) -> Any:
    """Return decoded JSON with every number as Go decodes it: floating-point."""
    if isinstance(value, dict):
        return {key: floating(each) for key, each in value.items()}
    if isinstance(value, list):
        return [floating(each) for each in value]
    return float(value) if isinstance(value, int) and not isinstance(value, bool) else value


@functools.lru_cache(maxsize=512)
def _compile(expression: str, variables: tuple[str, ...], *, open_: bool = False) -> Any:
    if len(expression) > _LIMIT:
        raise InvalidExpressionError(f"the CEL expression is longer than {_LIMIT} characters")
    try:
        return _environment(variables, open_=open_).compile(expression)
    except RuntimeError as error:
        told = _told(error)
        message = f"failed to parse the CEL expression '{expression}': {told}"
        raise InvalidExpressionError(message, tuple(_ISSUE.findall(told))) from None


def _told(error: object) -> str:
    """Return what the engine says, without the names of its status."""
    return _STATUS.sub("", str(error))


@functools.lru_cache(maxsize=16)
def _environment(variables: tuple[str, ...], *, open_: bool) -> Any:
    from cel_expr_python import cel  # noqa: PLC0415 - a native library that only receivers with expressions need

    lines = ["extensions:", *(f"- name: {name}" for name in _EXTENSIONS)]
    type_ = "dyn" if open_ else "google.protobuf.Struct"
    lines += ["variables:", *(f"- {{name: {name}, type_name: {type_}}}" for name in variables)] if variables else []
    return cel.NewEnv(config=cel.NewEnvConfigFromYaml("\n".join(lines)))
