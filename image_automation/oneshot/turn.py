"""One turn of a reconciler over an object in memory: the service's own code, without its queue and its cluster.

So a plan chooses what the service would choose, and fails with the words the service would fail with.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Generic, NamedTuple, TypeVar

import msgspec
import structlog
from structlog.typing import FilteringBoundLogger

from gotk.api.meta import Object, ReconcileStatus
from gotk.runtime import conditions, errors, status
from gotk.runtime.clock import Clock
from gotk.runtime.reconciler import Outcome, Reconciler, Severity, is_set

O = TypeVar("O", bound=Object)  # noqa: E741 - the object's type
S = TypeVar("S", bound=ReconcileStatus)

_CRITICAL = 50


class Said(NamedTuple):
    """An event."""

    severity: Severity
    reason: str
    message: str


@dataclass(frozen=True, slots=True)
class Ended(Generic[O]):
    """How a turn ended: the object as it is now, and what it failed with."""

    obj: O
    said: tuple[Said, ...]
    outcome: Outcome | None = None
    error: errors.ReconcileError | None = None


class Turn(Generic[S]):
    """The `Run` of one turn; nothing is written anywhere."""

    def __init__(self, obj: Object, clock: Clock, held: S) -> None:
        self.status: S = held
        self.conditions = conditions.Conditions(held.conditions, generation=obj.metadata.generation, now=clock.now())
        self.log: FilteringBoundLogger = structlog.wrap_logger(
            structlog.ReturnLogger(), wrapper_class=structlog.make_filtering_bound_logger(_CRITICAL)
        )
        self.said: list[Said] = []
        self._clock = clock

    def now(self) -> datetime:
        """Return the current time."""
        return self._clock.now()

    @property
    def requested(self) -> bool:
        """Whether somebody asked for this run: whoever called for the pass did."""
        return True

    def update(self, **fields: Any) -> None:
        """Replace fields of the status."""
        self.status = msgspec.structs.replace(self.status, **fields)

    async def progress(self, message: str, *, ready_unknown: bool = False) -> None:
        """Say what goes on: to nobody, here."""

    async def save(self) -> None:
        """Write the status: into memory it goes at the end."""

    async def annotate(self, annotations: Mapping[str, str | None]) -> None:
        """Write annotations: the record that is returned has more than they have room for."""

    def event(self, severity: Severity, reason: str, message: str, metadata: Mapping[str, str] | None = None) -> None:
        """Remember an event."""
        del metadata
        self.said.append(Said(severity, reason, message))


async def take(reconciler: Reconciler[O, Any], obj: O, clock: Clock) -> Ended[O]:
    """Let a reconciler have its turn. Bugs are raised as they are."""
    turn: Turn[Any] = Turn(obj, clock, status.of(obj))
    outcome, error = None, None
    try:
        if unsupported := [path for path in reconciler.unsupported if is_set(obj, path)]:
            raise errors.Stalled(conditions.UNSUPPORTED_FIELD, f"{' and '.join(unsupported)}: not supported")
        outcome = await reconciler.reconcile(obj, turn)
    except errors.ReconcileError as raised:
        error = raised
        conditions.summarize(turn.conditions, reconciler.rules, raised)
    else:
        conditions.summarize(turn.conditions, reconciler.rules, conditions.Success(outcome.message, outcome.reason))
    turn.update(conditions=turn.conditions.as_tuple())
    after = msgspec.structs.replace(obj, status=turn.status)
    return Ended(after, tuple(turn.said), outcome, error)
