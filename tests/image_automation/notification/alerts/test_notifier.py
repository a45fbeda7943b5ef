"""The way of events to providers, in virtual time: what goes where, when, and what is told on the Alert."""

import asyncio
import contextlib
import tracemalloc
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import msgspec
import pytest

from gotk.api.core import Secret
from gotk.api.notification import Alert, Provider
from gotk.http.exchange import Exchange
from gotk.kube import errors as kube
from gotk.runtime.clock import SystemClock
from gotk.runtime.events import Event, Recorder
from gotk.runtime.metrics import Metrics
from image_automation.notification.alerts import deduplication, grouping
from image_automation.notification.alerts.notifier import Notifier
from image_automation.notification.delivery.accounts import Accounts, Delivery
from image_automation.notification.delivery.sending import SendError
from image_automation.notification.journal import Journal
from image_automation.notification.notice import Involved, Notice
from tests.image_automation.notification import scene
from tests.virtual_clock import VirtualClock, in_virtual_time


@dataclass
class World:
    """A cluster with alerts and providers, services that take messages, and the events on alerts."""

    alerts: list[Alert] = field(default_factory=list)
    providers: list[Provider] = field(default_factory=list)
    secrets: dict[str, dict[str, bytes]] = field(default_factory=dict)
    labels: dict[str, str] | None = None
    slow: dict[str, float] = field(default_factory=dict)
    broken: dict[str, str] = field(default_factory=dict)
    sent: list[tuple[float, str, Any]] = field(default_factory=list)
    told: list[Event] = field(default_factory=list)
    asked: int = 0
    journal: Journal = field(default_factory=lambda: Journal(SystemClock(), lambda: None))

    # What a cache and a client do.

    def get_cached(self, kind: type[Any], namespace: str, name: str) -> Any:
        known: Sequence[Any] = self.alerts if kind is Alert else self.providers
        return next((p for p in known if (p.metadata.namespace, p.metadata.name) == (namespace, name)), None)

    async def get(self, kind: type[Any], namespace: str, name: str) -> Any:
        if name not in self.secrets:
            raise kube.NotFound(404, "NotFound", f'secrets "{name}" not found')
        metadata = scene.alert().metadata
        return Secret(api_version="v1", kind="Secret", metadata=metadata, data=self.secrets[name])

    async def get_object(self, api_version: str, kind: str, namespace: str, name: str) -> dict[str, Any]:
        self.asked += 1
        if self.labels is None:
            raise kube.NotFound(404, "NotFound", "not found")
        return {"metadata": {"labels": self.labels}}

    # What services do.

    async def send(self, exchange: Exchange, line: Delivery) -> None:
        address = line.account.address
        await asyncio.sleep(self.slow.get(address, 0))
        if address in self.broken:
            raise SendError(self.broken[address])
        [request] = scene.talk(exchange)
        self.sent.append((asyncio.get_running_loop().time(), address, scene.shown(request)["body"]))


class Cache:
    def __init__(self, world: World) -> None:
        self._world = world

    def get(self, kind: type[Any], namespace: str, name: str) -> Any:
        return self._world.get_cached(kind, namespace, name)

    def list(self, kind: type[Any], namespace: str | None = None) -> Sequence[Any]:
        return self._world.alerts


class Told:
    name = "memory"

    def __init__(self, world: World) -> None:
        self._world = world

    def wants(self, event: Event) -> bool:
        return True

    async def send(self, event: Event) -> None:
        self._world.told.append(event)


@contextlib.asynccontextmanager
async def notifying(world: World, **options: Any) -> AsyncIterator[Notifier]:
    clock = VirtualClock()
    notifier = Notifier(
        objects=Cache(world), live=world, sender=world,
        accounts=Accounts(client=world, clock=clock, expressions=scene.Expressions()),
        recorder=Recorder([Told(world)], clock=clock, metrics=Metrics()), clock=clock,
        journal=world.journal,
        **{"interval": 300.0, "no_cross_namespace_refs": False, **options},
    )  # fmt: skip
    async with asyncio.TaskGroup() as group:
        task = group.create_task(notifier.run())
        yield notifier
        await notifier.flush()
        task.cancel()


def event(name: str = "web", message: str = "failed", namespace: str = "apps", **changes: Any) -> Notice:
    about = Involved(kind="Kustomization", namespace=namespace, name=name, api_version=f"{scene.GROUP}/v1")
    return scene.notice(message, involved_object=about, metadata={f"{scene.GROUP}/token": "t"}, **changes)


