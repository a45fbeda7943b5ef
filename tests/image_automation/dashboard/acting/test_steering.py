"""Approve, reject, allow, release, freeze, pin, roll back: what the verbs write, as the person, told of in an event."""

import json
from typing import Any

import pytest

from gotk.api import extensions
from tests.image_automation.dashboard.showing import HTML, JSON, Held, Told, automation, ready, shown, with_status
from tests.image_automation.dashboard.test_access import SAME, bearer, cookie, sign_in
from tests.memory_cluster import MemoryCluster, image_policy

SEEING = frozenset({("list", "*", "*"), ("get", "*", "*")})
HOLDERS = {
    "operator": Held("olga", rules=SEEING | {("patch", "*", "default")}),
    "approver": Held("rita", rules=SEEING | {("patch", "imagepolicies", "default")}),
    "reader": Held("rob", rules=SEEING),
}
POLICY = {"kind": "ImagePolicy", "namespace": "default", "name": "app"}
AUTO = {"kind": "ImageUpdateAutomation", "namespace": "default", "name": "auto"}
COMMIT = "4ed1a90c77" * 4
TAKEN = {
    "path": "apps/app.yaml", "line": 3, "old": "app:1.2.0", "new": "app:1.3.0", "setter": "default:app",
    "commit": COMMIT,
}  # fmt: skip


def cluster(**annotations: str) -> MemoryCluster:
    made = MemoryCluster()
    policy = with_status(image_policy("app"), **ready(), latestRef={"name": "example.com/app", "tag": "1.3.0"})
    policy["metadata"]["annotations"] = annotations
    made.put(policy)
    made.put(
        automation(report={"held": [TAKEN]}, **ready(), lastPushCommit=COMMIT, lastPushTime="2026-01-01T11:00:00Z")
    )
    return made


def annotation(made: MemoryCluster, kind: str, name: str, of: str) -> Any:
    return made.objects[kind, "default", name]["metadata"]["annotations"].get(of)


DECIDED = {
    "approve": ("Approved", "approved 1.3.0", "image policy app: 1.3.0 is approved by olga: seen"),
    "reject": ("Rejected", "rejected 1.3.0", "image policy app: 1.3.0 is rejected by olga: seen"),
    "allow": (
        "Allowed",
        "let past what makes others wait 1.3.0",
        "image policy app: 1.3.0 is let past what makes others wait by olga: seen",
    ),
}


@pytest.mark.parametrize("act", DECIDED)
async def test_a_decision_is_the_persons_word_on_the_version(act: str) -> None:
    reason, did, said = DECIDED[act]
    made, told = cluster(), Told()
    async with shown(made, holders=HOLDERS, told=told) as client:
        form = {**POLICY, "act": act, "tag": "1.3.0", "reason": "seen"}
        answer = await client.post("/act", data=form, headers=bearer("operator"))
        assert (answer.status, (await answer.json())["said"]) == (200, [said])
    (written,) = json.loads(annotation(made, "ImagePolicy", "app", extensions.DECISIONS))
    known = {"at": "2026-01-01T12:00:00Z", "image": "example.com/app"}
    assert written == {"tag": "1.3.0", "verdict": act, "by": "olga", "reason": "seen", **known}
    message = f"olga {did} in the dashboard: seen"
    assert told == [("ImagePolicy", "default", "app", reason, message, {"user": "olga"})]


async def test_a_pin_is_written_with_its_end_and_taken_away_again() -> None:
    made, told = cluster(), Told()
    async with shown(made, holders=HOLDERS, told=told) as client:
        form = {**POLICY, "act": "pin", "tag": "1.2.0", "until": "72h", "reason": "slow"}
        answer = await client.post("/act", data=form, headers=bearer("operator"))
        assert (answer.status, (await answer.json())["said"]) == (
            200,
            [
                "image policy app is pinned to 1.2.0 until 2026-01-04T12:00:00Z by olga: slow",
                "1.2.0 is not among the tags that are known here: `get image policy app` says whether it is listed",
            ],
        )
        written = json.loads(annotation(made, "ImagePolicy", "app", extensions.PIN))
        assert written == {"tag": "1.2.0", "until": "2026-01-04T12:00:00Z", "by": "olga", "reason": "slow"}
        form = {**POLICY, "act": "unpin"}
        assert (await client.post("/act", data=form, headers=bearer("operator"))).status == 200
        again = await (await client.post("/act", data=form, headers=bearer("operator"))).json()
    assert annotation(made, "ImagePolicy", "app", extensions.PIN) is None
    assert again["said"] == ["image policy app is not pinned"]
    assert [each[3:5] for each in told] == [
        ("Pinned", "olga pinned it to 1.2.0 until 2026-01-04T12:00:00Z in the dashboard: slow"),
        ("Unpinned", "olga took its pin away in the dashboard"),
    ]


