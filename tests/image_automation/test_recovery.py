"""Rollbacks and recoveries over real repositories: what is committed, what is held after it, what is said."""

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import msgspec
import pytest

from gotk.api import extensions, scheme
from gotk.api.helm import HelmRelease
from gotk.api.image import ImageUpdateAutomation
from gotk.api.kustomize import Kustomization
from gotk.git import errors as git
from gotk.git.mirrors.mirror import Mirror, Mirrors
from gotk.git.objects.commit import Person
from gotk.git.objects.seed import seed
from gotk.runtime import errors
from image_automation import recovery, report
from tests import running
from tests.image_automation.automating import FILE, Opening, World, automation, opted_in, policy
from tests.image_automation.failing import deployed

JANE = Person("Jane", "jane@example.com")
NEW, NEWER = FILE.replace("1.0", "1.1"), FILE.replace("1.0", "1.2")
Auto = ImageUpdateAutomation


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    made = World(tmp_path)
    made.restarted(deployers=(Kustomization,))
    yield made
    made.limiter.close()


def annotated(obj: Auto, **annotations: str) -> Auto:
    named = {f"image-automation.dev/{name.replace('_', '-')}": text for name, text in annotations.items()}
    metadata = msgspec.structs.replace(obj.metadata, annotations={**obj.metadata.annotations, **named})
    return msgspec.structs.replace(obj, metadata=metadata)


async def run(world: World, obj: Auto, *, minutes: int = 0) -> running.Ended[Auto]:
    return await running.run_once(world.reconciler, obj, now=running.NOON + timedelta(minutes=minutes))


def asking(obj: Auto, **fields: str) -> Auto:
    request = {"id": "one", "by": "jane", "reason": "1.1 is slow", **fields}
    return annotated(obj, rollback=msgspec.json.encode(request).decode())


def answer(ended: running.Ended[Auto]) -> report.Answer:
    found = report.read(ended.obj.metadata.annotations).answer
    assert found is not None
    return found


async def test_a_rollback_is_a_commit_of_exactly_our_edit_and_holds_the_version_it_left(world: World):
    first = await run(world, automation())
    seed(world.remote, {"README.md": "more\n", "apps/web.yaml": f"# mine\n{NEW}"}, author=JANE)
    second = await run(world, asking(first.obj), minutes=5)
    assert world.text("apps/web.yaml") == f"# mine\n{FILE}"
    assert world.text("README.md") == "more\n"
    made = world.commits()[0]
    assert made.message == (
        "Roll back web to a/web:1.0\n\njane rolled this back: 1.1 is slow\n\nweb\n"
        "- a/web:1.1 -> a/web:1.0 in apps/web.yaml:6 (Pod/web)\n\n"
        f"Image-Update-Takes-Back: {first.obj.status.last_push_commit}\nImage-Update-Wanted-By: jane\n"
        "Image-Update-Request: one\nImage-Update-Automation: apps/auto"
    )
    assert (made.author.email, second.obj.status.last_push_commit) == ("bot@example.com", str(made.id))
    assert extensions.ROLLBACK not in second.obj.metadata.annotations
    assert answer(second).commit == str(made.id)
    held = second.conditions[extensions.UPDATES_HELD]
    assert held[1] == "TakenBack"
    assert held[2].endswith(f"a/web:1.1 is not written: commit {str(made.id)[:12]} by jane took it back")
    third = await run(world, second.obj, minutes=10)
    assert world.head() == str(made.id)
    world.store.put(policy("web", "a/web", "1.2"))
    await run(world, third.obj, minutes=15)
    assert world.text("apps/web.yaml") == f"# mine\n{NEWER}"


