"""What people do: with the cluster's leave, by a form of their own session, told of in an event."""

from typing import Any

import pytest

from tests.image_automation.dashboard.showing import HTML, JSON, Held, Told, ready, shown, with_status
from tests.image_automation.dashboard.test_access import SAME, bearer, cookie, sign_in
from tests.memory_cluster import MemoryCluster, image_policy, image_repository

SEEING = frozenset({("list", "*", "*")})
HOLDERS = {
    "operator": Held("olga", rules=SEEING | {("patch", "imagerepositories", "default")}),
    "reader": Held("rita", rules=SEEING),
}
ABOUT = {"kind": "ImageRepository", "namespace": "default", "name": "app"}
PATH = "/objects/ImageRepository/default/app"


def cluster(**spec: Any) -> MemoryCluster:
    made = MemoryCluster()
    made.put(with_status(image_repository("app", **spec), **ready()))
    made.put(image_policy("app"))
    return made


def patches(made: MemoryCluster) -> list[Any]:
    return [patch for _, _, patch in made.patches]


@pytest.mark.parametrize(
    ("act", "before", "patch", "reason", "said"),
    [
        (
            "reconcile",
            {},
            {"metadata": {"annotations": {"reconcile.fluxcd.io/requestedAt": "2026-01-01T12:00:00Z"}}},
            "ReconcileRequested",
            "olga asked for a run in the dashboard",
        ),
        ("suspend", {}, {"spec": {"suspend": True}}, "Suspended", "olga suspended it in the dashboard"),
        ("resume", {"suspend": True}, {"spec": {"suspend": None}}, "Resumed", "olga resumed it in the dashboard"),
    ],
)
async def test_an_act_is_a_patch_of_the_person_and_an_event(
    act: str, before: dict[str, Any], patch: dict[str, Any], reason: str, said: str
) -> None:
    made, told = cluster(**before), Told()
    async with shown(made, holders=HOLDERS, told=told) as client:
        answer = await client.post("/act", data={**ABOUT, "act": act}, headers=bearer("operator"))
        assert (answer.status, (await answer.json())["user"]) == (200, "olga")
    assert patches(made) == [patch]
    assert told == [("ImageRepository", "default", "app", reason, said, {"user": "olga"})]


@pytest.mark.parametrize(
    ("token", "form", "status"),
    [
        ("reader", {**ABOUT, "act": "suspend"}, 403),
        ("operator", {**ABOUT, "kind": "ImagePolicy", "act": "suspend"}, 403),
        ("operator", {**ABOUT, "namespace": "other", "act": "suspend"}, 403),
        ("operator", {**ABOUT, "name": "none", "act": "suspend"}, 404),
        ("operator", {**ABOUT, "act": "resume"}, 409),
        ("operator", {**ABOUT, "act": "delete"}, 404),
        ("operator", {**ABOUT, "kind": "Secret", "act": "suspend"}, 404),
        ("operator", {}, 404),
        ("unknown", {**ABOUT, "act": "suspend"}, 401),
    ],
)
async def test_what_may_not_be_done_is_neither_done_nor_told(token: str, form: dict[str, str], status: int) -> None:
    made, told = cluster(), Told()
    async with shown(made, holders=HOLDERS, told=told) as client:
        assert (await client.post("/act", data=form, headers=bearer(token))).status == status
    assert (patches(made), told) == ([], [])


async def test_what_the_cluster_refuses_after_all_is_not_told() -> None:
    made, told = cluster(), Told()
    holder = Held("olga", rules=HOLDERS["operator"].rules)
    async with shown(made, holders={"operator": holder}, told=told) as client:
        await client.get(PATH, headers=bearer("operator"))  # the answer of the review is remembered
        holder.rules = SEEING
        answer = await client.post("/act", data={**ABOUT, "act": "suspend"}, headers=bearer("operator"))
        assert (answer.status, "is forbidden" in (await answer.json())["message"]) == (403, True)
    assert (patches(made), told) == ([], [])


@pytest.mark.parametrize(
    ("headers", "secret", "status"),
    [
        (SAME, True, 303),
        (SAME, False, 403),
        ({"Sec-Fetch-Site": "cross-site"}, True, 403),
        ({"Sec-Fetch-Site": "same-site"}, True, 403),
        ({}, True, 403),
    ],
)
async def test_a_form_counts_with_its_sessions_secret_from_our_page(
    headers: dict[str, str], secret: bool, status: int
) -> None:
    made = cluster()
    async with shown(made, holders=HOLDERS) as client:
        known = cookie(await sign_in(client, "operator"))
        page = await (await client.get(PATH, headers={**HTML, **known})).text()
        csrf = page.partition('name="csrf" value="')[2].partition('"')[0] if secret else "guess"
        form = {**ABOUT, "act": "suspend", "csrf": csrf, "next": PATH}
        answer = await client.post("/act", data=form, headers={**HTML, **known, **headers}, allow_redirects=False)
    assert answer.status == status
    assert bool(patches(made)) == (status == 303)


async def test_nobody_does_anything_without_signing_in() -> None:
    made = cluster()
    async with shown(made, holders=HOLDERS, free=True) as client:
        assert (await client.post("/act", data={**ABOUT, "act": "suspend"}, headers={**JSON, **SAME})).status == 401
        assert "acts" not in await (await client.get(PATH, headers=JSON)).json()
    assert patches(made) == []


@pytest.mark.parametrize(
    ("token", "spec", "acts"),
    [
        ("operator", {}, ["reconcile", "suspend"]),
        ("operator", {"suspend": True}, ["resume"]),
        ("reader", {}, []),
    ],
)
async def test_a_page_offers_what_one_may_do_with_the_object(token: str, spec: dict[str, Any], acts: list[str]) -> None:
    async with shown(cluster(**spec), holders=HOLDERS) as client:
        found = await (await client.get(PATH, headers=bearer(token))).json()
    assert found.get("acts", []) == acts
