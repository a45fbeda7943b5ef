"""The metrics that Flux's dashboards and alerts read, under Flux's and controller-runtime's names.

Answers to `fluxcd/pkg/runtime/metrics` and controller-runtime's `metrics` package. Every instance has its own
registry, so that two managers in one process, or two tests, never meet.
"""

import bisect
import functools
import itertools
from array import array
from collections.abc import Iterator

import prometheus_client
from prometheus_client import Counter, Gauge, Histogram
from prometheus_client.core import HistogramMetricFamily
from prometheus_client.registry import Collector

from gotk.runtime.reconciler import Key


def _exponential(low: float, high: float, count: int) -> tuple[float, ...]:
    """Return `count` bucket limits from `low` to `high` that grow by one factor."""
    factor = (high / low) ** (1 / (count - 1))
    return tuple(low * factor**i for i in range(count))


#: Flux's buckets: ten from 10 ms to 30 min.
DURATION_BUCKETS = _exponential(0.01, 1800, 10)
_LIMITS = (*map(str, DURATION_BUCKETS), "+Inf")
_RECONCILE_BUCKETS = (
    *(0.005, 0.01, 0.025, 0.05, 0.1, 0.15, 0.2, 0.25, 0.3, 0.35, 0.4, 0.45, 0.5, 0.6, 0.7, 0.8, 0.9),
    *(1.0, 1.25, 1.5, 1.75, 2.0, 2.5, 3.0, 3.5, 4.0, 4.5, 5.0, 6.0, 7.0, 8.0, 9.0, 10.0, 15.0, 20.0, 25.0),
    *(30.0, 40.0, 50.0, 60.0),
)
_QUEUE_BUCKETS = tuple(10.0**n for n in range(-8, 4))
_RESULTS = ("success", "error", "requeue", "requeue_after")


class Metrics:
    """The runtime's metrics and the registry that holds them; rooms register their own there."""

    def __init__(self, *, process: bool = True) -> None:
        self.registry = registry = prometheus_client.CollectorRegistry()
        if process:
            prometheus_client.ProcessCollector(registry=registry)
            prometheus_client.PlatformCollector(registry=registry)
            prometheus_client.GCCollector(registry=registry)
        self._durations = Durations()
        registry.register(self._durations)
        label = ("controller",)
        self._total = Counter(
            "controller_runtime_reconcile_total",
            "Total number of reconciliations per controller",
            ("controller", "result"),
            registry=registry,
        )
        self._errors = Counter(
            "controller_runtime_reconcile_errors_total",
            "Total number of reconciliation errors per controller",
            label,
            registry=registry,
        )
        self._panics = Counter(
            "controller_runtime_reconcile_panics_total",
            "Total number of reconciliation panics per controller",
            label,
            registry=registry,
        )
        self._time = Histogram(
            "controller_runtime_reconcile_time_seconds",
            "Length of time per reconciliation per controller",
            label,
            buckets=_RECONCILE_BUCKETS,
            registry=registry,
        )
        self._active = Gauge(
            "controller_runtime_active_workers",
            "Number of currently used workers per controller",
            label,
            registry=registry,
        )
        self._workers = Gauge(
            "controller_runtime_max_concurrent_reconciles",
            "Maximum number of concurrent reconciles per controller",
            label,
            registry=registry,
        )
        self._active_of = functools.cache(self._active.labels)
        self._total_of = functools.cache(self._total.labels)
        self._time_of = functools.cache(self._time.labels)
        self.queue = QueueMetrics(registry)
        self.dropped_events = Counter(
            "gotk_events_dropped_total",
            "Events that found the queue full or the receiver gone",
            ("sink",),
            registry=registry,
        )

    def controller(self, name: str, *, workers: int) -> None:
        """Make a controller's series appear before its first run, as controller-runtime does."""
        for result in _RESULTS:
            self._total.labels(name, result)
        for metric in (self._errors, self._panics, self._active):
            metric.labels(name)
        self._workers.labels(name).set(workers)
        self.queue.depth(name, 0)

    def started(self, controller: str) -> None:
        """A worker has begun a run."""
        self._active_of(controller).inc()

    def ended(self, controller: str, result: str, seconds: float) -> None:
        """A worker has ended a run with `success`, `error`, `requeue` or `requeue_after`."""
        self._active_of(controller).dec()
        self.rested(controller, result, seconds)
        if result == "error":
            self._errors.labels(controller).inc()

    def rested(self, controller: str, result: str, seconds: float) -> None:
        """An object's turn has ended with such a result, without a worker."""
        self._total_of(controller, result).inc()
        self._time_of(controller).observe(seconds)

    def panicked(self, controller: str) -> None:
        """A run ended with an error that nobody expected."""
        self._panics.labels(controller).inc()

    def reconciled(self, kind: str, key: Key, seconds: float) -> None:
        """An object has been reconciled in so many seconds."""
        self._durations.observe((kind, key.name, key.namespace), seconds)

    def forget(self, kind: str, key: Key) -> None:
        """An object is gone: drop its series."""
        self._durations.remove((kind, key.name, key.namespace))

    def render(self, accept: str = "") -> tuple[bytes, str]:
        """Return the metrics as text and their content type, in the format that the `Accept` header asks for."""
        encode, content_type = prometheus_client.exposition.choose_encoder(accept)
        return encode(self.registry), content_type