async def test_what_is_held_is_released_where_it_is_named() -> None:
    made, told = cluster(), Told()
    async with shown(made, holders=HOLDERS, told=told) as client:
        form = {**AUTO, "act": "unhold", "place": "apps/app.yaml"}
        said = (await (await client.post("/act", data=form, headers=bearer("operator"))).json())["said"]
    assert annotation(made, "ImageUpdateAutomation", "auto", extensions.UNHOLD) == f"{COMMIT[:12]}:apps/app.yaml"
    assert said == [f"apps/app.yaml: what commit {COMMIT[:12]} took back may come again"]
    assert told[0][3:5] == ("Released", "olga let through what was held in apps/app.yaml in the dashboard")


async def test_a_freeze_is_written_with_its_end_and_taken_away_again() -> None:
    made, told = cluster(), Told()
    async with shown(made, holders=HOLDERS, told=told) as client:
        form = {**AUTO, "act": "freeze", "until": "72h", "reason": "the sale"}
        frozen = await (await client.post("/act", data=form, headers=bearer("operator"))).json()
        written = json.loads(annotation(made, "ImageUpdateAutomation", "auto", extensions.FREEZE))
        form = {**AUTO, "act": "unfreeze"}
        thawed = await (await client.post("/act", data=form, headers=bearer("operator"))).json()
        again = await (await client.post("/act", data=form, headers=bearer("operator"))).json()
    end = "2026-01-04T12:00:00Z"
    assert written == {"reason": "the sale", "until": end, "by": "olga", "at": "2026-01-01T12:00:00Z"}
    assert annotation(made, "ImageUpdateAutomation", "auto", extensions.FREEZE) is None
    assert [answer["said"] for answer in (frozen, thawed, again)] == [
        [f"image update auto is frozen until {end} by olga: the sale"],
        ["image update auto is frozen no more"],
        ["image update auto is not frozen"],
    ]
    assert [each[3:5] for each in told] == [
        ("Frozen", f"olga froze it until {end} in the dashboard: the sale"),
        ("Unfrozen", "olga ended its freeze in the dashboard"),
    ]


async def test_a_rollback_is_asked_for_in_the_persons_name() -> None:
    made, told = cluster(), Told()
    async with shown(made, holders=HOLDERS, told=told) as client:
        form = {**AUTO, "act": "rollback", "policy": "app", "reason": "slow", "during_freeze": "on"}
        assert (await client.post("/act", data=form, headers=bearer("operator"))).status == 200
        twice = await client.post("/act", data=form, headers=bearer("operator"))
        assert (twice.status, "already" in (await twice.json())["message"]) == (409, True)
    asked = json.loads(annotation(made, "ImageUpdateAutomation", "auto", extensions.ROLLBACK))
    del asked["id"]
    assert asked == {"policy": "app", "by": "olga", "reason": "slow", "duringFreeze": True}
    assert told[0][3:5] == ("RollbackRequested", "olga asked for a rollback for app in the dashboard: slow")


