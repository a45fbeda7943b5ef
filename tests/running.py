"""One run of a reconciler without a cluster: what a reconciler is given, kept in memory and open to look at.

The controller's part that tests of a reconciler need, and no more: `run_once` begins the conditions, calls the
reconciler and sums up, so that a test can read the conditions that a user would see.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Generic, NamedTuple, TypeVar

import msgspec
import structlog
from structlog.typing import FilteringBoundLogger

from gotk.api.meta import Object, ReconcileStatus
from gotk.runtime import conditions, errors
from gotk.runtime.reconciler import Outcome, Reconciler, Severity, Woken

O = TypeVar("O", bound=Object)  # noqa: E741 - the object's type
S = TypeVar("S", bound=ReconcileStatus)

NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)


class Emitted(NamedTuple):
    """An event that a reconciler emitted."""

    severity: Severity
    reason: str
    message: str
    metadata: Mapping[str, str]


class FakeRun(Generic[S]):
    """A `Run` in memory: `events`, `told` (events that were waited for), `saves` (status as saved each time),
    `annotations` and `progressed` tell what happened."""

    def __init__(self, obj: Object, *, now: datetime = NOON) -> None:
        self.status: S = obj.status  # type: ignore[attr-defined] # every reconciled kind has one
        self.conditions = conditions.Conditions(self.status.conditions, generation=obj.metadata.generation, now=now)
        self.log: FilteringBoundLogger = structlog.get_logger()
        self.events: list[Emitted] = []
        self.told: list[Emitted] = []
        self.saves: list[S] = []
        self.progressed: list[str] = []
        self.annotations = dict(obj.metadata.annotations)
        self.woken = Woken()
        self._now = now
        self._requested = obj.metadata.annotations.get("reconcile.fluxcd.io/requestedAt", "")

    def now(self) -> datetime:
        return self._now

    @property
    def requested(self) -> bool:
        return self._requested not in ("", self.status.last_handled_reconcile_at)

    def update(self, **fields: Any) -> None:
        self.status = msgspec.structs.replace(self.status, **fields)

    async def progress(self, message: str, *, ready_unknown: bool = False) -> None:
        self.conditions.mark_true(conditions.RECONCILING, conditions.PROGRESSING, message)
        if ready_unknown:
            self.conditions.mark_unknown(conditions.READY, conditions.PROGRESSING, message)
        self.progressed.append(message)
        await self.save()

    async def save(self) -> None:
        self.saves.append(msgspec.structs.replace(self.status, conditions=self.conditions.as_tuple()))

    async def annotate(self, annotations: Mapping[str, str | None]) -> None:
        self.annotations = {
            name: text for name, text in {**self.annotations, **annotations}.items() if text is not None
        }

    def event(self, severity: Severity, reason: str, message: str, metadata: Mapping[str, str] | None = None) -> None:
        self.events.append(Emitted(severity, reason, message, dict(metadata or {})))

    async def tell(
        self, severity: Severity, reason: str, message: str, metadata: Mapping[str, str] | None = None
    ) -> None:
        self.told.append(Emitted(severity, reason, message, dict(metadata or {})))


@dataclass
class Ended(Generic[O]):
    """How a run ended: the object as it would be stored, what was raised, what was returned."""

    obj: O
    run: FakeRun[Any]
    outcome: Outcome | None = None
    error: errors.ReconcileError | None = None
    conditions: dict[str, tuple[str, str, str]] = field(default_factory=dict)

    @property
    def ready(self) -> tuple[str, str, str]:
        """Status, reason and message of Ready."""
        return self.conditions[conditions.READY]


async def run_once(
    reconciler: Reconciler[O, Any], obj: O, *, now: datetime = NOON, woken: Woken | None = None
) -> Ended[O]:
    """Run the reconciler over the object once; errors that are not a ReconcileError are raised."""
    run: FakeRun[Any] = FakeRun(obj, now=now)
    run.woken = woken or run.woken
    generation = obj.metadata.generation
    rules = reconciler.rules
    conditions.begin(run.conditions, rules, generation=generation, observed=run.status.observed_generation)
    outcome, error = None, None
    try:
        outcome = await reconciler.reconcile(obj, run)
        if outcome.later:
            outcome = await reconciler.reconcile(obj, run)
    except errors.ReconcileError as raised:
        error = raised
        conditions.summarize(run.conditions, rules, raised)
    else:
        conditions.summarize(run.conditions, rules, conditions.Success(outcome.message, outcome.reason))
    run.update(
        conditions=run.conditions.as_tuple(),
        last_handled_reconcile_at=obj.metadata.annotations.get("reconcile.fluxcd.io/requestedAt", ""),
    )
    if outcome or isinstance(error, errors.Stalled):
        run.update(observed_generation=generation)
    metadata = msgspec.structs.replace(obj.metadata, annotations=run.annotations)
    after = msgspec.structs.replace(obj, metadata=metadata, status=run.status)
    seen = {c.type: (c.status, c.reason, c.message) for c in run.conditions.as_tuple()}
    return Ended(after, run, outcome, error, seen)
