"""What one may do and where, as the cluster answers; namespaces without any right stay unnamed."""

from typing import Any

import pytest

from tests.image_automation.dashboard.showing import HTML, JSON, Held, shown
from tests.image_automation.dashboard.test_access import bearer
from tests.memory_cluster import MemoryCluster, image_policy

HOLDERS = {
    "admin": Held("admin", rules=frozenset({("*", "*", "*")})),
    "red": Held("rita", rules=frozenset({("list", "imagepolicies", "*"), ("patch", "imagepolicies", "red")})),
    "only": Held("olga", rules=frozenset({("patch", "imagepolicies", "red")})),
    "nothing": Held("ned"),
}


def cluster() -> MemoryCluster:
    made = MemoryCluster()
    for namespace in ("red", "blue"):
        made.put(image_policy("app", namespace))
    return made


def rights(found: Any, verb: str, kind: str) -> tuple[bool, list[str]]:
    (right,) = [each for each in found["rights"] if (each["verb"], each["kind"]) == (verb, kind)]
    return right.get("everywhere", False), right.get("namespaces", [])


@pytest.mark.parametrize(
    ("token", "lists", "patches", "namespaces"),
    [
        ("admin", (True, []), (True, []), ["blue", "red"]),
        ("red", (True, []), (False, ["red"]), ["blue", "red"]),
        ("only", (False, []), (False, ["red"]), ["red"]),
        ("nothing", (False, []), (False, []), []),
    ],
)
async def test_each_right_is_the_clusters_answer(
    token: str, lists: tuple[bool, list[str]], patches: tuple[bool, list[str]], namespaces: list[str]
) -> None:
    async with shown(cluster(), holders=HOLDERS) as client:
        found = await (await client.get("/access", headers=bearer(token))).json()
    assert rights(found, "list", "ImagePolicy") == lists
    assert rights(found, "patch", "ImagePolicy") == patches
    assert found.get("namespaces", []) == namespaces


async def test_who_looks_around_is_told_that_they_do_nothing() -> None:
    async with shown(cluster(), holders=HOLDERS) as client:
        found = await (await client.get("/access", headers=JSON)).json()
        assert not any(each.get("everywhere") or each.get("namespaces") for each in found["rights"])
        assert "You have not signed in" in await (await client.get("/access", headers=HTML)).text()
