"""One automation, a real bare repository and a stand-in for GitHub: from open to merged, and what people do between."""

import asyncio
import shlex
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest

from gotk.api import extensions
from gotk.api.image import ImageUpdateAutomation
from gotk.git.mirrors.mirror import Mirror, Mirrors
from gotk.http import errors as http
from gotk.runtime import errors
from image_automation import report
from image_automation.pull_requests import origins, section
from image_automation.steering import releasing
from tests.image_automation.automating import FILE, git_spec, policy
from tests.image_automation.pull_requests.forging import WEB, Forge, annotated

UPDATED = FILE.replace("a/web:1.0", "a/web:1.1")
Made = Callable[..., Forge]


@pytest.fixture
def made(tmp_path: Path) -> Iterator[Made]:
    forges: list[Forge] = []

    def make(**asked: Any) -> Forge:
        forges.append(Forge(tmp_path, **asked))
        return forges[-1]

    yield make
    for each in forges:
        each.world.limiter.close()


async def test_a_choice_becomes_a_pull_request_and_the_branch_stays(made: Made):
    forge = made(labels=["images"])
    ended = await forge.run()
    (pull,) = forge.open
    assert (pull.title, pull.head, pull.base) == ("Update web from 1.0 to 1.1", WEB, "main")
    assert pull.labels == ["images"]
    assert "| `a/web` | `1.0` | `1.1` | minor | `apps/web.yaml:5` |" in pull.body
    assert forge.world.text("apps/web.yaml") == FILE
    assert forge.world.text("apps/web.yaml", WEB) == UPDATED
    assert ended.ready == ("True", "Succeeded", "repository up-to-date; 1 pull request is open: #1")
    assert [event.message.splitlines()[0] for event in ended.run.told] == [
        f"pushed commit '{forge.world.head(WEB)[:7]}' to branch '{WEB}'",
        "opened pull request #1: Update web from 1.0 to 1.1",
    ]
    (recorded,) = forge.recorded
    assert (recorded.number, recorded.scope, recorded.head) == (1, "web", forge.world.head(WEB))
    assert ended.obj.status.observed_source_revision == f"main@sha1:{forge.world.first}"


async def test_a_forge_that_does_not_show_is_said_before_there_is_anything_to_propose(made: Made):
    forge = made(type="", address="https://git.example.com/org/web")
    forge.world.store.put(policy("web", "a/web", "1.0"))
    ended = await forge.run()
    assert isinstance(ended.error, errors.Stalled)
    assert ended.ready[2].startswith(
        "annotation image-automation.dev/pull-request: git.example.com does not show which forge it is: name its type"
    )
    assert forge.ways == []


async def test_a_second_run_and_a_restart_change_nothing(made: Made):
    forge = made()
    await forge.run()
    tip, writes = forge.world.head(WEB), forge.facts.writes()
    ended = await forge.run()
    forge.world.restarted()
    forge.obj = forge.asking()  # as if nothing of it had been written down
    await forge.run()
    assert (forge.world.head(WEB), forge.facts.writes()) == (tip, writes)
    assert ended.run.told == []
    assert len(forge.facts.pulls) == 1


async def test_a_newer_choice_refreshes_it_in_place(made: Made):
    forge = made()
    await forge.run()
    (pull,) = forge.open
    pull.body = f"Please wait for Tuesday.\n\n{pull.body}"
    forge.world.store.put(policy("web", "a/web", "2.0"))
    await forge.run()
    assert [each.number for each in forge.open] == [1]
    assert pull.title == "Update web from 1.0 to 2.0"
    assert pull.body.startswith("Please wait for Tuesday.")
    assert "`2.0` | major" in pull.body
    assert "1.1" not in pull.body
    assert forge.world.text("apps/web.yaml", WEB) == FILE.replace("1.0", "2.0")
    assert len(forge.world.commits(WEB)) == 2


