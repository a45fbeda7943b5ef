"""A digest of what waits: at the times that an Alert names, one message with all that its automations have not written.

The facts are the reports of the automations: what was taken back, stands outside of its window, is frozen, or wants
somebody's approval. Where nothing waits nothing is sent; what came due while nobody looked is told once.
"""

import asyncio
from collections.abc import Callable, Iterable, Iterator
from datetime import datetime
from typing import Final

import structlog

from gotk.api import extensions
from gotk.api.image import ImageUpdateAutomation
from gotk.api.notification import Alert
from gotk.runtime.clock import Clock
from gotk.runtime.reconciler import Reader
from image_automation import report, report_status
from image_automation.gating import schedule
from image_automation.gating.schedule import Schedule
from image_automation.notification.alerts import matching, wishes
from image_automation.notification.notice import INFO, Involved, Notice

Complain = Callable[[Alert, str], None]
Send = Callable[[Alert, Notice], None]

_PACE: Final = 20.0
_CRON_FIELDS: Final = 5
_MOST: Final = 50


class Digests:
    """Sends each Alert its digest when it is time; `complain` says on an Alert what of its wish is not known."""

    def __init__(
        self, *, objects: Reader, send: Send, complain: Complain, clock: Clock, no_cross_namespace_refs: bool
    ) -> None:
        self._objects = objects
        self._send = send
        self._complain = complain
        self._clock = clock
        self._no_cross_namespace_refs = no_cross_namespace_refs
        self._looked = clock.now()
        self._complained: dict[str, str] = {}
        self._log = structlog.get_logger().bind(logger="telling")

    async def run(self) -> None:
        """Look at the time until cancelled."""
        while True:
            await self._clock.sleep(_PACE)
            try:
                self.look()
            except asyncio.CancelledError:
                raise
            except Exception:  # noqa: BLE001 - a bug in here must not end the service
                self._log.exception("unexpected error, looking on")

    def look(self) -> None:
        """Send what has come due since the last look."""
        since, now = self._looked, self._clock.now()
        self._looked = now
        alerts = [each for each in self._objects.list(Alert) if wishes.PENDING in wishes.of(each)]
        complaints = dict[str, str]()
        for alert in alerts:
            if alert.spec.suspend:
                continue
            try:
                due = is_due(times(alert), since, now)
            except ValueError as error:
                complaints[alert.metadata.uid] = str(error)
                if self._complained.get(alert.metadata.uid) != str(error):
                    self._complain(alert, str(error))
                continue
            if due and (notice := digest(alert, self._covered(alert), now)) is not None:
                self._send(alert, notice)
        self._complained = complaints

    def _covered(self, alert: Alert) -> Iterator[ImageUpdateAutomation]:
        own = alert.metadata.namespace if self._no_cross_namespace_refs else None
        return (each for each in self._objects.list(ImageUpdateAutomation, own) if covers(alert, each))


def times(alert: Alert) -> Schedule:
    """Read when an Alert wants its digest: five fields of cron and a zone, UTC without one. Raises ValueError."""
    fields = alert.metadata.annotations.get(extensions.TELL_AT, "").split()
    cron, zone = " ".join(fields[:_CRON_FIELDS]), " ".join(fields[_CRON_FIELDS:]) or "UTC"
    if len(fields) < _CRON_FIELDS:
        advice = "write five fields of cron, such as 0 9 * * 1-5 Europe/Berlin"
        raise ValueError(f"{extensions.TELL_AT}: '{cron[:64]}' is no time: {advice}")
    try:
        return schedule.parse(cron, "1m", zone)
    except ValueError as error:
        raise ValueError(f"{extensions.TELL_AT}: {error}") from None


def is_due(wanted: Schedule, since: datetime, now: datetime) -> bool:
    """Tell whether a time came after one moment and not after another."""
    begins = (span.begin for span in wanted.spans(since) if span.begin > since)
    first = next(begins, None)
    return first is not None and first <= now


def covers(alert: Alert, automation: ImageUpdateAutomation) -> bool:
    """Tell whether an automation is among the sources of an Alert."""
    metadata = automation.metadata
    about = Involved(kind=automation.kind, namespace=metadata.namespace, name=metadata.name)
    match = matching.match(alert, Notice(involved_object=about, severity=INFO, reason=wishes.UPDATES_PENDING))
    return match.holds and (not match.labels or matching.carries(metadata.labels, match.labels))


def digest(alert: Alert, automations: Iterable[ImageUpdateAutomation], now: datetime) -> Notice | None:
    """Word what automations have not written as one message about the Alert; None where there is nothing."""
    lines, count = list[str](), 0
    for automation in automations:
        found = report.read(automation.metadata.annotations)
        if not found.held:
            continue
        left = found.left_out.held if found.left_out else 0
        count += len(found.held) + left
        lines.append(f"{automation.metadata.namespace}/{automation.metadata.name}:")
        lines += [f"- {_line(held)}" for held in sorted(found.held, key=lambda held: (not held.waits, held.path))]
        lines += [f"- and {left} more"] if left else []
    if not lines:
        return None
    more = [f"… and {len(lines) - _MOST} more lines"] if len(lines) > _MOST else []
    metadata = alert.metadata
    return Notice(
        involved_object=Involved(
            kind=alert.kind, namespace=metadata.namespace, name=metadata.name, uid=metadata.uid,
            api_version=alert.api_version,
        ),
        severity=INFO,
        timestamp=now,
        reason=wishes.UPDATES_PENDING,
        message="\n".join([f"{count} update{'' if count == 1 else 's'} pending:", *lines[:_MOST], *more]),
        reporting_controller="image-automation-controller",
    )  # fmt: skip


def _line(held: report.Held) -> str:
    since = f" (since {held.since})" if held.since else ""
    return f"{report_status.held_line(held)}{since}"
