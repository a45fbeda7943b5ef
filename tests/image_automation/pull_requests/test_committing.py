"""Commits that the forge makes, so that it signs them: a stand-in for GitHub beside a real bare repository."""

import asyncio
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from gotk.api import extensions
from gotk.git.mirrors.mirror import Mirrors
from gotk.http import errors as http
from gotk.runtime import errors
from image_automation import report
from tests import running
from tests.gotk.forge.standins.facts import Said
from tests.image_automation.automating import FILE, automation, git_spec, policy
from tests.image_automation.pull_requests.forging import WEB, Forge, annotated
from tests.image_automation.pull_requests.signing import AUTHOR, FORGES, Real, Signing, joined

UPDATED = FILE.replace("a/web:1.0", "a/web:1.1")
AT = "{type: github, address: 'https://github.com/org/web', secretRef: {name: forge}}"
Made = Callable[..., tuple[Forge, Real, Signing]]


@pytest.fixture
def proposing(tmp_path: Path) -> Iterator[Made]:
    """Make an automation that keeps pull requests of the forge's commits."""
    forges: list[Forge] = []

    def make(**asked: Any) -> tuple[Forge, Real, Signing]:
        forge = Forge(tmp_path, **asked)
        forge.obj = annotated(forge.obj, {extensions.FORGE_COMMITS: "true"})
        forges.append(forge)
        return (forge, *joined(forge))

    yield make
    for each in forges:
        each.world.limiter.close()


@pytest.fixture
def pushing(proposing: Made) -> tuple[Forge, Real, Signing]:
    """Make an automation whose commits the forge makes on the branch itself."""
    forge, facts, standin = proposing()
    forge.obj = annotated(automation(), {extensions.FORGE_COMMITS: AT})
    return forge, facts, standin


async def test_the_forge_makes_the_commit_of_a_pull_request(proposing: Made):
    forge, facts, _ = proposing()
    ended = await forge.run()
    assert ended.error is None
    (made,) = facts.made
    assert forge.world.head(WEB) == made
    assert forge.world.text("apps/web.yaml", WEB) == UPDATED
    (commit, first) = forge.world.commits(WEB)
    assert (commit.author.email, str(first.id)) == (AUTHOR.email, forge.world.first)
    assert "Image-Update-Automation: apps/auto\nCo-authored-by: Bot <bot@example.com>\n" in commit.message
    assert [each.head_sha for each in forge.open] == [made]
    assert ended.obj.status.last_push_commit == made
    push = report.read(forge.obj.metadata.annotations).push
    assert push is not None
    assert (push.commit, push.changes[0].new) == (made, "a/web:1.1")
    assert ended.run.told[0].message.startswith(f"pushed commit '{made[:7]}' to branch '{WEB}'")


@pytest.mark.parametrize("kind", FORGES)
async def test_each_forge_that_signs_makes_it_and_it_stays_ours(tmp_path: Path, kind: str):
    forge = Forge(tmp_path, type=kind, address=FORGES[kind][3])
    forge.obj = annotated(forge.obj, {extensions.FORGE_COMMITS: "true"})
    facts, _ = joined(forge, kind)
    ended = await forge.run()
    assert (ended.error, [forge.world.head(WEB)]) == (None, facts.made)
    forge.world.store.put(policy("web", "a/web", "1.2"))
    ended = await forge.run()
    assert (ended.error, [each.number for each in forge.open]) == (None, [1])
    assert forge.world.text("apps/web.yaml", WEB) == FILE.replace("1.0", "1.2")
    newest, first = forge.world.commits(WEB)
    by_forge = kind != "gitea"  # which has no way to build a branch anew: it is pushed
    unsigned = "; the forge has not made and signed it: Gitea offers no way to build branch"
    assert (unsigned in ended.run.told[0].message) is (kind == "gitea")
    assert (newest.author.email == AUTHOR.email, len(facts.made)) == (by_forge, 2 if by_forge else 1)
    assert (str(first.id), ended.obj.status.last_push_commit) == (forge.world.first, str(newest.id))
    assert (await forge.run()).run.told == []
    forge.world.limiter.close()


async def test_a_rollback_goes_the_same_way(pushing: tuple[Forge, Real, Signing]):
    forge, facts, _ = pushing
    await forge.run()
    forge.obj = annotated(forge.obj, {extensions.ROLLBACK: '{"id": "r1", "policy": "web", "by": "jane"}'})
    ended = await forge.run()
    assert (ended.error, forge.world.head(), len(facts.made)) == (None, facts.made[1], 2)
    assert forge.world.text("apps/web.yaml") == FILE
    answer = report.read(forge.obj.metadata.annotations).answer
    assert answer is not None
    assert answer.commit == facts.made[1]
    assert (await forge.run()).run.told == []


