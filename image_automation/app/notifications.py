"""Alerts, put together: the notifier beside the controllers, the address for events, the sink for our own."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from dataclasses import dataclass

from gotk.api.notification import Alert, Provider
from gotk.http import route
from gotk.kube.cache import Caches
from gotk.kube.client import Client
from gotk.runtime import health
from gotk.runtime.clock import Clock
from gotk.runtime.events import Recorder, Sink
from gotk.runtime.metrics import Metrics
from image_automation.app import addresses
from image_automation.app.settings import Settings
from image_automation.app.telling.pending import Age, Digests
from image_automation.notification.alerts import server
from image_automation.notification.alerts.finalizers import Finalizers
from image_automation.notification.alerts.notifier import Notifier
from image_automation.notification.cel.evaluator import Evaluator
from image_automation.notification.delivery.accounts import Accounts
from image_automation.notification.delivery.apprise_sender import AppriseSender
from image_automation.notification.delivery.provider_tokens import ProviderTokens
from image_automation.notification.delivery.publishing import NATSSender, Senders
from image_automation.notification.delivery.sending import HTTPSender
from image_automation.notification.journal import Journal

_FLUSH = 2.0


@dataclass(frozen=True, slots=True)
class Running:
    """The sinks for this process's events, and what tries Alerts, where it has some."""

    sinks: Sequence[Sink]
    tests: Notifier | None


@contextlib.asynccontextmanager
async def alerts(
    settings: Settings,
    client: Client,
    caches: Caches,
    clock: Clock,
    metrics: Metrics,
    *,
    tokens: ProviderTokens,
    cel: Evaluator,
    journal: Journal,
    cluster_events: Sink,
    age: Age,
) -> AsyncIterator[Running]:
    """Run alerts beside the block, and give what there is of them; `cluster_events` gets what fails.

    `age` tells which tags are too young to be chosen.
    Raises OSError or ValueError for an address that cannot be served.
    """
    if "alert" not in settings.controllers:
        yield Running((), None)
        return
    recorder = Recorder([cluster_events], clock=clock, metrics=metrics)
    notifier = Notifier(
        objects=caches,
        live=client,
        accounts=Accounts(client=client, clock=clock, expressions=cel, tokens=tokens),
        sender=Senders(
            {
                "apprise": AppriseSender(clock=clock, environment=settings.environment),
                "nats": NATSSender(clock=clock),
            },
            otherwise=HTTPSender(clock=clock, route=route.from_environment(settings.environment)),
        ),
        recorder=recorder,
        journal=journal,
        clock=clock,
        synced=[caches.of(kind).synced for kind in (Alert, Provider)],
        interval=settings.rate_limit_interval,
        no_cross_namespace_refs=settings.no_cross_namespace_refs,
    )
    caches.of(Provider).subscribe(tokens.changed)
    finalizers = Finalizers(caches=caches, client=client, recorder=recorder, clock=clock)
    digests = Digests(
        objects=caches,
        age=age,
        send=notifier.tell,
        complain=notifier.misconfigured,
        clock=clock,
        no_cross_namespace_refs=settings.no_cross_namespace_refs,
    )
    automates = "imageupdateautomation" in settings.controllers
    address = settings.notification_addr
    served = addresses.chosen_by("--notification-addr", address, health.serve(address, server.app(notifier, clock)))
    async with _beside(notifier.run, finalizers.run, *[digests.run] * automates, last=notifier.flush), served:
        # Who posts our events to a notification-controller has Alerts there, and would be told twice.
        yield Running((), None) if settings.events_addr else Running([server.AlertSink(notifier)], notifier)


@contextlib.asynccontextmanager
async def _beside(*parts: Callable[[], Awaitable[None]], last: Callable[[], Awaitable[None]]) -> AsyncIterator[None]:
    """Run the parts for as long as the block lasts, then what comes last, shortly. Raises what the block raises."""
    failure: Exception | None = None
    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(_run(part)) for part in parts]
        try:
            yield
        except Exception as error:  # noqa: BLE001 - raised again below
            failure = error
        finally:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(_FLUSH):
                    await last()
            for task in tasks:
                task.cancel()
    if failure is not None:
        raise failure


async def _run(part: Callable[[], Awaitable[None]]) -> None:
    await part()
