"""The way of a choice: where it is, where it stopped, how long each step took, and what another rule would choose."""

import json
from typing import Any

import pytest

from gotk.api import scheme
from gotk.api.helm import HelmRelease
from gotk.api.image import ImagePolicy, ImageRepository, ImageUpdateAutomation
from gotk.api.kustomize import Kustomization
from gotk.api.source import GitRepository
from image_automation.explanation import Explainer
from reflector.first_seen import FirstSeen
from reflector.store import TagStore
from tests.image_automation.dashboard.showing import HTML, JSON, Held, Noon, ready, shown, with_status
from tests.image_automation.dashboard.test_access import bearer
from tests.memory_cluster import MemoryCluster, image_policy, image_repository
from tests.reflector import storing

KINDS = (ImageRepository, ImagePolicy, ImageUpdateAutomation, GitRepository, Kustomization, HelmRelease)
SHA, OLD = "c" * 40, "b" * 40
IMAGE = "example.com/app"
PUSH = {
    "commit": SHA,
    "branch": "main",
    "changes": [{"path": "apps/web.yaml", "line": 7, "setter": "default:app", "old": "app:1.0", "new": "app:1.1"}],
}
CHOSEN = {"name": IMAGE, "tag": "1.1"}


def repository() -> dict[str, Any]:
    scan = {"scanTime": "2026-01-01T11:50:00Z", "tagCount": 2, "revision": "1"}
    return with_status(image_repository(), **ready(), lastScanResult=scan, canonicalImageName=IMAGE)


def policy() -> dict[str, Any]:
    return with_status(image_policy(policy={"semver": {"range": "1.x"}}), **ready(), latestRef=CHOSEN)


def automation(*, seen: str = "1.1", held: bool = False) -> dict[str, Any]:
    hold = {"path": "apps/web.yaml", "line": 7, "old": "app:1.0", "new": "app:1.1", "setter": "default:app"}
    report = {"push": PUSH, "held": [{**hold, "commit": OLD, "by": "Jane"}] if held else []}
    return {
        "apiVersion": "image.toolkit.fluxcd.io/v1",
        "kind": "ImageUpdateAutomation",
        "metadata": {
            "name": "auto",
            "namespace": "default",
            "annotations": {"image-automation.dev/report": json.dumps(report)},
        },
        "spec": {"sourceRef": {"kind": "GitRepository", "name": "fleet"}, "interval": "5m"},
        "status": {
            **ready(),
            "lastPushCommit": SHA,
            "lastPushTime": "2026-01-01T11:55:00Z",
            "observedPolicies": {"app": {"name": IMAGE, "tag": seen}},
        },
    }


def source(commit: str = SHA, at: str = "2026-01-01T11:55:02Z") -> dict[str, Any]:
    artifact = {
        "digest": f"sha256:{'0' * 64}",
        "path": "a.tar.gz",
        "url": "http://127.0.0.1/a.tar.gz",
        "revision": f"main@sha1:{commit}",
        "lastUpdateTime": at,
    }
    return {
        "apiVersion": "source.toolkit.fluxcd.io/v1",
        "kind": "GitRepository",
        "metadata": {"name": "fleet", "namespace": "default"},
        "spec": {"url": "https://git.example.com/fleet", "interval": "1m"},
        "status": {**ready(), "artifact": artifact},
    }


def kustomization(name: str = "apps", path: str = "./apps", *, commit: str = SHA, fine: str = "True") -> dict[str, Any]:
    entries = [{"id": "default_web_apps_Deployment", "v": "v1"}, {"id": "default_web__Service", "v": "v1"}]
    snapshot = {
        "digest": f"sha256:{'1' * 64}",
        "firstReconciled": "2026-01-01T11:55:05Z",
        "lastReconciled": "2026-01-01T11:59:05Z",
        "lastReconciledDuration": "1s",
        "lastReconciledStatus": "ReconciliationSucceeded",
        "totalReconciliations": 2,
    }
    return {
        "apiVersion": "kustomize.toolkit.fluxcd.io/v1",
        "kind": "Kustomization",
        "metadata": {"name": name, "namespace": "default"},
        "spec": {
            "interval": "5m",
            "path": path,
            "prune": True,
            "sourceRef": {"kind": "GitRepository", "name": "fleet"},
        },
        "status": {
            **ready(fine, "fine" if fine == "True" else "Deployment/default/web: crash loop"),
            "lastAppliedRevision": f"main@sha1:{commit}",
            "inventory": {"entries": entries},
            "history": [snapshot],
        },
    }


