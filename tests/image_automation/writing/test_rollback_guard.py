"""Updates that were taken back, over real histories: what is held, for how long, and what ends it."""

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import msgspec
import pytest

from gotk.api import extensions
from gotk.api.image import ImageUpdateAutomation
from gotk.git.objects.commit import Person
from gotk.git.objects.seed import seed
from image_automation import report
from image_automation.writing import authorship, releases
from tests import running
from tests.image_automation.automating import FILE, World, automation, opted_in, policy

JANE = Person("Jane", "jane@example.com")
BOT = Person("Bot", "bot@example.com")
NEW = FILE.replace("1.0", "1.1")


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    made = World(tmp_path)
    yield made
    made.limiter.close()


def by(world: World, author: Person, text: str, *, message: str = "Back", minutes: int = 0) -> str:
    when = running.NOON + timedelta(minutes=minutes)
    return seed(world.remote, {"apps/web.yaml": text}, author=author, message=message, when=when)


def annotated(obj: ImageUpdateAutomation, annotation: str) -> ImageUpdateAutomation:
    metadata = msgspec.structs.replace(obj.metadata, annotations={extensions.UNHOLD: annotation})
    return msgspec.structs.replace(obj, metadata=metadata)


async def test_what_a_person_reverts_stays_reverted(world: World):
    first = await world.run(automation())
    head = by(world, JANE, FILE)
    second = await world.run(first.obj)
    assert (world.head(), world.text("apps/web.yaml")) == (head, FILE)
    assert second.ready[:2] == ("True", "Succeeded")
    status, reason, message = second.conditions[extensions.UPDATES_HELD]
    assert (status, reason) == ("True", "TakenBack")
    assert message == (
        "held until a newer image is chosen:\napps/web.yaml:5: policy web: a/web:1.0 stays, a/web:1.1 is not written: "
        f"commit {head[:12]} by Jane took it back"
    )
    assert [(event.severity, event.reason) for event in second.run.events] == [("Warning", "UpdatesHeld")]


async def test_what_a_person_reverts_in_a_text_file_stays_reverted(tmp_path: Path):
    before = '# {"$imagepolicy": "apps:web"}\nFROM a/web:1.0 AS base\n'
    world = World(tmp_path, {"Dockerfile": before})
    opted = opted_in(automation(), "Dockerfile")
    first = await world.run(opted)
    assert world.text("Dockerfile") == before.replace("1.0", "1.1")
    reverted = f"# a word above\n{before}"
    head = seed(world.remote, {"Dockerfile": reverted}, author=JANE, message="Back", when=running.NOON)
    second = await world.run(first.obj)
    assert (world.head(), world.text("Dockerfile")) == (head, reverted)
    assert second.conditions[extensions.UPDATES_HELD][:2] == ("True", "TakenBack")
    assert [(held.path, held.line) for held in report.read(second.obj.metadata.annotations).held] == [("Dockerfile", 3)]
    world.limiter.close()


async def test_a_hold_survives_a_restart_on_an_empty_disk_and_is_not_said_again(world: World, tmp_path: Path):
    first = await world.run(automation())
    by(world, JANE, FILE)
    second = await world.run(first.obj)
    seed(world.remote, {"README.md": "more\n"}, author=JANE)
    head = world.head()
    again = World.__new__(World)
    again.__dict__.update(world.__dict__)
    again.repositories = type(world.repositories)(tmp_path / "elsewhere")
    again.restarted()
    third = await again.run(second.obj)
    assert world.head() == head
    assert third.conditions[extensions.UPDATES_HELD] == second.conditions[extensions.UPDATES_HELD]
    assert third.run.events == []
    fourth = await again.run(automation())  # the object is new, too: Git remembers
    assert world.head() == head
    assert extensions.UPDATES_HELD in fourth.conditions


async def test_a_newer_image_ends_a_hold(world: World):
    first = await world.run(automation())
    by(world, JANE, FILE)
    second = await world.run(first.obj)
    world.store.put(policy("web", "a/web", "1.2"))
    third = await world.run(second.obj)
    assert world.text("apps/web.yaml") == FILE.replace("1.0", "1.2")
    assert extensions.UPDATES_HELD not in third.conditions


@pytest.mark.parametrize("whole", [True, False], ids=["the commit", "the commit and the file"])
async def test_unhold_lets_the_update_through_and_a_second_revert_is_heard(world: World, whole: bool):
    await world.run(automation())
    head = by(world, JANE, FILE, minutes=1)
    released = annotated(automation(), head[:12] if whole else f"{head[:12]}:apps/web.yaml")
    await world.run(released)
    assert world.text("apps/web.yaml") == NEW
    again = by(world, JANE, FILE, minutes=2)
    ended = await world.run(released)
    assert world.head() == again
    assert f"commit {again[:12]} by Jane" in ended.conditions[extensions.UPDATES_HELD][2]


