"""What was written, what waits and what people stopped: records of the automations' reports and of annotations."""

import json
from typing import Any

from tests.image_automation.dashboard.test_lineage import OLD, PUSH, SHA, automation, policy, seen

HOLD = {"path": "apps/web.yaml", "line": 7, "old": "app:1.0", "new": "app:1.1", "setter": "default:app"}
WAITING = {**HOLD, "kind": "OutsideWindow", "message": "outside its window", "until": "2026-01-01T20:00:00Z"}


def reporting(**report: Any) -> dict[str, Any]:
    made = automation()
    made["metadata"]["annotations"] = {"image-automation.dev/report": json.dumps({"push": PUSH, **report})}
    return made


def annotated(obj: dict[str, Any], **annotations: str) -> dict[str, Any]:
    prefixed = {f"image-automation.dev/{name}": text for name, text in annotations.items()}
    metadata = obj["metadata"]
    return {**obj, "metadata": {**metadata, "annotations": {**metadata.get("annotations", {}), **prefixed}}}


async def test_a_commit_is_shown_with_its_values_and_who_let_it_through() -> None:
    granted = {"policy": "app", "tag": "1.1", "verdict": "approved", "by": "jane", "reason": "seen on staging"}
    found = await seen(reporting(push={**PUSH, "grants": [granted]}), path="/changes")
    change = found["changes"][0]
    assert (change["commit"], change["branch"], change["time"]) == (SHA, "main", "2026-01-01T11:55:00Z")
    assert change["values"] == [
        {"path": "apps/web.yaml", "line": 7, "policy": "app", "old": "app:1.0", "new": "app:1.1"}
    ]
    assert change["grants"] == ["approved app 1.1 by jane: seen on staging"]


async def test_a_push_that_never_arrived_is_not_told_as_a_change() -> None:
    found = await seen(reporting(push={**PUSH, "commit": OLD}), path="/changes")
    assert "values" not in found["changes"][0]


async def test_a_pull_request_is_linked_over_https_alone() -> None:
    kept = {"branch": "b", "scope": "s", "number": 4, "title": "<b>Update</b>", "url": "javascript:alert(1)"}
    other = {**kept, "number": 5, "url": "https://git.example.com/pulls/5", "note": "its checks fail"}
    page = await seen(reporting(pullRequests=[kept, other]), path="/changes", html=True)
    assert "javascript:" not in page
    assert '<a href="https://git.example.com/pulls/5" rel="noreferrer noopener external">#5' in page
    assert "#4 &lt;b&gt;Update&lt;/b&gt;" in page
    assert "its checks fail" in page


async def test_what_fails_with_a_commit_and_what_became_of_a_rollback_are_told() -> None:
    recovery = {"verdict": "wait", "failing": "Kustomization/apps", "message": "waits", "cause": "others fail too"}
    answer = {"request": "r", "message": "rolled back to app:1.0", "commit": OLD}
    found = await seen(reporting(recovery=recovery, answer=answer), path="/changes")
    change = found["changes"][0]
    assert change["recovery"] == "Kustomization/apps: waits: others fail too"
    assert change["answer"] == "rolled back to app:1.0"


async def test_what_waits_and_what_is_held_are_told_apart_with_what_ends_them() -> None:
    found = await seen(reporting(held=[{**HOLD, "commit": OLD, "by": "Jane"}, WAITING]), path="/holds")
    assert [(each["reason"], each["until"]) for each in found["waiting"]] == [("OutsideWindow", "2026-01-01T20:00:00Z")]
    assert [each["end"] for each in found["held"]] == ["image-automation unhold auto -n default apps/web.yaml"]


async def test_pins_and_freezes_are_told_until_they_are_over() -> None:
    pinned = annotated(policy(), pin='{"tag": "1.0", "until": "2026-01-02T00:00:00Z", "by": "jane"}')
    frozen = annotated(automation(), freeze="{reason: holidays, until: 2026-01-03T00:00:00Z}")
    found = await seen(pinned, frozen, path="/holds")
    assert [(each["text"], each["end"]) for each in (*found["pinned"], *found["frozen"])] == [
        ("pinned to 1.0 until 2026-01-02T00:00:00Z by jane", "image-automation unpin app -n default"),
        ("frozen until 2026-01-03T00:00:00Z: holidays", "image-automation unfreeze auto -n default"),
    ]
    over = annotated(automation(), freeze="{reason: holidays, until: 2025-01-03T00:00:00Z}")
    assert await seen(over, path="/holds") == {}


async def test_a_namespace_that_is_frozen_stands_there_once_however_many_say_so() -> None:
    stop = {"scope": "Namespace", "name": "default", "message": "frozen with namespace default: audit"}
    over = {**stop, "scope": "Installation", "name": "flux-system", "until": "2025-01-03T00:00:00Z"}
    two, late = reporting(frozen=stop), reporting(frozen=over)
    two["metadata"] = {**two["metadata"], "name": "two"}
    late["metadata"] = {**late["metadata"], "name": "late"}
    found = await seen(reporting(frozen=stop), two, late, path="/holds")
    assert [(each["kind"], each["text"], each["end"]) for each in found["frozen"]] == [
        ("Namespace", stop["message"], "image-automation unfreeze --whole-namespace -n default")
    ]


async def test_a_freeze_that_is_misread_stands_there_as_what_it_is() -> None:
    found = await seen(annotated(policy(), freeze="{why: holidays}"), path="/holds")
    assert "why" in found["frozen"][0]["text"]
    assert found["frozen"][0]["end"] == "kubectl annotate imagepolicy app -n default image-automation.dev/freeze-"
    page = await seen(annotated(policy(), freeze="{why: <b>}"), path="/holds", html=True)
    assert "<b>}" not in page


async def test_a_command_that_is_shown_is_safe_to_paste_whatever_a_repository_calls_its_files() -> None:
    hold = {**HOLD, "path": "a.yaml; rm -rf ~", "commit": OLD, "by": "Jane"}
    found = await seen(reporting(held=[hold]), path="/holds")
    assert found["held"][0]["end"] == "image-automation unhold auto -n default 'a.yaml; rm -rf ~'"