async def test_a_rollback_that_is_proposed_does_so_too(proposing: Made):
    forge, facts, _ = proposing()
    await forge.run()
    forge.merge(forge.open[0])
    await forge.run()
    forge.obj = annotated(forge.obj, {extensions.ROLLBACK: '{"id": "r1", "policy": "web", "by": "jane"}'})
    ended = await forge.run()
    (pull,) = forge.open
    assert (ended.error, forge.world.head(pull.head)) == (None, facts.made[1])
    answer = report.read(forge.obj.metadata.annotations).answer
    assert answer is not None
    assert answer.commit == facts.made[1]
    assert (await forge.run()).run.told == []
    forge.merge(pull)
    await forge.run()
    (held,) = report.read(forge.obj.metadata.annotations).held
    assert (held.kind, held.by, len(facts.made)) == ("TakenBack", "jane", 2)


async def test_a_squash_names_our_address_once(proposing: Made):
    forge, facts, _ = proposing(merge="when-green", mergeMethod="squash")
    forge.obj = annotated(forge.obj, {extensions.APPROVALS: "{needed: 1, reviews: [ann]}"})
    facts.checks = [("ci/test", "success")]
    await forge.run()
    facts.reviews.append(Said("ann", "approves", forge.world.head(WEB), "2026-01-01T10:00:00Z"))
    await forge.run()
    (message,) = facts.messages
    assert message.count("Co-authored-by: Bot <bot@example.com>") == 1
    assert message.endswith("\nApproved-by: ann (web 1.1 of a/web: review of #1; 2026-01-01T10:00:00Z)")


async def test_it_is_known_as_ours_and_refreshed_in_place(proposing: Made):
    forge, facts, _ = proposing()
    await forge.run()
    ended = await forge.run()
    assert (len(facts.made), ended.run.told) == (1, [])
    forge.world.restarted()
    forge.obj = annotated(forge.asking(), {extensions.FORGE_COMMITS: "true"})  # as if nothing had been written down
    forge.world.store.put(policy("web", "a/web", "1.2"))
    await forge.run()
    assert [each.number for each in forge.open] == [1]
    assert forge.world.head(WEB) == facts.made[-1]
    assert forge.world.text("apps/web.yaml", WEB) == FILE.replace("1.0", "1.2")
    assert len(forge.world.commits(WEB)) == 2
    assert set(forge.world.git().branches.local) == {"main", WEB}


async def test_what_a_person_makes_of_it_is_left_alone(proposing: Made):
    forge, facts, _ = proposing()
    await forge.run()
    theirs = facts.write(forge.world.first, {"apps/web.yaml": b"by hand"}, forge.world.commits(WEB)[0].message)
    facts.put(WEB, theirs)
    forge.world.store.put(policy("web", "a/web", "1.2"))
    ended = await forge.run()
    assert forge.world.head(WEB) == theirs
    assert "has commits of others" in ended.ready[2]


async def test_a_commit_whose_answer_was_lost_is_told_by_the_next_run(proposing: Made):
    forge, facts, standin = proposing()
    run: running.FakeRun[Any] = running.FakeRun(forge.obj)
    standin.dies = True
    with pytest.raises(KeyboardInterrupt):
        await forge.world.reconciler.reconcile(forge.obj, run)
    standin.dies = False
    forge.world.restarted()
    forge.obj = annotated(forge.obj, run.annotations)
    ended = await forge.run()
    assert len(facts.made) == 1
    assert [each.message.partition("\n")[0] for each in ended.run.told] == [
        f"pushed commit '{facts.made[0][:7]}' to branch '{WEB}'",
        "opened pull request #1: Update web from 1.0 to 1.1",
    ]
    push = report.read(forge.obj.metadata.annotations).push
    assert push is not None
    assert push.commit == facts.made[0]


async def test_it_may_be_the_branch_itself(pushing: tuple[Forge, Real, Signing]):
    forge, facts, _ = pushing
    ended = await forge.run()
    assert (ended.error, forge.world.head()) == (None, facts.made[0])
    assert forge.world.text("apps/web.yaml") == UPDATED
    assert ended.obj.status.observed_source_revision == f"main@sha1:{facts.made[0]}"
    assert (await forge.run()).run.told == []
    forge.commit("main", {"apps/web.yaml": FILE})
    ended = await forge.run()
    (held,) = report.read(forge.obj.metadata.annotations).held
    assert (held.new, held.kind) == ("a/web:1.1", "TakenBack")
    assert forge.world.text("apps/web.yaml") == FILE


async def test_it_may_be_a_branch_of_its_own_without_a_pull_request(pushing: tuple[Forge, Real, Signing]):
    forge, facts, _ = pushing
    forge.obj = annotated(automation(git=git_spec(push={"branch": "up"})), {extensions.FORGE_COMMITS: AT})
    await forge.run()
    forge.commit("main", {"README.md": "more\n"})
    ended = await forge.run()
    assert (ended.error, [forge.world.head("up")]) == (None, facts.made[1:])
    assert (forge.world.text("README.md", "up"), forge.world.text("apps/web.yaml", "up")) == ("more\n", UPDATED)
    assert (len(forge.world.commits("up")), facts.pulls) == (3, [])
    assert (await forge.run()).run.told == []