class Durations(Collector):
    """How long the runs of each object took. A histogram of the library's takes 3 kB, and there is one for each object.

    Runs are counted on the event loop alone; who reads a count while one more comes is told of it the next time.
    """

    def __init__(self) -> None:
        self._runs: dict[tuple[str, str, str], tuple[array[int], array[float]]] = {}

    def observe(self, labels: tuple[str, str, str], seconds: float) -> None:
        """Count a run of an object: its kind, name and namespace."""
        if (runs := self._runs.get(labels)) is None:
            runs = self._runs[labels] = (array("Q", bytes(8 * (len(DURATION_BUCKETS) + 1))), array("d", [0.0]))
        counts, total = runs
        counts[bisect.bisect_left(DURATION_BUCKETS, seconds)] += 1
        total[0] += seconds

    def remove(self, labels: tuple[str, str, str]) -> None:
        """Drop what is known of an object."""
        self._runs.pop(labels, None)

    def collect(self) -> Iterator[HistogramMetricFamily]:
        """Give the histograms as they are now."""
        family = HistogramMetricFamily(
            "gotk_reconcile_duration_seconds",
            "The duration in seconds of a GitOps Toolkit resource reconciliation.",
            labels=("kind", "name", "namespace"),
        )
        for labels, (counts, total) in list(self._runs.items()):
            buckets = [(each, float(count)) for each, count in zip(_LIMITS, itertools.accumulate(counts), strict=True)]
            family.add_metric(labels, buckets, total[0])
        yield family


class QueueMetrics:
    """The `workqueue_*` family."""

    def __init__(self, registry: prometheus_client.CollectorRegistry) -> None:
        label = ("name",)
        self._depth = Gauge("workqueue_depth", "Current depth of workqueue", label, registry=registry)
        self._adds = Counter(
            "workqueue_adds_total", "Total number of adds handled by workqueue", label, registry=registry
        )
        self._retries = Counter(
            "workqueue_retries_total", "Total number of retries handled by workqueue", label, registry=registry
        )
        self._work = Histogram(
            "workqueue_work_duration_seconds",
            "How long in seconds processing an item from workqueue takes.",
            label,
            buckets=_QUEUE_BUCKETS,
            registry=registry,
        )
        self._depth_of = functools.cache(self._depth.labels)
        self._work_of = functools.cache(self._work.labels)

    def depth(self, name: str, depth: int) -> None:
        """So many objects could run now."""
        self._depth_of(name).set(depth)

    def added(self, name: str, depth: int) -> None:
        """An object was added; so many could run now."""
        self._adds.labels(name).inc()
        self.depth(name, depth)

    def retried(self, name: str) -> None:
        """An object will be retried after a delay."""
        self._retries.labels(name).inc()

    def worked(self, name: str, seconds: float) -> None:
        """An object was worked on for so long."""
        self._work_of(name).observe(seconds)