async def test_a_title_that_a_person_wrote_stays(made: Made):
    forge = made()
    await forge.run()
    (pull,) = forge.open
    pull.title = "Web for the sale"
    forge.world.store.put(policy("web", "a/web", "2.0"))
    await forge.run()
    assert pull.title == "Web for the sale"
    assert "`2.0` | major" in pull.body


async def test_the_branch_is_made_anew_when_the_base_moves(made: Made):
    forge = made()
    await forge.run()
    forge.commit("main", {"README.md": "more\n"})
    await forge.run()
    assert forge.world.text("README.md", WEB) == "more\n"
    assert len(forge.world.commits(WEB)) == 3
    assert len(forge.open) == 1


async def test_one_that_is_merged_is_told_and_its_branch_goes(made: Made):
    forge = made()
    await forge.run()
    forge.merge(forge.open[0])
    ended = await forge.run()
    assert WEB not in forge.facts.branches
    (told,) = ended.run.told
    assert told.message.splitlines() == [
        f"pull request #1 was merged as {forge.world.head()[:12]}: Update web from 1.0 to 1.1",
        "https://github.com/org/web/pull/1",
    ]
    assert forge.recorded == ()
    assert ended.ready[2] == "repository up-to-date"
    again = await forge.run()
    assert (again.run.told, len(forge.facts.pulls)) == ([], 1)


async def test_one_that_is_closed_refuses_its_version_until_a_newer_one(made: Made):
    forge = made()
    await forge.run()
    forge.close(forge.open[0])
    ended = await forge.run()
    assert forge.open == []
    (held,) = report.read(forge.obj.metadata.annotations).held
    command = "image-automation unhold auto -n apps apps/web.yaml"
    closed = f"pull request #1 was closed by ann; to have it proposed again: {command}"
    assert (held.kind, held.message) == ("PullRequestClosed", closed)
    said = ended.conditions[extensions.UPDATES_HELD][2].splitlines()
    where = "apps/web.yaml:5: policy web: a/web:1.0 stays, a/web:1.1 is not written"
    assert said == ["held until a newer image is chosen:", f"{where}: {closed}"]
    await forge.run()
    assert forge.open == []
    forge.world.store.put(policy("web", "a/web", "1.2"))
    ended = await forge.run()
    assert [each.title for each in forge.open] == ["Update web from 1.0 to 1.2"]
    assert extensions.UPDATES_HELD not in ended.conditions


async def test_what_was_refused_is_proposed_again_once_it_is_forgiven(made: Made):
    forge = made()
    await forge.run()
    forge.close(forge.open[0])
    await forge.run()
    found = report.read(forge.obj.metadata.annotations)
    command = shlex.split(found.held[0].message.partition(": ")[2])
    assert command[:5] == ["image-automation", "unhold", "auto", "-n", "apps"]
    released = releasing.named(found, command[5:])
    tip = forge.facts.pulls[0].head_sha
    assert released.lines("auto") == [
        f"apps/web.yaml: what the closed pull request at commit {tip[:12]} proposed may come again"
    ]
    forge.obj = annotated(forge.obj, {extensions.UNHOLD: " ".join(released.entries)})
    await forge.run()
    assert [each.number for each in forge.open] == [2]


async def test_one_that_a_person_opens_again_is_kept_again(made: Made):
    forge = made()
    await forge.run()
    forge.close(forge.open[0])
    await forge.run()
    forge.facts.pulls[0].state = "open"
    ended = await forge.run()
    assert [each.number for each in forge.recorded] == [1]
    assert extensions.UPDATES_HELD not in ended.conditions


async def test_of_one_for_all_only_what_was_refused_is_left_out(made: Made):
    forge = made(per="all")
    two(forge)
    await forge.run()
    assert forge.open[0].title == "Update api to 2.1 and web to 1.1"
    forge.close(forge.open[0])
    await forge.run()
    assert forge.open == []
    forge.world.store.put(policy("web", "a/web", "1.2"))
    await forge.run()
    assert [each.title for each in forge.open] == ["Update web from 1.0 to 1.2"]
    assert "pull request #1 was closed by ann" in forge.open[0].body


