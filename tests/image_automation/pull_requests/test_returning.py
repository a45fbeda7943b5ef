"""Taking back where updates are pull requests: proposed, merged in every way, closed, not needed, held by a freeze."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest

from gotk.api import extensions
from gotk.api.kustomize import Kustomization
from gotk.git.mirrors.mirror import Mirror
from gotk.git.objects.commit import Person
from gotk.git.objects.seed import seed
from gotk.git.transport.operation import References
from gotk.runtime.errors import Conflict
from image_automation import report
from tests import running
from tests.gotk.forge.standins.facts import Pull
from tests.image_automation.automating import FILE, Opening, policy
from tests.image_automation.failing import deployed
from tests.image_automation.pull_requests.forging import Forge, annotated

JANE = Person("Jane", "jane@example.com")
NEW = FILE.replace("a/web:1.0", "a/web:1.1")
REQUEST = '{"id": "one", "by": "jane", "reason": "1.1 is slow"}'
Updated = Callable[..., Any]


@pytest.fixture
def updated(tmp_path: Path) -> Iterator[Updated]:
    """An automation whose update was merged."""
    forges: list[Forge] = []

    async def make(**asked: Any) -> Forge:
        forges.append(Forge(tmp_path, **asked))
        forges[-1].world.restarted(deployers=(Kustomization,))
        await forges[-1].run()
        forges[-1].merge(forges[-1].open[0])
        await forges[-1].run()
        return forges[-1]

    yield make
    for each in forges:
        each.world.limiter.close()


def asked(forge: Forge, **annotations: str) -> None:
    forge.obj = annotated(forge.obj, {f"{extensions.PREFIX}{key}": text for key, text in annotations.items()})


def failing(forge: Forge) -> str:
    """Let what deploys the update fail, where the owner opted in."""
    asked(forge, **{"on-failure": "revert"})
    forge.world.store.put(deployed(forge.world.head(), forge.world.first))
    return forge.world.head()


def squashed(forge: Forge, pull: Pull) -> None:
    """Merge as a forge does that squashes under the title and the description."""
    message = f"{pull.title} (#{pull.number})\n\n{pull.body}\n\nCo-authored-by: Bot <bot@example.com>"
    tip = seed(forge.world.remote, {"apps/web.yaml": FILE}, author=JANE, message=message)
    pull.state, pull.merge_commit = "merged", tip


def merged(forge: Forge, pull: Pull) -> None:
    """Merge as a person does who leaves a merge."""
    git = forge.world.git()
    side, signature = git[forge.facts.branches[pull.head]], git[forge.world.first].author
    parents = [git[forge.world.head()].id, side.id]
    made = git.create_commit("refs/heads/main", signature, signature, "Merge (#2)", side.tree_id, parents)
    pull.state, pull.merge_commit = "merged", str(made)


MERGES = {"forward": Forge.merge, "squashed": squashed, "merged": merged}


@pytest.mark.parametrize("merge", MERGES.values(), ids=MERGES)
async def test_a_rollback_is_proposed_and_holds_the_version_once_it_is_merged(updated: Updated, merge: Any):
    forge = await updated()
    asked(forge, rollback=REQUEST)
    await forge.run()
    (pull,) = forge.open
    assert (pull.title, pull.base) == ("Roll back web to a/web:1.0", "main")
    assert pull.head.startswith("image-rollbacks/apps/auto/")
    assert "\njane rolled this back: 1.1 is slow\n" in pull.body
    assert (forge.world.text("apps/web.yaml"), forge.world.text("apps/web.yaml", pull.head)) == (NEW, FILE)
    answer = report.read(forge.obj.metadata.annotations).answer
    assert answer == report.Answer(
        request="one",
        message="jane rolled this back: 1.1 is slow; proposed as pull request #2: https://github.com/org/web/pull/2",
        commit=forge.world.head(pull.head),
    )
    assert extensions.ROLLBACK not in forge.obj.metadata.annotations
    writes = forge.facts.writes()
    quiet = await forge.run()
    assert (quiet.run.told, forge.facts.writes()) == ([], writes)
    merge(forge, pull)
    ended = await forge.run()
    assert [event.reason for event in ended.run.told] == ["PullRequestMerged"]
    assert (forge.open, forge.recorded) == ([], ())
    (held,) = report.read(forge.obj.metadata.annotations).held
    assert (held.kind, held.by, held.new) == ("TakenBack", "jane", "a/web:1.1")
    forge.world.store.put(policy("web", "a/web", "1.2"))
    await forge.run()
    assert [each.title for each in forge.open] == ["Update web from 1.0 to 1.2"]


@pytest.mark.parametrize("merge", MERGES.values(), ids=MERGES)
async def test_a_recovery_is_proposed_once_follows_its_base_and_quarantines(updated: Updated, merge: Any):
    forge = await updated()
    failing(forge)
    ended = await forge.run()
    (pull,) = forge.open
    said = "it is taken back once pull request #2 is merged"
    assert ended.conditions[extensions.UPDATE_FAILED][1] == "UpdateTakeBackProposed"
    assert ended.conditions[extensions.UPDATE_FAILED][2].endswith(f"; {said}")
    assert forge.world.text("apps/web.yaml") == NEW
    quiet = await forge.run()
    assert (quiet.run.events, quiet.run.told) == ([], [])
    forge.commit("main", {"README.md": "more\n"})
    await forge.run()
    assert ([each.number for each in forge.open], forge.world.text("README.md", pull.head)) == ([2], "more\n")
    merge(forge, pull)
    await forge.run()
    found = report.read(forge.obj.metadata.annotations)
    assert [(held.kind, held.by) for held in found.held] == [("Quarantined", "Kustomization apps/apps")]
    assert [(each.failing, each.commit) for each in found.recovered] == [("Kustomization apps/apps", pull.merge_commit)]
    assert (forge.open, len(forge.facts.pulls)) == ([], 2)


@pytest.mark.parametrize("why", ["a rollback", "a recovery"])
async def test_a_crash_between_push_and_open_doubles_and_loses_nothing(updated: Updated, why: str):
    forge = await updated()
    if why == "a rollback":
        asked(forge, rollback=REQUEST)
    else:
        failing(forge)

    def dies(*_: Any, **__: Any) -> None:
        raise KeyboardInterrupt

    opened, forge.facts.open = forge.facts.open, dies
    run: running.FakeRun[Any] = running.FakeRun(forge.obj)
    with pytest.raises(KeyboardInterrupt):
        await forge.world.reconciler.reconcile(forge.obj, run)
    forge.facts.open = opened
    metadata = msgspec.structs.replace(forge.obj.metadata, annotations=run.annotations)
    forge.obj = msgspec.structs.replace(forge.obj, metadata=metadata, status=run.status)
    (planned,) = forge.recorded
    tip = forge.world.head(planned.branch)
    forge.world.restarted(deployers=(Kustomization,))
    ended = await forge.run()
    (pull,) = forge.open
    assert (ended.error, forge.world.head(pull.head), len(forge.facts.pulls)) == (None, tip, 2)


async def test_a_base_that_moves_under_it_is_no_reason_to_take_anything_else_back(updated: Updated):
    class Moving(Mirror):
        """Somebody else pushes between the decision and the branch."""

        def references(self) -> References:
            if forge.world.text("README.md") == "hello\n":
                forge.commit("main", {"apps/web.yaml": f"# theirs\n{NEW}", "README.md": "more\n"})
            return super().references()

    forge = await updated()
    failing(forge)
    kept = forge.world.repositories
    forge.world.repositories = Opening(forge.world.folder / "mirrors", Moving)
    forge.world.restarted(deployers=(Kustomization,))
    ended = await forge.run()
    assert isinstance(ended.error, Conflict)
    forge.world.repositories = kept
    forge.world.restarted(deployers=(Kustomization,))
    asked(forge, rollback=REQUEST)
    await forge.run()
    assert all(forge.world.text("apps/web.yaml", pull.head).startswith("# theirs\n") for pull in forge.open)


async def test_a_recovery_that_a_person_closes_is_not_proposed_again(updated: Updated):
    forge = await updated()
    failing(forge)
    await forge.run()
    forge.close(forge.open[0])
    ended = await forge.run()
    assert (await forge.run()).run.events == []
    cause = "it cannot be taken back: pull request #2, which takes it back, was closed by ann"
    assert ended.conditions[extensions.UPDATE_FAILED][2].endswith(cause)
    assert ([event.reason for event in ended.run.told], len(forge.facts.pulls)) == (["PullRequestClosed"], 2)


async def test_a_recovery_that_nothing_needs_any_more_is_closed_with_a_word_why(updated: Updated):
    forge = await updated()
    bad = failing(forge)
    await forge.run()
    (pull,) = forge.open
    forge.world.store.put(deployed(bad, bad, ready="Unknown"))
    await forge.run()
    assert forge.open == [pull]  # it is not known yet how it ends
    forge.world.store.put(deployed(bad, bad, ready="True"))
    await forge.run()
    assert forge.facts.comments[2] == ["Kustomization apps/apps is ready again."]
    assert (forge.open, forge.recorded, pull.head in forge.facts.branches) == ([], (), False)
    forge.world.store.put(deployed(bad, forge.world.first))
    await forge.run()
    assert len(forge.open) == 1  # it was no person who closed it


async def test_what_the_forge_would_merge_by_itself_waits_for_the_end_of_a_freeze(updated: Updated):
    forge = await updated(merge="auto")
    failing(forge)
    await forge.run()
    assert forge.open[0].scheduled
    asked(forge, freeze="{reason: sale}")
    await forge.run()
    assert [each.scheduled for each in forge.open] == [False]


async def test_a_rollback_is_merged_when_green(updated: Updated):
    forge = await updated(merge="when-green")
    asked(forge, rollback=REQUEST)
    ended = await forge.run()
    assert ended.outcome
    assert ended.outcome.requeue_after == 60
    forge.facts.checks = [("ci/test", "success")]
    await forge.run()
    assert forge.open == []


async def test_a_rollback_that_is_open_waits_while_its_policy_is_frozen(updated: Updated):
    forge = await updated(merge="when-green")
    asked(forge, rollback=REQUEST)
    await forge.run()
    forge.facts.checks = [("ci/test", "success")]
    forge.world.store.put(annotated(policy("web", "a/web", "1.1"), {extensions.FREEZE: "{reason: sale}"}))
    await forge.run()
    assert [(each.number, each.note) for each in forge.recorded] == [(2, "policy web is frozen: sale")]
    forge.world.store.put(policy("web", "a/web", "1.1"))
    await forge.run()
    assert forge.open == []
