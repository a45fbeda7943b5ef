"""`/notifications`: where Alerts send what, whether it arrived lately, and who called the Receivers.

Deliveries and calls are those that this process remembers. Of what one was about only that is shown which the person
may see: a Provider is told of objects of any namespace.
"""

from collections.abc import Iterator, Sequence

from gotk.api.meta import Object
from gotk.api.notification import Alert, CrossNamespaceObjectReference, Provider, Receiver
from gotk.runtime.clock import rfc3339
from image_automation.dashboard import states, watched
from image_automation.dashboard.acting.offers import Offer
from image_automation.dashboard.page import Look, Missing, Page, Record, titled
from image_automation.dashboard.states import State
from image_automation.dashboard.telling import heard
from image_automation.notification import journal


class Delivered(Record, frozen=True, kw_only=True):
    """An event that went out, or did not and why; without a kind it is about an object that one may not see."""

    time: str
    alert: str
    reason: str
    kind: str = ""
    namespace: str = ""
    name: str = ""
    cause: str = ""


class Told(Record, frozen=True, kw_only=True):
    """An Alert: of what it tells, from which severity on."""

    state: State
    severity: str
    sources: tuple[str, ...]
    acts: tuple[Offer, ...] = ()


class Target(Record, frozen=True, kw_only=True):
    """A Provider, what is sent there, and how that went lately; without a state there is none of the name."""

    namespace: str
    name: str
    type: str = ""
    channel: str = ""
    state: State | None = None
    alerts: tuple[Told, ...] = ()
    deliveries: tuple[Delivered, ...] = ()


class Called(Record, frozen=True, kw_only=True):
    """A call: how it was answered, how many objects it woke, and what was wrong with it."""

    time: str
    status: int
    woken: int = 0
    cause: str = ""


class Hook(Record, frozen=True, kw_only=True):
    """A Receiver, what it wakes, and who called lately."""

    state: State
    type: str
    resources: tuple[str, ...]
    calls: tuple[Called, ...] = ()


class Notifications(Record, frozen=True, kw_only=True):
    """Every Provider and Receiver; `since` is when this process began to remember, nothing where it does not."""

    providers: tuple[Target, ...] = ()
    receivers: tuple[Hook, ...] = ()
    since: str = ""


def record(look: Look) -> Notifications:
    """Make the record."""
    alerts: dict[tuple[str, str], list[Alert]] = {}
    for alert in look.objects.list(Alert):
        alerts.setdefault((alert.metadata.namespace, alert.spec.provider_ref.name), []).append(alert)
    there = {(each.metadata.namespace, each.metadata.name): each for each in look.objects.list(Provider)}
    remembered = look.knows.journal
    return Notifications(
        providers=tuple(_target(look, key, there.get(key), alerts.get(key, ())) for key in sorted(there | alerts)),
        receivers=tuple(_hook(look, each) for each in look.objects.list(Receiver)),
        since=rfc3339(remembered.since) if remembered is not None else "",
    )


def _target(look: Look, key: tuple[str, str], provider: Provider | None, alerts: Sequence[Alert]) -> Target:
    namespace, name = key
    if provider is None:
        return Target(namespace=namespace, name=name, alerts=tuple(_told(look, each) for each in alerts))
    return Target(
        namespace=namespace,
        name=name,
        type=provider.spec.type,
        channel=provider.spec.channel,
        state=states.of(provider),
        alerts=tuple(_told(look, each) for each in alerts),
        deliveries=tuple(_deliveries(look, provider)),
    )


def _told(look: Look, alert: Alert) -> Told:
    metadata = alert.metadata
    test = Offer(act="test", kind="Alert", namespace=metadata.namespace, name=metadata.name)
    may = look.knows.tests is not None and look.writes(Alert, metadata.namespace)
    return Told(
        state=states.of(alert),
        severity=alert.spec.event_severity,
        sources=tuple(_named(each, metadata.namespace) for each in alert.spec.event_sources),
        acts=(test,) if may else (),
    )


def _named(source: CrossNamespaceObjectReference, home: str) -> str:
    labels = ",".join(f"{key}={value}" for key, value in (source.match_labels or {}).items())
    return f"{source.kind} {source.namespace or home}/{source.name}{f' ({labels})' if labels else ''}"


def _deliveries(look: Look, provider: Provider) -> Iterator[Delivered]:
    if look.knows.journal is None:
        return
    for each in look.knows.journal.deliveries(provider.metadata.namespace, provider.metadata.name):
        about = {"kind": each.kind, "namespace": each.namespace, "name": each.name} if _sees(look, each) else {}
        yield Delivered(time=rfc3339(each.time), alert=each.alert, reason=each.reason, cause=each.cause, **about)


def _sees(look: Look, each: journal.Delivery) -> bool:
    try:
        kind: type[Object] = watched.named(each.kind)
    except Missing:
        return False
    return look.objects.get(kind, each.namespace, each.name) is not None


def _hook(look: Look, receiver: Receiver) -> Hook:
    metadata, remembered = receiver.metadata, look.knows.journal
    calls = remembered.calls(metadata.namespace, metadata.name) if remembered is not None else ()
    return Hook(
        state=states.of(receiver),
        type=receiver.spec.type,
        resources=tuple(_named(each, metadata.namespace) for each in receiver.spec.resources),
        calls=tuple(
            Called(time=rfc3339(each.time), status=each.status, woken=each.woken, cause=each.cause) for each in calls
        ),
    )


PAGE = Page(
    path="/notifications",
    template="notifications.html",
    title=titled("Notifications"),
    kinds=watched.KINDS,
    record=record,
    changes=(Alert,),
    topics=(heard.DELIVERIES,),
)
