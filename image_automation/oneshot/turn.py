"""One run of a reconciler over an object in memory: the service's own run, without its queue and its cluster.

So a plan chooses what the service would choose, and fails with the words the service would fail with.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any, Final, Generic, TypeVar

import msgspec
import structlog
from structlog.typing import FilteringBoundLogger

from gotk.api.meta import REQUESTED_AT, Object, ReconcileStatus
from gotk.runtime import conditions, errors
from gotk.runtime.clock import Clock, rfc3339
from gotk.runtime.events import Delivery
from gotk.runtime.reconciler import Outcome, Reconciler, Severity, Woken
from gotk.runtime.reconciliation import unsupported
from gotk.runtime.run import Announcements, ObjectRun

O = TypeVar("O", bound=Object)  # noqa: E741 - the object's type

_CRITICAL = 50
_SILENT: Final[FilteringBoundLogger] = structlog.wrap_logger(
    structlog.ReturnLogger(), wrapper_class=structlog.make_filtering_bound_logger(_CRITICAL)
)


@dataclass(frozen=True, slots=True)
class Ended(Generic[O]):
    """How a run ended: the object as it is now, and what it came to or failed with."""

    obj: O
    end: Outcome | errors.ReconcileError


class _Memory(Generic[O]):
    """Writes status and annotations into the object itself."""

    async def write(self, base: O, wanted: ReconcileStatus, owned: Collection[str]) -> O:
        """Return the object with this status."""
        del owned
        changed: O = msgspec.structs.replace(base, status=wanted)
        return changed

    async def annotate(self, base: O, annotations: Mapping[str, str | None]) -> O:
        """Return the object with these annotations."""
        return _annotated(base, annotations)


async def take(reconciler: Reconciler[O, Any], obj: O, clock: Clock) -> Ended[O]:
    """Run a reconciler over an object, as if somebody had asked for it. Bugs are raised as they are."""
    run: ObjectRun[O, Any] = ObjectRun(
        _annotated(obj, {REQUESTED_AT: rfc3339(clock.now())}),
        rules=reconciler.rules,
        writer=_Memory(),
        learn=_ignore,
        emit=_emit_nothing,
        log=_SILENT,
        clock=clock,
        woken=Woken(),
        announcements=Announcements(clock),
    )
    end = unsupported(reconciler, obj) or await _attempt(reconciler, obj, run)
    success = conditions.Success(end.message, end.reason) if isinstance(end, Outcome) else end
    conditions.summarize(run.conditions, reconciler.rules, success)
    await run.finish(observed=conditions.observes(run.conditions, reconciler.rules))
    return Ended(run.obj, end)


async def _attempt(reconciler: Reconciler[O, Any], obj: O, run: ObjectRun[O, Any]) -> Outcome | errors.ReconcileError:
    try:
        return await reconciler.reconcile(obj, run)
    except errors.ReconcileError as error:
        return error


def _annotated(obj: O, annotations: Mapping[str, str | None]) -> O:
    merged = {**obj.metadata.annotations, **annotations}
    kept = {name: text for name, text in merged.items() if text is not None}
    metadata = msgspec.structs.replace(obj.metadata, annotations=kept)
    changed: O = msgspec.structs.replace(obj, metadata=metadata)
    return changed


def _ignore(_: Object) -> None:
    """Nobody watches."""


def _emit_nothing(_severity: Severity, _reason: str, _message: str, _metadata: Mapping[str, str]) -> Delivery:
    """Nobody listens: what is said in events stands in the record, too."""
    return Delivery()
