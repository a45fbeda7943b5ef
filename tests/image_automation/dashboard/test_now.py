"""What the front page and the images say of objects: records, without a server's looks."""

from typing import Any

import pytest

from image_automation.dashboard.page import Knows
from image_automation.dashboard.scanned.lags import Lag
from tests.image_automation.dashboard.showing import HTML, JSON, Held, automation, condition, ready, shown, with_status
from tests.image_automation.dashboard.test_access import bearer
from tests.memory_cluster import MemoryCluster, image_policy, image_repository

SUSPENDED = {"suspend": True}


async def seen(path: str, *objects: dict[str, Any]) -> Any:
    cluster = MemoryCluster()
    for obj in objects:
        cluster.put(obj)
    async with shown(cluster) as client:
        return await (await client.get(path, headers=JSON)).json()


STANDINGS: dict[str, tuple[dict[str, Any], str]] = {
    "ready is counted only": (with_status(image_repository(), **ready()), "ready"),
    "Ready False is broken": (with_status(image_repository(), **ready("False")), "broken"),
    "stalled is broken": (
        with_status(image_repository(), conditions=[condition("Stalled", "True"), condition("Ready", "True")]),
        "broken",
    ),
    "not scanned for long is broken": (
        with_status(
            image_repository(),
            conditions=[condition("Ready", "True"), condition("image-automation.dev/ScanOverdue", "True")],
        ),
        "broken",
    ),
    "reconciling is in flight": (
        with_status(image_repository(), conditions=[condition("Reconciling", "True"), condition("Ready", "True")]),
        "working",
    ),
    "new is in flight": (image_repository(), "working"),
    "suspended is not broken": (with_status(image_repository(**SUSPENDED), **ready("False")), "suspended"),
}


@pytest.mark.parametrize("case", STANDINGS)
async def test_an_object_stands_where_its_conditions_put_it(case: str) -> None:
    obj, standing = STANDINGS[case]
    found = await seen("/", obj)
    lists = {name: len(listed) for name, listed in found.items() if name != "ready"}
    assert (lists, found.get("ready", 0)) == (({}, 1) if standing == "ready" else ({standing: 1}, 0))


async def test_tags_that_are_kept_and_markers_without_effect_need_a_person() -> None:
    kept = condition("image-automation.dev/TagsHeld", "True", "5 tags are gone")
    stray = condition("image-automation.dev/MarkersResolved", "False", "no effect: a.yaml:3")
    found = await seen(
        "/",
        with_status(image_repository(), conditions=[condition("Ready", "True"), kept]),
        automation(conditions=[condition("Ready", "True"), stray]),
    )
    assert [each["message"] for each in found["person"]] == ["5 tags are gone", "no effect: a.yaml:3"]


HELD = {
    "path": "a.yaml",
    "line": 3,
    "old": "1.0",
    "new": "1.1",
    "commit": "c" * 40,
    "by": "Ada",
    "setter": "default:app",
}
PUSH = {
    "commit": "d" * 40,
    "branch": "main",
    "changes": [{"path": "a.yaml", "line": 3, "setter": "default:app:tag", "old": "1.0", "new": "1.1"}],
}


async def test_a_held_update_names_the_place_and_who_took_it_back() -> None:
    found = await seen("/", automation(report={"held": [HELD]}, conditions=[condition("Ready", "True")]))
    assert found["held"] == [
        {
            "namespace": "default",
            "automation": "auto",
            "policy": "app",
            "path": "a.yaml",
            "line": 3,
            "old": "1.0",
            "new": "1.1",
            "reason": "TakenBack",
            "cause": "commit cccccccccccc by Ada took it back",
            "end": "image-automation unhold auto -n default a.yaml",
        }
    ]


async def test_an_update_that_waits_is_no_held_one() -> None:
    waits = HELD | {"commit": "", "by": "", "kind": "Frozen", "message": "frozen: the sale"}
    cluster = MemoryCluster()
    cluster.put(automation(report={"held": [waits]}, conditions=[condition("Ready", "True")]))
    async with shown(cluster) as client:
        found = await (await client.get("/", headers=JSON)).json()
        text = await (await client.get("/", headers=HTML)).text()
    assert [each["cause"] for each in found["waiting"]] == ["frozen: the sale"]
    assert "held" not in found
    assert "<code>1.1</code> is not written yet: frozen: the sale" in text
    assert 'href="/objects/ImageUpdateAutomation/default/auto"' in text


@pytest.mark.parametrize(("time", "shown_"), [("2026-01-01T11:00:00Z", True), ("2025-12-31T11:59:59Z", False)])
async def test_a_push_is_done_for_a_day(time: str, shown_: bool) -> None:
    pushed = automation(report={"push": PUSH}, lastPushCommit="d" * 40, lastPushTime=time, **ready())
    done = (await seen("/", pushed)).get("done", [])
    assert [each["first"] for each in done] == (["a.yaml:3: 1.0 → 1.1"] if shown_ else [])


