"""The health of kinds by expressions of users: `spec.healthCheckExprs`.

Answers to the CEL status reader of `fluxcd/pkg/runtime/cel`: an entry for a kind beats one for its whole group; a
generation that was not observed yet is in progress; then in progress, failed and current are asked in this order.
"""

from collections.abc import Mapping, Sequence
from typing import Any, Protocol

from deploy.cluster import objects
from deploy.cluster.health import CURRENT, Health
from gotk.api.meta import CustomHealthCheck
from gotk.cel import expression

#: How Flux words a setting that no retry can help.
TERMINAL = "Reconciliation failed terminally due to configuration error"
INVALID_EXPRESSION = "InvalidCELExpression"

_STATES = (
    ("InProgress", "in_progress", Health("InProgress")),
    ("Failed", "failed", Health("Failed")),
    ("Current", "current", CURRENT),
)


class Expressions(Protocol):
    """Evaluates CEL, for an owner that waits when it asked for too much."""

    async def verdicts(
        self, owner: str, expressions: Sequence[str], scope: Mapping[str, Any], *, open_: bool
    ) -> tuple[bool | str, ...]:
        """Tell for each expression whether it holds, or why nobody can tell. Raises expression.EvaluationError."""
        ...


class InvalidChecksError(ValueError):
    """Checks that cannot be used: the message says which, and why."""


class Checks:
    """The checks of one object, which `owner` names."""

    def __init__(self, checks: Sequence[CustomHealthCheck], *, expressions: Expressions, owner: str) -> None:
        """Read the checks. Raises InvalidChecksError."""
        self._expressions = expressions
        self._owner = owner
        self._checks: dict[tuple[str, str], CustomHealthCheck] = {}
        for index, check in enumerate(checks):
            group = check.api_version.rpartition("/")[0]
            kind = f"{check.kind}.{group}" if group else check.kind
            if (group, check.kind) in self._checks:
                raise InvalidChecksError(f"duplicate custom health check for GroupKind {kind} at healthchecks[{index}]")
            _compile(check, f"failed to create custom status evaluator for healthchecks[{index}]")
            self._checks[group, check.kind] = check

    async def health(self, obj: Mapping[str, Any]) -> Health | None:
        """Return how an object is doing, None where no check is for its kind."""
        group = objects.group_of(obj)
        check = self._checks.get((group, str(obj.get("kind")))) or self._checks.get((group, ""))
        if check is None:
            return None
        if _is_unobserved(obj):
            return Health("InProgress")
        asked = [(text, state) for _, field, state in _STATES if (text := getattr(check, field))]
        try:
            verdicts = await self._expressions.verdicts(self._owner, [text for text, _ in asked], obj, open_=True)
        except expression.EvaluationError as error:
            return Health("Unknown", str(error))
        for (_, state), verdict in zip(asked, verdicts, strict=True):
            if isinstance(verdict, str):
                return Health("Unknown", verdict)
            if verdict:
                return state
        return Health("InProgress")


def _compile(check: CustomHealthCheck, complaint: str) -> None:
    if not check.current:
        raise InvalidChecksError(f"{complaint}: expression Current not specified")
    for name, field, _ in reversed(_STATES):
        if text := getattr(check, field):
            try:
                expression.check_syntax(text)
            except expression.InvalidExpressionError as error:
                raise InvalidChecksError(f"{complaint}: failed to parse the expression {name}: {error}") from error


def _is_unobserved(obj: Mapping[str, Any]) -> bool:
    """Tell whether the object's controller has not seen its present generation; one that is no number says nothing."""
    status, metadata = obj.get("status"), obj.get("metadata")
    observed = status.get("observedGeneration") if isinstance(status, Mapping) else None
    generation = metadata.get("generation") if isinstance(metadata, Mapping) else None
    return type(observed) is int and type(generation) is int and observed != generation