async def post(notifier: Notifier, notice: Notice) -> bool:
    """Do what the server and the sink do."""
    clean = deduplication.cleaned(notice)
    if passes := notifier.admit(clean).passes:
        await notifier.take(clean)
    return passes


@in_virtual_time
async def test_an_event_goes_to_every_alert_that_it_matches_without_its_token() -> None:
    world = World([scene.alert("a"), scene.alert("b"), scene.alert("c", suspend=True)], [scene.provider()])
    async with notifying(world) as notifier:
        assert await post(notifier, event())
        assert not await post(notifier, event())
    assert len(world.sent) == 2
    assert all("metadata" not in body for _, _, body in world.sent)
    assert world.told == []


@in_virtual_time
async def test_a_message_of_ours_goes_to_its_alert_alone_with_what_the_owner_wrote() -> None:
    mine = scene.alert("a", eventMetadata={"cluster": "production"}, exclusionList=["."])
    world = World([mine, scene.alert("b")], [scene.provider()])
    async with notifying(world) as notifier:
        notifier.tell(mine, event(message="1 update pending"))
    [(_, _, body)] = world.sent
    assert (body["message"], body["metadata"]) == ("1 update pending", {"cluster": "production", "token": "t"})


@in_virtual_time
@pytest.mark.parametrize(
    ("provider", "cause"),
    [
        (scene.provider("other"), 'failed to read provider: Provider.notification.toolkit.fluxcd.io "chat" not found'),
        (scene.provider(type="github"), "providers of type github take no message about several objects"),
    ],
)
async def test_a_message_of_ours_that_nobody_can_take_is_told_on_the_alert(provider: Any, cause: str) -> None:
    world = World([scene.alert()], [provider])
    async with notifying(world) as notifier:
        notifier.tell(scene.alert(), event())
    assert [told.message for told in world.told] == [
        f"failed to dispatch notification for Kustomization/apps/web: {cause}"
    ]
    assert world.sent == []


@in_virtual_time
async def test_a_slow_provider_never_delays_another_one() -> None:
    slow, fast = scene.provider("slow", address="https://slow.io/"), scene.provider("fast", address="https://fast.io/")
    alerts = [scene.alert(name, providerRef={"name": name}) for name in ("slow", "fast")]
    world = World(alerts, [slow, fast], slow={"https://slow.io/": 15})
    async with notifying(world) as notifier:
        for number in range(20):
            await post(notifier, event(f"app-{number}"))
        await asyncio.sleep(1)
        assert [address for _, address, _ in world.sent] == ["https://fast.io/"] * 20
    slow_times = [time for time, address, _ in world.sent if address == "https://slow.io/"]
    assert slow_times == [15.0 * number for number in range(1, 21)]


@in_virtual_time
async def test_what_a_slow_provider_cannot_take_any_more_is_told_on_the_alert() -> None:
    world = World([scene.alert()], [scene.provider(address="https://slow.io/")], slow={"https://slow.io/": 1})
    async with notifying(world) as notifier:
        for number in range(250):
            await post(notifier, event(f"app-{number}"))
    assert len(world.sent) == 200
    assert {told.reason for told in world.told} == {"NotificationDispatchFailed"}
    assert len(world.told) == 50


_SEND = "send notification for Kustomization/apps/web: "
_DISPATCH = "dispatch notification for Kustomization/apps/web: "
_INITIALIZE = f"{_DISPATCH}failed to initialize notifier for provider 'chat': "


@in_virtual_time
async def test_messages_that_wait_are_bounded_in_memory_too() -> None:
    world = World([scene.alert()], [scene.provider(address="https://slow.io/")], slow={"https://slow.io/": 1})
    async with notifying(world) as notifier:
        for number in range(20):
            await post(notifier, event(f"app-{number}", f"{number}" + "x" * (1 << 20)))
    assert len(world.sent) == 7
    assert len(world.told) == 13


