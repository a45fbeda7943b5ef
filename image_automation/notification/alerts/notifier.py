"""The way of an event to its providers: once per interval, matched, worded, sent; what fails is told on the Alert.

Answers to the event server of notification-controller, from the rate limit on. Events come from HTTP and from this
process alike. Nothing here waits for a service: deliveries run in the queues of their providers.
"""

import asyncio
import functools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import structlog

from gotk.api.notification import Alert, Provider
from gotk.http import exchange
from gotk.http.exchange import Unusable
from gotk.kube import errors as kube
from gotk.runtime import events
from gotk.runtime.clock import Clock
from gotk.runtime.reconciler import Reader
from image_automation.notification.alerts import deduplication, grouping, matching
from image_automation.notification.alerts.dispatch_queues import DispatchQueues
from image_automation.notification.delivery.accounts import NO_NOTIFIER, Accounts
from image_automation.notification.delivery.sending import Sender, SendError
from image_automation.notification.journal import Journal
from image_automation.notification.notice import INFO, Involved, Notice
from image_automation.notification.providers import catalog
from image_automation.notification.providers.account import Unfit

CONTROLLER = "notification-controller"
FAILED = "NotificationDispatchFailed"
TEST = "Test"
_LABELS_TIMEOUT = 5.0
_PACE = 1.0
_SYNC_TIMEOUT = 30.0
_NO_PROVIDER = 'failed to read provider: Provider.notification.toolkit.fluxcd.io "{}" not found'
_DENIED = (
    "discarding event, access denied to cross-namespace sources: alert '{}' can't process event from '{}', "
    "cross-namespace references have been blocked"
)


@dataclass(frozen=True, slots=True)
class Labels:
    """The labels of an event's object, or why they are not known."""

    found: Mapping[str, str]
    error: str = ""


class LiveObjects(Protocol):
    """What is needed of a client: objects of any kind, for their labels."""

    async def get_object(self, api_version: str, kind: str, namespace: str, name: str) -> dict[str, Any]:
        """Read an object."""
        ...