async def test_a_word_of_a_text_file_is_rolled_back_and_held(tmp_path: Path):
    text = '# {"$imagepolicy": "apps:web:tag"}\nARG TAG=1.0\n'
    world = World(tmp_path, {"Dockerfile": text, "apps/web.yaml": FILE})
    first = await run(world, opted_in(automation(), "Dockerfile"))
    assert world.text("Dockerfile") == text.replace("1.0", "1.1")
    seed(world.remote, {"Dockerfile": f"# mine\n{text.replace('1.0', '1.1')}"}, author=JANE)
    second = await run(world, asking(first.obj), minutes=5)
    assert (world.text("Dockerfile"), world.text("apps/web.yaml")) == (f"# mine\n{text}", FILE)
    await run(world, second.obj, minutes=10)
    assert (world.text("Dockerfile"), world.text("apps/web.yaml")) == (f"# mine\n{text}", FILE)
    world.limiter.close()


@pytest.mark.parametrize("how", ["merged", "squashed"])
async def test_an_update_that_a_person_merged_is_rolled_back(world: World, how: str):
    if how == "squashed":
        message = "Update (#1)\n\nCo-authored-by: Bot <bot@example.com>"
        seed(world.remote, {"apps/web.yaml": NEW}, author=JANE, message=message)
    else:
        repo = world.git()
        repo.references.create("refs/heads/updates", world.first)
        side = seed(world.remote, {"apps/web.yaml": NEW}, branch="updates", author=Person("Bot", "bot@example.com"))
        signature = repo[world.first].author
        parents = [repo[world.first].id, repo[side].id]
        repo.create_commit("refs/heads/main", signature, signature, "Merge (#1)", repo[side].tree_id, parents)
    merged = world.head()
    await run(world, asking(automation()), minutes=1)
    assert world.text("apps/web.yaml") == FILE
    assert f"Image-Update-Takes-Back: {merged}\n" in world.commits()[0].message


async def test_a_merge_that_brings_a_person_s_commit_too_is_not_ours(world: World):
    repo = world.git()
    repo.references.create("refs/heads/updates", world.first)
    seed(world.remote, {"apps/web.yaml": NEW}, branch="updates", author=Person("Bot", "bot@example.com"))
    side = seed(world.remote, {"apps/cm.yaml": "a: b\n"}, branch="updates", author=JANE)
    signature = repo[world.first].author
    parents = [repo[world.first].id, repo[side].id]
    repo.create_commit("refs/heads/main", signature, signature, "Merge (#1)", repo[side].tree_id, parents)
    ended = await run(world, asking(automation()), minutes=1)
    assert answer(ended).message == "no edit of ours stands in the last 2 commits"


async def test_a_second_rollback_goes_one_version_further_back(world: World):
    first = await run(world, automation())
    world.store.put(policy("web", "a/web", "1.2"))
    second = await run(world, first.obj, minutes=1)
    third = await run(world, asking(second.obj), minutes=2)
    assert world.text("apps/web.yaml") == NEW
    fourth = await run(world, asking(third.obj, id="two"), minutes=3)
    assert world.text("apps/web.yaml") == FILE
    fifth = await run(world, asking(fourth.obj, id="three"), minutes=4)
    assert answer(fifth).message == "no edit of ours stands in the last 5 commits"
    assert [each.reason for each in fifth.run.events] == ["RollbackRefused"]


async def test_a_rollback_to_a_commit_skips_what_came_between(world: World):
    first = await run(world, automation())
    for minute, tag in enumerate(("1.2", "1.3"), start=1):
        world.store.put(policy("web", "a/web", tag))
        first = await run(world, first.obj, minutes=minute)
    back = await run(world, asking(first.obj, to=world.first[:10], place="apps/"), minutes=5)
    assert world.text("apps/web.yaml") == FILE
    assert world.commits()[0].message.count("Image-Update-Takes-Back: ") == 3
    again = await run(world, asking(back.obj, id="two"), minutes=6)
    assert answer(again).message == "no edit of ours stands in the last 5 commits"
    unknown = await run(world, asking(back.obj, id="three", to="abcdef0123"), minutes=6)
    assert not answer(unknown).commit