TROUBLE: dict[str, tuple[dict[str, Any], dict[str, dict[str, bytes]], str]] = {
    "the service refuses": (
        {"address": "https://broken.io/"}, {}, f"{_SEND}request failed with status code 403",
    ),
    "a secret is missing": (
        {"secretRef": {"name": "gone"}}, {}, _INITIALIZE + "failed to get secret 'apps/gone': ",
    ),
    "no address": ({"address": ""}, {}, _INITIALIZE + "provider has no address"),
    "a token is missing": (
        {"type": "opsgenie"}, {}, _INITIALIZE + "providers of type opsgenie need the secret's key 'token'",
    ),
    "headers that are no map": (
        {"secretRef": {"name": "s"}}, {"s": {"headers": b"[a]"}},
        _INITIALIZE + "the secret's key 'headers' is not a YAML map of texts",
    ),
    "a certificate without a key": (
        {"certSecretRef": {"name": "s"}}, {"s": {"tls.crt": b"x"}},
        _INITIALIZE + "failed to get TLS config: secret 'apps/all' contains 'tls.crt' but missing 'tls.key'",
    ),
    "an expression over what is not there": (
        {"type": "github", "commitStatusExpr": "event.metadata.nothing", "address": "https://github.com/a/b"}, {},
        _DISPATCH + "failed to create commit status: spec.commitStatusExpr did not evaluate to a text: ",
    ),
    "an expression that is none": (
        {"type": "github", "commitStatusExpr": "((", "address": "https://github.com/a/b"}, {},
        _DISPATCH + "failed to create commit status: failed to compile spec.commitStatusExpr",
    ),
}  # fmt: skip


@pytest.mark.parametrize(("spec", "secrets", "cause"), TROUBLE.values(), ids=TROUBLE)
def test_trouble_is_a_warning_on_the_alert(
    spec: dict[str, Any], secrets: dict[str, dict[str, bytes]], cause: str
) -> None:
    @in_virtual_time
    async def check() -> None:
        broken = {"https://broken.io/": "request failed with status code 403"}
        world = World([scene.alert()], [scene.provider(**spec)], secrets=secrets, broken=broken)
        async with notifying(world) as notifier:
            await post(notifier, event())
        [told] = world.told
        assert (told.about.kind, told.severity, told.reason) == ("Alert", "Warning", "NotificationDispatchFailed")
        assert told.message.startswith(f"failed to {cause}")

    check()


@in_virtual_time
async def test_a_commit_status_is_named_by_the_providers_expression() -> None:
    expression = "(event.metadata.env + '/' + event.involvedObject.name + '/' + alert.metadata.name).lowerAscii()"
    provider = scene.provider(
        type="gitea", address="https://git.io/a/b", commitStatusExpr=expression, secretRef={"name": "s"}
    )
    secret = {"token": b"t\n", "username": b"bot", "password": b"p"}
    accounts = Accounts(client=World(secrets={"s": secret}), clock=VirtualClock(), expressions=scene.Expressions())
    line = await accounts.open(provider, scene.alert(), scene.notice(metadata={"env": "PROD"}))
    assert (line.account.commit_status, line.account.token, line.account.username) == ("prod/web/all", "t", "bot")
    assert "'t'" not in repr(line)


@in_virtual_time
async def test_labels_are_those_of_the_object_now() -> None:
    source = {"kind": "Kustomization", "name": "*", "matchLabels": {"team": "a"}}
    for labels, sent, reasons in (({"team": "a"}, 1, []), ({"team": "b"}, 0, []), (None, 0, ["SourceFetchFailed"])):
        world = World([scene.alert(eventSources=[source])], [scene.provider()], labels=labels)
        async with notifying(world) as notifier:
            await post(notifier, event())
        assert len(world.sent) == sent
        assert [told.reason for told in world.told] == reasons


@in_virtual_time
async def test_another_namespace_is_refused_where_references_across_are_blocked() -> None:
    source = {"kind": "Kustomization", "name": "*", "namespace": "other"}
    world = World([scene.alert(eventSources=[source])], [scene.provider()])
    async with notifying(world, no_cross_namespace_refs=True) as notifier:
        await post(notifier, event(namespace="other"))
    assert world.sent == []
    assert "cross-namespace references have been blocked" in world.told[0].message


@in_virtual_time
async def test_a_run_over_thirty_objects_is_one_message() -> None:
    alert = scene.alert(annotations={grouping.ANNOTATION: "run"})
    world = World([alert], [scene.provider(type="slack")])
    async with notifying(world) as notifier:
        for number in range(30):
            await post(notifier, event(f"app-{number}", "applied", severity="info"))
            await asyncio.sleep(1)
        await asyncio.sleep(15)
        [(time, _, body)] = world.sent
        assert 39 <= time <= 41
        assert body["attachments"][0]["text"].startswith("30 succeeded:\n✔ kustomization/app-0.apps: applied\n")
        await post(notifier, event("app-3", "applied", severity="info", timestamp=scene.NOON))
        await asyncio.sleep(15)
    assert len(world.sent) == 1


