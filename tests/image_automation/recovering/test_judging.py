"""Whether a failure is a version's: a table of what is known, and what is done about it."""

from dataclasses import replace
from typing import Any

import pytest

from gotk.runtime.reconciler import Key
from image_automation.recovering import judging
from image_automation.recovering.deployments import Deployment, Reads
from image_automation.recovering.judging import Facts, judge
from image_automation.recovering.past_edits import At, Commit, Edit, History
from image_automation.update.place import Place
from image_automation.update.result import ObjectIdentifier
from image_automation.writing.provenance import TakingBack

NOW = 1_800_000_000
WEB = At("apps/web.yaml", Place(ObjectIdentifier(kind="Deployment", name="web"), "spec.image", "apps:web"))
API = At("infra/api.yaml", Place(ObjectIdentifier(kind="Deployment", name="api"), "spec.image", "apps:api"))
CHART = At(
    "apps/shop.yaml", Place(ObjectIdentifier(kind="HelmRelease", name="shop"), "spec.values.tag", "apps:shop:tag")
)
OLD, NEW, LATER = "0" * 40, "1" * 40, "2" * 40


def commit(id_: str, *paths: str, ours: bool = True, minutes: int = 10, **fields: Any) -> Commit:
    return Commit(id_, "Bot" if ours else "Jane", NOW - 60 * minutes, ours, frozenset(paths), **fields)


def edit(at: At = WEB, id_: str = NEW) -> Edit:
    return Edit(at, "1.0", "1.1", id_, NOW - 600)


def branch(*commits: Commit, edits: tuple[Edit, ...] = (edit(),)) -> History:
    """A branch on top of a commit that was well."""
    return History((*commits, commit(OLD, minutes=99)), edits, {})


def kustomization(name: str = "apps", **fields: Any) -> Deployment:
    known: dict[str, Any] = {
        "standing": "failed", "reason": "HealthCheckFailed", "message": "timeout waiting for: [Deployment/apps/web]",
        "since": NOW - 60, "ours": True, "folder": name, "tried": NEW, "good": OLD, "blames": True, "reads": Reads(),
    }  # fmt: skip
    return Deployment(kind="Kustomization", key=Key("flux-system", name), **(known | fields))


def release(**fields: Any) -> Deployment:
    known: dict[str, Any] = {
        "standing": "failed", "reason": "UpgradeFailed", "message": "context deadline exceeded", "since": NOW - 60,
        "ours": True, "tried": NEW, "good_at": NOW - 9000, "blames": True,
    }  # fmt: skip
    return Deployment(kind="HelmRelease", key=Key("apps", "shop"), **(known | fields))


BASE = Reads(frozenset({"apps/web.yaml", "shared/cm.yaml"}), frozenset({"shared"}))
UPDATED = branch(commit(NEW, WEB.path))
SHOP = branch(commit(NEW, CHART.path), edits=(edit(CHART),))
MIXED = branch(commit(NEW, WEB.path, CHART.path), edits=(edit(), edit(CHART)))
SHOP_FAILS = "HelmRelease/apps/shop"
BOTH = branch(commit(NEW, WEB.path, API.path), edits=(edit(), edit(API)))


def waiting(*items: str, name: str = "apps", **fields: Any) -> Deployment:
    """A Kustomization whose health check these were not well for."""
    listed = ", ".join(f"{item} status: 'Failed': told [1, 2]" for item in items)
    return kustomization(name, message=f"health check failed after 5s: timeout waiting for: [{listed}]", **fields)


def facts(history: History = UPDATED, *deployments: Deployment, **fields: Any) -> Facts:
    return Facts(history=history, deployments=deployments or (kustomization(),), now=NOW, **fields)


def recoveries(count: int, *, of: str = "Kustomization flux-system/apps", hours: int = 1) -> History:
    made = TakingBack(("9" * 40,), recovers=of)
    past = (commit(f"{number}" * 40, WEB.path, minutes=60 * hours, takes_back=made) for number in range(3, 3 + count))
    return History((commit(NEW, WEB.path), commit(OLD, minutes=99), *past), (edit(),), {})


