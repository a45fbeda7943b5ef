"""What waits for people: how many of how many, until when, who said what; counted as the gate counts."""

import json
from typing import Any

import pytest

from gotk.api import extensions
from tests.image_automation.dashboard.showing import HTML, JSON, automation, ready, shown, with_status
from tests.memory_cluster import MemoryCluster, image_policy

HELD = {
    "path": "apps/app.yaml", "line": 3, "old": "app:1.2.0", "new": "app:1.3.0", "setter": "default:app",
    "kind": "AwaitingApproval", "message": "awaiting approval: 1 of 2 approvals (jane)",
    "since": "2026-01-01T10:00:00Z",
}  # fmt: skip
JANE = {"tag": "1.3.0", "verdict": "approve", "by": "jane", "at": "2026-01-01T11:00:00Z", "reason": "seen"}
OLD = {"tag": "1.2.0", "verdict": "reject", "by": "joe", "at": "2025-12-01T11:00:00Z"}


async def seen(path: str, *held: dict[str, Any], approvals: str = "2", everywhere: str = "") -> Any:
    cluster = MemoryCluster()
    policy = with_status(image_policy("app"), **ready(), latestRef={"name": "example.com/app", "tag": "1.3.0"})
    decided = json.dumps([OLD, JANE])
    policy["metadata"]["annotations"] = {extensions.APPROVALS: approvals, extensions.DECISIONS: decided}
    cluster.put(policy)
    auto = automation(report={"held": held}, **ready())
    auto["metadata"]["annotations"] |= {extensions.APPROVALS: everywhere} if everywhere else {}
    cluster.put(auto)
    async with shown(cluster) as client:
        return await (await client.get(path, headers=JSON)).json()


async def test_a_version_waits_with_its_count_its_deadline_and_every_word_on_it() -> None:
    asked = "{needed: 2, of: [jane, 'group:sre'], deadline: 48h, then: reject}"
    found = await seen("/approvals", HELD, {**HELD, "path": "b.yaml"}, approvals=asked, everywhere="1")
    (one,) = found["waiting"]
    assert (one["tag"], one["old"], one["places"]) == ("1.3.0", "app:1.2.0", ["apps/app.yaml:3", "b.yaml:3"])
    assert one["counts"] == [
        {
            "needed": 2, "given": 1, "of": ["jane", "group:sre"], "deadline": "2026-01-03T10:00:00Z", "then": "reject",
        },
        {"needed": 1, "given": 1},
    ]  # fmt: skip
    assert one["words"] == [{"by": "jane", "verdict": "approve", "at": "2026-01-01T11:00:00Z", "reason": "seen"}]
    assert [each["by"] for each in found["said"]] == ["jane", "joe"]


@pytest.mark.parametrize(
    ("kind", "list_", "standing"),
    [
        ("AwaitingApproval", "waiting", "waiting"),
        ("ApprovalOverdue", "waiting", "overdue"),
        ("Rejected", "rejected", "rejected"),
    ],
)
async def test_it_stands_where_its_gate_left_it(kind: str, list_: str, standing: str) -> None:
    found = await seen("/approvals", {**HELD, "kind": kind})
    assert [each["standing"] for each in found[list_]] == [standing]


async def test_what_waits_for_another_gate_waits_for_nobody() -> None:
    assert "waiting" not in await seen("/approvals", {**HELD, "kind": "OutsideWindow"})


async def test_the_front_page_has_it_among_what_needs_a_person_and_not_again_among_what_waits() -> None:
    found = await seen("/", HELD, {**HELD, "kind": "OutsideWindow", "path": "b.yaml"})
    assert [each["policy"] for each in found["approvals"]] == ["app"]
    assert [each["reason"] for each in found["outside"]] == ["OutsideWindow"]


async def test_an_annotation_that_cannot_be_read_has_its_cause_and_no_count() -> None:
    (one,) = (await seen("/approvals", {**HELD, "message": "cannot be read"}, approvals="many"))["waiting"]
    assert (one["cause"], "counts" in one) == ("cannot be read", False)


async def test_what_people_said_of_a_pull_request_is_among_their_words() -> None:
    voice = {"names": ["jane-dev"], "approves": True, "at": "2026-01-01T11:30:00Z", "sha": "abc"}
    cluster = MemoryCluster()
    pull = {"branch": "b", "scope": "", "number": 7, "voices": [voice]}
    cluster.put(automation(report={"pullRequests": [pull]}, **ready()))
    async with shown(cluster) as client:
        (said,) = (await (await client.get("/approvals", headers=JSON)).json())["said"]
    assert (said["by"], said["what"], said["commit"]) == ("jane-dev", "approved, in review", "abc")


async def test_a_pull_request_whose_reviews_count_says_what_it_waits_for_and_who_said_what() -> None:
    voice = {"names": ["jane-dev"], "approves": True, "at": "2026-01-01T11:30:00Z", "sha": "abc"}
    counts = {
        "branch": "b", "scope": "", "number": 7, "title": "Update app", "url": "https://forge.example/7",
        "note": "awaiting approval: 1 of 2 approvals (jane-dev)", "since": "2026-01-01T11:00:00Z", "voices": [voice],
    }  # fmt: skip
    plain = {"branch": "c", "scope": "", "number": 8, "title": "Another"}
    cluster = MemoryCluster()
    cluster.put(automation(report={"pullRequests": [counts, plain]}, **ready()))
    async with shown(cluster) as client:
        (one,) = (await (await client.get("/approvals", headers=JSON)).json())["reviews"]
        text = await (await client.get("/approvals", headers=HTML)).text()
    assert (one["number"], one["note"]) == (7, "awaiting approval: 1 of 2 approvals (jane-dev)")
    assert one["words"] == [{"by": "jane-dev", "verdict": "approve", "at": "2026-01-01T11:30:00Z"}]
    assert 'href="https://forge.example/7"' in text
