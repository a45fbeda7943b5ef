"""What the scans tell Prometheus besides Flux's metrics: doubtful lists, and repositories that are not scanned.

The gauges are read from the objects when they are scraped, so that they are right whatever the workers do, and nothing
has to be forgotten when an object goes.
"""

from collections.abc import Callable, Iterator

from prometheus_client import CollectorRegistry, Counter
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector

from gotk.api import extensions
from gotk.api.image import ImageRepository
from gotk.runtime.reconciler import Key, Reader

#: Which repositories are overdue, and for how many seconds they have not been scanned.
Overdue = Callable[[], Iterator[tuple[Key, float]]]


class ScanMetrics:
    """Counts doubtful lists by reason."""

    def __init__(self, registry: CollectorRegistry | None = None) -> None:
        self._doubtful = Counter(
            "image_automation_doubtful_scans_total",
            "Scans whose tag list was not believed, by reason",
            ("reason",),
            registry=registry,
        )

    def doubted(self, reason: str) -> None:
        """A list was not believed."""
        self._doubtful.labels(reason).inc()


class StateCollector(Collector):
    """Tells of every ImageRepository whose tags are held or whose scan is overdue."""

    def __init__(self, objects: Reader, overdue: Overdue) -> None:
        self._objects = objects
        self._overdue = overdue

    def collect(self) -> Iterator[GaugeMetricFamily]:
        """Give the gauges as of now."""
        labels = ("namespace", "name")
        held = GaugeMetricFamily(
            "image_automation_tags_held", "ImageRepositories whose last tag list is doubted", labels=labels
        )
        for obj in self._objects.list(ImageRepository):
            if any(c.type == extensions.TAGS_HELD and c.status == "True" for c in obj.status.conditions):
                held.add_metric((obj.metadata.namespace, obj.metadata.name), 1)
        yield held
        overdue = GaugeMetricFamily(
            "image_automation_scan_overdue_seconds",
            "Seconds since the last scan of ImageRepositories not scanned for three intervals",
            labels=labels,
        )
        for key, seconds in self._overdue():
            overdue.add_metric(key, seconds)
        yield overdue