async def test_a_request_is_carried_out_once_though_the_process_dies_after_the_push(world: World):
    class Dies(Mirror):
        def push(self, *arguments: Any, **options: Any) -> None:
            super().push(*arguments, **options)
            raise KeyboardInterrupt

    first = await run(world, automation())
    asked = asking(first.obj)
    world.repositories = Opening(world.folder / "mirrors", Dies)
    world.restarted()
    with pytest.raises(KeyboardInterrupt):
        await run(world, asked, minutes=1)
    head = world.head()
    assert world.text("apps/web.yaml") == FILE
    world.repositories = Mirrors(world.folder / "mirrors")
    world.restarted()
    again = await run(world, asked, minutes=2)
    assert (world.head(), answer(again).commit) == (head, head)
    assert extensions.ROLLBACK not in again.obj.metadata.annotations


async def test_a_request_that_comes_back_when_history_has_forgotten_it_is_not_repeated(world: World):
    first = await run(world, automation())
    second = await run(world, asking(first.obj), minutes=5)
    for number in range(50):
        seed(world.remote, {"README.md": f"{number}\n"}, author=JANE)
    world.store.put(policy("web", "a/web", "1.2"))
    third = await run(world, second.obj, minutes=10)
    assert world.text("apps/web.yaml") == NEWER
    fourth = await run(world, asking(third.obj), minutes=15)
    assert world.text("apps/web.yaml") == NEWER
    assert answer(fourth) == answer(second)


async def test_a_rollback_that_another_push_overtakes_is_decided_anew(world: World):
    class Late(Mirror):
        def push(self, *_: Any, **__: Any) -> None:
            raise git.NonFastForward("another one")

    first = await run(world, automation())
    world.repositories = Opening(world.folder / "mirrors", Late)
    world.restarted()
    ended = await run(world, asking(first.obj))
    assert isinstance(ended.error, errors.Conflict)
    assert extensions.ROLLBACK in ended.obj.metadata.annotations
    assert report.read(ended.obj.metadata.annotations).answer is None


class Protected(Mirror):
    """A mirror of a remote that refuses every push."""

    def push(self, *_: Any, **__: Any) -> None:
        raise git.Rejected("protected branch hook declined")


async def test_a_rollback_that_the_remote_refuses_is_answered_and_does_not_stop_updates(world: World):
    first = await run(world, automation())
    world.repositories = Opening(world.folder / "mirrors", Protected)
    world.restarted()
    ended = await run(world, asking(first.obj), minutes=1)
    told = "failed to update source: failed to push to remote: protected branch hook declined"
    assert answer(ended) == report.Answer(request="one", message=told)
    assert extensions.ROLLBACK not in ended.obj.metadata.annotations
    assert (ended.ready[0], world.text("apps/web.yaml")) == ("True", NEW)


async def test_a_recovery_that_the_remote_refuses_is_said_once(world: World):
    first = await run(world, annotated(automation(), on_failure="revert"))
    world.store.put(deployed(world.head(), world.first))
    world.repositories = Opening(world.folder / "mirrors", Protected)
    world.restarted(deployers=(Kustomization,))
    second = await run(world, first.obj, minutes=3)
    assert second.conditions[extensions.UPDATE_FAILED][1] == "UpdateFailed"
    assert second.conditions[extensions.UPDATE_FAILED][2].endswith(
        "; it cannot be taken back: failed to update source: failed to push to remote: protected branch hook declined"
    )
    third = await run(world, second.obj, minutes=4)
    assert ([each.reason for each in second.run.events], third.run.events) == (["UpdateFailed"], [])


async def test_what_a_person_changed_since_is_a_person_s_to_undo(world: World):
    first = await run(world, automation())
    head = seed(world.remote, {"apps/web.yaml": FILE.replace("1.0", "0.9")}, author=JANE)
    ended = await run(world, asking(first.obj, place="apps/web.yaml"))
    assert world.head() == head
    told = (
        f"commit {head[:12]} by Jane has changed apps/web.yaml since our last edit there: revert that, or edit the file"
    )
    assert answer(ended) == report.Answer(request="one", message=told)


