"""`status.history`: the last five different things that were reconciled, newest first.

Answers to kustomize-controller's snapshots: the same build with the same end counts up one entry instead of adding one.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime

from msgspec import structs

from deploy.kustomize.attempt import history_metadata
from gotk.api.kustomize import Snapshot
from gotk.api.meta import Artifact, Condition
from gotk.duration import Duration
from gotk.runtime.clock import rfc3339
from gotk.runtime.conditions import READY

_LONGEST = 5
#: How a run ended that did all that was to be done.
SUCCEEDED = "ReconciliationSucceeded"


def record(
    history: Sequence[Snapshot],
    *,
    digest: str,
    status: str,
    now: datetime,
    duration: Duration,
    metadata: Mapping[str, str],
) -> tuple[Snapshot, ...]:
    """Return the history with one more run in it."""
    same = next((s for s in history if (s.digest, s.last_reconciled_status) == (digest, status)), None)
    at = rfc3339(now)
    fresh = Snapshot(
        digest=digest,
        first_reconciled=at if same is None else same.first_reconciled,
        last_reconciled=at,
        last_reconciled_duration=str(duration),
        last_reconciled_status=status,
        total_reconciliations=1 if same is None else same.total_reconciliations + 1,
        metadata=metadata,
    )
    return (fresh, *(snapshot for snapshot in history if snapshot is not same))[:_LONGEST]


def of_source(
    history: Sequence[Snapshot], source: Artifact, digest: str, status: str, *, now: datetime, taken: Duration
) -> tuple[Snapshot, ...]:
    """Return the history with one more run over a source in it, which knows its build by the digest."""
    metadata = history_metadata(source)
    return record(history, digest=digest, status=status, now=now, duration=taken, metadata=metadata)


def without_times(history: Sequence[Snapshot], *, revision: bool = True) -> tuple[Snapshot, ...]:
    """Return the history but for what moves with every run: when it was, how long it took, how many there were.

    Without `revision` what says of which revision each was is left out, too.
    """
    return tuple(
        structs.replace(
            each,
            last_reconciled="",
            last_reconciled_duration="",
            total_reconciliations=0,
            metadata=each.metadata if revision else {},
        )
        for each in history
    )


def without_revision(conditions: Sequence[Condition]) -> tuple[Condition, ...]:
    """Return conditions but for which revision it is that was applied."""
    return tuple(
        structs.replace(each, message="") if each.type == READY and each.status == "True" else each
        for each in conditions
    )