def two(forge: Forge) -> None:
    """Mark a second image, of a second policy, in the same file and in another one."""
    other = FILE.replace("apps:web", "apps:api").replace("a/web:1.0", "a/api:2.0")
    forge.commit("main", {"apps/web.yaml": f"{FILE}---\n{other}", "apps/api.yaml": other})
    forge.world.store.put(policy("api", "a/api", "2.1"))


async def test_each_policy_has_its_own(made: Made):
    forge = made()
    two(forge)
    await forge.run()
    assert {each.head: each.title for each in forge.open} == {
        "image-updates/apps/auto/api": "Update api from 2.0 to 2.1",
        WEB: "Update web from 1.0 to 1.1",
    }
    assert "a/api:2.0" in forge.world.text("apps/web.yaml", WEB)
    assert "a/web:1.0" in forge.world.text("apps/web.yaml", "image-updates/apps/auto/api")
    forge.merge(forge.open[0])
    await forge.run()
    assert [each.head for each in forge.open] == [WEB]
    assert forge.world.text("apps/web.yaml", WEB).count("a/api:2.1") == 1  # made anew on top of what was merged


async def test_scopes_cannot_share_a_branch(made: Made):
    forge = made(branch="updates")
    two(forge)
    ended = await forge.run()
    assert isinstance(ended.error, errors.Stalled)
    assert ended.ready[2].endswith("`branch` gives 'updates' for both 'api' and 'web': use '.Scope' in it")


async def test_the_push_branch_counts_where_there_is_one_for_all(made: Made):
    forge = made(per="all")
    forge.spec = {"git": git_spec(push={"branch": "updates"})}
    forge.obj = forge.asking(per="all")
    await forge.run()
    assert [each.head for each in forge.open] == ["updates"]


async def test_two_instances_at_once_double_nothing(made: Made):
    forge = made()
    other = Forge.beside(forge)
    ended = await asyncio.gather(forge.run(), other.run())
    assert {type(each.error) for each in ended} <= {type(None), errors.Conflict, errors.Retry}
    await forge.run()
    assert len(forge.facts.pulls) == 1
    assert len(forge.world.commits(WEB)) == 2
    other.world.limiter.close()


async def test_groups_share_one(made: Made):
    forge = made(per="group")
    two(forge)
    for name, image, tag in (("web", "a/web", "2.1"), ("api", "a/api", "2.1")):
        grouped = policy(name, image, tag)
        grouped.metadata.annotations[extensions.GROUP] = "shop"  # type: ignore[index]
        forge.world.store.put(grouped)
    await forge.run()
    assert [each.head for each in forge.open] == ["image-updates/apps/auto/shop"]


async def test_commits_of_people_are_left_alone(made: Made):
    forge = made()
    await forge.run()
    theirs = forge.commit(WEB, {"fix.txt": "by hand"})
    forge.world.store.put(policy("web", "a/web", "1.2"))
    ended = await forge.run()
    assert forge.world.head(WEB) == theirs
    assert forge.open[0].title == "Update web from 1.0 to 1.1"
    note = f"branch '{WEB}' has commits of others: it is not refreshed any more, merge or close it"
    assert ended.ready[2] == f"repository up-to-date; 1 pull request is open: #1; #1: {note}"


async def test_what_is_not_chosen_any_more_is_closed_and_refuses_nothing(made: Made):
    forge = made()
    await forge.run()
    forge.world.store.put(policy("web", "a/web", "1.0"))
    await forge.run()
    (pull,) = forge.facts.pulls
    assert pull.state == "closed"
    assert forge.facts.comments[1] == ["Nothing is left to propose: `main` has what the policies choose now."]
    assert WEB not in forge.facts.branches
    forge.world.store.put(policy("web", "a/web", "1.1"))
    await forge.run()
    assert [each.number for each in forge.open] == [2]


