"""The pages of plans: what would be written, for whom the lines are, and the button that writes exactly that."""

import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from image_automation.dashboard.page import Knows
from image_automation.dashboard.plans import diffs
from tests.image_automation.automating import FILE
from tests.image_automation.dashboard.showing import HTML, JSON, Held, Told, shown
from tests.image_automation.planned import KINDS, Ground

PATH = "/plan/apps/auto"
READS = frozenset({(verb, "imageupdateautomations", "apps") for verb in ("get", "list")})
HOLDERS = {
    "full": Held("ada", rules=frozenset({("*", "*", "*")})),
    "reader": Held("bob", rules=READS | {("get", "gitrepositories", "apps")}),
    "narrow": Held("eve", rules=READS),
}


@asynccontextmanager
async def plans(folder: Path, told: Told | None = None, **spec: Any) -> AsyncIterator[tuple[Any, Ground]]:
    ground = Ground(folder, **spec)
    knows = Knows(plans=ground.planner)
    with ground.limiter:
        async with shown(ground.cluster, holders=HOLDERS, knows=knows, kinds=KINDS, told=told) as client:
            yield client, ground


async def get(client: Any, who: str = "", path: str = PATH) -> Any:
    headers = JSON | ({"Authorization": f"Bearer {who}"} if who else {})
    return await (await client.get(path, headers=headers)).json()


async def post(client: Any, who: str, plan: str, **headers: str) -> tuple[int, Any]:
    answer = await client.post(PATH, data={"plan": plan}, headers=JSON | {"Authorization": f"Bearer {who}"} | headers)
    return answer.status, await answer.json()


async def test_a_plan_shows_steps_places_and_the_lines_that_change(tmp_path: Path) -> None:
    async with plans(tmp_path) as (client, ground):
        found = await get(client, "full")
    assert (found["changes"], found["files"], found["branch"], found["base"]) == (1, 1, "main", ground.head)
    changed = [(line["sign"], line["text"].strip()[:16]) for line in found["diffs"][0]["lines"] if line["sign"] in "+-"]
    assert changed == [("-", "image: a/web:1.0"), ("+", "image: a/web:1.1")]
    assert found["writable"]


@pytest.mark.parametrize(
    ("who", "lines", "writable"), [("reader", True, False), ("narrow", False, False), ("", False, False)]
)
async def test_lines_are_for_who_may_get_the_repository(tmp_path: Path, who: str, lines: bool, writable: bool) -> None:
    async with plans(tmp_path) as (client, _):
        found = await get(client, who)
    assert (bool(found.get("diffs")), found.get("writable", False)) == (lines, writable)
    assert found["bumps"][0]["new"] == "1.1"
    assert ("note" in found) != lines


async def test_exactly_the_plan_is_written_and_an_event_says_who(tmp_path: Path) -> None:
    told = Told()
    async with plans(tmp_path, told, suspend=True) as (client, ground):
        status, done = await post(client, "full", (await get(client, "full"))["identity"])
        assert (status, done["commit"], done["user"]) == (200, ground.head, "ada")
        assert ground.text() == FILE.replace("a/web:1.0", "a/web:1.1")
        assert [(each[2], each[3], each[4].splitlines()[0]) for each in told] == [
            (
                "auto",
                "PlanApplied",
                f"ada applied a plan in the dashboard: pushed commit '{ground.head[:7]}' to branch 'main'",
            )
        ]
        after = await get(client, "full")
        assert "identity" not in after
        assert "writable" not in after


async def test_a_plan_that_has_moved_is_refused_with_a_word(tmp_path: Path) -> None:
    async with plans(tmp_path) as (client, ground):
        plan, before = (await get(client, "full"))["identity"], ground.head
        ground.choose("1.2")
        status, answer = await post(client, "full", plan)
        assert (status, ground.head) == (409, before)
        assert answer["message"].startswith("nothing was written: the branch, the choices or the files have moved")


async def test_whoever_does_not_say_which_plan_is_told_what_is_missing(tmp_path: Path) -> None:
    missing = "nothing was written: the field `plan` is missing, the identity of the plan you saw"
    async with plans(tmp_path) as (client, ground):
        before = ground.head
        status, answer = await post(client, "full", "")
        assert (status, answer["message"]) == (409, missing)
        known = JSON | {"Authorization": "Bearer full"}
        assert (await (await client.post(PATH, data={}, headers=known)).json())["message"] == missing
        assert ground.head == before