TAKEN = {
    "a Kustomization fails with what our commit brought": (facts(), {WEB: "1.0"}),
    "of a commit only what the failing Kustomization builds": (
        facts(BOTH, kustomization(), kustomization("infra", standing="ready", good=NEW)),
        {WEB: "1.0"},
    ),
    "the root of the repository": (facts(BOTH, kustomization(folder="")), {WEB: "1.0", API: "1.0"}),
    "edits of which nobody knows who builds them, all of them": (
        facts(BOTH, kustomization("overlays", reads=None)),
        {WEB: "1.0", API: "1.0"},
    ),
    "an edit in a base that the failing one reads, and none that it does not": (
        facts(BOTH, kustomization("overlays/prod", reads=BASE)),
        {WEB: "1.0"},
    ),
    "a person changed what another one reads": (
        facts(branch(commit(NEW, WEB.path), commit(LATER, "shared/cm.yaml", ours=False))),
        {WEB: "1.0"},
    ),
    "another one fails, too, which reads the same base": (
        facts(UPDATED, kustomization("a", reads=BASE), kustomization("b", reads=BASE)),
        {WEB: "1.0"},
    ),
    "what it reads is not known, and a person changed what is another one's": (
        facts(
            branch(commit(NEW, WEB.path), commit(LATER, "infra/cm.yaml", ours=False)),
            kustomization(reads=None),
            kustomization("infra", standing="ready", good=NEW),
        ),
        {WEB: "1.0"},
    ),
    "a HelmRelease whose values are ours": (facts(SHOP, release()), {CHART: "1.0"}),
    "a HelmRelease, and the Kustomization that waits for it": (facts(SHOP, kustomization(), release()), {CHART: "1.0"}),
    "a Kustomization that fails for a HelmRelease alone, of which only that is taken back": (
        facts(MIXED, waiting(SHOP_FAILS), release(standing="busy")),
        {CHART: "1.0"},
    ),
    "a Kustomization that fails for a Deployment, too": (
        facts(MIXED, waiting(SHOP_FAILS, "Deployment/apps/web"), release(standing="busy")),
        {WEB: "1.0", CHART: "1.0"},
    ),
    "a person changed something else": (
        facts(branch(commit(LATER, "README.md", ours=False, minutes=1), commit(NEW, WEB.path))),
        {WEB: "1.0"},
    ),
    "a person changed something in another folder than a release's": (
        facts(
            branch(commit(LATER, "infra/cm.yaml", ours=False), commit(NEW, CHART.path), edits=(edit(CHART),)),
            release(tried=LATER),
        ),
        {CHART: "1.0"},
    ),
    "another one fails that follows this one": (
        facts(
            UPDATED,
            kustomization(),
            kustomization("late", standing="follows", folder="late", reason="DependencyNotReady"),
        ),
        {WEB: "1.0"},
    ),
    "another one has failed for long": (
        facts(UPDATED, kustomization(), kustomization("old", good=NEW, since=NOW - 90_000)),
        {WEB: "1.0"},
    ),
    "another one fails with a change of its own": (
        facts(BOTH, kustomization(), kustomization("infra")),
        {WEB: "1.0"},
    ),
    "another repository's fails with a revision of its own": (
        facts(UPDATED, kustomization(), kustomization("other", ours=False, good="a" * 40, tried="b" * 40)),
        {WEB: "1.0"},
    ),
    "two were taken back today": (facts(recoveries(2)), {WEB: "1.0"}),
    "three were taken back, the day before": (facts(recoveries(3, hours=25)), {WEB: "1.0"}),
    "three of another object were taken back": (facts(recoveries(3, of="HelmRelease apps/shop")), {WEB: "1.0"}),
    "another policy is frozen": (facts(frozen={"api": "frozen: audit"}), {WEB: "1.0"}),
}


@pytest.mark.parametrize(("known", "values"), TAKEN.values(), ids=TAKEN)
def test_what_alone_can_be_the_cause_is_taken_back(known: Facts, values: dict[At, str]) -> None:
    judged = judge(known)
    assert (judged.verdict, judged.values, judged.commits) == ("take back", values, (NEW,))
    assert f"fails with what commit {NEW[:12]} brought: " in judged.message