TWO = FILE + "---\n" + FILE.replace("name: web", "name: api").replace("apps:web", "apps:api").replace("a/web", "a/api")


async def test_a_policy_s_places_are_rolled_back_and_others_survive(tmp_path: Path):
    world = World(tmp_path, {"apps/all.yaml": TWO})
    world.store.put(policy("api", "a/api", "1.1"))
    first = await run(world, automation())
    await run(world, asking(first.obj, policy="api"), minutes=1)
    assert world.text("apps/all.yaml") == TWO.replace("a/web:1.0", "a/web:1.1")
    none = await run(world, asking(first.obj, id="two", policy="nope"), minutes=2)
    assert answer(none).message == "no edit of ours stands for policy nope in the last 3 commits"
    world.limiter.close()


async def test_a_freeze_stops_a_rollback_that_does_not_mean_it(world: World):
    first = await run(world, automation())
    frozen = annotated(first.obj, freeze='{"reason": "audit"}')
    ended = await run(world, asking(frozen), minutes=1)
    told = "the automation is frozen: audit; add --during-freeze to roll back all the same"
    assert (answer(ended).message, world.text("apps/web.yaml")) == (told, NEW)
    meant = (
        asking(frozen, id="two") if not frozen else annotated(frozen, rollback='{"id": "two", "duringFreeze": true}')
    )
    await run(world, meant, minutes=2)
    assert world.text("apps/web.yaml") == FILE


async def test_a_policy_s_freeze_that_is_misread_stops_its_own_places_alone(tmp_path: Path):
    world = World(tmp_path, {"apps/all.yaml": TWO})
    frozen = policy("api", "a/api", "1.1")
    first = await run(world, automation())
    world.store.put(msgspec.structs.replace(frozen, metadata=msgspec.structs.replace(
        frozen.metadata, annotations={"image-automation.dev/freeze": "{"})))  # fmt: skip
    second = await run(world, asking(first.obj, policy="web"), minutes=1)
    assert (second.ready[0], answer(second).message) == ("True", "jane rolled this back: 1.1 is slow")
    assert world.text("apps/all.yaml") == TWO
    world.limiter.close()


@pytest.mark.parametrize("text", ["now", '{"id": "a b"}', '{"id": "1", "files": "x"}', '{"id": "1", "by": "a\\nb"}'])
async def test_a_request_that_cannot_be_read_stalls(world: World, text: str):
    ended = await run(world, annotated(automation(), rollback=text))
    assert ended.ready[1] == "InvalidAnnotation"
    assert "annotation image-automation.dev/rollback: " in ended.ready[2]


# The closed loop.


async def test_an_update_that_fails_is_taken_back_and_held_until_a_newer_one_comes(world: World):
    first = await run(world, annotated(automation(), on_failure="revert"))
    bad = world.head()
    world.store.put(deployed(bad, world.first))
    second = await run(world, first.obj, minutes=3)
    made = world.commits()[0]
    assert world.text("apps/web.yaml") == FILE
    assert made.message == (
        f"Recover: roll back web to a/web:1.0\n\nKustomization apps/apps fails with what commit {bad[:12]} brought: "
        "HealthCheckFailed: timeout waiting for: [Deployment/apps/web]\n\nweb\n"
        "- a/web:1.1 -> a/web:1.0 in apps/web.yaml:5 (Pod/web)\n\n"
        f"Image-Update-Takes-Back: {bad}\nImage-Update-Recovers: Kustomization apps/apps\n"
        "Image-Update-Automation: apps/auto"
    )
    assert [(each.severity, each.reason) for each in second.run.events] == [
        ("Warning", "UpdateTakenBack"),
        ("Warning", "UpdatesHeld"),
    ]
    assert second.conditions[extensions.UPDATE_FAILED][1] == "UpdateTakenBack"
    held = second.conditions[extensions.UPDATES_HELD]
    assert held[1] == "Quarantined"
    assert held[2].endswith(f"commit {str(made.id)[:12]} took it back, as Kustomization apps/apps failed with it")
    told = report.Recovered(failing="Kustomization apps/apps", commit=str(made.id), at="2026-01-01T12:03:00Z")
    assert report.read(second.obj.metadata.annotations).recovered == (told,)
    third = await run(world, second.obj, minutes=4)  # it fails still, for the recovery has not been tried yet
    assert world.head() == str(made.id)
    assert extensions.UPDATE_FAILED not in third.conditions
    world.store.put(deployed(str(made.id), str(made.id), ready="True"))
    world.store.put(policy("web", "a/web", "1.2"))
    fourth = await run(world, third.obj, minutes=5)
    assert world.text("apps/web.yaml") == NEWER
    assert extensions.UPDATES_HELD not in fourth.conditions
    assert report.read(fourth.obj.metadata.annotations).recovered == (told,)


