"""Every page: HTML and its record at one address, headers that browsers obey, hostile text as text."""

import functools
import json
from types import SimpleNamespace
from typing import Any

import pytest

from gotk.api import extensions
from image_automation.bumps import Bump
from image_automation.dashboard import server
from image_automation.dashboard.acting import rights
from image_automation.dashboard.page import Knows, Rendered
from image_automation.explanation import Explanation, TagVerdict
from image_automation.marked_files import Checkout, Listed, Mark, Opened, Writer
from image_automation.planner import Edited, Planned, Written
from image_automation.report import Ignored, Report
from tests.image_automation.dashboard.showing import HTML, JSON, condition, ready, shown, with_status
from tests.memory_cluster import MemoryCluster, image_policy, image_repository

PLACES = {
    "{kind}": "ImagePolicy",
    "{applier}": "Kustomization",
    "{namespace}": "default",
    "{name}": "app",
    "{policy}": "app",
    "{path:.+}": "apps/web.yaml",
}
PAGES = [functools.reduce(lambda path, part: path.replace(part, PLACES[part]), PLACES, page.path)
         for page in server.PAGES]  # fmt: skip
HOSTILE = '"><script>alert(1)</script><img src=x onerror=alert(2)>{{7*7}}'


def hostile() -> MemoryCluster:
    cluster = MemoryCluster()
    repository = image_repository("app", image=f"example.com/{HOSTILE}")
    cluster.put(with_status(repository, **ready("False", HOSTILE)))
    policy = image_policy("app", filterTags={"pattern": HOSTILE})
    held = condition("image-automation.dev/TagsHeld", "True", HOSTILE)
    status = {"conditions": [condition("Ready", "False", HOSTILE), held]}
    said = [{"tag": "1.0", "verdict": "reject", "by": HOSTILE, "reason": HOSTILE}]
    annotations = {HOSTILE: HOSTILE, extensions.DECISIONS: json.dumps(said)}
    policy["metadata"] |= {"annotations": annotations, "labels": {HOSTILE: HOSTILE}}
    cluster.put(with_status(policy, latestRef={"name": HOSTILE, "tag": HOSTILE, "digest": HOSTILE}, **status))
    changed = {"path": HOSTILE, "line": 1, "setter": f"default:{HOSTILE}", "old": HOSTILE, "new": HOSTILE}
    report = {
        "push": {"commit": HOSTILE, "branch": HOSTILE, "changes": [changed]},
        "held": [{**changed, "kind": HOSTILE, "message": HOSTILE, "until": HOSTILE}],
    }
    cluster.put(
        {
            "apiVersion": "image.toolkit.fluxcd.io/v1",
            "kind": "ImageUpdateAutomation",
            "metadata": {
                "name": "app",
                "namespace": "default",
                "annotations": {extensions.REPORT: json.dumps(report)},
            },
            "spec": {
                "sourceRef": {"kind": "GitRepository", "name": "fleet"},
                "interval": "5m",
                "update": {"path": HOSTILE},
            },
            "status": {"lastPushCommit": HOSTILE, "lastPushTime": HOSTILE, **ready("False", HOSTILE)},
        }
    )
    snapshot = {
        "digest": HOSTILE,
        "firstReconciled": HOSTILE,
        "lastReconciled": HOSTILE,
        "lastReconciledDuration": HOSTILE,
        "lastReconciledStatus": HOSTILE,
        "totalReconciliations": 2,
    }
    cluster.put(
        {
            "apiVersion": "kustomize.toolkit.fluxcd.io/v1",
            "kind": "Kustomization",
            "metadata": {"name": "app", "namespace": "default"},
            "spec": {"interval": "5m", "prune": True, "path": HOSTILE, "sourceRef": {"kind": "Bucket", "name": "b"}},
            "status": {
                **ready("False", HOSTILE),
                "lastAppliedRevision": HOSTILE,
                "inventory": {"entries": [{"id": f"default_{HOSTILE}_apps_Deployment", "v": "v1"}]},
                "history": [snapshot],
            },
        }
    )
    provider = {"type": "slack", "channel": HOSTILE, "address": "https://hooks.example.com"}
    meta = {"name": "app", "namespace": "default"}
    kind = {"apiVersion": "notification.toolkit.fluxcd.io/v1beta3", "kind": "Provider"}
    cluster.put({**kind, "metadata": meta, "spec": provider})
    about = {"kind": "ImagePolicy", "namespace": "default", "name": HOSTILE}
    event = {"involvedObject": about, "type": HOSTILE, "reason": HOSTILE, "message": HOSTILE, "lastTimestamp": HOSTILE}
    cluster.put({"apiVersion": "v1", "kind": "Event", "metadata": meta, **event})
    return cluster


class HostileTags:
    """Explains a policy by tags that a registry made up."""

    def explain(self, *_: object) -> Explanation:
        verdict = TagVerdict(tag=HOSTILE, verdict="chosen", reason=HOSTILE, message=HOSTILE, key=HOSTILE)
        return Explanation(tags=(verdict,), chosen=HOSTILE, message=HOSTILE, pinned=HOSTILE)