@pytest.mark.parametrize(
    ("token", "form", "status", "cause"),
    [
        ("reader", {**POLICY, "act": "approve"}, 403, "you may not patch the ImagePolicy default/app"),
        ("approver", {**AUTO, "act": "rollback"}, 403, "you may not patch the ImageUpdateAutomation default/auto"),
        (
            "operator",
            {**AUTO, "act": "approve"},
            404,
            "no act approve of objects of kind ImageUpdateAutomation",
        ),
        ("operator", {**POLICY, "act": "unhold"}, 404, "there is no act unhold of objects of kind ImagePolicy"),
        ("operator", {**POLICY, "act": "allow", "tag": "1.3.0"}, 409, "Reason must be given"),
        ("operator", {**POLICY, "act": "pin", "reason": "slow"}, 409, "Tag must be given"),
        ("operator", {**POLICY, "act": "pin", "tag": "1/0"}, 409, "annotation image-automation.dev/pin: "),
        ("operator", {**POLICY, "act": "pin", "tag": "1.0", "until": "2020-01-01"}, 409, "is over already"),
        ("operator", {**POLICY, "act": "pin", "tag": "1.0", "until": "soon"}, 409, "'soon' is no time: write 2026"),
        ("operator", {**AUTO, "act": "unhold", "place": "apps/none.yaml"}, 409, "nothing is held in apps/none.yaml"),
        ("operator", {**AUTO, "act": "rollback", "to": "a\nb"}, 409, "every field is one line"),
        ("approver", {**AUTO, "act": "freeze", "reason": "why"}, 403, "you may not patch the ImageUpdateAutomation"),
        ("operator", {**POLICY, "act": "freeze"}, 404, "there is no act freeze of objects of kind ImagePolicy"),
        ("operator", {**AUTO, "act": "freeze"}, 409, "Reason must be given"),
        ("operator", {**AUTO, "act": "freeze", "reason": "why", "until": "2020-01-01"}, 409, "is over already"),
        ("operator", {**AUTO, "act": "freeze", "reason": "w" * 50_000}, 409, "is longer than "),
    ],
)
async def test_what_may_not_or_cannot_be_done_is_neither_done_nor_told(
    token: str, form: dict[str, str], status: int, cause: str
) -> None:
    made, told = cluster(), Told()
    async with shown(made, holders=HOLDERS, told=told) as client:
        answer = await client.post("/act", data=form, headers=bearer(token))
        assert (answer.status, cause in (await answer.json())["message"]) == (status, True)
    assert (made.patches, told) == ([], [])


async def test_a_page_asks_before_it_is_done_and_tells_what_was_done_once() -> None:
    made = cluster()
    async with shown(made, holders=HOLDERS) as client:
        known = {**HTML, **cookie(await sign_in(client, "operator"))}
        asked = {**POLICY, "act": "approve", "next": "/approvals"}
        page = await (await client.get("/act", params=asked, headers=known)).text()
        assert 'name="tag" value="1.3.0"' in page
        assert made.patches == []
        csrf = page.partition('name="csrf" value="')[2].partition('"')[0]
        form = {**asked, "tag": "1.3.0", "csrf": csrf, "reason": "seen"}
        done = await client.post("/act", data=form, headers={**known, **SAME}, allow_redirects=False)
        assert (done.status, done.headers["Location"]) == (303, "/approvals")
        said = "image policy app: 1.3.0 is approved by olga: seen"
        assert said in await (await client.get("/approvals", headers=known)).text()
        assert said not in await (await client.get("/holds", headers=known)).text()


async def test_nobody_decides_about_bytes_that_came_after_the_page_was_shown() -> None:
    made = cluster()
    ref = {"name": "example.com/app", "tag": "1.3.0", "digest": f"sha256:{'a' * 64}"}
    made.change("ImagePolicy", "default", "app", {"status": {"latestRef": ref}})
    async with shown(made, holders=HOLDERS) as client:
        known = {**HTML, **cookie(await sign_in(client, "operator"))}
        page = await (await client.get("/act", params={**POLICY, "act": "approve"}, headers=known)).text()
        csrf = page.partition('name="csrf" value="')[2].partition('"')[0]
        digest = page.partition('name="digest" value="')[2].partition('"')[0]
        assert digest == ref["digest"]
        made.change("ImagePolicy", "default", "app", {"status": {"latestRef": {"digest": f"sha256:{'b' * 64}"}}})
        form = {**POLICY, "act": "approve", "tag": "1.3.0", "digest": digest, "csrf": csrf}
        answer = await client.post("/act", data=form, headers={**known, **SAME})
        assert answer.status == 409
        assert "1.3.0 is another image than the one you were shown" in await answer.text()
    assert made.patches == []


async def test_what_cannot_be_done_is_said_above_the_form_that_keeps_its_words() -> None:
    made = cluster()
    async with shown(made, holders=HOLDERS) as client:
        known = {**HTML, **cookie(await sign_in(client, "operator"))}
        page = await (await client.get("/act", params={**POLICY, "act": "pin"}, headers=known)).text()
        csrf = page.partition('name="csrf" value="')[2].partition('"')[0]
        form = {**POLICY, "act": "pin", "tag": "1.0", "until": "soon", "reason": "<b>slow</b>", "csrf": csrf}
        answer = await client.post("/act", data=form, headers={**known, **SAME})
        text = await answer.text()
    assert answer.status == 409
    assert "&#39;soon&#39; is no time" in text
    assert 'value="&lt;b&gt;slow&lt;/b&gt;"' in text
    assert made.patches == []