@pytest.mark.parametrize(("who", "status"), [("reader", 403), ("narrow", 403), ("unknown", 401)])
async def test_who_may_not_patch_the_automation_writes_nothing(tmp_path: Path, who: str, status: int) -> None:
    async with plans(tmp_path) as (client, ground):
        plan, before = (await get(client, "full"))["identity"], ground.head
        assert (await post(client, who, plan))[0] == status
        assert (await client.post(PATH, data={"plan": plan}, headers=JSON)).status == 401
        assert ground.head == before


async def test_the_form_needs_the_sessions_own_secret_and_comes_from_here(tmp_path: Path) -> None:
    async with plans(tmp_path) as (client, ground):
        same = {"Sec-Fetch-Site": "same-origin"}
        signed = await client.post("/login", data={"token": "full"}, headers=HTML | same, allow_redirects=False)
        cookie = {"Cookie": "; ".join(f"{each.key}={each.value}" for each in signed.cookies.values())}
        page = await (await client.get(PATH, headers=HTML | cookie)).text()
        plan, csrf = (re.search(rf'name="{name}" value="([^"]+)"', page) for name in ("plan", "csrf"))
        assert plan
        assert csrf
        form, before = {"plan": plan[1], "csrf": csrf[1]}, ground.head
        for data, headers in (({**form, "csrf": "x"}, same), (form, {"Sec-Fetch-Site": "cross-site"})):
            assert (await client.post(PATH, data=data, headers=HTML | cookie | headers)).status == 403
        assert ground.head == before
        stale = {**form, "plan": "0" * 24}
        refused = await client.post(PATH, data=stale, headers=HTML | cookie | same, allow_redirects=False)
        assert (refused.status, refused.headers["Location"], ground.head) == (303, f"{PATH}?moved=1", before)
        told = await (await client.get(f"{PATH}?moved=1", headers=HTML | cookie)).text()
        assert "Nothing was written" in told
        done = await client.post(PATH, data=form, headers=HTML | cookie | same, allow_redirects=False)
        assert (done.status, done.headers["Location"]) == (303, PATH)
        assert ground.head != before


async def test_what_cannot_be_planned_is_said_on_the_page(tmp_path: Path) -> None:
    async with plans(tmp_path) as (client, ground):
        ground.cluster.change("GitRepository", "apps", "fleet", {"spec": {"url": "file:///nowhere/at/all"}})
        assert "nowhere" in (await get(client, "full"))["problem"]


async def test_every_automation_is_listed_with_the_choices_it_has_not_seen(tmp_path: Path) -> None:
    async with plans(tmp_path, suspend=True) as (client, _):
        found = await get(client, path="/plan")
    assert [(each["state"]["name"], each["new"], each["state"]["standing"]) for each in found["plans"]] == [
        ("auto", 1, "suspended")
    ]


@pytest.mark.parametrize(("asks", "proposes"), [("{}", True), ("per: nothing", False)])
async def test_an_automation_that_proposes_is_told_apart(tmp_path: Path, asks: str, proposes: bool) -> None:
    async with plans(tmp_path) as (client, ground):
        wants = {"metadata": {"annotations": {"image-automation.dev/pull-request": asks}}}
        ground.cluster.change("ImageUpdateAutomation", "apps", "auto", wants)
        found = await get(client, path="/plan")
    assert found["plans"][0].get("proposes", False) == proposes


async def test_without_the_controller_there_is_no_plan(tmp_path: Path) -> None:
    ground = Ground(tmp_path)
    with ground.limiter:
        async with shown(ground.cluster, holders=HOLDERS, kinds=KINDS) as client:
            assert (await client.get(PATH, headers=JSON)).status == 404
            assert (await post(client, "full", "x"))[0] == 404


def test_a_diff_is_bounded_and_shows_no_control_characters() -> None:
    after = "".join(f"{number}\x1b[2J\n" for number in range(1000)).encode()
    found = diffs.of("a.yaml", b"", after)
    assert (len(found.lines), found.left_out) == (400, 601)
    assert found.lines[1].text == "0\\x1b[2J"
    assert len(diffs.of("a", b"", b"x" * 9000).lines[1].text) == 501
