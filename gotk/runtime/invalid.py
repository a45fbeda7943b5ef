"""Objects that do not fit their schema: what their status shall say.

Such an object never reaches its reconciler. It is stalled by itself, with a message that names the field and the
cause, and looked at again when it changes.
"""

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import msgspec

from gotk.api import scheme
from gotk.api.meta import REQUESTED_AT
from gotk.kube.entries import Undecodable
from gotk.runtime import conditions, errors
from gotk.runtime.logging import redact


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
