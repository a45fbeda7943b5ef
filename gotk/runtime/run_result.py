"""How a run's end becomes an event, a line in the log and the next run: decisions as values, no side effect.

Answers to `fluxcd/pkg/runtime/reconcile` and the result finalizers of the Flux controllers. An object that does not fit
its schema never reaches its reconciler: it is stalled with a message that names the field and the cause, and looked at
again when it changes.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal

import msgspec

from gotk.api import scheme
from gotk.api.meta import REQUESTED_AT
from gotk.kube.entries import Undecodable
from gotk.runtime import conditions, errors
from gotk.runtime.logging import redact
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
        return success(end, ready.reason, rules, was_ready=was_ready)
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


def success(outcome: Outcome, reason: str, rules: conditions.Rules, *, was_ready: bool) -> Ending:
    """Decide what follows a run that left its object ready for a reason."""
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


@dataclass(frozen=True, slots=True, kw_only=True)
class Diagnosis:
    """The message, the status patch that says it (empty where it is said already), and whether it is news."""

    message: str
    new: bool
    patch: dict[str, Any] = field(default_factory=dict)


def diagnose(entry: Undecodable, rules: conditions.Rules, *, now: datetime) -> Diagnosis:
    """Decide what an undecodable object's status shall say."""
    generation = entry.metadata.generation
    summary = conditions.Conditions(entry.status.conditions, generation=generation, now=now)
    message = f"the object does not fit its schema: {redact(entry.error)}"
    conditions.summarize(summary, rules, errors.Stalled(conditions.INVALID_OBJECT, message))
    wanted: dict[str, Any] = {"observedGeneration": generation}
    if requested := entry.metadata.annotations.get(REQUESTED_AT):
        wanted["lastHandledReconcileAt"] = requested
    reported = scheme.to_builtins(entry.status)
    patch = {name: value for name, value in wanted.items() if reported.get(name) != value}
    new = set(summary.as_tuple()) != set(entry.status.conditions)
    if new:
        patch["conditions"] = msgspec.to_builtins(summary.as_tuple())
    return Diagnosis(message=message, new=new, patch=patch)
