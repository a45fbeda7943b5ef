"""Where alerts go and whether that arrives; who calls; and a test that somebody sends who may."""

from typing import Any

import pytest

from gotk.api.image import ImagePolicy
from gotk.api.notification import Alert, Provider, Receiver
from image_automation.dashboard.page import Knows
from image_automation.notification.journal import Journal
from tests.image_automation.dashboard.showing import JSON, Held, Noon, Told, ready, shown, with_status
from tests.image_automation.dashboard.test_access import bearer
from tests.memory_cluster import MemoryCluster, image_policy

KINDS = (ImagePolicy, Provider, Alert, Receiver)
SEEING = frozenset({("list", "*", "*")})
HOLDERS = {
    "operator": Held("olga", rules=SEEING | {("patch", "alerts", "apps")}),
    "narrow": Held("ned", rules=frozenset({("list", "providers", "apps"), ("list", "alerts", "apps")})),
}
TEST = {"act": "test", "kind": "Alert", "namespace": "apps", "name": "all"}


def notification(kind: str, name: str, spec: dict[str, Any]) -> dict[str, Any]:
    version = "v1" if kind == "Receiver" else "v1beta3"
    meta = {"name": name, "namespace": "apps"}
    return {"apiVersion": f"notification.toolkit.fluxcd.io/{version}", "kind": kind, "metadata": meta, "spec": spec}


def cluster() -> MemoryCluster:
    made = MemoryCluster()
    made.put(image_policy("web", "apps"))
    made.put(
        notification("Provider", "chat", {"type": "slack", "channel": "ops", "address": "https://hooks.example/x"})
    )
    sources = [{"kind": "ImagePolicy", "name": "*"}, {"kind": "Kustomization", "name": "*", "namespace": "prod"}]
    made.put(notification("Alert", "all", {"providerRef": {"name": "chat"}, "eventSources": sources}))
    made.put(notification("Alert", "lost", {"providerRef": {"name": "gone"}, "eventSources": sources[:1]}))
    resources = [{"kind": "ImageRepository", "name": "web"}]
    made.put(with_status(notification("Receiver", "hub", {"type": "dockerhub", "resources": resources}), **ready()))
    return made


def journal() -> Journal:
    made = Journal(Noon(), lambda: None)
    made.delivered(("apps", "chat"), alert="all", about=("ImagePolicy", "apps", "web"), reason="Succeeded")
    made.delivered(("apps", "chat"), alert="all", about=("Kustomization", "prod", "site"), reason="Failed", cause="503")
    made.called(("apps", "hub"), 200, woken=1)
    made.called(("apps", "hub"), 400, cause="the signature does not match")
    return made


async def test_each_provider_has_its_alerts_and_last_deliveries_and_each_receiver_its_calls() -> None:
    async with shown(cluster(), kinds=KINDS, knows=Knows(journal=journal())) as client:
        found = await (await client.get("/notifications", headers=JSON)).json()
    chat, gone = found["providers"]
    assert (chat["type"], chat["channel"], chat["state"]["standing"]) == ("slack", "ops", "ready")
    assert [alert["sources"] for alert in chat["alerts"]] == [["ImagePolicy apps/*", "Kustomization prod/*"]]
    assert [(each["reason"], each.get("cause", "")) for each in chat["deliveries"]] == [
        ("Failed", "503"),
        ("Succeeded", ""),
    ]
    assert ("state" in gone, [alert["state"]["name"] for alert in gone["alerts"]]) == (False, ["lost"])
    (hub,) = found["receivers"]
    assert [(call["status"], call.get("woken", 0), call.get("cause", "")) for call in hub["calls"]] == [
        (400, 0, "the signature does not match"),
        (200, 1, ""),
    ]


async def test_of_what_was_told_only_objects_are_named_that_one_may_see() -> None:
    async with shown(cluster(), kinds=KINDS, holders=HOLDERS, knows=Knows(journal=journal())) as client:
        found = await (await client.get("/notifications", headers=bearer("narrow"))).json()
        all_ = await (await client.get("/notifications", headers=bearer("operator"))).json()
    assert [each.get("name", "") for each in found["providers"][0]["deliveries"]] == ["", ""]
    assert "receivers" not in found
    assert [each.get("name", "") for each in all_["providers"][0]["deliveries"]] == ["", "web"]


class Sends:
    """Sends, or does not."""

    def __init__(self, cause: str = "") -> None:
        self.cause = cause
        self.sent: list[tuple[str, str]] = []

    async def test(self, alert: Alert, by: str) -> str:
        self.sent.append((alert.metadata.name, by))
        return self.cause


@pytest.mark.parametrize(("token", "offered", "status"), [("operator", True, 200), ("narrow", False, 403)])
async def test_who_may_change_an_alert_tests_it_and_an_event_says_so(token: str, offered: bool, status: int) -> None:
    tests, told = Sends(), Told()
    async with shown(cluster(), kinds=KINDS, holders=HOLDERS, told=told, knows=Knows(tests=tests)) as client:
        found = await (await client.get("/notifications", headers=bearer(token))).json()
        assert ("acts" in found["providers"][0]["alerts"][0]) == offered
        assert (await client.post("/act", data=TEST, headers=bearer(token))).status == status
    assert tests.sent == ([("all", "olga")] if offered else [])
    assert [each[3:5] for each in told] == ([("Tested", "olga sent a test in the dashboard")] if offered else [])


async def test_a_test_that_did_not_arrive_is_told_with_its_cause_and_leaves_no_event() -> None:
    told = Told()
    async with shown(cluster(), kinds=KINDS, holders=HOLDERS, told=told, knows=Knows(tests=Sends("404"))) as client:
        answer = await client.post("/act", data=TEST, headers=bearer("operator"))
        assert (answer.status, (await answer.json())["message"]) == (409, "it did not arrive: 404")
    assert told == []


async def test_a_process_without_alerts_sends_no_tests() -> None:
    async with shown(cluster(), kinds=KINDS, holders=HOLDERS) as client:
        answer = await client.post("/act", data=TEST, headers=bearer("operator"))
        assert "without the controller alert" in (await answer.json())["message"]
        found = await (await client.get("/notifications", headers=bearer("operator"))).json()
    assert "acts" not in found["providers"][0]["alerts"][0]


async def test_what_nothing_reconciles_is_in_order_as_it_is() -> None:
    async with shown(cluster(), kinds=KINDS, holders=HOLDERS) as client:
        found = await (await client.get("/objects/Alert/apps/all", headers=bearer("operator"))).json()
    assert (found["state"]["standing"], found["acts"]) == ("ready", ["suspend", "test"])