@pytest.mark.parametrize("path", ["base/cm.yaml", "other/cm.yaml"])
async def test_a_person_s_change_to_a_base_that_is_built_in_may_be_the_cause_too(tmp_path: Path, path: str):
    """Neither is the person's commit taken back nor ours, for it cannot be told which of them fails."""
    config = "kind: ConfigMap\napiVersion: v1\nmetadata: {name: cm}\n"
    files = {"apps/web.yaml": FILE, "apps/kustomization.yaml": "resources: [web.yaml, ../base]\n", path: config}
    files |= {"base/kustomization.yaml": "resources: [cm.yaml]\n", "base/cm.yaml": config}
    world = World(tmp_path, files)
    world.restarted(deployers=(Kustomization,))
    person = seed(world.remote, {path: f"# more\n{config}"}, author=JANE)
    first = await run(world, annotated(automation(), on_failure="revert"))
    world.store.put(deployed(world.head(), world.first))
    ended = await run(world, first.obj, minutes=3)
    blamed = world.text("apps/web.yaml") == FILE
    assert blamed is (path == "other/cm.yaml")
    assert world.text(path) == f"# more\n{config}"
    cause = f"commit {person[:12]} by Jane came with it, and it cannot be told which fails"
    assert ended.conditions[extensions.UPDATE_FAILED][2].endswith(cause) is not blamed
    world.limiter.close()


RELEASE = """apiVersion: helm.toolkit.fluxcd.io/v2
kind: HelmRelease
metadata:
  name: shop
spec:
  values:
    web: "1.0" # {"$imagepolicy": "apps:web:tag"}
"""


def released() -> HelmRelease:
    lines = [
        {"digest": "d", "name": "shop", "namespace": "apps", "version": version, "status": status, "chartName": "shop",
         "chartVersion": "1", "configDigest": "c", "firstDeployed": when, "lastDeployed": when}
        for version, status, when in (
            (2, "failed", "2026-01-01T12:01:00Z"), (1, "superseded", "2026-01-01T09:00:00Z"),
        )
    ]  # fmt: skip
    condition = {
        "type": "Ready", "status": "False", "reason": "UpgradeFailed", "message": "Helm upgrade failed: timeout",
        "observedGeneration": 1, "lastTransitionTime": "2026-01-01T12:01:00Z",
    }  # fmt: skip
    labels = {"kustomize.toolkit.fluxcd.io/name": "apps", "kustomize.toolkit.fluxcd.io/namespace": "apps"}
    return scheme.convert(
        {
            "apiVersion": "helm.toolkit.fluxcd.io/v2",
            "kind": "HelmRelease",
            "metadata": {"name": "shop", "namespace": "shop", "generation": 1, "labels": labels},
            "spec": {"interval": "1m", "chartRef": {"kind": "OCIRepository", "name": "shop"}},
            "status": {"conditions": [condition], "history": lines},
        },
        HelmRelease,
    )