async def test_a_branch_named_for_its_version_is_superseded(made: Made):
    forge = made(
        branch="up/{{ range .Updates }}{{ .Policy }}-{{ .New }}{{ end }}", title="{{ len .Updates }} of {{ .Scope }}"
    )
    await forge.run()
    forge.world.store.put(policy("web", "a/web", "1.2"))
    await forge.run()
    assert [(each.head, each.title, each.state) for each in forge.facts.pulls] == [
        ("up/web-1.1", "1 of web", "closed"),
        ("up/web-1.2", "1 of web", "open"),
    ]
    assert forge.facts.comments[1] == ["Superseded by #2."]
    assert "up/web-1.1" not in forge.facts.branches


async def test_a_crash_between_push_and_open_doubles_nothing(made: Made):
    forge = made()
    forge.down = None
    opened = forge.facts.open

    def dies(*_: Any, **__: Any) -> None:
        raise KeyboardInterrupt

    forge.facts.open = dies  # type: ignore[method-assign]
    with pytest.raises(KeyboardInterrupt):
        await forge.run()
    tip = forge.world.head(WEB)
    forge.facts.open = opened  # type: ignore[method-assign]
    forge.world.restarted()
    await forge.run()
    assert (forge.world.head(WEB), len(forge.open)) == (tip, 1)


@pytest.mark.parametrize(
    ("error", "said", "after"),
    [
        pytest.param(http.Unreachable("cannot reach git"), "GitHub: cannot reach git", None, id="down"),
        pytest.param(http.Unavailable("no more", retry_after=90), "GitHub: no more", 90, id="rate limited"),
        pytest.param(http.Unauthorized("403"), "403: the token needs the right to read and write", None, id="no right"),
    ],
)
async def test_a_forge_that_fails_loses_nothing(made: Made, error: Exception, said: str, after: float | None):
    forge = made()
    await forge.run()
    tip = forge.world.head(WEB)
    forge.down = error
    ended = await forge.run()
    assert isinstance(ended.error, errors.Retry)
    assert ended.ready[:2] == ("False", "PullRequestFailed")
    assert ended.ready[2].startswith(said)
    assert ended.error.after == after
    assert [each.number for each in forge.recorded] == [1]
    forge.down = None
    ended = await forge.run()
    assert (ended.run.told, forge.world.head(WEB), len(forge.facts.pulls)) == ([], tip, 1)


async def test_a_base_that_is_gone_is_named(made: Made):
    forge = made()
    await forge.run()
    forge.world.git().references.delete("refs/heads/main")
    ended = await forge.run()
    assert ended.ready[1] == "GitOperationFailed"
    assert "main" in ended.ready[2]
    assert len(forge.open) == 1


async def test_the_forge_is_let_merge_once_for_each_commit(made: Made):
    forge = made(merge="auto")
    await forge.run()
    assert forge.open[0].scheduled
    before = len(forge.facts.asked)
    await forge.run()
    assert len(forge.facts.asked) == before + 1  # the list alone


async def test_it_is_merged_when_green_and_not_before(made: Made):
    forge = made(merge="when-green")
    await forge.run()
    said = []
    for checks in ([], [("ci/test", "pending")], [("ci/test", "failure")]):
        forge.facts.checks = checks
        ended = await forge.run()
        said.append(ended.ready[2].rpartition("#1: ")[2])
        assert ended.outcome
        assert ended.outcome.requeue_after == 60
    assert said == [
        "no check has reported on it yet: it is merged once one has, and all have passed",
        "it waits for checks: ci/test",
        "it is not merged, for checks have failed: ci/test",
    ]
    assert forge.open[0].state == "open"
    forge.facts.checks = [("ci/test", "success")]
    ended = await forge.run()
    assert forge.open == []
    assert ended.outcome
    assert ended.outcome.requeue_after == 5


async def test_a_freeze_that_the_cache_has_not_seen_keeps_it_from_being_merged(made: Made):
    forge = made(merge="when-green")
    await forge.run()
    forge.facts.checks = [("ci/test", "success")]
    forge.world.store.put(annotated(forge.obj, {extensions.FREEZE: "{reason: sale}"}))
    ended = await forge.run()
    assert isinstance(ended.error, errors.Conflict)
    assert len(forge.open) == 1


