"""What was rolled out: the tree with the health of each object, history, events, and what a failing pod said last."""

from typing import Any

import pytest

from image_automation.dashboard.page import Departed, Drift, Knows
from image_automation.dashboard.rollouts import applied
from tests.image_automation.dashboard.rollouts.cluster import (
    crashing,
    deployment,
    event,
    kustomization,
    log,
    plain,
    release,
)
from tests.image_automation.dashboard.showing import HTML, JSON, Held, shown
from tests.memory_cluster import MemoryCluster

PATH = "/rollouts/Kustomization/default/apps"
READER = {(verb, plural, "default") for verb in ("get", "list") for plural in ("kustomizations", "deployments")}
EVERYTHING = {"full": Held("ada", rules=frozenset({("*", "*", "*")}))}


async def seen(
    *objects: dict[str, Any],
    path: str = PATH,
    who: str = "",
    holders: dict[str, Held] | None = None,
    html: bool = False,
) -> Any:
    cluster = MemoryCluster()
    for obj in objects:
        cluster.put(obj)
    headers = (HTML if html else JSON) | ({"Authorization": f"Bearer {who}"} if who else {})
    async with shown(cluster, holders=holders or EVERYTHING) as client:
        answer = await client.get(path, headers=headers)
        assert answer.status == 200, await answer.text()
        return await answer.text() if html else await answer.json()


def leaves(objects: list[dict[str, Any]], depth: int = 0) -> list[tuple[int, str, str, str]]:
    found = []
    for each in objects:
        found.append((depth, each["kind"], each["name"], each["standing"]))
        found += leaves(each.get("below", []), depth + 1)
    return found


async def test_what_is_broken_stands_first_with_its_revision_and_history() -> None:
    broken = kustomization("late", ready=("False", "timeout"), objects=[deployment()])
    found = await seen(kustomization(), release(), broken, path="/rollouts")
    listed = [(each["state"]["kind"], each["state"]["name"], each["last"]["good"]) for each in found["rollouts"]]
    assert listed == [("Kustomization", "late", False), ("Kustomization", "apps", True), ("HelmRelease", "db", True)]
    assert [each.get("objects", 0) for each in found["rollouts"]] == [1, 0, 0]
    assert found["rollouts"][2]["revision"] == "2.1.0"


@pytest.mark.parametrize(("query", "names"), [("?is=broken", ["late"]), ("?q=hElm", ["db"]), ("?q=none", [])])
async def test_rollouts_are_searched_and_narrowed(query: str, names: list[str]) -> None:
    objects = kustomization(), release(), kustomization("late", ready=("False", "timeout"))
    found = await seen(*objects, path=f"/rollouts{query}")
    assert ([each["state"]["name"] for each in found["rollouts"]], found["total"]) == (names, 3)


async def test_a_tree_shows_how_each_object_fares_and_what_those_of_ours_applied() -> None:
    web, stuck, gone = deployment(), deployment("stuck", available=0), plain("v1", "ConfigMap", "gone")
    inner = kustomization("inner", objects=[web, kustomization("apps")])
    outer = kustomization("apps", objects=[inner, stuck, gone])
    found = await seen(outer, inner, web, stuck)
    assert leaves(found["objects"]) == [
        (0, "Kustomization", "inner", "ready"),
        (1, "Deployment", "web", "ready"),
        (1, "Kustomization", "apps", "ready"),
        (0, "Deployment", "stuck", "working"),
        (0, "ConfigMap", "gone", "broken"),
    ]
    assert found["objects"][1]["message"] == "Available: 0/1"


async def test_of_another_cluster_nothing_is_asked_of_this_one() -> None:
    remote = kustomization(objects=[deployment()], kubeConfig={"secretRef": {"name": "other"}})
    found = await seen(remote, deployment())
    assert found["objects"][0]["message"] == "it is in another cluster"


