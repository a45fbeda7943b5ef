"""What an operator can set of the runtime. Seconds; the defaults are the Flux controllers'."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from gotk.runtime.queue import Backoff
from gotk.selectors import Selector


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """`--concurrent`, `--requeue-dependency`, `--min-retry-delay`, `--max-retry-delay`, `--interval-jitter-percentage`,
    `--hold-unchanged-status`, `--hold-unchanged-revision`.

    `more_workers` are those of kinds whose runs do hardly anything but wait. `run_limit` ends a run that does not end
    by itself; `grace` is what a stop waits for runs to finish. `shard` chooses the objects by
    their labels that are reconciled at all (`--watch-label-selector`); without it all are.
    """

    workers: int = 4
    more_workers: Mapping[str, int] = field(default_factory=dict)
    requeue_dependency: float = 30.0
    min_retry_delay: float = 0.75
    max_retry_delay: float = 900.0
    interval_jitter: float = 0.05
    hold_unchanged: float = 600.0
    hold_revision: float = 0.0
    run_limit: float = 3600.0
    grace: float = 8.0
    shard: Selector | None = None

    def workers_of(self, kind: str) -> int:
        """Return how many objects of a kind may run at once."""
        return max(self.workers, self.more_workers.get(kind, 0))

    def selects(self, labels: Mapping[str, str]) -> bool:
        """Tell whether an object with these labels is ours to reconcile."""
        return self.shard is None or self.shard.matches(labels)

    @property
    def backoff(self) -> Backoff:
        """The delay after failures."""
        return Backoff(base=self.min_retry_delay, limit=self.max_retry_delay)