async def test_releasing_another_file_releases_nothing(world: World):
    await world.run(automation())
    head = by(world, JANE, FILE)
    await world.run(annotated(automation(), f"{head[:12]}:apps/other.yaml abc"))
    assert world.head() == head


@pytest.mark.parametrize(
    "text",
    [
        pytest.param(FILE.replace("1.0", "1.0.5"), id="to another version"),
        pytest.param("# moved down\n\n" + FILE, id="with lines above it"),
    ],
)
async def test_an_edit_away_holds_like_a_revert(world: World, text: str):
    await world.run(automation())
    head = by(world, JANE, text)
    ended = await world.run(automation())
    assert world.head() == head
    assert extensions.UPDATES_HELD in ended.conditions


async def test_only_the_place_that_was_taken_back_is_held(tmp_path: Path):
    two = 'a: 1.0 # {"$imagepolicy": "apps:web:tag"}\nb:\n  c: 1.0 # {"$imagepolicy": "apps:web:tag"}\n'
    world = World(tmp_path, {"apps/web.yaml": two, "apps/other.yaml": FILE})
    await world.run(automation())
    back = world.text("apps/web.yaml").replace('c: "1.1"', "c: 1.0")
    assert back.count("1.0") == 1
    by(world, JANE, back)
    world.store.put(policy("web", "a/web", "1.2"))
    await world.run(automation())
    world.store.put(policy("web", "a/web", "1.1"))
    ended = await world.run(automation())
    assert world.text("apps/web.yaml") == 'a: "1.1" # {"$imagepolicy": "apps:web:tag"}\nb:\n  c: "1.2"' + two[-36:]
    assert world.text("apps/other.yaml") == NEW
    assert ended.conditions[extensions.UPDATES_HELD][2].count("took it back") == 1


async def test_our_own_change_of_mind_holds_nothing(world: World):
    for tag in ("1.1", "1.2", "1.1"):
        world.store.put(policy("web", "a/web", tag))
        ended = await world.run(automation())
    assert world.text("apps/web.yaml") == NEW
    assert extensions.UPDATES_HELD not in ended.conditions


async def test_a_version_that_only_people_wrote_is_not_held(world: World):
    by(world, JANE, NEW)
    by(world, JANE, FILE)
    await world.run(automation())
    assert world.text("apps/web.yaml") == NEW


async def test_a_person_who_lends_the_automation_an_address_can_revert(world: World):
    await world.run(automation())
    message = 'Revert "Update from image update automation"\n\nThis reverts commit ' + world.head() + "."
    head = by(world, BOT, FILE, message=message)
    await world.run(automation())
    assert world.head() == head


async def test_a_place_that_flips_three_times_is_suspended(world: World):
    for turn in range(2):
        await world.run(automation())
        by(world, BOT, FILE, message="Another controller", minutes=turn)
        assert world.text("apps/web.yaml") == FILE
    await world.run(automation())
    head = by(world, BOT, FILE, message="Another controller", minutes=3)
    ended = await world.run(automation())
    assert world.head() == head
    assert ended.conditions[extensions.UPDATES_HELD][2].endswith(
        "took it back, for the 3rd time within a day: something else writes to this place"
    )
    await world.run(annotated(automation(), head))
    assert world.text("apps/web.yaml") == NEW


async def test_flips_over_weeks_suspend_nothing(world: World):
    for turn in range(4):
        await world.run(automation())
        by(world, BOT, FILE, message="Another controller", minutes=turn * 24 * 60)
    await world.run(automation())
    assert world.text("apps/web.yaml") == NEW


async def test_an_update_that_was_merged_or_squashed_is_ours(world: World):
    repo = world.git()
    by(world, JANE, NEW, message="Merge update (#1)\n\nCo-authored-by: Bot <bot@example.com>")
    head = by(world, JANE, FILE)
    await world.run(automation())
    assert world.head() == head

    base = repo[world.first]
    signature = base.author
    seed(world.remote, {"apps/web.yaml": FILE}, branch="other", author=JANE)
    world.store.put(policy("web", "a/web", "1.3"))
    side = seed(world.remote, {"apps/web.yaml": FILE.replace("1.0", "1.3")}, branch="other", author=BOT)
    repo.create_commit(
        "refs/heads/main", signature, signature, "Merge", repo[side].tree_id, [repo[world.head()].id, repo[side].id]
    )
    head = by(world, JANE, FILE)
    await world.run(automation())
    assert world.head() == head