NEAR = {
    "a HelmRelease that has not spoken yet": (
        facts(SHOP, waiting(SHOP_FAILS), release(standing="busy")),
        "HelmRelease apps/shop",
    ),
    "a HelmRelease whose clock cannot tell": (
        facts(SHOP, waiting(SHOP_FAILS), release(good_at=NOW - 590)),
        "HelmRelease apps/shop",
    ),
    "a Kustomization that another one applies": (
        facts(UPDATED, waiting("Kustomization/flux-system/apps", name="x", folder=""), kustomization(standing="busy")),
        "Kustomization flux-system/apps",
    ),
    "a HelmRelease that is nobody's here": (facts(SHOP, waiting(SHOP_FAILS)), "Kustomization flux-system/apps"),
    "a HelmRelease beside a Deployment": (
        facts(SHOP, waiting(SHOP_FAILS, "Deployment/apps/web"), release(standing="busy")),
        "Kustomization flux-system/apps",
    ),
    "a list of which nobody can tell the end": (
        facts(SHOP, kustomization(message="[HelmRelease/apps/shop status: 'Failed': a ], Job/a/b status: 'Failed']"),
              release(standing="busy")),
        "Kustomization flux-system/apps",
    ),
}  # fmt: skip


@pytest.mark.parametrize(("known", "name"), NEAR.values(), ids=NEAR)
def test_what_is_nearest_to_the_version_is_named(known: Facts, name: str) -> None:
    judged = judge(known)
    assert (judged.verdict, judged.failing) == ("take back", name)
    assert judged.message.startswith(f"{name} fails with what commit ")


ILL = "fails too, which it does not touch: the cluster may be ill"
INFRA = f"Kustomization flux-system/infra {ILL} (HealthCheckFailed)"
WAITS = {
    "its artifact cannot be had": (
        facts(UPDATED, kustomization(reason="ArtifactFailed", blames=False)),
        "'ArtifactFailed' is no failure of what is deployed",
    ),
    "the API is away": (
        facts(
            UPDATED, kustomization(reason="ReconciliationFailed", message="dial tcp 10.0.0.1:443: connection refused")
        ),
        "the API server, or what it asks, is away; this is tried again by itself",
    ),
    "a webhook is away": (
        facts(UPDATED, kustomization(message="Internal error occurred: failed calling webhook")),
        "the API server, or what it asks, is away; this is tried again by itself",
    ),
    "it fails for another one alone, which nobody of us touched": (
        facts(UPDATED, waiting(SHOP_FAILS), release(standing="busy")),
        "it fails for HelmRelease apps/shop alone, which our edits do not touch",
    ),
    "the source is stale": (facts(stale="unable to clone"), "the source is stale: unable to clone"),
    "a person has pushed there since": (
        facts(branch(commit(LATER, "apps/new.yaml", ours=False), commit(NEW, WEB.path))),
        "commit 222222222222 by Jane is newer, and has not been tried yet",
    ),
    "it was failing before": (
        facts(UPDATED, kustomization(was_failing=True)),
        "it was failing before, and is somebody's to mend",
    ),
    "a release that was never well": (
        facts(SHOP, release(good_at=0)),
        "no release before it went well, so there is nothing to go back to",
    ),
    "a person changed values beside a release": (
        facts(
            branch(commit(LATER, "apps/values.yaml", ours=False), commit(NEW, CHART.path), edits=(edit(CHART),)),
            release(tried=LATER),
        ),
        "commit 222222222222 by Jane came with it, and it cannot be told which fails",
    ),
    "clocks cannot tell whether a release was well with it": (
        facts(SHOP, release(good_at=NOW - 590)),
        "commit 111111111111 and the last release that went well are of one time: it may have been well with it",
    ),
    "a person's commit came with it": (
        facts(branch(commit(NEW, WEB.path), commit(LATER, "apps/cm.yaml", ours=False))),
        "commit 222222222222 by Jane came with it, and it cannot be told which fails",
    ),
    "a person changed a base that it reads": (
        facts(branch(commit(NEW, WEB.path), commit(LATER, "shared/cm.yaml", ours=False)), kustomization(reads=BASE)),
        "commit 222222222222 by Jane came with it, and it cannot be told which fails",
    ),
    "a person added a file to a folder of which it reads every one": (
        facts(branch(commit(NEW, WEB.path), commit(LATER, "shared/new.yaml", ours=False)), kustomization(reads=BASE)),
        "commit 222222222222 by Jane came with it, and it cannot be told which fails",
    ),
    "what it reads is not known, and a person changed what is nobody's": (
        facts(branch(commit(NEW, WEB.path), commit(LATER, "shared/cm.yaml", ours=False)), kustomization(reads=None)),
        "commit 222222222222 by Jane came with it, and it cannot be told which fails",
    ),
    "another one fails that nothing has changed": (
        facts(UPDATED, kustomization(), kustomization("infra", good=NEW)),
        INFRA,
    ),
    "another one fails with this commit, in which nothing is its own": (
        facts(UPDATED, kustomization(), kustomization("infra")),
        INFRA,
    ),
    "another one began to fail shortly before": (
        facts(UPDATED, kustomization(), kustomization("infra", since=NOW - 1200)),
        INFRA,
    ),
    "a release of others fails": (
        facts(UPDATED, kustomization(), release(ours=False)),
        f"HelmRelease apps/shop {ILL} (UpgradeFailed)",
    ),
    "the automation is frozen": (facts(frozen={"": "frozen: audit"}), "the automation is frozen: audit"),
    "the policy is frozen": (facts(frozen={"web": "frozen: audit"}), "policy web is frozen: audit"),
}


