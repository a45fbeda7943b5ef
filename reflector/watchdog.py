"""The watchdog: an ImageRepository that has not been scanned for three intervals is said to be overdue.

Whatever the cause may be: a registry that fails for hours, workers that hang on other hosts, a bug of ours. Hence it
stands beside the reconcilers and only looks at what they leave behind, the time of the last scan. Downtime does not
count: the clock of every repository starts anew with the process.
"""

import contextlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime

import msgspec
import structlog

from gotk.api import extensions
from gotk.api.image import ImageRepository
from gotk.kube import errors as kube_errors
from gotk.runtime import beside, conditions, events, status
from gotk.runtime.clock import Clock, parse_rfc3339
from gotk.runtime.reconciler import Key, Reader

INTERVALS = 3
REASON = "ScanOverdue"
_CONTROLLER = "image-reflector-controller"
_OWNED = frozenset({extensions.SCAN_OVERDUE})


@dataclass(frozen=True, slots=True)
class Late:
    """A repository that is overdue: since when it waits for a scan, and for how many seconds."""

    obj: ImageRepository
    since: datetime
    seconds: float

    @property
    def message(self) -> str:
        """What the condition and the event say; it does not change as time goes by."""
        interval = self.obj.spec.interval
        return (
            f"not scanned for {INTERVALS} intervals of {interval}, since {self.since:%Y-%m-%dT%H:%M:%SZ}; "
            "the Ready condition says what the last attempt met"
        )


def late(obj: ImageRepository, now: datetime, *, started: datetime, scanned: str = "") -> Late | None:
    """Tell whether a repository is overdue, for a service that runs since `started`.

    `scanned` is when this process scanned its image last, of which the status may not tell yet.
    """
    if obj.spec.suspend or obj.metadata.deletion_timestamp is not None:
        return None
    since = max(_last(obj) or started, started, parse_rfc3339(scanned) if scanned else started)
    seconds = (now - since).total_seconds()
    return Late(obj, since, seconds) if seconds > INTERVALS * obj.spec.interval.seconds else None


def _last(obj: ImageRepository) -> datetime | None:
    """Return when the repository was scanned last, or made."""
    scan = obj.status.last_scan_result
    text = scan.scan_time if scan is not None and scan.scan_time else obj.metadata.creation_timestamp
    try:
        return parse_rfc3339(text) if text else None
    except ValueError:
        return None


class Watchdog:
    """Looks after every ImageRepository of the cache."""

    def __init__(
        self,
        *,
        objects: Reader,
        client: status.Objects,
        recorder: events.Recorder,
        clock: Clock,
        scanned: Callable[[str], str],
        every: float = 10.0,
    ) -> None:
        """Take what it looks at; `scanned` tells when this process scanned an image, nothing where it has not."""
        self._objects = objects
        self._recorder = recorder
        self._scanned = scanned
        self._clock = clock
        self._every = every
        self._started = clock.now()
        self._log = structlog.get_logger().bind(logger="watchdog")
        self._writer = status.StatusWriter(
            ImageRepository, client=client, clock=clock, field_manager="image-automation-watchdog"
        )

    def beside(self) -> contextlib.AbstractAsyncContextManager[None]:
        """Watch for as long as the block lasts. Raises what the block raises."""
        return beside.running(self.run(), "watchdog")

    async def run(self) -> None:
        """Look every few seconds, until cancelled."""
        while True:
            await self._clock.sleep(self._every)
            try:
                await self.look()
            except Exception:  # noqa: BLE001 - a bug in here must not end the service
                self._log.exception("unexpected error, watching on")

    def overdue(self) -> Iterator[tuple[Key, float]]:
        """Find the repositories that are overdue now, and for how many seconds they have not been scanned."""
        for found in self._late():
            yield Key(found.obj.metadata.namespace, found.obj.metadata.name), found.seconds

    async def look(self) -> None:
        """Mark what has become overdue, and unmark what is so no longer."""
        overdue = {id(found.obj): found for found in self._late()}
        for obj in self._objects.list(ImageRepository):
            found, marked = overdue.get(id(obj)), _is_marked(obj)
            if (found is not None) != marked:
                await self._mark(obj, found)

    def _late(self) -> Iterator[Late]:
        now = self._clock.now()
        for obj in self._objects.list(ImageRepository):
            scanned = self._scanned(obj.status.canonical_image_name)
            if (found := late(obj, now, started=self._started, scanned=scanned)) is not None:
                yield found

    async def _mark(self, obj: ImageRepository, found: Late | None) -> None:
        kept = conditions.Conditions(obj.status.conditions, generation=obj.metadata.generation, now=self._clock.now())
        if found is None:
            kept.delete(extensions.SCAN_OVERDUE)
        else:
            kept.mark_true(extensions.SCAN_OVERDUE, REASON, found.message)
        wanted = msgspec.structs.replace(obj.status, conditions=kept.as_tuple())
        try:
            await self._writer.write(obj, wanted, _OWNED)
        except kube_errors.APIError as error:
            self._log.info("cannot write the condition, trying again", error=error.message, repository=_name(obj))
            return
        if found is not None:
            self._log.warning("repository is not scanned", repository=_name(obj), seconds=round(found.seconds))
            about = events.reference(obj.api_version, obj.kind, obj.metadata)
            self._recorder.emit(about, "Warning", REASON, found.message, controller=_CONTROLLER)


def _is_marked(obj: ImageRepository) -> bool:
    return any(c.type == extensions.SCAN_OVERDUE and c.status == "True" for c in obj.status.conditions)


def _name(obj: ImageRepository) -> str:
    return str(Key(obj.metadata.namespace, obj.metadata.name))