async def test_every_place_that_is_held_is_in_the_report(tmp_path: Path):
    files = {f"apps/app{number}.yaml": FILE for number in range(12)}
    world = World(tmp_path, files)
    first = await world.run(automation())
    head = seed(world.remote, files, author=JANE, message="Back", when=running.NOON)
    second = await world.run(first.obj)
    found = report.read(second.obj.metadata.annotations)
    assert {(held.path, held.commit, held.by) for held in found.held} == {(path, head, "Jane") for path in files}
    assert second.conditions[extensions.UPDATES_HELD][2].endswith("\nand 2 more")
    assert found.push == report.read(first.obj.metadata.annotations).push
    assert found.push is not None
    assert (found.push.branch, len(found.push.changes)) == ("main", 12)
    third = await world.run(second.obj)
    assert (third.run.events, third.obj.metadata.annotations) == ([], second.obj.metadata.annotations)
    named = releases.named([releases.Taken(held.path, held.commit) for held in found.held], ["apps/app11.yaml"])
    await world.run(annotated(third.obj, releases.forgiving("", named.entries)))
    assert [path for path in files if world.text(path) == NEW] == ["apps/app11.yaml"]


async def test_a_value_from_before_the_history_that_is_read_is_nobody_s_and_not_held(world: World):
    by(world, JANE, NEW)
    seed(world.remote, {"README.md": "by the automation\n"}, author=BOT, message="Something else")
    for number in range(authorship.DEPTH - 2):
        seed(world.remote, {"README.md": f"{number}\n"}, author=JANE)
    by(world, JANE, FILE)
    oldest = world.commits()[authorship.DEPTH - 1]
    assert oldest.author.email == BOT.email
    ended = await world.run(automation())
    assert extensions.UPDATES_HELD not in ended.conditions
    assert world.text("apps/web.yaml") == NEW


def forgotten(world: World) -> None:
    """Bury what there is under more commits than are read."""
    for number in range(authorship.DEPTH):
        seed(world.remote, {"README.md": f"{number}\n"}, author=JANE, when=running.NOON)


async def test_a_hold_outlives_the_history_that_is_read_until_something_ends_it(world: World):
    first = await world.run(automation())
    back = by(world, JANE, FILE)
    second = await world.run(first.obj)
    forgotten(world)
    head = world.head()
    third = await world.run(second.obj)
    assert world.head() == head
    assert third.conditions[extensions.UPDATES_HELD] == second.conditions[extensions.UPDATES_HELD]
    assert third.run.events == []
    assert report.read(third.obj.metadata.annotations).held[0].commit == back
    found = msgspec.structs.replace(report.read(third.obj.metadata.annotations), source="apps/other")
    moved = {extensions.REPORT: report.write(found) or ""}
    elsewhere = msgspec.structs.replace(third.obj.metadata, annotations=moved)
    forgiven = msgspec.structs.replace(
        third.obj.metadata, annotations={**third.obj.metadata.annotations, extensions.UNHOLD: back}
    )
    for metadata in (elsewhere, forgiven):
        await world.run(msgspec.structs.replace(third.obj, metadata=metadata))
        assert world.text("apps/web.yaml") == NEW
        world.git().references.create("refs/heads/main", head, force=True)
    by(world, JANE, NEW)
    fourth = await world.run(third.obj)
    assert extensions.UPDATES_HELD not in fourth.conditions
    by(world, JANE, FILE)
    forgotten(world)
    await world.run(fourth.obj)
    assert world.text("apps/web.yaml") == NEW


async def test_a_hold_does_not_lapse_while_its_update_has_left_the_history_and_its_revert_has_not(world: World):
    """The revert is read for a while after the update before it is not any more."""
    first = await world.run(automation())
    for number in range(5):
        seed(world.remote, {"README.md": f"between {number}\n"}, author=JANE, when=running.NOON)
    by(world, JANE, FILE)
    held = await world.run(first.obj)
    for number in range(authorship.DEPTH - 4):
        seed(world.remote, {"README.md": f"{number}\n"}, author=JANE, when=running.NOON)
    for number in range(3):
        held = await world.run(held.obj)
        assert world.text("apps/web.yaml") == FILE
        seed(world.remote, {"README.md": f"later {number}\n"}, author=JANE, when=running.NOON)


async def test_a_value_that_people_wrote_and_took_away_since_is_not_held_by_what_was_before(world: World):
    first = await world.run(automation())
    by(world, JANE, FILE)
    second = await world.run(first.obj)
    forgotten(world)
    by(world, JANE, NEW)
    by(world, JANE, FILE)
    ended = await world.run(second.obj)
    assert extensions.UPDATES_HELD not in ended.conditions
    assert world.text("apps/web.yaml") == NEW


async def test_a_history_that_is_whole_remembers_by_itself(world: World):
    first = await world.run(automation())
    by(world, JANE, FILE)
    second = await world.run(first.obj)
    world.git().references.create("refs/heads/main", world.first, force=True)  # it never happened
    ended = await world.run(second.obj)
    assert extensions.UPDATES_HELD not in ended.conditions
    assert world.text("apps/web.yaml") == NEW