@pytest.mark.parametrize(("known", "cause"), WAITS.values(), ids=WAITS)
def test_what_speaks_against_it_is_said_and_waited_out(known: Facts, cause: str) -> None:
    judged = judge(known)
    assert (judged.verdict, judged.values, judged.cause) == ("waits", {}, cause)
    assert judged.message.endswith(f"; it is not taken back: {cause}")


def test_three_recoveries_of_an_object_within_a_day_are_enough() -> None:
    judged = judge(facts(recoveries(3)))
    cause = "3 updates of it were taken back within a day, and no more are: somebody has to look"
    assert (judged.verdict, judged.cause, judged.values) == ("stopped", cause, {})


def test_recoveries_count_though_the_history_that_is_read_has_forgotten_them() -> None:
    of = "Kustomization flux-system/apps"
    past = [(of, f"{number}" * 40, NOW - 3600) for number in range(3, 6)]
    assert judge(facts(recovered=past)).verdict == "stopped"
    assert judge(facts(recoveries(2), recovered=past[:2])).verdict == "take back"  # the same two, told twice
    assert judge(facts(recovered=[(of, commit, when - 86_400) for _, commit, when in past])).verdict == "take back"


WELL = {
    "nothing fails": facts(UPDATED, kustomization(standing="ready", good=NEW)),
    "it is not known yet": facts(UPDATED, kustomization(standing="busy")),
    "what fails was taken back, or changed by a person": facts(branch(commit(NEW, WEB.path), edits=())),
    "what fails has not our commit": facts(branch(commit(NEW, WEB.path), commit(LATER)), kustomization(tried=LATER)),
    "it failed on a revision that it was well with": facts(UPDATED, kustomization(good=NEW)),
    "it was never well": facts(UPDATED, kustomization(good="")),
    "another branch": facts(UPDATED, kustomization(tried="f" * 40)),
    "another repository": facts(UPDATED, kustomization(ours=False)),
    "the Kustomization that builds ours is well": facts(
        UPDATED, kustomization("infra"), kustomization(standing="ready", good=NEW)
    ),
    "a release of another name": facts(SHOP, replace(release(), key=Key("apps", "other"))),
    "a release that was well with it": facts(SHOP, release(good_at=NOW - 100)),
}


@pytest.mark.parametrize("known", WELL.values(), ids=WELL)
def test_what_is_not_ours_to_judge_is_left_alone(known: Facts) -> None:
    assert judge(known) == judging.WELL


def test_of_several_failures_one_that_is_clear_is_taken_back() -> None:
    known = facts(BOTH, kustomization(was_failing=True), kustomization("infra"))
    assert judge(known).values == {API: "1.0"}
