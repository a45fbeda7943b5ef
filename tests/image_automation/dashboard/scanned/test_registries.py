"""Registries: how late scans are, how gently a host is asked, which lists are doubted, and what failed last."""

from collections.abc import Mapping
from typing import Any

from gotk.http.pace import Standing
from image_automation.dashboard.page import Knows
from tests.image_automation.dashboard.showing import JSON, Held, condition, ready, shown, with_status
from tests.memory_cluster import MemoryCluster, image_repository

CALM = Standing(most=10, limit=10, inside=0, waiting=0, pause=0.0)


class Asked:
    def __init__(self, **hosts: Standing) -> None:
        self.hosts = {name.replace("_", "."): standing for name, standing in hosts.items()}

    def standing(self) -> Mapping[str, Standing]:
        return self.hosts


def scanned(name: str, at: str = "2026-01-01T11:55:00Z", image: str = "", *said: dict[str, Any], **spec: Any) -> Any:
    obj = image_repository(name, image=image or f"example.com/{name}", **spec)
    status = ready()
    status["conditions"] += said
    return with_status(obj, **status, lastScanResult={"scanTime": at, "tagCount": 3, "revision": "r"})


async def seen(*objects: Any, asked: Asked | None = None, who: str = "", **more: Any) -> Any:
    cluster = MemoryCluster()
    for obj in objects:
        cluster.put(obj)
    headers = JSON | ({"Authorization": f"Bearer {who}"} if who else {})
    async with shown(cluster, knows=Knows(registries=asked), **more) as client:
        return await (await client.get("/registries", headers=headers)).json()


async def test_scans_that_are_due_since_long_are_late() -> None:
    late, fresh = scanned("late", "2026-01-01T11:30:00Z"), scanned("fresh")
    resting = scanned("resting", "2025-12-01T00:00:00Z", suspend=True)
    found = (await seen(late, fresh, resting, asked=Asked(example_com=CALM)))["hosts"][0]
    assert found["late"] == [{"namespace": "default", "name": "late", "due": "2026-01-01T11:40:00Z"}]
    assert (found["scanned"], found["stalest"]) == ("2026-01-01T11:55:00Z", "2026-01-01T11:30:00Z")
    assert (found["standing"], found["repositories"], found["suspended"], found["tags"]) == ("working", 3, 1, 9)


async def test_a_host_that_pushes_back_is_asked_more_gently_and_that_is_told() -> None:
    slow = Standing(most=10, limit=2, inside=2, waiting=4, pause=0.4)
    shut = Standing(most=10, limit=10, inside=0, waiting=0, pause=0.0, closed=93.0)
    objects = scanned("aa"), scanned("b", image="slow.example.com/bb"), scanned("c", image="shut.example.com/cc")
    asked = Asked(example_com=CALM, slow_example_com=slow, shut_example_com=shut)
    found = {each["host"]: each for each in (await seen(*objects, asked=asked))["hosts"]}
    assert [found[host]["standing"] for host in ("example.com", "slow.example.com", "shut.example.com")] == [
        "ready", "working", "broken",
    ]  # fmt: skip
    gentle = found["slow.example.com"]
    assert (gentle["atOnce"], gentle["most"], gentle["waiting"], gentle["pause"]) == (2, 10, 4, 0.4)
    assert found["shut.example.com"]["closedUntil"] == "2026-01-01T12:01:35Z"


async def test_doubtful_lists_and_failures_are_told_with_their_words() -> None:
    held = condition("image-automation.dev/TagsHeld", "True", "lacks 41 of 96 tags", "TagsLost")
    failed = with_status(image_repository("bad"), **ready("False", "401 Unauthorized"))
    found = (await seen(scanned("kept", "2026-01-01T11:55:00Z", "", held), failed))["hosts"][0]
    assert [(each["name"], each["message"]) for each in found["doubted"]] == [("kept", "lacks 41 of 96 tags")]
    assert [(each["name"], each["message"]) for each in found["failed"]] == [("bad", "401 Unauthorized")]
    assert found["standing"] == "broken"


async def test_a_process_that_scans_nothing_says_so() -> None:
    found = await seen(scanned("aa"))
    assert found["known"] is False
    assert "most" not in found["hosts"][0]


async def test_hosts_are_told_of_repositories_that_one_may_see() -> None:
    holders = {"team": Held("ada", rules=frozenset({("list", "imagerepositories", "default")}))}
    foreign = scanned("b", image="other.example.com/bb")
    foreign["metadata"]["namespace"] = "other"
    asked = Asked(example_com=CALM, other_example_com=CALM)
    found = await seen(scanned("aa"), foreign, asked=asked, who="team", holders=holders)
    assert [each["host"] for each in found["hosts"]] == ["example.com"]


async def test_an_image_that_is_no_name_has_no_host() -> None:
    assert [each["host"] for each in (await seen(scanned("aa", image="https://x/y")))["hosts"]] == [""]