@pytest.mark.parametrize(("token", "status"), [("reader", 403), (None, 303)])
async def test_who_may_not_is_not_even_asked(token: str | None, status: int) -> None:
    async with shown(cluster(), holders=HOLDERS) as client:
        known = {**HTML, **(cookie(await sign_in(client, token)) if token else {})}
        answer = await client.get("/act", params={**POLICY, "act": "approve"}, headers=known, allow_redirects=False)
        assert answer.status == status


OFFERED = {
    "operator": ["approve", "reject", "allow", "unhold"],
    "approver": ["approve", "reject", "allow"],
    "reader": [],
}


@pytest.mark.parametrize("token", OFFERED)
async def test_holds_offer_what_ends_them_to_who_may(token: str) -> None:
    made = cluster()
    waits = [{**TAKEN, "commit": "", "kind": kind} for kind in ("AwaitingApproval", "Frozen", "GroupIncomplete")]
    report = json.dumps({"held": [*waits, {**TAKEN, "kind": "TakenBack"}]})
    made.change("ImageUpdateAutomation", "default", "auto", {"metadata": {"annotations": {extensions.REPORT: report}}})
    async with shown(made, holders=HOLDERS) as client:
        found = await (await client.get("/holds", headers=bearer(token))).json()
    offered = [offer["act"] for hold in (*found["waiting"], *found["held"]) for offer in hold.get("acts", ())]
    assert offered == OFFERED[token]


@pytest.mark.parametrize(("token", "offered"), [("operator", ["freeze"]), ("approver", [])])
async def test_holds_name_what_may_be_frozen(token: str, offered: list[str]) -> None:
    async with shown(cluster(), holders=HOLDERS) as client:
        found = (await (await client.get("/holds", headers=bearer(token))).json()).get("freezable", [])
        page = await (await client.get("/holds", headers={**HTML, **cookie(await sign_in(client, token))})).text()
    assert [each["act"] for each in found] == offered
    assert page.count("/act?act=freeze&amp;kind=ImageUpdateAutomation&amp;") == len(offered)


@pytest.mark.parametrize(("token", "offered"), [("operator", ["unfreeze"]), ("approver", [])])
@pytest.mark.parametrize("text", ["{reason: the sale}", "{why: nobody can read this}"])
async def test_a_freeze_is_ended_beside_it_by_who_may(token: str, offered: list[str], text: str) -> None:
    made = cluster()
    made.change("ImageUpdateAutomation", "default", "auto", {"metadata": {"annotations": {extensions.FREEZE: text}}})
    async with shown(made, holders=HOLDERS) as client:
        (found,) = (await (await client.get("/holds", headers=bearer(token))).json())["frozen"]
        about = await (await client.get("/objects/ImageUpdateAutomation/default/auto", headers=bearer(token))).json()
    assert [offer["act"] for offer in found.get("acts", ())] == offered
    assert [act for act in about.get("acts", ()) if act == "unfreeze"] == offered


async def test_pages_offer_nothing_to_who_looks_around() -> None:
    async with shown(cluster(), holders=HOLDERS, free=True) as client:
        for path in ("/holds", "/changes", "/images/default/app", "/objects/ImagePolicy/default/app"):
            assert '"act' not in await (await client.get(path, headers=JSON)).text(), path


@pytest.mark.parametrize(
    ("token", "path", "acts"),
    [
        ("operator", "/objects/ImagePolicy/default/app", ["reconcile", "suspend", "approve", "reject", "allow", "pin"]),
        (
            "operator",
            "/objects/ImageUpdateAutomation/default/auto",
            ["reconcile", "suspend", "freeze", "unhold", "rollback"],
        ),
        ("approver", "/objects/ImageUpdateAutomation/default/auto", []),
    ],
)
async def test_an_objects_page_offers_its_acts(token: str, path: str, acts: list[str]) -> None:
    async with shown(cluster(), holders=HOLDERS) as client:
        assert (await (await client.get(path, headers=bearer(token))).json()).get("acts", []) == acts