async def seen(*objects: dict[str, Any], path: str = "/images/default/app", html: bool = False, **more: Any) -> Any:
    cluster = MemoryCluster()
    for obj in objects:
        cluster.put(obj)
    async with shown(cluster, kinds=KINDS, **more) as client:
        answer = await client.get(path, headers=HTML if html else JSON)
        return await answer.text() if html else await answer.json()


def arrivals(found: dict[str, Any]) -> list[str]:
    way = found["ways"][0]
    stops = [found["registry"], found["choice"], way["commit"], way["source"]]
    return [stop["arrival"] for stop in (*stops, *(each["stop"] for each in way["rollouts"]))]


WAYS: dict[str, tuple[tuple[dict[str, Any], ...], list[str]]] = {
    "all the way": ((automation(), source(), kustomization()), ["arrived"] * 5),
    "not written yet": (
        (automation(seen="1.0"), source(commit=OLD), kustomization(commit=OLD)),
        ["arrived", "arrived", "not yet", "unknown", "unknown"],
    ),
    "taken back by a person": (
        (automation(held=True), source(commit=OLD), kustomization(commit=OLD)),
        ["arrived", "arrived", "held", "unknown", "unknown"],
    ),
    "pushed and not fetched": (
        (automation(), source(commit=OLD, at="2026-01-01T11:00:00Z"), kustomization(commit=OLD)),
        ["arrived", "arrived", "arrived", "not yet", "not yet"],
    ),
    "fetched and not applied": (
        (automation(), source(), kustomization(commit=OLD)),
        ["arrived", "arrived", "arrived", "arrived", "not yet"],
    ),
    "applied and failing": (
        (automation(), source(), kustomization(fine="False")),
        ["arrived", "arrived", "arrived", "arrived", "not yet"],
    ),
    "followed by a later commit": (
        (automation(), source(commit="d" * 40, at="2026-01-01T11:58:00Z"), kustomization(commit="d" * 40)),
        ["arrived"] * 5,
    ),
}


@pytest.mark.parametrize("case", WAYS)
async def test_a_choice_is_followed_to_where_it_stopped(case: str) -> None:
    objects, expected = WAYS[case]
    assert arrivals(await seen(repository(), policy(), *objects)) == expected


async def test_each_step_says_where_it_went_and_how_long_it_took() -> None:
    found = await seen(repository(), policy(), automation(), source(), kustomization())
    way = found["ways"][0]
    assert (way["sha"], way["branch"], [(each["path"], each["line"]) for each in way["places"]]) == (
        SHA,
        "main",
        [("apps/web.yaml", 7)],
    )
    assert (way["source"]["took"], way["rollouts"][0]["stop"]["took"]) == (2, 3)
    assert way["rollouts"][0]["workloads"] == [{"name": "Deployment/default/web"}]


READS = frozenset({("list", "*", "*"), ("get", "deployments", "default")})


@pytest.mark.parametrize(
    ("rules", "image", "runs"),
    [
        (READS, "example.com/app:1.1", {"tags": ["1.1"], "ready": True}),
        (READS, "example.com/app:1.0@sha256:aa", {"tags": ["1.0"], "ready": True}),
        (READS, "example.com/other:1.1", {"ready": True}),
        (frozenset({("list", "*", "*")}), "example.com/app:1.1", {}),
    ],
)
async def test_a_workload_says_which_tag_it_runs_to_who_may_read_it(
    rules: frozenset[tuple[str, str, str]], image: str, runs: dict[str, Any]
) -> None:
    fine = {"replicas": 1, "updatedReplicas": 1, "readyReplicas": 1, "availableReplicas": 1}
    deployment = {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": "web", "namespace": "default"},
        "spec": {"replicas": 1, "template": {"spec": {"containers": [{"image": image}]}}},
        "status": {**fine, "conditions": [{"type": "Available", "status": "True"}]},
    }
    cluster = MemoryCluster()
    for obj in (repository(), policy(), automation(), source(), kustomization(), deployment):
        cluster.put(obj)
    async with shown(cluster, kinds=KINDS, holders={"ada": Held("ada", rules=rules)}) as client:
        found = await (await client.get("/images/default/app", headers=bearer("ada"))).json()
    assert found["ways"][0]["rollouts"][0]["workloads"] == [{"name": "Deployment/default/web", **runs}]