@in_virtual_time
async def test_an_incident_is_never_grouped_and_that_is_said() -> None:
    alert = scene.alert(annotations={grouping.ANNOTATION: "run"})
    world = World([alert], [scene.provider(type="alertmanager")])
    async with notifying(world) as notifier:
        await post(notifier, event())
        await asyncio.sleep(0.1)
        assert len(world.sent) == 1
    assert [told.reason for told in world.told] == ["InvalidConfig"]


def changed(provider: Provider, **spec: Any) -> Provider:
    return msgspec.structs.replace(provider, spec=msgspec.structs.replace(provider.spec, **spec))


SLOW, NEW = "https://slow.io/", "https://new.io/"


@in_virtual_time
async def test_a_provider_that_changes_is_used_as_it_is_when_its_turn_comes() -> None:
    world = World([scene.alert()], [scene.provider(address=SLOW)], slow={SLOW: 10})
    async with notifying(world) as notifier:
        for number in range(5):
            await post(notifier, event(f"app-{number}"))
        await asyncio.sleep(1)
        world.providers = [changed(world.providers[0], address=NEW)]
        await asyncio.sleep(14)
        assert [address for _, address, _ in world.sent] == [SLOW, NEW, NEW, NEW, NEW]


PROVIDERS: dict[str, tuple[dict[str, Any] | None, str]] = {
    "is gone": (None, 'failed to read provider: Provider.notification.toolkit.fluxcd.io "chat" not found'),
    "is suspended": ({"suspend": True}, ""),
    "is of another type": ({"type": "pagerduty"}, "became one of type pagerduty while the event waited for it"),
}


@pytest.mark.parametrize(("spec", "told"), PROVIDERS.values(), ids=PROVIDERS)
def test_nothing_that_waits_goes_to_a_provider_that(spec: dict[str, Any] | None, told: str) -> None:
    @in_virtual_time
    async def check() -> None:
        world = World([scene.alert()], [scene.provider(address=SLOW)], slow={SLOW: 10})
        async with notifying(world) as notifier:
            await post(notifier, event("a"))
            await post(notifier, event("b"))
            await asyncio.sleep(1)
            world.providers = [] if spec is None else [changed(world.providers[0], **spec)]
        assert len(world.sent) == 1
        assert [each.message.partition("apps/b: ")[2].endswith(told) for each in world.told] == [True] * bool(told)

    check()


def of_runs(uid: str = "uid-all", **spec: Any) -> Alert:
    alert = scene.alert(annotations={grouping.ANNOTATION: "run"}, **spec)
    return msgspec.structs.replace(alert, metadata=msgspec.structs.replace(alert.metadata, uid=uid))


ALERTS: dict[str, list[Alert]] = {
    "is deleted": [],
    "is suspended": [of_runs(suspend=True)],
    "is another one of the same name": [of_runs(uid="uid-new")],
}


@pytest.mark.parametrize("alerts", ALERTS.values(), ids=ALERTS)
def test_what_was_gathered_goes_nowhere_when_its_alert(alerts: list[Alert]) -> None:
    @in_virtual_time
    async def check() -> None:
        world = World([of_runs()], [scene.provider()])
        async with notifying(world) as notifier:
            await post(notifier, event("a"))
            await post(notifier, event("b"))
            world.alerts = alerts
            await asyncio.sleep(15)
        assert (world.sent, world.told) == ([], [])

    check()


@in_virtual_time
async def test_what_was_gathered_goes_to_the_provider_that_the_alert_names_now() -> None:
    world = World([of_runs()], [scene.provider(), scene.provider("other", address=NEW)])
    async with notifying(world) as notifier:
        await post(notifier, event("a"))
        world.alerts = [of_runs(providerRef={"name": "other"})]
        await asyncio.sleep(15)
        assert [address for _, address, _ in world.sent] == [NEW]


@pytest.mark.parametrize(
    ("providers", "cause"),
    [([], "not found"), ([scene.provider(type="pagerduty")], "take none that were")],
    ids=["the provider is gone", "the provider became one for incidents"],
)
def test_what_was_gathered_in_vain_is_told_on_the_alert(providers: list[Provider], cause: str) -> None:
    @in_virtual_time
    async def check() -> None:
        world = World([of_runs()], [scene.provider()])
        async with notifying(world) as notifier:
            await post(notifier, event("a"))
            world.providers = providers
            await asyncio.sleep(15)
        [told] = world.told
        assert told.reason == "NotificationDispatchFailed"
        assert told.message.endswith(cause)

    check()


