"""A digest of what waits: at the times that an Alert names, one message with all that its automations have not written.

The facts are the reports of the automations: what was taken back, stands outside of its window, is frozen, or wants
somebody's approval, be it a review of its pull request; and of the policies that they follow which tag is too young to
be chosen. Where nothing waits nothing is sent; what came due while nobody looked is told once.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

import structlog

from gotk.api import extensions
from gotk.api.image import ImagePolicy, ImageUpdateAutomation
from gotk.api.notification import Alert
from gotk.git import errors as git
from gotk.runtime.clock import Clock, rfc3339
from gotk.runtime.errors import Stalled
from gotk.runtime.reconciler import Reader
from image_automation import report, report_status, selection
from image_automation.gating import schedule
from image_automation.gating.schedule import Schedule
from image_automation.notification.alerts import matching, wishes
from image_automation.notification.notice import INFO, Involved, Notice
from policies.age import Ageing

Complain = Callable[[Alert, str], None]
Send = Callable[[Alert, Notice], None]
#: Tells which tag a policy would choose if it were old enough. May raise OSError.
Age = Callable[[ImagePolicy], Awaitable[Ageing | None]]

_PACE: Final = 20.0
_CRON_FIELDS: Final = 5
_MOST: Final = 50


@dataclass(frozen=True, slots=True)
class Pending:
    """What one automation has not written: what it holds, and by policy what is too young to be chosen."""

    automation: ImageUpdateAutomation
    ageing: Sequence[tuple[str, Ageing]] = ()


class Digests:
    """Sends each Alert its digest when it is time; `complain` says on an Alert what of its wish is not known."""

    def __init__(
        self,
        *,
        objects: Reader,
        age: Age,
        send: Send,
        complain: Complain,
        clock: Clock,
        no_cross_namespace_refs: bool,
    ) -> None:
        self._objects = objects
        self._age = age
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
                await self.look()
            except asyncio.CancelledError:
                raise
            except Exception:  # noqa: BLE001 - a bug in here must not end the service
                self._log.exception("unexpected error, looking on")

    async def look(self) -> None:
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
            if due and (notice := digest(alert, [each async for each in self._pending(alert)], now)) is not None:
                self._send(alert, notice)
        self._complained = complaints

    def _covered(self, alert: Alert) -> Iterator[ImageUpdateAutomation]:
        own = alert.metadata.namespace if self._no_cross_namespace_refs else None
        return (each for each in self._objects.list(ImageUpdateAutomation, own) if covers(alert, each))

    async def _pending(self, alert: Alert) -> AsyncIterator[Pending]:
        for automation in self._covered(alert):
            policies = self._objects.list(ImagePolicy, automation.metadata.namespace)
            try:
                selected = selection.select(policies, automation.spec.policy_selector).policies
            except Stalled:
                selected = {}  # which the automation itself says
            found = [(name, await self._ageing(policy)) for name, policy in selected.items()]
            yield Pending(automation, [(name, ageing) for name, ageing in found if ageing is not None])

    async def _ageing(self, policy: ImagePolicy) -> Ageing | None:
        if extensions.MINIMUM_AGE not in policy.metadata.annotations:
            return None
        try:
            return await self._age(policy)
        except OSError as error:
            self._log.warning("cannot tell what is too young", policy=policy.metadata.name, error=str(error))
            return None


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


def digest(alert: Alert, pending: Iterable[Pending], now: datetime) -> Notice | None:
    """Word what automations have not written as one message about the Alert; None where there is nothing."""
    lines, count = list[str](), 0
    for each in pending:
        metadata, found = each.automation.metadata, report.read(each.automation.metadata.annotations)
        reviewed = [pull for pull in found.pull_requests if pull.choices and pull.note]
        if not found.held and not each.ageing and not reviewed:
            continue
        left = found.left_out.held if found.left_out else 0
        count += len(found.held) + left + len(each.ageing) + len(reviewed)
        lines.append(f"{metadata.namespace}/{metadata.name}:")
        lines += [f"- {_line(held)}" for held in sorted(found.held, key=lambda held: (not held.waits, held.path))]
        lines += [f"- and {left} more"] if left else []
        lines += [f"- {_proposed(pull)}" for pull in reviewed]
        lines += [f"- {_young(policy, ageing, now)}" for policy, ageing in each.ageing]
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


def _young(policy: str, ageing: Ageing, now: datetime) -> str:
    return git.printable(f"policy {policy}: {ageing.message(now)}, at {rfc3339(ageing.eligible)}")


def _proposed(pull: report.PullRequest) -> str:
    """Say what a pull request waits for whose reviews are approvals: nothing holds it back but that."""
    what = " ".join(filter(None, (f"pull request #{pull.number}", pull.title, pull.url)))
    return git.printable(f"{what}: {pull.note} (since {pull.since})")


def _line(held: report.Held) -> str:
    since = f" (since {held.since})" if held.since else ""
    return f"{report_status.held_line(held)}{since}"