async def test_a_freeze_calls_off_what_the_forge_would_merge_and_its_end_lets_it_again(made: Made):
    forge = made(merge="auto")
    await forge.run()
    forge.obj = annotated(forge.obj, {extensions.FREEZE: "{reason: sale}"})
    await forge.run()
    assert [(each.number, each.scheduled) for each in forge.open] == [(1, False)]
    forge.obj = without(forge.obj, extensions.FREEZE)
    await forge.run()
    assert [(each.number, each.scheduled) for each in forge.open] == [(1, True)]


async def test_what_the_forge_would_merge_is_looked_at_when_its_window_ends(made: Made):
    forge = made(merge="auto")
    forge.obj = annotated(forge.obj, {extensions.WINDOWS: '[{allow: "Mon-Sun 10:00-12:30"}]'})  # it is noon
    ended = await forge.run()
    assert ended.outcome
    assert (forge.open[0].scheduled, ended.outcome.requeue_after) == (True, 300)
    forge.obj = annotated(forge.obj, {extensions.WINDOWS: '[{allow: "Mon-Sun 10:00-12:02"}]'})
    ended = await forge.run()
    assert ended.outcome
    assert ended.outcome.requeue_after == 120


async def test_what_cannot_be_called_off_is_closed_and_opened_again_at_the_end(made: Made):
    forge = made(merge="auto")
    await forge.run()
    forge.open[0].scheduled, forge.open[0].queued = False, True
    forge.obj = annotated(forge.obj, {extensions.FREEZE: "{reason: sale}"})
    ended = await forge.run()
    assert isinstance(ended.error, errors.Conflict)
    assert forge.open == []
    assert forge.facts.comments[1] == ["Not to be merged now: what it proposes is held back."]
    assert (await forge.run()).error is None
    forge.obj = without(forge.obj, extensions.FREEZE)
    await forge.run()
    assert [(each.number, each.scheduled) for each in forge.open] == [(2, True)]


def without(obj: ImageUpdateAutomation, annotation: str) -> ImageUpdateAutomation:
    annotations = {name: text for name, text in obj.metadata.annotations.items() if name != annotation}
    return msgspec.structs.replace(obj, metadata=msgspec.structs.replace(obj.metadata, annotations=annotations))


async def test_a_merge_queue_is_waited_for(made: Made):
    forge = made(merge="when-green")
    forge.facts.queue, forge.facts.checks = True, [("ci/test", "success")]
    await forge.run()
    ended = await forge.run()
    assert forge.open[0].queued
    assert ended.ready[2].endswith("#1: it waits in the merge queue")


async def test_a_description_says_whose_it_is(made: Made):
    forge = made()
    await forge.run()
    note = section.read(forge.open[0].body)
    assert note is not None
    assert (note.automation, note.scope, len(note.choices)) == ("u-1", "web", 1)


async def test_links_are_written_where_they_are_asked_for_and_nothing_depends_on_them(made: Made):
    forge = made(links=True)
    known = {origins.SOURCE: "https://github.com/org/app", origins.REVISION: "b" * 40}

    async def read(policy: str, tag: str) -> dict[str, str]:
        assert (policy, tag) in {("apps/web", "1.0"), ("apps/web", "1.1")}
        return known

    forge.world.origins = read
    forge.world.restarted()
    await forge.run()
    assert "- web 1.1: [source](https://github.com/org/app), [`bbbbbbbbbbbb`](" in forge.open[0].body
    known.clear()
    writes = forge.facts.writes()
    await forge.run()
    assert forge.facts.writes() == writes


async def test_release_notes_are_written_where_they_are_asked_for_and_nothing_depends_on_them(made: Made):
    forge = made(releaseNotes=True)
    forge.facts.releases = [("v1.1", "Faster, thanks @ann."), ("v1.0", "Old.")]

    async def read(policy: str, tag: str) -> dict[str, str]:
        return {origins.SOURCE: "https://github.com/org/app"}

    forge.world.origins = read
    forge.world.restarted()
    await forge.run()
    (pull,) = forge.open
    assert ":\n\n```text\n Faster, thanks @ann.\n```\n" in pull.body
    assert "Old." not in pull.body
    forge.facts.releases = []
    writes = forge.facts.writes()
    await forge.run()
    assert forge.facts.writes() == writes