async def test_two_instances_at_once_make_one_branch(proposing: Made):
    forge, facts, _ = proposing()
    other = Forge.beside(forge)
    ended = await asyncio.gather(forge.run(), other.run())
    assert {type(each.error) for each in ended} <= {type(None), errors.Conflict, errors.Retry}
    await forge.run()
    assert (len(facts.pulls), len(forge.world.commits(WEB))) == (1, 2)
    other.world.limiter.close()


async def test_who_was_faster_is_kept_and_built_upon(pushing: tuple[Forge, Real, Signing]):
    forge, facts, _ = pushing
    facts.meanwhile = "z"
    ended = await forge.run()
    assert ended.error is None
    assert (forge.world.text("theirs"), forge.world.text("apps/web.yaml")) == ("z", UPDATED)
    assert len(forge.world.commits()) == 3


async def test_what_is_not_what_was_asked_for_is_never_told_as_ours(proposing: Made):
    forge, facts, _ = proposing()
    facts.spoil = b"# more\n"
    ended = await forge.run()
    assert isinstance(ended.error, errors.Retry)
    name = facts.made[0][:12]
    assert ended.ready[2].endswith(f"commit '{name}' on branch '{WEB}' is not what the forge was asked for: look at it")
    assert (ended.run.told, forge.open) == ([], [])
    facts.spoil = b""
    ended = await forge.run()
    assert (forge.open, ended.run.told, len(facts.made)) == ([], [], 1)
    assert "has commits of others" in ended.ready[2]


async def test_a_replica_without_the_lease_asks_the_forge_for_nothing(proposing: Made, tmp_path: Path):
    forge, facts, _ = proposing()
    forge.world.repositories = Mirrors(tmp_path / "fenced", write_time=lambda: 0.0)
    forge.world.restarted()
    ended = await forge.run()
    assert ended.ready[2].endswith("this replica is not the leader (any more)")
    assert (facts.made, facts.writes()) == ([], [])


@pytest.mark.parametrize(
    ("error", "said", "after"),
    [
        pytest.param(http.Unavailable("no more", retry_after=90), "GitHub: no more", 90, id="rate limited"),
        pytest.param(http.Unauthorized("403"), "the token needs the right to write the repository's contents", None,
                     id="no right"),
        pytest.param(http.BadAnswer("422"), "GitHub: 422", None, id="refused"),
    ],
)  # fmt: skip
async def test_a_forge_that_refuses_is_asked_again(
    pushing: tuple[Forge, Real, Signing], error: Exception, said: str, after: float | None
):
    forge, facts, _ = pushing
    forge.down = error
    ended = await forge.run()
    assert isinstance(ended.error, errors.Retry)
    assert ended.ready[:2] == ("False", "GitOperationFailed")
    assert ended.ready[2].startswith("failed to update source: failed to push to remote: ")
    assert ended.ready[2].endswith(said)
    assert ended.error.after == after
    forge.down = None
    ended = await forge.run()
    assert (forge.world.head(), len(ended.run.told)) == (facts.made[0], 1)


@pytest.mark.parametrize(
    ("spec", "value", "cause"),
    [
        ({"commit": {"signingKey": {"secretRef": {"name": "key"}}}}, AT, "leave out spec.git.commit.signingKey"),
        ({"push": {"options": {"a": "b"}}}, AT, "leave out spec.git.push.options"),
        ({}, "{kind: github}", "unknown field `kind`"),
        ({}, "{type: bitbucket, address: 'https://bitbucket.org/org/web', secretRef: {name: forge}}",
         "Bitbucket Cloud makes no commits that it signs"),
        ({}, "true", "the GitRepository's address is none of a repository at a forge"),
    ],
)  # fmt: skip
async def test_what_cannot_be_is_said(proposing: Made, spec: dict[str, Any], value: str, cause: str):
    forge, _, _ = proposing()
    forge.obj = annotated(automation(git=git_spec(**spec)), {extensions.FORGE_COMMITS: value})
    ended = await forge.run()
    assert isinstance(ended.error, errors.Stalled)
    assert ended.ready[2].startswith(f"annotation {extensions.FORGE_COMMITS}: ")
    assert cause in ended.ready[2]


async def test_where_the_forge_is_is_said_once(proposing: Made):
    forge, _, _ = proposing()
    forge.obj = annotated(forge.obj, {extensions.FORGE_COMMITS: AT})
    ended = await forge.run()
    assert ended.ready[2].endswith('says where the forge is: write "true" here')