async def test_of_a_release_that_fails_its_values_are_taken_back_and_nothing_beside_them(tmp_path: Path):
    world = World(tmp_path, {"apps/shop.yaml": RELEASE, "apps/web.yaml": FILE})
    world.restarted(deployers=recovery.DEPLOYERS)
    first = await run(world, annotated(automation(), on_failure="revert"))
    world.store.put(deployed(world.head(), world.head(), ready="True"))
    world.store.put(released())
    await run(world, first.obj, minutes=3)
    assert (world.text("apps/shop.yaml"), world.text("apps/web.yaml")) == (RELEASE, NEW)
    assert "Image-Update-Recovers: HelmRelease shop/shop" in world.commits()[0].message
    world.limiter.close()


async def test_nobody_who_has_not_opted_in_is_recovered(world: World):
    first = await run(world, automation())
    world.store.put(deployed(world.head(), world.first))
    ended = await run(world, first.obj, minutes=3)
    assert world.text("apps/web.yaml") == NEW
    assert extensions.UPDATE_FAILED not in ended.conditions


async def test_what_speaks_against_recovering_is_said_once(world: World):
    first = await run(world, annotated(automation(), on_failure="revert"))
    world.store.put(deployed(world.head(), world.first))
    world.store.put(deployed(world.head(), world.head(), name="infra"))
    second = await run(world, first.obj, minutes=3)
    assert world.text("apps/web.yaml") == NEW
    cause = "Kustomization apps/infra fails too, which it does not touch: the cluster may be ill (HealthCheckFailed)"
    assert second.conditions[extensions.UPDATE_FAILED][1] == "UpdateFailed"
    assert second.conditions[extensions.UPDATE_FAILED][2].endswith(f"; it is not taken back: {cause}")
    assert second.ready[2] == f"repository up-to-date; Kustomization apps/apps fails with an update: {cause}"
    third = await run(world, second.obj, minutes=4)
    assert ([each.reason for each in second.run.events], third.run.events) == (["UpdateFailed"], [])
    world.store.put(deployed(world.head(), world.head(), ready="True"))
    fourth = await run(world, third.obj, minutes=5)
    assert extensions.UPDATE_FAILED not in fourth.conditions
    assert report.read(fourth.obj.metadata.annotations).recovery is None


async def test_a_person_s_revert_is_not_fought(world: World):
    first = await run(world, annotated(automation(), on_failure="revert"))
    bad = world.head()
    head = seed(world.remote, {"apps/web.yaml": FILE}, author=JANE)
    world.store.put(deployed(bad, world.first))
    ended = await run(world, first.obj, minutes=3)
    assert world.head() == head
    assert ended.conditions[extensions.UPDATES_HELD][1] == "TakenBack"


async def test_an_annotation_that_says_something_else_stalls(world: World):
    ended = await run(world, annotated(automation(), on_failure="rollback"))
    told = "annotation image-automation.dev/on-failure: 'rollback' is neither revert nor revert-during-freeze"
    assert ended.ready[1:] == ("InvalidAnnotation", told)


async def test_a_branch_for_pull_requests_keeps_what_it_takes_back(world: World):
    """The recovery is on the push branch, which is not made anew from then on: the next run would lose it."""
    pushing = {"git": {"commit": {"author": {"email": "bot@example.com"}}, "push": {"branch": "updates"}}}
    first = await run(world, automation(**pushing))
    pending = await run(world, asking(first.obj), minutes=1)
    assert answer(pending).message == "no edit of ours stands in the last 1 commits"
    world.git().references.create("refs/heads/main", world.head("updates"), force=True)
    second = await run(world, asking(pending.obj, id="two"), minutes=2)
    assert (world.text("apps/web.yaml"), world.text("apps/web.yaml", "updates")) == (NEW, FILE)
    await run(world, second.obj, minutes=3)
    assert world.text("apps/web.yaml", "updates") == FILE