@in_virtual_time
async def test_what_was_gathered_and_did_not_arrive_is_told_again() -> None:
    address = scene.provider().spec.address
    world = World([of_runs()], [scene.provider()], broken={address: "request failed with status code 500"})
    async with notifying(world, interval=0) as notifier:
        await post(notifier, event("a"))
        await asyncio.sleep(15)
        assert world.sent == []
        world.broken.clear()
        for _ in range(2):
            await post(notifier, event("a"))
            await asyncio.sleep(15)
    assert len(world.sent) == 1


@in_virtual_time
async def test_the_cluster_is_asked_for_labels_once_for_all_alerts() -> None:
    source = {"kind": "Kustomization", "name": "*", "matchLabels": {"team": "a"}}
    world = World([scene.alert(name, eventSources=[source]) for name in "abc"], [scene.provider()])
    async with notifying(world) as notifier:
        await post(notifier, event())
    assert world.asked == 1
    assert [told.reason for told in world.told] == ["SourceFetchFailed"] * 3


@in_virtual_time
async def test_a_flood_of_events_for_a_provider_that_hangs_leaves_memory_flat() -> None:
    world = World([scene.alert(), scene.alert("grouped", annotations={grouping.ANNOTATION: "1h"})], [scene.provider()])
    world.slow[scene.provider().spec.address] = 100
    sizes = []
    async with notifying(world) as notifier:
        tracemalloc.start()
        for number in range(1, 2001):
            await post(notifier, event(f"app-{number % 400}", f"{number} " * 2000))
            world.told.clear()
            if number % 500 == 0:
                await asyncio.sleep(0.1)
                sizes.append(tracemalloc.get_traced_memory()[0])
        tracemalloc.stop()
        world.slow.clear()
    first, *_, last = sizes
    # 1500 messages of about 10 KiB came in between; what may grow is the memory of which events came, up to its bound.
    assert last < first + (2 << 20), sizes


def kept(world: World, provider: str = "chat") -> list[tuple[str, str, str]]:
    return [(each.alert, each.name, each.cause) for each in world.journal.deliveries("apps", provider)]


@in_virtual_time
async def test_the_journal_keeps_what_arrived_and_what_did_not_and_why_the_last_first() -> None:
    world = World([scene.alert("a"), scene.alert("lost", providerRef={"name": "gone"})], [scene.provider()])
    async with notifying(world) as notifier:
        await post(notifier, event("web"))
        await notifier.flush()
        world.broken[scene.provider().spec.address] = "503 Service Unavailable"
        await post(notifier, event("api"))
    assert kept(world) == [("a", "api", "503 Service Unavailable"), ("a", "web", "")]
    assert [(alert, cause.partition(":")[0]) for alert, _, cause in kept(world, "gone")] == [
        ("lost", "failed to read provider"),
        ("lost", "failed to read provider"),
    ]


TRIED: dict[str, tuple[dict[str, Any], dict[str, Any], dict[str, str], str]] = {
    "it arrives": ({}, {}, {}, ""),
    "past the lists and the severity": ({"exclusionList": ["."], "eventSeverity": "error"}, {}, {}, ""),
    "it is refused": ({}, {}, {"https://hooks.example.com/services/T0": "404 Not Found"}, "404 Not Found"),
    "a suspended alert": ({"suspend": True}, {}, {}, "the Alert is suspended"),
    "a suspended provider": ({}, {"suspend": True}, {}, "the Provider is suspended"),
    "a provider that sets the status of commits": ({}, {"type": "github"}, {}, "are told of commits"),
    "no provider": ({"providerRef": {"name": "gone"}}, {}, {}, "failed to read provider"),
}


@pytest.mark.parametrize("case", TRIED)
@in_virtual_time
async def test_a_test_goes_to_the_alerts_provider_at_once_and_says_what_came_of_it(case: str) -> None:
    alert, provider, broken, cause = TRIED[case]
    mine = scene.alert("a", **alert)
    world = World([mine], [scene.provider(**provider)], broken=broken)
    async with notifying(world) as notifier:
        found = await notifier.test(mine, "olga")
    assert found.startswith(cause) if cause != "are told of commits" else cause in found
    assert [body["message"] for _, _, body in world.sent] == (
        ["olga sent this to see whether it arrives"] * (not cause)
    )
