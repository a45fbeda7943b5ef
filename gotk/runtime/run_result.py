"""How a run's end becomes an event, a line in the log and the next run: decisions as values, no side effect.

Answers to `fluxcd/pkg/runtime/reconcile` and the result finalizers of the Flux controllers.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from gotk.runtime import conditions, errors
from gotk.runtime.reconciler import Outcome, Severity


@dataclass(frozen=True, slots=True, kw_only=True)
class Next:
    """When an object runs again unasked: never, after a delay (`jitter` spreads it), after its backoff, or now.

    A `conflict` is now the first time, and backs off from the second in a row on.
    """

    when: Literal["never", "after", "backoff", "now", "conflict"]
    seconds: float = 0.0
    jitter: bool = False


NEVER = Next(when="never")
BACKOFF = Next(when="backoff")
NOW = Next(when="now")
#: Behind all that is to be done at once.
LATER = Next(when="after")
CONFLICT = Next(when="conflict")


@dataclass(frozen=True, slots=True, kw_only=True)
class Ending:
    """What a run's end is told as, and what follows it. `failed` is whether it counts as an error."""

    severity: Severity
    reason: str
    message: str
    next: Next
    failed: bool = False
    metadata: Mapping[str, str] = field(default_factory=dict)


def of(
    end: Outcome | errors.ReconcileError,
    summary: conditions.Conditions,
    rules: conditions.Rules,
    *,
    was_ready: bool,
    requeue_dependency: float,
) -> Ending:
    """Decide what follows a run whose end has been summed up in `summary`."""
    ready = summary.get(conditions.READY)
    if isinstance(end, Outcome):
        if ready is None or ready.status != "True":
            reason, message = (ready.reason, ready.message) if ready else (conditions.FAILED, end.message)
            return Ending(severity="Warning", reason=reason, message=message, next=BACKOFF, failed=True)
        return _success(end, ready.reason, rules, was_ready=was_ready)
    if isinstance(end, errors.Stalled):
        return Ending(
            severity="Warning", reason=end.reason, message=end.message, next=NEVER, failed=True, metadata=end.metadata
        )
    if isinstance(end, errors.Waiting):
        delay = Next(when="after", seconds=requeue_dependency if end.after is None else end.after)
        return Ending(severity="Trace", reason=end.reason, message=end.message, next=delay, metadata=end.metadata)
    after = end.after if isinstance(end, errors.Retry) else None
    follow = BACKOFF if after is None else Next(when="after", seconds=after)
    reason = rules.failure_event or end.reason
    return Ending(
        severity="Warning", reason=reason, message=end.message, next=follow, failed=True, metadata=end.metadata
    )


def _success(outcome: Outcome, reason: str, rules: conditions.Rules, *, was_ready: bool) -> Ending:
    follow = NEVER
    if outcome.requeue_after is not None:
        follow = Next(when="after", seconds=outcome.requeue_after, jitter=rules.interval_jitter)
    message, reason = outcome.event or outcome.message, outcome.event_reason or reason
    if outcome.changed or not was_ready:
        severity: Severity = "Routine" if outcome.routine and was_ready else "Normal"
        return Ending(severity=severity, reason=reason, message=message, next=follow, metadata=outcome.metadata)
    return Ending(
        severity="Trace",
        reason=outcome.trace_reason or reason,
        message=outcome.trace or message,
        next=follow,
        metadata=outcome.metadata,
    )
