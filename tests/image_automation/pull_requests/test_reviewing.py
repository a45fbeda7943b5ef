"""Reviews at the forge as votes: who counts, for which version, and what remains of it."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest

from gotk.api import extensions
from gotk.forge.pull_request import Opinion, Review
from gotk.git.objects.commit import Person
from gotk.git.objects.history import Past
from gotk.runtime import errors
from image_automation import audit, report
from image_automation.gating.voices import Voice
from image_automation.pull_requests import reviewing
from tests.gotk.forge.standins.facts import Pull, Said
from tests.image_automation.automating import FILE, policy
from tests.image_automation.pull_requests.forging import WEB, Forge, annotated

ASKED = "{needed: 2, reviews: {Ann: ann@example.com, joe: joe@example.com, cleo: cleo@example.com}}"
BOT = Person("Bot", "bot@example.com")
GREEN = [("ci/test", "success")]
Made = Callable[..., Forge]


@pytest.fixture
def made(tmp_path: Path) -> Iterator[Made]:
    forges: list[Forge] = []

    def make(asked: str = ASKED, **settings: Any) -> Forge:
        forge = Forge(tmp_path, **{"merge": "when-green", **settings})
        forge.obj = annotated(forge.obj, {extensions.APPROVALS: asked})
        forge.facts.people, forge.facts.checks = ("bot", "ann", "joe", "cleo"), GREEN
        forges.append(forge)
        return forge

    yield make
    for each in forges:
        each.world.limiter.close()


def said(forge: Forge, *words: str, at: str = "2026-01-01T10:00:00Z", text: str = "") -> None:
    """Let people say something of what the branch has: `ann approves`."""
    sha = forge.world.head(WEB)
    forge.facts.reviews += [Said(who, word, sha, at, text) for who, word in map(str.split, words)]


async def test_a_version_is_proposed_at_once_and_merged_once_enough_reviews_approve(made: Made):
    forge = made()
    ended = await forge.run()
    assert (len(forge.open), forge.recorded[0].choices != ()) == (1, True)
    assert ended.ready[2].endswith("#1: awaiting approval: 0 of 2 approvals")
    said(forge, "ann approves", text="seen on\nstaging")
    ended = await forge.run()
    assert ended.ready[2].endswith("#1: awaiting approval: 1 of 2 approvals (ann@example.com)")
    assert ended.outcome
    assert ended.outcome.requeue_after == 60
    said(forge, "joe approves", at="2026-01-01T11:00:00Z")
    await forge.run()
    assert forge.open == []
    assert [each.splitlines() for each in forge.facts.messages] == [
        [
            "Approved-by: ann@example.com (web 1.1 of a/web: review of #1: seen on staging; 2026-01-01T10:00:00Z)",
            "Approved-by: joe@example.com (web 1.1 of a/web: review of #1; 2026-01-01T11:00:00Z)",
        ]
    ]

    merged = Past(
        id="c" * 40,
        author=BOT,
        committer=BOT,
        message=f"Merge\n\n{forge.facts.messages[0]}",
        when=0,
        parents=(),
        known=False,
    )
    found = [(each.what, each.by, each.version, each.at) for each in audit.of_commit(merged)]
    assert found == [
        ("approved, committed", "ann@example.com", "1.1", "2026-01-01T10:00:00Z"),
        ("approved, committed", "joe@example.com", "1.1", "2026-01-01T11:00:00Z"),
    ]


async def test_who_said_what_and_when_is_in_the_status_and_the_audit(made: Made):
    forge = made()
    await forge.run()
    said(forge, "ann approves", "joe objects", "eve approves", text="ok")
    ended = await forge.run()
    assert ended.ready[2].endswith("#1: rejected by joe@example.com: review of #1: ok")
    entries = [(each.what, each.by, each.at, each.reason, each.commit) for each in audit.of_automation(forge.obj)]
    head = forge.world.head(WEB)
    assert entries == [
        ("approved, in review", "ann", "2026-01-01T10:00:00Z", "review of #1: ok", head),
        ("rejected, in review", "joe", "2026-01-01T10:00:00Z", "review of #1: ok", head),
        ("approved, in review", "eve", "2026-01-01T10:00:00Z", "review of #1: ok", head),
    ]


@pytest.mark.parametrize(
    ("words", "merged"),
    [
        (["ann approves", "ann approves"], False),
        (["ann approves", "eve approves"], False),
        (["ann approves", "bot approves"], False),
        (["ann approves", "joe objects", "cleo approves"], False),
        (["ann objects", "ann approves", "joe approves"], True),
        (["ANN approves", "joe approves"], True),
        (["ann approves", "joe approves", "joe dismissed"], False),
    ],
    ids=["once", "not asked", "ourselves", "one no", "the last word", "in capitals", "taken back"],
)
async def test_whose_review_counts(made: Made, words: list[str], merged: bool):
    forge = made("{needed: 2, reviews: [ann, joe, cleo, bot]}")
    await forge.run()
    said(forge, *words)
    await forge.run()
    assert (forge.open == []) is merged


async def test_strangers_in_great_number_drown_nobody_who_is_asked(made: Made):
    forge = made()
    await forge.run()
    said(forge, *(f"stranger-{each} approves" for each in range(60)), "ann approves", "joe approves", "cleo objects")
    ended = await forge.run()
    assert ended.ready[2].endswith("#1: rejected by cleo@example.com: review of #1")
    kept = forge.recorded[0].voices
    assert (len(kept), [each.names for each in kept if not each.stranger]) == (50, [("cleo",), ("ann",), ("joe",)])
    assert len(forge.open) == 1


async def test_without_a_record_a_review_of_the_very_commit_counts(made: Made):
    forge = made("{needed: 1, reviews: [ann]}")
    await forge.run()
    said(forge, "ann approves")
    forge.obj = annotated(forge.asking(merge="when-green"), {extensions.APPROVALS: "{needed: 1, reviews: [ann]}"})
    await forge.run()
    assert forge.open == []


async def test_a_policys_own_rule_counts_reviews_as_well(made: Made):
    forge = made("{needed: 1, reviews: [ann]}")
    forge.obj = annotated(forge.obj, {extensions.APPROVALS: "{needed: 1, reviews: [joe]}"})
    web = policy("web", "a/web", "1.1")
    web.metadata.annotations[extensions.APPROVALS] = "{needed: 1, reviews: [ann]}"  # type: ignore[index]
    forge.world.store.put(web)
    await forge.run()
    said(forge, "ann approves")
    ended = await forge.run()
    assert "awaiting approval: 0 of 1 approvals" in ended.ready[2]  # the automation's
    said(forge, "joe approves")
    await forge.run()
    assert forge.open == []


async def test_an_approval_of_one_version_is_none_of_the_next(made: Made):
    forge = made()
    await forge.run()
    said(forge, "ann approves", "joe approves")
    forge.world.store.put(policy("web", "a/web", "1.2"))
    ended = await forge.run()  # the branch is made anew in this run
    assert "awaiting approval: 0 of 2 approvals" in ended.ready[2]
    await forge.run()
    assert len(forge.open) == 1
    said(forge, "ann approves", "joe approves", at="2026-01-01T11:30:00Z")
    await forge.run()
    assert forge.open == []


async def test_an_approval_stays_when_the_base_moves_under_the_same_version(made: Made):
    forge = made()
    await forge.run()
    said(forge, "ann approves")
    await forge.run()
    forge.commit("main", {"README.md": "more\n"})
    await forge.run()
    said(forge, "joe approves", at="2026-01-01T11:00:00Z")
    await forge.run()
    assert forge.open == []


async def test_a_review_of_what_others_committed_is_of_no_version(made: Made):
    forge = made()
    await forge.run()
    ours = forge.world.head(WEB)
    forge.commit(WEB, {"fix.txt": "by hand"})
    await forge.run()
    said(forge, "ann approves", "joe approves")
    forge.world.store.put(policy("web", "a/web", "1.2"))
    ended = await forge.run()
    assert "has commits of others" in ended.ready[2]
    forge.world.git().references[f"refs/heads/{WEB}"].set_target(ours)  # they think better of it
    await forge.run()
    ended = await forge.run()
    assert "awaiting approval: 0 of 2 approvals" in ended.ready[2]
    assert len(forge.open) == 1


async def test_a_pull_request_of_a_person_from_our_branch_takes_no_approvals_along(made: Made):
    forge = made()
    await forge.run()
    said(forge, "ann approves")
    await forge.run()
    forge.facts.pulls.append(Pull(9, "to production", "", WEB, forge.world.head(WEB), "production", author="joe"))
    ended = await forge.run()
    assert "#1: awaiting approval: 1 of 2 approvals (ann@example.com)" in ended.ready[2]


async def test_a_persons_word_in_the_cluster_and_at_the_forge_is_one(made: Made):
    forge = made()
    web = policy("web", "a/web", "1.1")
    word = '[{"tag": "1.1", "verdict": "approve", "by": "ann@example.com", "at": "2026-01-01T09:00:00Z"}]'
    web.metadata.annotations[extensions.DECISIONS] = word  # type: ignore[index]
    forge.world.store.put(web)
    await forge.run()
    said(forge, "ann approves")
    ended = await forge.run()
    assert "1 of 2 approvals (ann@example.com)" in ended.ready[2]
    web.metadata.annotations[extensions.DECISIONS] = word.replace("ann@", "kim@")  # type: ignore[index]
    await forge.run()
    assert forge.open == []


async def test_without_reviews_in_the_rule_nothing_is_proposed_before_it_is_content(made: Made):
    forge = made("1")
    ended = await forge.run()
    assert (forge.facts.pulls, ended.conditions[extensions.UPDATES_WAITING][1]) == ([], "AwaitingApproval")


async def test_a_rule_of_the_policy_without_reviews_holds_all_the_same(made: Made):
    forge = made()
    web = policy("web", "a/web", "1.1")
    web.metadata.annotations[extensions.APPROVALS] = "1"  # type: ignore[index]
    forge.world.store.put(web)
    await forge.run()
    assert forge.facts.pulls == []


async def test_the_forge_merges_by_itself_only_with_approvals_and_is_called_off_without(made: Made):
    forge = made("{needed: 1, reviews: [ann]}", merge="auto")
    await forge.run()
    assert not forge.open[0].scheduled
    said(forge, "ann approves")
    await forge.run()
    assert forge.open[0].scheduled
    assert forge.facts.messages == ["Approved-by: ann (web 1.1 of a/web: review of #1; 2026-01-01T10:00:00Z)"]
    said(forge, "ann dismissed", at="2026-01-01T11:00:00Z")
    await forge.run()
    assert (len(forge.open), forge.open[0].scheduled) == (1, False)


async def test_a_rule_that_the_cache_has_not_seen_keeps_it_from_being_merged(made: Made):
    forge = made("{needed: 1, reviews: [ann]}")
    await forge.run()
    said(forge, "ann approves")
    forge.world.store.put(annotated(forge.obj, {extensions.APPROVALS: "{needed: 2, reviews: [ann, joe]}"}))
    ended = await forge.run()
    assert isinstance(ended.error, errors.Conflict)
    assert len(forge.open) == 1


async def test_a_squash_keeps_whose_commit_it_is(made: Made):
    forge = made("{needed: 1, reviews: [ann]}", mergeMethod="squash")
    await forge.run()
    said(forge, "ann approves")
    await forge.run()
    (message,) = forge.facts.messages
    assert message.startswith("Update from image update automation\n\nweb\n- a/web:1.0 -> a/web:1.1 in apps/web.yaml:5")
    assert message.splitlines()[-3:] == [
        "Image-Update-Automation: apps/auto",
        "Co-authored-by: Bot <bot@example.com>",
        "Approved-by: ann (web 1.1 of a/web: review of #1; 2026-01-01T10:00:00Z)",
    ]
    assert forge.world.text("apps/web.yaml") == FILE


async def test_a_deadline_counts_from_when_the_version_was_proposed(made: Made):
    forge = made("{needed: 1, reviews: [ann], deadline: 1h, then: reject}")
    await forge.run()
    (record,) = forge.recorded
    assert record.since == "2026-01-01T12:00:00Z"
    late = msgspec.structs.replace(record, since="2026-01-01T10:30:00Z")
    found = report.read(forge.obj.metadata.annotations)
    text = report.write(msgspec.structs.replace(found, pull_requests=(late,)))
    forge.obj = annotated(forge.obj, {extensions.REPORT: text or ""})
    said(forge, "ann approves", at="2026-01-01T11:45:00Z")
    ended = await forge.run()
    assert ended.ready[2].endswith("#1: rejected at 2026-01-01T11:30:00Z: 0 of 1 approvals in time")


# Forges that do not say which commit a review is of.


def voice(**fields: Any) -> Voice:
    return Voice(**{"names": ("ann",), "approves": True, "at": "t", "about": ("a",), **fields})


@pytest.mark.parametrize(
    ("known", "review", "about"),
    [
        pytest.param((), {}, ("a",), id="seen first: of what is proposed"),
        pytest.param((voice(about=("old",)),), {}, ("old",), id="seen before: of what was proposed then"),
        pytest.param((voice(about=("old",), at="t0"),), {"at": "t1"}, ("a",), id="given again"),
        pytest.param((voice(about=("old",), approves=False),), {}, ("a",), id="another opinion"),
        pytest.param((), {"sha": "b" * 40}, None, id="of a commit that is not ours, or not any more"),
        pytest.param((), {"sha": "c" * 40}, ("a",), id="of our commit"),
    ],
)
def test_what_a_review_is_about(known: tuple[Voice, ...], review: dict[str, str], about: tuple[str, ...] | None):
    record = report.PullRequest(branch="up", scope="web", number=1, head="c" * 40, choices=("a",), voices=known)
    given = Review(who="ann", opinion=Opinion.APPROVED, **review)  # type: ignore[arg-type]
    found = list(reviewing.voices(record, "bot", [given], "now", {"c" * 40: ("a",)}))
    assert [each.about for each in found] == ([about] if about else [])