async def test_a_large_tree_is_cut_and_says_by_how_much(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(applied, "_MOST", 2)
    found = await seen(kustomization(objects=[plain("v1", "ConfigMap", f"c{number}") for number in range(5)]))
    assert (len(found["objects"]), found["leftOut"], found["total"]) == (2, 3, 5)


async def test_a_failing_pod_shows_its_last_lines_and_a_running_one_does_not() -> None:
    web = deployment(available=0)
    objects = kustomization(objects=[web]), web, *crashing(web), log("web-5d8f", "default", "starting", "\x1b[31mno db")
    found = await seen(*objects, who="full")
    assert [(each["pod"], each["container"], each["reason"], each["lines"]) for each in found["failing"]] == [
        ("web-5d8f", "web", "CrashLoopBackOff", ["starting", "·[31mno db"])
    ]


async def test_without_logs_of_the_cluster_the_reason_is_told_alone() -> None:
    web = deployment(available=0)
    found = await seen(kustomization(objects=[web]), web, *crashing(web), who="full")
    assert [(each["reason"], each.get("lines"), each.get("note")) for each in found["failing"]] == [
        ("CrashLoopBackOff", None, None)
    ]


async def test_who_looks_around_sees_no_log_and_no_secret() -> None:
    web, secret = deployment(available=0), plain("v1", "Secret", "token")
    objects = kustomization(objects=[web, secret]), web, secret, *crashing(web), log("web-5d8f", "default", "secret")
    found = await seen(*objects)
    assert found["failing"][0]["note"] == "sign in to see this"
    assert (found["objects"][1]["health"], found["objects"][1]["message"]) == ("Unknown", "sign in to see this")


async def test_what_a_person_may_not_get_is_named_and_not_shown() -> None:
    web, service = deployment(), plain("v1", "Service", "web")
    holders = {"some": Held("sam", rules=frozenset(READER))}
    objects = kustomization(objects=[web, service]), web, service, event("Kustomization", "apps", "default", "late")
    found = await seen(*objects, who="some", holders=holders)
    assert [each["message"] for each in found["objects"] if "message" in each] == ["sam may not get services"]
    assert (found.get("events"), found["eventsNote"]) == (None, "sam may not list events")


async def test_history_and_events_say_how_it_came_about() -> None:
    other = event("HelmRelease", "apps", "default", "of another kind")
    other["metadata"]["name"] = "other"
    found = await seen(kustomization(), event("Kustomization", "apps", "default", "late"), other)
    assert [(each["what"][:20], each["status"], each["times"]) for each in found["history"]] == [
        ("main@sha1:9f3c2e7a1b", "ReconciliationSucceeded", 3),
        ("main@sha1:4ed1a90c77", "ReconciliationSucceeded", 3),
    ]
    assert [(each["message"], each["times"], each["warning"]) for each in found["events"]] == [("late", 3, True)]


async def test_a_release_tells_its_versions_and_what_becomes_of_drift() -> None:
    found = await seen(release(), path="/rollouts/HelmRelease/default/db")
    assert [(each["what"], each["good"]) for each in found["history"]] == [
        ("db.v4: db 2.1.0 (app 16.2)", True),
        ("db.v3: db 2.0.9 (app 16.2)", False),
    ]
    assert found["drift"] == "what others change is told and left at each run, every 10m0s"
    assert found["source"] == "HelmRepository/default/charts"


async def test_only_what_rolls_out_has_such_a_page() -> None:
    async with shown(MemoryCluster()) as client:
        assert (await client.get("/rollouts/ImagePolicy/default/app", headers=JSON)).status == 404
        assert (await client.get("/rollouts/Secret/default/app", headers=JSON)).status == 404
        assert (await client.get(PATH, headers=JSON)).status == 404


class Compared:
    """What others have changed, as who asks sees it."""

    async def of(self, obj: Any, who: tuple[str, ...], cluster: Any) -> Drift:
        departed = Departed(
            object=f"Deployment/default/{'.'.join(who)}", action="drifted", lines=("spec.replicas", "  - 1", "  + 2")
        )
        return Drift(revision=obj.status.last_applied_revision, departed=(departed,))


async def test_drift_is_looked_for_when_somebody_who_has_signed_in_asks() -> None:
    cluster = MemoryCluster()
    cluster.put(kustomization())
    full = {"Authorization": "Bearer full"}
    async with shown(cluster, holders=EVERYTHING, knows=Knows(drifts=Compared())) as client:

        async def seen(path: str, headers: dict[str, str]) -> Any:
            return await (await client.get(path, headers=headers)).json()

        plain = await seen(PATH, JSON | full)
        assert (plain["comparable"], plain.get("compared")) == (True, None)
        assert "compared" not in await seen(f"{PATH}?drift=1", JSON)
        found = await seen(f"{PATH}?drift=1", JSON | full)
        assert [each["object"] for each in found["compared"]["departed"]] == [
            "Deployment/default/ada.system:authenticated"
        ]
        page = await (await client.get(f"{PATH}?drift=1", headers=HTML | full)).text()
        assert '<span class="plus">  + 2' in page
