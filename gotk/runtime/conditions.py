"""Conditions: Ready, Reconciling, Stalled and a kind's own, with Flux's exact rules.

Answers to `fluxcd/pkg/runtime/conditions` and `kstatus`: Reconciling and Stalled exist only while True and never
together; a condition's transition time moves when its status, reason or message does. `summarize` is the only place
that turns the end of a run into these three.
"""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

import msgspec

from gotk.api.meta import Condition
from gotk.runtime import errors
from gotk.runtime.clock import rfc3339

READY = "Ready"
RECONCILING = "Reconciling"
STALLED = "Stalled"

SUCCEEDED = "Succeeded"
FAILED = "Failed"
PROGRESSING = "Progressing"
PROGRESSING_WITH_RETRY = "ProgressingWithRetry"
#: Ours, not Flux's: the object sets a field that this version does not support, or does not fit its schema.
UNSUPPORTED_FIELD = "UnsupportedField"
INVALID_OBJECT = "InvalidObject"

_MESSAGE_LIMIT = 32768
_ORDER = {STALLED: 0, RECONCILING: 1, READY: 2}


class Conditions:
    """The conditions of one object during a run."""

    def __init__(self, existing: Iterable[Condition], *, generation: int, now: datetime) -> None:
        self._conditions = {condition.type: condition for condition in existing}
        self._generation = generation
        self._now = rfc3339(now)

    def get(self, type_: str) -> Condition | None:
        """Return a condition, or None where there is none of the type."""
        return self._conditions.get(type_)

    def is_true(self, type_: str) -> bool:
        """Tell whether a condition is there and True."""
        return self._status(type_) == "True"

    def is_false(self, type_: str) -> bool:
        """Tell whether a condition is there and False."""
        return self._status(type_) == "False"

    def is_unknown(self, type_: str) -> bool:
        """Tell whether a condition is Unknown, or not there."""
        return self._status(type_) == "Unknown"

    def mark_true(self, type_: str, reason: str, message: str) -> None:
        """Set a condition to True. Reconciling and Stalled push each other out."""
        self._set(type_, "True", reason, message)
        if type_ == RECONCILING:
            self.delete(STALLED)
        elif type_ == STALLED:
            self.delete(RECONCILING)

    def mark_false(self, type_: str, reason: str, message: str) -> None:
        """Set a condition to False."""
        self._set(type_, "False", reason, message)

    def mark_unknown(self, type_: str, reason: str, message: str) -> None:
        """Set a condition to Unknown."""
        self._set(type_, "Unknown", reason, message)

    def delete(self, *types: str) -> None:
        """Remove conditions; one that is not there is no error."""
        for type_ in types:
            self._conditions.pop(type_, None)

    @property
    def ready(self) -> bool:
        """Whether Ready is True and nothing is under way or stalled."""
        return self.is_true(READY) and RECONCILING not in self._conditions and STALLED not in self._conditions

    def as_tuple(self) -> tuple[Condition, ...]:
        """Return the conditions as the API lists them: Stalled, Reconciling, Ready, newest generation, then by type."""
        return _sorted(self._conditions.values())

    def _status(self, type_: str) -> str:
        condition = self._conditions.get(type_)
        return condition.status if condition else "Unknown"

    def _set(self, type_: str, status: str, reason: str, message: str) -> None:
        message = _cut(message.strip())
        old = self._conditions.get(type_)
        unmoved = old is not None and (old.status, old.reason, old.message) == (status, reason, message)
        self._conditions[type_] = Condition(
            type=type_,
            status=status,
            reason=reason,
            message=message,
            last_transition_time=old.last_transition_time if old and unmoved else self._now,
            observed_generation=self._generation,
        )


def merge(fresh: Iterable[Condition], ours: Iterable[Condition], owned: Collection[str]) -> tuple[Condition, ...]:
    """Join our conditions with those of others: of the owned types ours stand, of any other type the fresh ones."""
    foreign = [condition for condition in fresh if condition.type not in owned]
    return _sorted(foreign + [condition for condition in ours if condition.type in owned])


@dataclass(frozen=True, slots=True, kw_only=True)
class Rules:
    """How the kinds of one Flux controller sum their conditions up, and what else they do differently.

    `positive` and `negative` name, in order of weight, the conditions that Ready is made of (the source kinds); where
    there are none the end of the run is Ready. With `keeps_false` a Ready that is False keeps its reason and message
    through further failures (the image kinds). With `unknown_while_running` every run begins with Ready Unknown (the
    Kustomization); others see it once the run has something to write, so that a steady object does not flicker.
    `observed_stalls` names the reasons of a stall that count as having observed the generation; None is every one.
    `interval_jitter` spreads the runs that follow a success (the source kinds and the Kustomization). `progress` is
    what a run says of itself whatever the generation, `failure_event` the reason of events about failures that are
    tried again (the Receiver).
    """

    success_reason: str = SUCCEEDED
    positive: Sequence[str] = ()
    negative: Sequence[str] = ()
    keeps_false: bool = False
    unknown_while_running: bool = False
    observed_stalls: Collection[str] | None = None
    interval_jitter: bool = False
    progress: str = ""
    failure_event: str = ""

    @property
    def owned(self) -> frozenset[str]:
        """The types of conditions that the runtime writes."""
        return frozenset((READY, RECONCILING, STALLED, *self.positive, *self.negative))