class HostileRepository:
    """Plans and files of a repository whose every word was made up to do harm."""

    async def drawn(self, _: object) -> Any:
        return SimpleNamespace(plan=self.plan())

    async def of(self, *_: object) -> tuple[Rendered, ...]:
        made = (Edited(HOSTILE, b"", HOSTILE.encode()),)
        return (Rendered(kustomization=f"default/{HOSTILE}", objects=made, hidden=(HOSTILE,), problem=HOSTILE),)

    def plan(self) -> Planned:
        return Planned(
            identity="a" * 24,
            revision=HOSTILE,
            base=HOSTILE,
            branch=HOSTILE,
            bumps=(Bump(policy=f"default/{HOSTILE}", old=HOSTILE, new=HOSTILE),),
            report=Report(ignored=(Ignored(path=HOSTILE, line=1, cause=HOSTILE),)),
            files=(Edited(HOSTILE, b"", HOSTILE.encode()),),
            current=0,
        )

    async def write(self, *_: object) -> Written:
        raise AssertionError("nobody asks for it here")

    async def checkout(self, _: object) -> Checkout:
        return Checkout(revision=HOSTILE, commit=HOSTILE, files=(Listed(path=HOSTILE, marks=1),))

    async def open(self, *_: object) -> Opened:
        mark = Mark(1, f"default:{HOSTILE}", HOSTILE, Writer(HOSTILE, HOSTILE, 0))
        ignored = (Ignored(path=HOSTILE, line=1, cause=HOSTILE),)
        content = HOSTILE.encode()
        return Opened(
            revision=HOSTILE, commit=HOSTILE, content=content, marks=(mark,), changes=(), held=(), ignored=ignored
        )


KNOWS = Knows(plans=HostileRepository(), renders=HostileRepository(), files=HostileRepository())


@pytest.mark.parametrize("path", PAGES)
async def test_an_address_gives_the_page_to_a_browser_and_its_record_to_a_program(path: str) -> None:
    async with shown(hostile(), explains=HostileTags(), knows=KNOWS) as client:
        page, record = await client.get(path, headers=HTML), await client.get(path, headers=JSON)
        assert (page.status, page.content_type) == (200, "text/html")
        assert (record.status, record.content_type) == (200, "application/json")
        assert isinstance(await record.json(), dict)
        assert page.headers["Vary"] == "Accept, Cookie"


@pytest.mark.parametrize("path", [path for path in PAGES if path != rights.PAGE.path])  # where nobody wrote anything
async def test_what_strangers_wrote_is_shown_as_text(path: str) -> None:
    async with shown(hostile(), explains=HostileTags(), knows=KNOWS) as client:
        text = await (await client.get(path, headers=HTML)).text()
    assert "<script>alert" not in text
    assert "<img src=x" not in text
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in text
    assert "{{7*7}}" in text


async def test_only_addresses_over_https_of_annotations_are_linked() -> None:
    cluster = hostile()
    annotations = {"good": "https://example.com/a", "bad": "javascript:alert(1)", "worse": "data:text/html,x"}
    cluster.change("ImagePolicy", "default", "app", {"metadata": {"annotations": annotations}})
    async with shown(cluster) as client:
        text = await (await client.get("/objects/ImagePolicy/default/app", headers=HTML)).text()
    assert 'href="https://example.com/a"' in text
    assert "javascript:alert(1)" in text
    assert 'href="javascript' not in text
    assert 'href="data' not in text


@pytest.mark.parametrize(
    "place", ["ImagePolicy/default/none", "Secret/default/app", "Nothing/a/b", "Kustomization/a/b"]
)
async def test_an_object_that_is_not_there_or_not_shown_is_missing(place: str) -> None:
    async with shown(hostile(), explains=HostileTags(), knows=KNOWS) as client:
        assert (await client.get(f"/objects/{place}", headers=JSON)).status == 404


@pytest.mark.parametrize("path", [*PAGES, "/nowhere", "/static/dashboard.css"])
async def test_no_answer_may_be_framed_sniffed_or_run_foreign_scripts(path: str) -> None:
    async with shown(MemoryCluster()) as client:
        headers = (await client.get(path, headers=HTML)).headers
    policy = headers["Content-Security-Policy"]
    assert "default-src 'none'" in policy
    assert "frame-ancestors 'none'" in policy
    assert "unsafe" not in policy
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert headers["Referrer-Policy"] == "same-origin"


@pytest.mark.parametrize("path", PAGES)
async def test_no_page_holds_a_script_or_style_of_its_own(path: str) -> None:
    async with shown(hostile(), explains=HostileTags(), knows=KNOWS) as client:
        text = await (await client.get(path, headers=HTML)).text()
    assert "<style" not in text
    assert " style=" not in text
    assert text.count("<script") == text.count('<script type="module" src="/static/')


@pytest.mark.parametrize(
    ("host", "status"),
    [
        ("127.0.0.1:9442", 200),
        ("localhost:9442", 200),
        ("[::1]:9442", 200),
        ("image-automation.flux-system.svc", 200),
        ("rebound.example.com", 403),
        ("127.0.0.1.example.com", 403),
    ],
)
async def test_a_name_that_others_control_leads_nowhere(host: str, status: int) -> None:
    async with shown(MemoryCluster()) as client:
        assert (await client.get("/", headers={**JSON, "Host": host})).status == status


async def test_what_is_not_there_is_told_as_asked_for() -> None:
    async with shown(MemoryCluster()) as client:
        answer = await client.get("/nowhere", headers=JSON)
        assert (answer.status, await answer.json()) == (404, {"message": "Not Found"})
        page = await client.get("/nowhere", headers=HTML)
        assert page.status == 404
        assert "<h1>404</h1>" in await page.text()
