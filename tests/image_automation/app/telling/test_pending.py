"""Digests of what waits: when they are due, for whom, and what they say."""

from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
import pytest

from gotk.api import extensions
from gotk.api.image import ImagePolicy, ImageUpdateAutomation
from image_automation import report
from image_automation.app.telling import pending
from image_automation.app.telling.pending import Digests, Pending
from image_automation.notification.notice import Notice
from image_automation.report import Held, Report
from policies.age import Ageing
from tests.image_automation.automating import Store, automation, policy
from tests.image_automation.notification import scene

NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)
HELD = Held(
    path="apps/web.yaml", line=5, old="1.0", new="1.1", setter="apps:web:tag", kind="OutsideWindow",
    message="the window opens at 13:00", since="2026-01-01T10:00:00Z",
)  # fmt: skip
SOURCES = [{"kind": "ImageUpdateAutomation", "name": "*"}]
TOLD = (
    "1 update pending:\napps/auto:\n- apps/web.yaml:5: policy web: 1.0 stays, 1.1 is not written yet: "
    "the window opens at 13:00 (since 2026-01-01T10:00:00Z)"
)


class Time:
    """A clock that stands until it is put forward."""

    def __init__(self) -> None:
        self.moment = NOON

    def now(self) -> datetime:
        return self.moment

    def monotonic(self) -> float:
        return 0.0

    async def sleep(self, seconds: float) -> None:
        raise AssertionError(seconds)


def alert(at: str = "0 13 * * *", tell: str = "pending", **spec: Any) -> Any:
    annotations = {extensions.TELL: tell, extensions.TELL_AT: at}
    return scene.alert(annotations=annotations, **{"eventSources": SOURCES, **spec})


def holding(*held: Held) -> ImageUpdateAutomation:
    made = automation()
    annotations = {extensions.REPORT: report.write(Report(held=held)) or "{}"}
    return msgspec.structs.replace(made, metadata=msgspec.structs.replace(made.metadata, annotations=annotations))


class World:
    """Objects, a clock, and what was sent and complained of."""

    def __init__(self, *objects: Any, **settings: bool) -> None:
        self.store, self.clock = Store(*objects), Time()
        self.sent: list[str] = []
        self.complaints: list[str] = []
        self.ageing: dict[str, Ageing] = {}
        self.digests = Digests(
            objects=self.store, age=self._age, send=self._send, complain=lambda _, cause: self.complaints.append(cause),
            clock=self.clock, **{"no_cross_namespace_refs": False, **settings},
        )  # fmt: skip

    def _send(self, _: Any, notice: Notice) -> None:
        self.sent.append(notice.message)

    async def _age(self, policy: ImagePolicy) -> Ageing | None:
        return self.ageing.get(policy.metadata.name)

    async def after(self, **span: float) -> list[str]:
        """Look after some time, and return what was sent."""
        before = len(self.sent)
        self.clock.moment += timedelta(**span)
        await self.digests.look()
        return self.sent[before:]


async def test_what_waits_is_told_when_it_is_time_and_once():
    world = World(alert(), holding(HELD))
    assert await world.after(minutes=59) == []
    assert await world.after(minutes=2) == [TOLD]
    assert await world.after(minutes=1) == []
    assert len(await world.after(days=3)) == 1


async def test_a_time_is_by_the_clock_of_its_zone():
    world = World(alert("0 14 * * 1-5 Europe/Berlin"), holding(HELD))
    assert len(await world.after(hours=1)) == 1


@pytest.mark.parametrize(
    "told",
    [
        alert(tell=""),
        alert(tell="reached"),
        alert(suspend=True),
        alert(eventSeverity="error"),
        alert(eventSources=[{"kind": "ImageUpdateAutomation", "name": "other"}]),
        alert(eventSources=[{**SOURCES[0], "matchLabels": {"team": "a"}}]),
    ],
)
async def test_who_does_not_ask_for_it_is_not_told(told: Any):
    assert await World(told, holding(HELD)).after(hours=2) == []


async def test_where_nothing_waits_nothing_is_sent():
    assert await World(alert(), holding(), automation("idle")).after(hours=2) == []


