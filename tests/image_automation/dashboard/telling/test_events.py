"""Events, read as the person, by kind, namespace, reason and object; new ones are seen when they have arrived."""

import asyncio
from typing import Any

import pytest

from image_automation.dashboard.telling.heard import EVENTS, Heard
from tests.image_automation.dashboard.showing import JSON, Held, shown
from tests.image_automation.dashboard.test_access import bearer
from tests.memory_cluster import MemoryCluster, image_policy

LISTS = {("list", "imagepolicies", "*")}
HOLDERS = {
    "all": Held("olga", rules=frozenset({*LISTS, ("list", "events", "*")})),
    "red": Held("rita", rules=frozenset({*LISTS, ("list", "events", "red")})),
    "none": Held("ned", rules=frozenset(LISTS)),
}


def event(number: int, namespace: str, name: str, reason: str, **fields: Any) -> dict[str, Any]:
    return {
        "apiVersion": "v1",
        "kind": "Event",
        "metadata": {"name": f"{name}.{number}", "namespace": namespace},
        "involvedObject": {"kind": "ImagePolicy", "namespace": namespace, "name": name},
        "type": "Normal",
        "reason": reason,
        "message": f"message {number}",
        "lastTimestamp": f"2026-01-01T11:00:0{number}Z",
        "count": number,
        **fields,
    }


def cluster() -> MemoryCluster:
    made = MemoryCluster()
    for namespace in ("red", "blue"):
        made.put(image_policy("app", namespace))
    made.put(event(1, "red", "app", "Succeeded"))
    made.put(event(2, "red", "app", "Failed", type="Warning"))
    made.put(event(3, "blue", "other", "Succeeded"))
    stranger = {"kind": "Pod", "namespace": "red", "name": "app-0"}
    made.put(event(4, "red", "pod", "Killing", involvedObject=stranger))
    return made


async def seen(query: str = "", token: str = "all") -> Any:
    async with shown(cluster(), holders=HOLDERS) as client:
        return await (await client.get(f"/events{query}", headers=bearer(token))).json()


def numbers(found: Any) -> list[str]:
    return [each["message"].removeprefix("message ") for each in found.get("events", ())]


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("", ["3", "2", "1"]),
        ("?namespace=red", ["2", "1"]),
        ("?reason=Succeeded", ["3", "1"]),
        ("?kind=ImagePolicy&type=warning", ["2"]),
        ("?kind=Kustomization", []),
        ("?name=oth", ["3"]),
    ],
)
async def test_events_are_filtered_the_last_first(query: str, expected: list[str]) -> None:
    assert numbers(await seen(query)) == expected


async def test_one_may_choose_among_what_there_is() -> None:
    found = await seen("?reason=Failed")
    assert (found["kinds"], found["namespaces"], found["reasons"]) == (
        ["ImagePolicy"],
        ["blue", "red"],
        ["Failed", "Succeeded"],
    )
    assert (found["events"][0]["warning"], found["events"][0]["times"]) == (True, 2)


@pytest.mark.parametrize(
    ("token", "query", "expected", "problem"),
    [
        ("red", "", ["2", "1"], ""),
        ("red", "?namespace=blue", [], "rita may not list events"),
        ("none", "", [], "you may list the Events of no namespace that you see objects of"),
    ],
)
async def test_who_may_list_some_events_sees_those(token: str, query: str, expected: list[str], problem: str) -> None:
    found = await seen(query, token)
    assert (numbers(found), found.get("problem", "")) == (expected, problem)


async def test_an_event_is_seen_once_it_has_arrived() -> None:
    made, heard = cluster(), Heard()
    async with shown(made, heard=heard) as client:
        answer = await client.get("/events", headers={"Accept": "text/event-stream"})
        async with asyncio.timeout(20):
            while (await answer.content.readline()) != b"event: beat\n":
                pass
            made.put(event(5, "red", "app", "Progressing"))
            heard.tell(EVENTS)
            while b"message 5" not in await answer.content.readline():
                pass
        answer.close()


async def test_looking_around_shows_what_the_service_sees() -> None:
    async with shown(cluster()) as client:
        assert numbers(await (await client.get("/events", headers=JSON)).json()) == ["3", "2", "1"]