async def test_all_that_is_asked_for_is_on_it_and_what_cannot_be_had_is_said(made: Made):
    body = "{{ range .Updates }}* {{ .Image }} {{ .Old }} -> {{ .New }} ({{ .Level }}){{ end }} in {{ .Scope }}"
    forge = made(
        draft=True,
        body=body,
        title="chore: {{ range .Updates }}{{ .Policy }}{{ end }}",
        reviewers=["ann", "nobody"],
        assignees=["bob"],
        labels=["images"],
    )
    ended = await forge.run()
    (pull,) = forge.open
    assert (pull.draft, pull.title, pull.labels) == (True, "chore: web", ["images"])
    assert (pull.reviewers, pull.assignees) == (["ann"], ["bob"])
    assert "\n* a/web 1.0 -> 1.1 (minor) in web\n" in pull.body
    assert "reviewer nobody: " in ended.ready[2]
    assert forge.recorded[0].draft
    pull.labels.append("theirs")
    forge.world.store.put(policy("web", "a/web", "1.2"))
    await forge.run()
    assert (pull.draft, pull.title, pull.labels) == (True, "chore: web", ["images", "theirs"])
    assert "-> 1.2 (minor)" in pull.body


async def test_who_commits_to_the_branch_in_that_moment_is_not_overwritten(made: Made, tmp_path: Path):
    forge = made()
    await forge.run()
    forge.world.store.put(policy("web", "a/web", "1.2"))
    theirs = []

    class Racing(Mirrors):
        def open(self, *what: Any, **how: Any) -> Mirror:
            mirror = super().open(*what, **how)
            push = mirror.push

            def late(*what: Any, **how: Any) -> None:
                theirs.append(forge.commit(WEB, {"fix.txt": "by hand"}))
                push(*what, **how)

            mirror.push = late  # type: ignore[method-assign]
            return mirror

    forge.world.repositories = Racing(tmp_path / "mirrors-of-a-race")
    forge.world.restarted()
    ended = await forge.run()
    assert isinstance(ended.error, errors.Conflict)
    assert [forge.world.head(WEB)] == theirs
    ended = await forge.run()
    assert (len(theirs), "has commits of others" in ended.ready[2]) == (1, True)


async def test_a_branch_that_somebody_deleted_is_there_again(made: Made):
    forge = made()
    await forge.run()
    tip = forge.world.head(WEB)
    forge.world.git().references.delete(f"refs/heads/{WEB}")
    ended = await forge.run()
    assert (ended.error, forge.world.text("apps/web.yaml", WEB)) == (None, UPDATED)
    assert [each.number for each in forge.open] == [1]
    assert forge.world.head(WEB) == tip or len(forge.world.commits(WEB)) == 2


async def test_a_description_that_was_taken_apart_stays_as_people_left_it(made: Made):
    forge = made()
    await forge.run()
    (pull,) = forge.open
    pull.body = pull.body.replace("[//]: # (image-automation:end)", "Ours now.")
    left = pull.body
    forge.world.store.put(policy("web", "a/web", "1.2"))
    ended = await forge.run()
    assert pull.body == left
    assert "its description has been taken apart: it stays as it is" in ended.ready[2]
    assert forge.world.text("apps/web.yaml", WEB) == FILE.replace("1.0", "1.2")


async def test_one_without_our_lines_is_kept_by_its_branch_alone(made: Made):
    forge = made()
    await forge.run()
    (pull,) = forge.open
    pull.body, pull.title = "By hand.", "By hand"
    forge.world.store.put(policy("web", "a/web", "1.2"))
    ended = await forge.run()
    assert (pull.body, pull.title, len(forge.facts.pulls)) == ("By hand.", "By hand", 1)
    assert "its description is not ours: title and text stay as they are" in ended.ready[2]