async def test_only_what_builds_the_written_files_is_followed_where_that_is_known() -> None:
    others = (kustomization("infra", "./infra"), kustomization("app", "./app"), kustomization("all", "./"))
    found = await seen(repository(), policy(), automation(), source(), kustomization(), *others)
    followed = [each["stop"]["state"]["name"] for each in found["ways"][0]["rollouts"]]
    assert sorted(followed) == ["all", "apps"]


async def test_a_policy_that_nobody_follows_and_one_that_is_not_there_are_told() -> None:
    page = await seen(repository(), policy(), html=True)
    assert "nobody writes its choice" in page
    assert (await seen(path="/images/default/none"))["message"] == (
        "there is no ImagePolicy default/none that you may see"
    )


async def test_what_files_and_conditions_say_is_text() -> None:
    bad = automation()
    report = json.loads(bad["metadata"]["annotations"]["image-automation.dev/report"])
    report["push"]["changes"][0]["path"] = "<script>alert(1)</script>.yaml"
    bad["metadata"]["annotations"]["image-automation.dev/report"] = json.dumps(report)
    page = await seen(repository(), policy(), bad, source(), kustomization(fine="False"), html=True)
    assert "<script>alert" not in page
    assert "&lt;script&gt;alert(1)&lt;/script&gt;.yaml:7" in page
    assert "crash loop" in page


# Why this tag, and what if.


class World:
    def __init__(self, *objects: Any) -> None:
        self.objects = objects

    def get(self, kind: Any, namespace: str, name: str) -> Any:
        named = (kind, namespace, name)
        return next((o for o in self.objects if (type(o), o.metadata.namespace, o.metadata.name) == named), None)


async def explained(query: str = "", html: bool = False) -> Any:
    tags = ["2.0.0", "1.2.0", "1.1.0", "1.0.0"]
    first = FirstSeen(names=tags, first=[0] * 4, missing=bytes(4), began=0)
    with TagStore(None) as store:
        storing.write(store, IMAGE, tags, "1", first_seen=first)
        world = World(scheme.convert(repository(), ImageRepository), scheme.convert(policy(), ImagePolicy))
        explainer = Explainer(objects=world, tags=store, clock=Noon())  # type: ignore[arg-type]
        path = f"/images/default/app/explain{query}"
        return await seen(repository(), policy(), path=path, html=html, explains=explainer)


async def test_every_tag_is_told_with_its_verdict() -> None:
    found = await explained()
    assert [(each["tag"], each["verdict"]) for each in found["explanation"]["tags"]] == [
        ("1.2.0", "chosen"),
        ("1.1.0", "eligible"),
        ("1.0.0", "eligible"),
        ("2.0.0", "refused"),
    ]
    assert "changed" not in found


async def test_another_rule_is_tried_on_the_same_tags_and_told_as_yaml() -> None:
    found = await explained("?value=2.x")
    assert (found["explanation"]["chosen"], found["changed"], found["chosenNow"]) == ("2.0.0", True, "1.1")
    assert found["manifest"] == "spec:\n  policy:\n    semver:\n      range: 2.x\n"


TRIED = {
    "an order": ("?by=alphabetical&value=asc", "2.0.0", ""),
    "a pattern": ("?pattern=^1\\.0", "1.0.0", ""),
    "a range that is none": ("?value=1x", "", "constraint parser error"),
    "an order that is none": ("?by=numerical&value=up", "", "the order of a policy that is numerical is asc or desc"),
    "an age that is none": ("?age=soon", "", "minimum-age"),
}


@pytest.mark.parametrize("case", TRIED)
async def test_a_rule_is_tried_or_refused_in_words(case: str) -> None:
    query, chosen, problem = TRIED[case]
    found = await explained(query)
    assert found["explanation"].get("chosen", "") == chosen
    assert problem in found.get("problem", "")
    assert bool(found.get("problem")) == bool(problem)


async def test_tags_are_searched_and_sorted_by_verdict_and_the_form_keeps_what_was_tried() -> None:
    found = await explained("?q=1.&is=eligible")
    assert [each["tag"] for each in found["explanation"]["tags"]] == ["1.1.0", "1.0.0"]
    page = await explained('?value="><script>', html=True)
    assert "<script>" not in page.split("</head>")[1]
    assert "&#34;&gt;&lt;script&gt;" in page