async def test_an_image_shows_its_choice_and_where_it_was_written() -> None:
    repository = with_status(
        image_repository(),
        lastScanResult={"tagCount": 7, "scanTime": "2026-01-01T11:59:00Z", "revision": "r"},
        **ready(),
    )
    policy = with_status(
        image_policy(policy={"semver": {"range": "1.x"}}, filterTags={"pattern": "^v"}),
        latestRef={"name": "example.com/app", "tag": "1.1"},
        observedPreviousRef={"name": "example.com/app", "tag": "1.0"},
        **ready(),
    )
    found = await seen("/images", repository, policy, automation(report={"push": PUSH, "held": [HELD]}, **ready()))
    (image,) = found["images"]
    assert (image["image"], image["tag"], image["previous"], image["tags"]) == ("example.com/app", "1.1", "1.0", 7)
    assert image["rule"] == "semver 1.x, tags like ^v"
    assert image["automations"] == ["auto"]
    assert [(place["path"], place["line"]) for place in image["places"]] == [("a.yaml", 3)]
    assert image["held"] == 1


@pytest.mark.parametrize(
    ("query", "names"),
    [("", ["app", "web"]), ("?q=WEB", ["web"]), ("?is=working", ["app"]), ("?q=none", []), ("?q=default/a", ["app"])],
)
async def test_images_are_found_by_text_and_standing(query: str, names: list[str]) -> None:
    objects = (image_repository(), image_policy("app"), with_status(image_policy("web"), **ready()))
    found = await seen(f"/images{query}", *objects)
    assert [image["policy"] for image in found["images"]] == names
    assert found["total"] == 2


async def test_what_waits_for_its_window_stands_apart_from_what_waits_for_something_else() -> None:
    waits = {**HELD, "commit": "", "by": ""}
    held = [{**waits, "kind": "OutsideWindow"}, {**waits, "kind": "Frozen", "path": "b.yaml"}]
    found = await seen("/", automation(report={"held": held}, **ready()))
    assert [[each["reason"] for each in found[list_]] for list_ in ("outside", "waiting")] == [
        ["OutsideWindow"],
        ["Frozen"],
    ]


class Lagging:
    """Every policy that is asked about is behind its newest tag, which is too young."""

    def __init__(self) -> None:
        self.asked: list[tuple[str, str]] = []

    async def of(self, used: Any) -> list[Lag]:
        self.asked += [(policy.metadata.name, tag) for policy, tag in used]
        return [Lag(newer=2, since="2025-12-30T12:00:00Z", ageing="1.4", eligible="2026-01-02T12:00:00Z") for _ in used]


def chosen(name: str, **annotations: str) -> dict[str, Any]:
    made = with_status(image_policy(name), **ready(), latestRef={"name": "example.com/app", "tag": "1.1"})
    made["metadata"]["annotations"] = {f"image-automation.dev/{key}": text for key, text in annotations.items()}
    return made


async def lagging(path: str, *objects: dict[str, Any]) -> tuple[Any, Lagging]:
    cluster, lags = MemoryCluster(), Lagging()
    for obj in objects:
        cluster.put(obj)
    holders = {"ada": Held("ada", rules=frozenset({("*", "*", "*")}))}
    async with shown(cluster, knows=Knows(lags=lags), holders=holders) as client:
        return await (await client.get(path, headers=bearer("ada"))).json(), lags


async def test_what_is_too_young_is_told_with_its_end_and_may_be_allowed() -> None:
    found, _ = await lagging("/", chosen("app", **{"minimum-age": "72h"}), chosen("plain"))
    assert found["ageing"] == [
        {
            "namespace": "default", "policy": "app", "tag": "1.4", "eligible": "2026-01-02T12:00:00Z", "chosen": "1.1",
            "acts": [
                {"act": "allow", "kind": "ImagePolicy", "namespace": "default", "name": "app", "tag": "1.4"}
            ],
        }
    ]  # fmt: skip


async def test_an_image_tells_how_far_what_is_written_is_behind_where_something_holds_it_back() -> None:
    held = {**HELD, "setter": "default:held", "old": "example.com/app:1.0@sha256:aa", "new": "example.com/app:1.1"}
    pinned = chosen("pinned", pin='{"tag": "1.1"}')
    objects = (chosen("plain"), pinned, chosen("held"), automation(report={"held": [held]}, **ready()))
    found, lags = await lagging("/images", *objects)
    assert lags.asked == [("held", "1.0"), ("pinned", "1.1")]
    assert [(each["policy"], each.get("lag", {}).get("newer", 0)) for each in found["images"]] == [
        ("held", 2),
        ("pinned", 2),
        ("plain", 0),
    ]
