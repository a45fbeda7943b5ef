"""Which tags of each image run where, as far as somebody may list workloads, and for how long that is remembered."""

from typing import Any

import pytest

from image_automation.dashboard.page import Knows
from image_automation.dashboard.scanned.running import Running
from tests.image_automation.dashboard.showing import Held, Noon, ready, shown, with_status
from tests.image_automation.dashboard.test_access import Ticking, bearer
from tests.memory_cluster import MemoryCluster, image_policy, image_repository

SEES = {("list", "imagepolicies", "*"), ("list", "imagerepositories", "*")}
HOLDERS = {
    "all": Held("olga", rules=frozenset({*SEES, ("list", "*", "*")})),
    "red": Held("rita", rules=frozenset({*SEES, ("list", "deployments", "red")})),
    "none": Held("ned", rules=frozenset(SEES)),
}


def deployment(name: str, namespace: str, *images: str) -> dict[str, Any]:
    template = {"spec": {"containers": [{"image": image} for image in images]}}
    meta = {"name": name, "namespace": namespace}
    return {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": meta, "spec": {"template": template}}


def cluster() -> MemoryCluster:
    made = MemoryCluster()
    for namespace in ("red", "blue"):
        made.put(with_status(image_repository("app", namespace, image="docker.io/library/app"), **ready()))
        made.put(with_status(image_policy("app", namespace), **ready()))
    made.put(deployment("web", "red", "app:1.1", "side/car:2"))
    made.put(deployment("api", "red", "index.docker.io/library/app:1.1@sha256:" + "a" * 64))
    made.put(deployment("web", "blue", "library/app:1.0", "registry.example.com:5000/app"))
    return made


RUNS = {
    "all": [{"tag": "1.1", "times": 2, "workloads": ["Deployment/red/api", "Deployment/red/web"]},
            {"tag": "1.0", "times": 1, "workloads": ["Deployment/blue/web"]}],
    "red": [{"tag": "1.1", "times": 2, "workloads": ["Deployment/red/api", "Deployment/red/web"]}],
    "none": [],
}  # fmt: skip


@pytest.mark.parametrize("token", RUNS)
async def test_an_image_tells_its_tags_that_run_where_one_may_list_workloads(token: str) -> None:
    async with shown(cluster(), holders=HOLDERS, knows=Knows(running=Running(Noon()))) as client:
        found = await (await client.get("/images", headers=bearer(token))).json()
    assert [each.get("runs", []) for each in found["images"]] == [RUNS[token]] * 2


async def test_an_answer_holds_for_some_seconds() -> None:
    clock, made = Ticking(), cluster()
    async with shown(made, holders=HOLDERS, knows=Knows(running=Running(clock))) as client:

        async def tags() -> list[str]:
            found = await (await client.get("/images", headers=bearer("red"))).json()
            return [run["tag"] for run in found["images"][0]["runs"]]

        assert await tags() == ["1.1"]
        made.put(deployment("web", "red", "app:1.2"))
        assert await tags() == ["1.1"]
        clock.at += 15.0
        assert sorted(await tags()) == ["1.1", "1.2"]