@dataclass(frozen=True, slots=True)
class Success:
    """The good end of a run, as the summary sees it."""

    message: str
    reason: str | None = None


def begin(conditions: Conditions, rules: Rules, *, generation: int, observed: int) -> None:
    """Mark the start of a run: Reconciling, and Ready Unknown where it was never known or the rules say so."""
    message = rules.progress or "reconciliation in progress"
    if not rules.progress and generation != observed:
        message = f"processing object: new generation {observed} -> {generation}"
    conditions.mark_true(RECONCILING, PROGRESSING, message)
    if rules.unknown_while_running:
        conditions.mark_unknown(READY, PROGRESSING, "Reconciliation in progress")
    elif conditions.is_unknown(READY):
        conditions.mark_unknown(READY, PROGRESSING, message)


def summarize(conditions: Conditions, rules: Rules, end: Success | errors.ReconcileError | Exception) -> None:
    """Turn the end of a run into Ready, Reconciling and Stalled.

    After a Success Ready may still be other than True where it is made of other conditions; the run has failed then.
    """
    if isinstance(end, Success):
        conditions.delete(RECONCILING, STALLED)
        if not _ready_from_others(conditions, rules):
            conditions.mark_true(READY, end.reason or rules.success_reason, end.message)
        return
    reason = end.reason if isinstance(end, errors.ReconcileError) else FAILED
    message = str(end) or type(end).__name__
    shown = end.ready if isinstance(end, errors.ReconcileError) and end.ready else (reason, message)
    if isinstance(end, errors.Stalled):
        conditions.mark_true(STALLED, reason, message)
        conditions.mark_false(READY, *shown)
        return
    conditions.delete(STALLED)
    if (progress := conditions.get(RECONCILING)) is not None:
        conditions.mark_true(RECONCILING, PROGRESSING_WITH_RETRY, progress.message)
    if any(conditions.is_true(type_) for type_ in rules.negative):
        _ready_from_others(conditions, rules)
    elif not (rules.keeps_false and conditions.is_false(READY) and reason == FAILED):
        conditions.mark_false(READY, *shown)


def is_ready(conditions: Iterable[Condition]) -> bool:
    """Tell whether Ready is True and nothing is under way or stalled."""
    found = {condition.type: condition.status for condition in conditions}
    return found.get(READY) == "True" and RECONCILING not in found and STALLED not in found


def observes(conditions: Conditions, rules: Rules) -> bool:
    """Tell whether the end of a run advances `status.observedGeneration`: Ready, or stalled for a known reason."""
    if (stalled := conditions.get(STALLED)) is not None:
        return rules.observed_stalls is None or stalled.reason in rules.observed_stalls
    return conditions.ready


def repeated(
    before: tuple[Condition, ...], rules: Rules, end: Success, *, generation: int, now: datetime
) -> tuple[Condition, ...] | None:
    """Return what conditions become with a run that ends as the one before did; None where they say something else."""
    ready = next((each for each in before if each.type == READY), None)
    if ready is None or rules.positive or rules.negative or any(each.type in {RECONCILING, STALLED} for each in before):
        return None
    said = (ready.status, ready.reason, ready.message, ready.observed_generation)
    if said != ("True", end.reason or rules.success_reason, end.message, generation):
        return None
    if not rules.unknown_while_running:
        return before
    renewed = msgspec.structs.replace(ready, last_transition_time=rfc3339(now))
    return tuple(renewed if each is ready else each for each in before)


def _ready_from_others(conditions: Conditions, rules: Rules) -> bool:
    """Make Ready of the other conditions; False where there are none.

    The heaviest group of one status and polarity decides, and within it the type that the rules name first.
    """
    weights = {("True", False): 0, ("False", True): 1, ("True", True): 2, ("False", False): 3}
    types = [(type_, False) for type_ in rules.negative] + [(type_, True) for type_ in rules.positive]
    present = [(c, positive) for type_, positive in types if (c := conditions.get(type_)) is not None]
    if not present:
        return False
    condition, positive = min(present, key=lambda pair: weights.get((pair[0].status, pair[1]), 4))
    verified = conditions.get("SourceVerified")
    if verified is not None and verified.status == "False":
        conditions.mark_false(READY, verified.reason, verified.message)
    elif condition.status not in {"True", "False"}:
        conditions.mark_unknown(READY, condition.reason, condition.message)
    elif (condition.status == "True") == positive:
        conditions.mark_true(READY, condition.reason, condition.message)
    else:
        conditions.mark_false(READY, condition.reason, condition.message)
    return True


def _sorted(conditions: Iterable[Condition]) -> tuple[Condition, ...]:
    return tuple(sorted(conditions, key=lambda c: (_ORDER.get(c.type, 3), -c.observed_generation, c.type)))


def _cut(message: str) -> str:
    """Cut a message to the API's limit, which counts bytes."""
    body = message.encode()
    if len(body) <= _MESSAGE_LIMIT:
        return message
    return body[: _MESSAGE_LIMIT - 3].decode(errors="ignore") + "..."