async def test_other_namespaces_are_left_out_where_references_may_not_cross():
    told = alert(eventSources=[{**SOURCES[0], "namespace": "apps"}])
    far = msgspec.structs.replace(told, metadata=msgspec.structs.replace(told.metadata, namespace="far"))
    assert await World(far, holding(HELD), no_cross_namespace_refs=True).after(hours=2) == []
    assert len(await World(far, holding(HELD)).after(hours=2)) == 1


@pytest.mark.parametrize(
    ("at", "cause"),
    [
        ("", "'' is no time: write five fields of cron, such as 0 9 * * 1-5 Europe/Berlin"),
        ("9:00", "'9:00' is no time: write five fields of cron, such as 0 9 * * 1-5 Europe/Berlin"),
        ("0 9 * * * Mars", "timeZone 'Mars' is none that is known: write one such as Europe/Berlin"),
        ("* 9 * * *", "'* 9 * * *' begins at more than one minute of an hour: write one minute"),
    ],
)
async def test_a_time_that_is_none_is_told_on_the_alert_once(at: str, cause: str):
    world = World(alert(at), holding(HELD))
    assert (await world.after(hours=1), await world.after(hours=1)) == ([], [])
    assert world.complaints == [f"image-automation.dev/tell-at: {cause}"]


def test_a_long_digest_is_cut():
    many = [msgspec.structs.replace(HELD, line=n) for n in range(60)]
    notice = pending.digest(alert(), [Pending(holding(*many))], NOON)
    assert notice is not None
    assert notice.message.startswith("60 updates pending:\n")
    assert notice.message.endswith("\n… and 11 more lines")


def asking_age(name: str, **labels: str) -> ImagePolicy:
    made = policy(name, f"a/{name}", "1.0", **labels)
    annotations = {extensions.MINIMUM_AGE: "72h"}
    return msgspec.structs.replace(made, metadata=msgspec.structs.replace(made.metadata, annotations=annotations))


async def test_what_is_too_young_is_told_with_its_end_beside_everything_that_waits():
    kinds = ["OutsideWindow", "Frozen", "AwaitingApproval", "GroupIncomplete", "TakenBack", "Quarantined", "Rejected"]
    held = [msgspec.structs.replace(HELD, kind=kind, message=kind, line=n) for n, kind in enumerate(kinds)]
    world = World(alert(), holding(*held), asking_age("web"), asking_age("idle"), policy("any", "a/any", "1.0"))
    ageing = Ageing("1.2", NOON + timedelta(hours=30))
    world.ageing = {"web": ageing, "any": ageing}
    (told,) = await world.after(hours=2)
    assert told.startswith("8 updates pending:\napps/auto:\n")
    assert all(f": {kind} (since " in told for kind in kinds)
    assert told.endswith("\n- policy web: 1.2 is too young: eligible in 1d 4h, at 2026-01-02T18:00:00Z")


def test_a_pull_request_that_wants_reviews_is_told_and_one_that_does_not_is_none():
    shown = {"branch": "up", "scope": "web", "title": "Update web", "url": "https://github.com/org/fleet/pull/1"}
    wanting = report.PullRequest(
        **shown,
        number=1,
        note="awaiting approval: 1 of 2 approvals (ann)",
        choices=("c",),
        since="2026-01-01T10:00:00Z",
    )
    plain = report.PullRequest(**shown, number=2, note="it waits for checks: ci/test")
    made = automation()
    text = report.write(Report(pull_requests=(wanting, plain)))
    metadata = msgspec.structs.replace(made.metadata, annotations={extensions.REPORT: text or ""})
    notice = pending.digest(alert(), [Pending(msgspec.structs.replace(made, metadata=metadata))], NOON)
    assert notice is not None
    assert notice.message == (
        "1 update pending:\napps/auto:\n- pull request #1 Update web https://github.com/org/fleet/pull/1: "
        "awaiting approval: 1 of 2 approvals (ann) (since 2026-01-01T10:00:00Z)"
    )


async def test_of_policies_that_an_automation_does_not_follow_nothing_is_told():
    selector = {"matchLabels": {"team": "a"}}
    world = World(alert(), automation(policySelector=selector), asking_age("web"), asking_age("api", team="a"))
    world.ageing = {name: Ageing("1.2", NOON + timedelta(hours=30)) for name in ("web", "api")}
    (told,) = await world.after(hours=2)
    assert told == (
        "1 update pending:\napps/auto:\n- policy api: 1.2 is too young: eligible in 1d 4h, at 2026-01-02T18:00:00Z"
    )