class Notifier:
    """Takes events and brings them to the providers of the alerts that they match."""

    def __init__(
        self,
        *,
        objects: Reader,
        live: LiveObjects,
        accounts: Accounts,
        sender: Sender,
        recorder: events.Recorder,
        journal: Journal,
        clock: Clock,
        synced: Sequence[asyncio.Event] = (),
        interval: float,
        no_cross_namespace_refs: bool,
    ) -> None:
        self._objects = objects
        self._live = live
        self._accounts = accounts
        self._sender = sender
        self._recorder = recorder
        self._journal = journal
        self._clock = clock
        self._synced = synced
        self._once = deduplication.Once(interval)
        self._no_cross_namespace_refs = no_cross_namespace_refs
        self._queues = DispatchQueues()
        self._groups = grouping.Groups()
        self._log = structlog.get_logger().bind(logger="notifications")

    async def ready(self) -> bool:
        """Wait a while until all Alerts and Providers are known. Tells whether they are."""
        try:
            async with asyncio.timeout(_SYNC_TIMEOUT):
                for synced in self._synced:
                    await synced.wait()
        except TimeoutError:
            return False
        return True

    def admit(self, notice: Notice) -> deduplication.Allowance:
        """Tell whether the event is new; the same one passes once per interval. The metadata must be clean."""
        return self._once.ask(deduplication.key(notice), self._clock.monotonic())

    async def take(self, notice: Notice) -> int:
        """Match an admitted event and queue its deliveries. Returns to how many alerts it goes."""
        notice = deduplication.without_token(notice)
        taken = 0
        labels: Labels | None = None
        for alert in self._objects.list(Alert):
            match = matching.match(alert, notice)
            if match.labels:
                labels = await self._labels(notice) if labels is None else labels
                if labels.error:
                    self._complain(alert, "SourceFetchFailed", labels.error)
                if not matching.carries(labels.found, match.labels):
                    continue
            if match.holds and self._listed(alert, notice):
                self._queue(alert, notice)
                taken += 1
        if not taken:
            self._log.info("no alerts for the event", about=notice.path, reason=notice.reason)
        return taken

    async def run(self) -> None:
        """Deliver until cancelled."""
        async with asyncio.TaskGroup() as group:
            group.create_task(self._queues.run(), name="dispatch queues")
            group.create_task(self._release(), name="groups")
            group.create_task(self._recorder.run(), name="events about alerts")

    async def flush(self) -> None:
        """Wait until all that was queued has been delivered or failed; groups that still collect go out now."""
        for gathered in self._groups.all():
            self._send_group(gathered)
        await self._queues.drained()
        await self._recorder.flush()

    def tell(self, alert: Alert, notice: Notice) -> None:
        """Queue a message that is for one alert, whatever its lists say."""
        namespace, name = alert.metadata.namespace, alert.spec.provider_ref.name
        provider = self._objects.get(Provider, namespace, name)
        if provider is None:
            self._undispatched(alert, notice, _NO_PROVIDER.format(name))
        elif provider.spec.type not in catalog.GROUPS:
            cause = f"providers of type {provider.spec.type} take no message about several objects"
            self._undispatched(alert, notice, cause)
        elif not provider.spec.suspend:
            self._deliver(alert, provider, matching.told(alert, notice).notice)

    async def test(self, alert: Alert, by: str) -> str:
        """Send a message of somebody's to an alert's provider at once; return why it did not arrive, or nothing."""
        namespace, name = alert.metadata.namespace, alert.spec.provider_ref.name
        provider = self._objects.get(Provider, namespace, name)
        if provider is None:
            return _NO_PROVIDER.format(name)
        if alert.spec.suspend or provider.spec.suspend:
            return f"the {'Alert' if alert.spec.suspend else 'Provider'} is suspended: resume it first"
        if provider.spec.type in catalog.COMMIT_STATUS | catalog.CHANGE_REQUEST:
            return f"providers of type {provider.spec.type} are told of commits: the next event that has one tries them"
        about = alert.metadata
        notice = Notice(
            involved_object=Involved(
                kind=alert.kind, namespace=namespace, name=about.name, uid=about.uid, api_version=alert.api_version
            ),
            severity=INFO,
            timestamp=self._clock.now(),
            message=f"{by} sent this to see whether it arrives",
            reason=TEST,
            reporting_controller=CONTROLLER,
        )
        return await self._send(alert, provider, matching.told(alert, notice).notice)

    def misconfigured(self, alert: Alert, cause: str) -> None:
        """Say on an alert what is wrong with it."""
        self._complain(alert, matching.INVALID_CONFIG, cause)

    async def _labels(self, notice: Notice) -> Labels:
        about = notice.involved_object
        try:
            async with asyncio.timeout(_LABELS_TIMEOUT):
                found = await self._live.get_object(about.api_version, about.kind, about.namespace, about.name)
        except (kube.APIError, TimeoutError) as error:
            cause = str(error) or f"no answer within {_LABELS_TIMEOUT:g}s"
            return Labels({}, f"error getting source object {notice.path}: {cause}")
        return Labels(found["metadata"].get("labels") or {})

    def _listed(self, alert: Alert, notice: Notice) -> bool:
        matched = matching.listed(alert, notice.message)
        for complaint in matched.complaints:
            self._complain(alert, matching.INVALID_CONFIG, complaint)
        return matched.passes

    def _queue(self, alert: Alert, notice: Notice) -> None:
        namespace, name = alert.metadata.namespace, alert.spec.provider_ref.name
        if self._no_cross_namespace_refs and notice.involved_object.namespace != namespace:
            self._undispatched(alert, notice, _DENIED.format(f"{namespace}/{alert.metadata.name}", notice.path))
            return
        provider = self._objects.get(Provider, namespace, name)
        if provider is None:
            self._undispatched(alert, notice, _NO_PROVIDER.format(name))
            return
        if provider.spec.suspend:
            return
        if not matching.takes(provider.spec.type, notice):
            self._log.debug("not an event for this provider", about=notice.path, provider=f"{namespace}/{name}")
            return
        told = matching.told(alert, notice)
        if told.conflicts:
            named = matching.annotations(told.conflicts)
            self._complain(alert, "MetadataAppendFailed", matching.METADATA_CONFLICT, metadata=named)
        if not self._group(alert, provider, told.notice):
            self._deliver(alert, provider, told.notice)

    def _group(self, alert: Alert, provider: Provider, notice: Notice) -> bool:
        """Hold the event back where the alert asks for one message per run or window."""
        try:
            window = grouping.window(alert)
        except ValueError as error:
            self._complain(alert, matching.INVALID_CONFIG, str(error))
            return False
        if window is None:
            return False
        if provider.spec.type not in catalog.GROUPS:
            cause = f"{grouping.ANNOTATION}: events to providers of type {provider.spec.type} are not grouped"
            self._complain(alert, matching.INVALID_CONFIG, cause)
            return False
        if full := self._groups.add(alert, window, notice, self._clock.monotonic()):
            self._send_group(full)
        return True

    async def _release(self) -> None:
        while True:
            await self._clock.sleep(_PACE)
            for gathered in self._groups.due(self._clock.monotonic()):
                self._send_group(gathered)

    def _send_group(self, gathered: grouping.Gathered) -> None:
        """Send to the provider that the alert names now, if there still is that alert."""
        metadata = gathered.alert.metadata
        alert = self._objects.get(Alert, metadata.namespace, metadata.name)
        if alert is None or alert.metadata.uid != metadata.uid or alert.spec.suspend:
            self._log.info("gathered events are not sent", alert=f"{metadata.namespace}/{metadata.name}")
            return
        provider = self._objects.get(Provider, metadata.namespace, alert.spec.provider_ref.name)
        if provider is None:
            self._undispatched(alert, gathered.notice, _NO_PROVIDER.format(alert.spec.provider_ref.name))
        elif provider.spec.type not in catalog.GROUPS:
            cause = f"events were gathered for it, and providers of type {provider.spec.type} take none that were"
            self._undispatched(alert, gathered.notice, cause)
        elif not provider.spec.suspend:
            self._deliver(alert, provider, gathered.notice, gathered)

    def _deliver(
        self, alert: Alert, provider: Provider, notice: Notice, gathered: grouping.Gathered | None = None
    ) -> None:
        key = (provider.metadata.namespace, provider.metadata.name)
        job = functools.partial(self._dispatch, alert, provider, notice, gathered)
        if not self._queues.put(key, job, notice.size):
            self._failed(alert, notice, "the provider is too slow, too many messages wait for it")

    async def _dispatch(
        self, alert: Alert, queued: Provider, notice: Notice, gathered: grouping.Gathered | None
    ) -> None:
        """Deliver to the provider as it is now, which may not be how it was when the event was queued."""
        name = queued.metadata.name
        provider = self._objects.get(Provider, queued.metadata.namespace, name)
        if provider is None:
            self._undispatched(alert, notice, _NO_PROVIDER.format(name))
            return
        if provider.spec.suspend:
            return
        if provider.spec.type != queued.spec.type:
            cause = f"provider '{name}' became one of type {provider.spec.type} while the event waited for it"
            self._undispatched(alert, notice, cause)
            return
        if not await self._send(alert, provider, notice) and gathered is not None:
            self._groups.arrived(gathered)

    async def _send(self, alert: Alert, provider: Provider, notice: Notice) -> str:
        """Deliver, and return why it did not arrive, which has been told, or nothing."""
        name = provider.metadata.name
        try:
            line = await self._accounts.open(provider, alert, notice)
        except Unusable as error:
            return self._undispatched(alert, notice, str(error))
        try:
            await self._sender.send(exchange.begun(catalog.TYPES[provider.spec.type](notice, line.account)), line)
        except (Unfit, SendError) as error:
            return self._failed(alert, notice, str(error))
        except Unusable as error:
            return self._undispatched(alert, notice, NO_NOTIFIER.format(name, error))
        self._journal.delivered(**_entry(alert, notice))
        self._log.debug("notification sent", about=notice.path, reason=notice.reason, type=provider.spec.type)
        return ""

    def _undispatched(self, alert: Alert, notice: Notice, cause: str) -> str:
        """Tell what was wrong before anything was sent, and return it."""
        self._log.error("failed to dispatch notification", about=notice.path, error=cause)
        self._journal.delivered(**_entry(alert, notice), cause=cause)
        self._complain(alert, FAILED, f"failed to dispatch notification for {notice.path}: {cause}")
        return cause

    def _failed(self, alert: Alert, notice: Notice, cause: str) -> str:
        self._log.error("failed to send notification", about=notice.path, error=cause)
        self._journal.delivered(**_entry(alert, notice), cause=cause)
        self._complain(alert, FAILED, f"failed to send notification for {notice.path}: {cause}")
        return cause

    def _complain(self, alert: Alert, reason: str, message: str, *, metadata: Mapping[str, str] | None = None) -> None:
        about = events.reference(alert.api_version, alert.kind, alert.metadata)
        self._recorder.emit(about, "Warning", reason, message, controller=CONTROLLER, metadata=metadata)


def _entry(alert: Alert, notice: Notice) -> dict[str, Any]:
    """Return what is kept of a delivery in any case."""
    about, metadata = notice.involved_object, alert.metadata
    return {
        "provider": (metadata.namespace, alert.spec.provider_ref.name),
        "alert": metadata.name,
        "about": (about.kind, about.namespace, about.name),
        "reason": notice.reason,
    }
