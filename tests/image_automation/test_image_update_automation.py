"""The reconciler over real bare repositories: what is committed, what conditions and events say."""

import asyncio
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import pygit2
import pytest

from gotk.api import extensions
from gotk.api.image import ImagePolicy, ImageUpdateAutomation
from gotk.api.source import GitRepository
from gotk.git import errors as git
from gotk.git.mirrors.mirror import Mirror, Mirrors
from gotk.git.objects.seed import seed
from gotk.git.serving.server import BasicAuth, GitServer
from gotk.runtime import errors
from gotk.runtime.reconciler import Key
from image_automation import triggers
from tests.image_automation.automating import FILE, World, automation, git_spec, opted_in, policy, repository, secret

UPDATED = FILE.replace("a/web:1.0", "a/web:1.1")
SUCCEEDED = ("True", "Succeeded", "repository up-to-date")


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    made = World(tmp_path)
    yield made
    made.limiter.close()


async def test_a_chosen_image_becomes_one_commit(world: World):
    ended = await world.run(automation())
    assert ended.ready == SUCCEEDED
    assert world.text("apps/web.yaml") == UPDATED
    commit, first = world.commits()
    assert str(first.id) == world.first
    assert commit.message == (
        "Update from image update automation\n\nweb\n- a/web:1.0 -> a/web:1.1 in apps/web.yaml:5 (Pod/web)\n\n"
        "Image-Update-Automation: apps/auto"
    )
    assert (commit.author.name, commit.author.email) == ("Bot", "bot@example.com")
    assert commit.author == commit.committer
    assert commit.tree["README.md"].id == first.tree["README.md"].id


async def test_status_and_event_tell_of_the_push(world: World):
    ended = await world.run(automation())
    head, status = world.head(), ended.obj.status
    assert status.last_push_commit == head
    assert status.last_push_time == status.last_automation_run_time == "2026-01-01T12:00:00Z"
    assert status.observed_source_revision == f"main@sha1:{head}"
    assert {name: (ref.name, ref.tag) for name, ref in status.observed_policies.items()} == {"web": ("a/web", "1.1")}
    assert ended.outcome
    assert ended.outcome.event == f"pushed commit '{head[:7]}' to branch 'main'\n{world.commits()[0].message}"
    assert (ended.outcome.changed, ended.outcome.requeue_after) == (True, 300)


async def test_nothing_to_do_makes_no_commit_and_is_no_news(world: World):
    first = await world.run(automation())
    head = world.head()
    second = await world.run(first.obj)
    assert world.head() == head
    assert second.ready == SUCCEEDED
    assert second.outcome
    assert (second.outcome.changed, second.outcome.trace) == (False, "no change since last reconciliation")
    assert second.obj.status.last_push_commit == head


async def test_a_restart_at_any_moment_makes_no_second_commit(world: World):
    await world.run(automation())
    head = world.head()
    world.restarted()
    again = await world.run(automation())  # as if the process had died before it wrote the status
    assert world.head() == head
    assert again.ready == SUCCEEDED
    assert again.obj.status.observed_source_revision == f"main@sha1:{head}"
    assert again.outcome
    assert again.outcome.trace == "repository up-to-date"


async def test_a_crash_between_commit_and_push_leaves_nothing_behind(world: World):
    class Dies(Mirror):
        def push(self, *_: Any, **__: Any) -> None:
            raise KeyboardInterrupt

    world.repositories = Opening(world.folder / "mirrors", Dies)
    world.restarted()
    with pytest.raises(KeyboardInterrupt):
        await world.run(automation())
    assert world.head() == world.first
    world.repositories = Mirrors(world.folder / "mirrors")
    world.restarted()
    await world.run(automation())
    assert len(world.commits()) == 2


async def test_a_crash_right_after_the_push_makes_no_second_commit(world: World):
    class Dies(Mirror):
        def push(self, *arguments: Any, **options: Any) -> None:
            super().push(*arguments, **options)
            raise KeyboardInterrupt

    world.repositories = Opening(world.folder / "mirrors", Dies)
    world.restarted()
    with pytest.raises(KeyboardInterrupt):
        await world.run(automation())
    head = world.head()
    world.repositories = Mirrors(world.folder / "mirrors")
    world.restarted()
    ended = await world.run(automation())
    assert (world.head(), len(world.commits())) == (head, 2)
    assert ended.obj.status.observed_source_revision == f"main@sha1:{head}"


class Opening(Mirrors):
    """Mirrors of another class in the same directory."""

    def __init__(self, root: Path, kind: type[Mirror]) -> None:
        super().__init__(root)
        self._made = root
        self._kind = kind

    def open(self, url: str, *arguments: Any, timeout: float = 60, depth: int = 1, **_: Any) -> Mirror:
        return self._kind(self._made / "one.git", url, *arguments, timeout=timeout, depth=depth)


class Raced(Mirror):
    """A mirror whose first pushes come too late: somebody else pushes just before."""

    remote: Path
    times = 1
    pushed = 0

    def push(self, *arguments: Any, **options: Any) -> None:
        if Raced.pushed < Raced.times:
            Raced.pushed += 1
            seed(Raced.remote, {"other.txt": f"{Raced.pushed}"}, message="Somebody else")
        super().push(*arguments, **options)


@pytest.mark.parametrize("times", [1, 3])
async def test_a_lost_race_is_run_again_on_top_of_the_winner(world: World, times: int):
    Raced.remote, Raced.times, Raced.pushed = world.remote, times, 0
    world.repositories = Opening(world.folder / "mirrors", Raced)
    world.restarted()
    ended = await world.run(automation())
    assert ended.ready == SUCCEEDED
    messages = [commit.message.splitlines()[0] for commit in world.commits()]
    assert messages == ["Update from image update automation", *["Somebody else"] * times, "Begin"]
    assert len(world.clock.slept) == times
    assert world.text("other.txt") == str(times)


async def test_a_race_that_is_always_lost_ends_in_a_retry(world: World):
    Raced.remote, Raced.times, Raced.pushed = world.remote, 99, 0
    world.repositories = Opening(world.folder / "mirrors", Raced)
    world.restarted()
    ended = await world.run(automation())
    assert isinstance(ended.error, errors.Retry)
    assert ended.ready[:2] == ("False", "GitOperationFailed")
    assert ended.ready[2].startswith("failed to update source: failed to push to remote: ")
    assert Raced.pushed == 12


async def test_a_tag_can_be_checked_out_and_pushed_to_a_branch(world: World):
    world.git().references.create("refs/tags/v1", world.first)
    spec = git_spec(checkout={"ref": {"tag": "v1"}}, push={"branch": "fromtag"})
    ended = await world.run(automation(git=spec))
    assert ended.obj.status.observed_source_revision == f"v1@sha1:{world.first}"
    assert world.text("apps/web.yaml", "fromtag") == UPDATED


@pytest.mark.parametrize(
    ("semver", "label"),
    [pytest.param("1.x", "1.10.0", id="a range"), pytest.param(">=2.0.0-0", "v2.0.0-rc.1", id="with prereleases")],
)
async def test_the_highest_tag_of_a_range_can_be_checked_out(world: World, semver: str, label: str):
    for tag in ("1.2.0", "1.10.0", "v2.0.0-rc.1", "junk"):
        world.git().references.create(f"refs/tags/{tag}", world.first)
    spec = git_spec(checkout={"ref": {"semver": semver}}, push={"branch": "auto"})
    ended = await world.run(automation(git=spec))
    assert ended.obj.status.observed_source_revision == f"{label}@sha1:{world.first}"
    assert world.text("apps/web.yaml", "auto") == UPDATED


@pytest.mark.parametrize(
    ("semver", "cause"), [("9.x", "no match found for semver: 9.x"), ("a b", "semver parse error: ")]
)
async def test_a_range_without_a_tag_is_retried(world: World, semver: str, cause: str):
    spec = git_spec(checkout={"ref": {"semver": semver}}, push={"branch": "auto"})
    ended = await world.run(automation(git=spec))
    assert ended.ready[:2] == ("False", "GitOperationFailed")
    assert ended.ready[2].startswith(f"failed to checkout source: {cause}")


async def test_a_commit_of_the_past_can_be_checked_out(world: World):
    seed(world.remote, {"apps/web.yaml": "gone: true\n"})
    spec = git_spec(checkout={"ref": {"commit": world.first, "branch": "main"}}, push={"branch": "auto"})
    ended = await world.run(automation(git=spec))
    assert ended.obj.status.observed_source_revision == f"main@sha1:{world.first}"
    assert world.text("apps/web.yaml", "auto") == UPDATED


async def test_a_file_address_needs_leave(world: World):
    world.restarted(allow_file=False)
    ended = await world.run(automation())
    assert ended.ready[:2] == ("False", "InvalidSourceConfiguration")
    assert "is a file's, for the embedded mode only" in ended.ready[2]


async def test_secrets_open_an_https_like_remote_and_never_show(world: World):
    with GitServer(world.folder, auth=BasicAuth("bot", "TOPSECRET")) as server:
        world.store.put(repository(server.url("remote.git"), secretRef={"name": "s"}))
        world.store.put(secret("s", {"username": b"bot", "password": b"TOPSECRET"}))
        ended = await world.run(automation())
        assert ended.ready == SUCCEEDED
        assert world.text("apps/web.yaml") == UPDATED
        world.store.put(policy("web", "a/web", "1.2"))
        world.store.put(secret("s", {"username": b"bot", "password": b"WRONGSECRET"}))
        denied = await world.run(ended.obj)
    assert denied.ready[:2] == ("False", "GitOperationFailed")
    assert denied.ready[2].startswith("failed to checkout source: ")
    assert "SECRET" not in repr(denied)
    assert world.text("apps/web.yaml") == UPDATED


async def test_only_files_below_the_path_are_updated(tmp_path: Path):
    world = World(tmp_path, {"apps/web.yaml": FILE, "other/web.yaml": FILE, "apps/deep/x.yml": FILE})
    await world.run(automation(update={"path": "./apps/"}))
    assert [world.text(path) for path in ("apps/web.yaml", "apps/deep/x.yml")] == [UPDATED, UPDATED]
    assert world.text("other/web.yaml") == FILE
    world.store.put(policy("web", "a/web", "2.0"))
    await world.run(automation(update={"path": "../../other/web.yaml"}))
    assert "a/web:2.0" in world.text("other/web.yaml")
    assert world.text("apps/web.yaml") == UPDATED


async def test_a_path_that_is_not_there_fails_the_update(world: World):
    ended = await world.run(automation(update={"path": "./nowhere"}))
    assert ended.ready[:2] == ("False", "UpdateFailed")
    assert ended.ready[2].startswith("failed to apply policies: the repository has no 'nowhere'")


async def test_many_policies_and_files_make_one_commit(tmp_path: Path):
    files = {f"f{n}.yaml": f'a: x # {{"$imagepolicy": "apps:p{n % 3}:tag"}}\n' for n in range(30)}
    world = World(tmp_path, files)
    for n in range(3):
        world.store.put(policy(f"p{n}", "a/b", f"1.{n}0"))
    await world.run(automation())
    assert len(world.commits()) == 2
    assert world.text("f4.yaml") == 'a: "1.10" # {"$imagepolicy": "apps:p1:tag"}\n'


@pytest.mark.parametrize(
    ("selector", "updated"),
    [
        pytest.param({"matchLabels": {"team": "web"}}, True, id="labels that match"),
        pytest.param({"matchLabels": {"team": "db"}}, False, id="labels that do not"),
        pytest.param({"matchExpressions": [{"key": "team", "operator": "In", "values": ["web"]}]}, True, id="in"),
        pytest.param(
            {"matchExpressions": [{"key": "team", "operator": "NotIn", "values": ["web"]}]}, False, id="not in"
        ),
        pytest.param({"matchExpressions": [{"key": "team", "operator": "Exists"}]}, True, id="exists"),
        pytest.param({"matchExpressions": [{"key": "team", "operator": "DoesNotExist"}]}, False, id="does not exist"),
        pytest.param({}, True, id="an empty selector"),
    ],
)
async def test_the_selector_chooses_policies(world: World, selector: dict[str, Any], updated: bool):
    world.store.put(policy("web", "a/web", "1.1", team="web"))
    ended = await world.run(automation(policySelector=selector))
    assert (world.text("apps/web.yaml") == UPDATED) is updated
    assert list(ended.obj.status.observed_policies) == (["web"] if updated else [])
    assert ended.run.events == []


async def test_a_bad_selector_stalls(world: World):
    selector = {"matchExpressions": [{"key": "a", "operator": "Like", "values": ["b"]}]}
    ended = await world.run(automation(policySelector=selector))
    assert isinstance(ended.error, errors.Stalled)
    assert ended.ready == (
        "False",
        "InvalidPolicySelector",
        'failed to parse policy selector: "Like" is not a valid label selector operator',
    )


STALLED, RETRY = errors.Stalled, errors.Retry
SOURCE = "failed configuring source manager: "
WRONG: dict[str, tuple[dict[str, Any], dict[str, Any], type, str, str]] = {
    "no git": (
        {"git": None},
        {},
        STALLED,
        "InvalidSourceConfiguration",
        "source kind 'GitRepository' necessitates field .spec.git: invalid source configuration",
    ),
    "a provider": (
        {},
        {"provider": "github"},
        STALLED,
        "InvalidSourceConfiguration",
        "secretRef with github app data must be specified when provider is set to github: invalid source configuration",
    ),
    "a proxy": (
        {},
        {"proxySecretRef": {"name": "p"}},
        RETRY,
        "SourceManagerFailed",
        f"{SOURCE}secret 'apps/p' not found",
    ),
    "no repository": (
        {"sourceRef": {"name": "none"}},
        {},
        RETRY,
        "SourceManagerFailed",
        f'{SOURCE}referenced git repository does not exist: GitRepository.source.toolkit.fluxcd.io "none" not found',
    ),
    "nowhere to push": (
        {},
        {"ref": None},
        RETRY,
        "SourceManagerFailed",
        f"{SOURCE}push spec not provided, and cannot be inferred from .spec.git.checkout.ref or GitRepo",
    ),
    "no secret": (
        {},
        {"secretRef": {"name": "s"}},
        RETRY,
        "SourceManagerFailed",
        f"{SOURCE}failed to get auth secret 'apps/s': secrets \"s\" not found",
    ),
    "no branch": ({}, {"ref": {"branch": "gone"}}, RETRY, "GitOperationFailed", "failed to checkout source: "),
    "no remote": ({}, {"url": "file:///no/where"}, RETRY, "GitOperationFailed", "failed to checkout source: "),
}


@pytest.mark.parametrize(("spec", "source", "kind", "reason", "message"), WRONG.values(), ids=WRONG)
async def test_what_is_wrong_is_said_in_flux_s_words(
    world: World, spec: dict[str, Any], source: dict[str, Any], kind: type, reason: str, message: str
):
    world.store.put(repository(**{"url": f"file://{world.remote}", **source}))
    ended = await world.run(automation(**spec))
    assert isinstance(ended.error, kind)
    assert ended.ready[:2] == ("False", reason)
    assert ended.ready[2].startswith(message)
    assert world.head() == world.first
    assert ended.obj.status.last_automation_run_time == "2026-01-01T12:00:00Z"


async def test_another_namespace_s_repository_can_be_blocked(world: World):
    world.store.remove(GitRepository, "apps", "fleet")
    world.store.put(repository(f"file://{world.remote}", namespace="fleet-system"))
    away = automation(sourceRef={"name": "fleet", "namespace": "fleet-system"})
    world.restarted(cross_namespace=False)
    ended = await world.run(away)
    assert ended.ready == (
        "False",
        "AccessDenied",
        "can't access 'GitRepository/fleet-system/fleet', cross-namespace references have been blocked",
    )
    world.restarted()
    assert (await world.run(away)).ready == SUCCEEDED
    assert world.text("apps/web.yaml") == UPDATED


async def test_github_app_data_without_its_provider_stalls_and_shows_no_secret(world: World):
    world.store.put(repository("https://example.invalid/x.git", secretRef={"name": "app"}))
    world.store.put(secret("app", {"githubAppID": b"1", "githubAppPrivateKey": b"TOPSECRET"}))
    ended = await world.run(automation())
    assert ended.ready[2].startswith("secretRef 'apps/app' has github app data but provider is not set to github: ")
    assert "TOPSECRET" not in str(ended)


async def test_an_image_reference_that_is_none_fails_the_update(world: World):
    world.store.put(policy("web", "a/web", "1.0\nprivileged: true"))
    ended = await world.run(automation())
    assert ended.ready[:2] == ("False", "UpdateFailed")
    assert ended.ready[2].startswith('failed to apply policies: encountered invalid image ref "a/web:1.0\\nprivileged')
    assert world.head() == world.first


async def test_a_rejected_push_is_told_with_the_remote_s_cause(world: World):
    class Refuses(Mirror):
        def push(self, *_: Any, **__: Any) -> None:
            raise git.Rejected("unable to push to 'x': the remote refused it: protected branch")

    world.repositories = Opening(world.folder / "mirrors", Refuses)
    world.restarted()
    ended = await world.run(automation())
    refusal = "unable to push to 'x': the remote refused it: protected branch"
    message = f"failed to update source: failed to push to remote: {refusal}"
    assert ended.ready == ("False", "GitOperationFailed", message)


async def test_what_has_no_effect_is_said_once(tmp_path: Path):
    files = {
        "a.yaml": FILE,
        "b.yaml": 'x: 1 # {"$imagepolicy": "apps:webb"}\ny: 1 # {"$imagepolicy": "elsewhere:web"}\n',
        "c.yaml": 'x: [\ny: 1 # {"$imagepolicy": "apps:web"}\n',
    }
    world = World(tmp_path, files)
    first = await world.run(automation())
    assert world.text("a.yaml") == UPDATED
    (event,) = first.run.events
    assert (event.severity, event.reason) == ("Warning", "MarkersIgnored")
    assert re.fullmatch(
        r"no effect:\nb.yaml:1: marker 'apps:webb': there is no ImagePolicy webb in namespace apps\n"
        r"b.yaml:2: marker 'elsewhere:web': an automation of namespace apps follows policies of that namespace only\n"
        r"c.yaml:3: the YAML cannot be read: .*: correct the file",
        event.message,
    )
    first_cause = "b.yaml:1: marker 'apps:webb': there is no ImagePolicy webb in namespace apps"
    aside = f"; 3 markers or files have no effect: {first_cause}"
    assert first.ready == (*SUCCEEDED[:2], SUCCEEDED[2] + aside)
    assert first.conditions[extensions.MARKERS_RESOLVED] == ("False", "MarkersIgnored", event.message)
    world.store.put(policy("web", "a/web", "1.2"))
    world.restarted()
    assert (await world.run(first.obj)).run.events == []


async def test_the_condition_goes_when_the_markers_are_right(tmp_path: Path):
    world = World(tmp_path, {"a.yaml": FILE, "b.yaml": 'x: 1 # {"$imagepolicy": "apps:late:tag"}\n'})
    world.store.put(policy("late", "a/late", ""))
    first = await world.run(automation())
    assert first.conditions[extensions.MARKERS_RESOLVED][2] == (
        "no effect:\nb.yaml:1: marker 'apps:late:tag': ImagePolicy late has not chosen an image"
    )
    world.store.put(policy("late", "a/late", "2"))
    second = await world.run(first.obj)
    assert extensions.MARKERS_RESOLVED not in second.conditions
    assert world.text("b.yaml").startswith('x: "2" #')


async def test_a_marker_that_another_automation_follows_is_right(tmp_path: Path):
    world = World(tmp_path, {"a.yaml": FILE, "b.yaml": 'x: 1 # {"$imagepolicy": "team:web"}\n'})
    other = automation()
    other = msgspec.structs.replace(other, metadata=msgspec.structs.replace(other.metadata, namespace="team"))
    world.store.put(policy("web", "a/web", "9", namespace="team"))
    world.store.put(other)
    ended = await world.run(automation())
    assert extensions.MARKERS_RESOLVED not in ended.conditions
    assert ended.run.events == []


async def test_links_and_unreadable_names_in_the_tree_are_left_alone(world: World):
    repo = world.git()
    tree = repo[world.head()].tree
    builder = repo.TreeBuilder(tree)
    builder.insert("link.yaml", repo.create_blob(b"apps/web.yaml"), 0o120000)
    author = world.commits()[0].author
    repo.create_commit("refs/heads/main", author, author, "Link", builder.write(), [world.head()])
    assert (await world.run(automation())).ready == SUCCEEDED
    commit = world.commits()[0]
    assert commit.tree["link.yaml"].filemode == 0o120000
    assert commit.tree["link.yaml"].data == b"apps/web.yaml"
    assert world.text("apps/web.yaml") == UPDATED


async def test_a_bomb_of_a_blob_is_not_unpacked(tmp_path: Path):
    world = World(tmp_path, {"a.yaml": FILE, "bomb.yaml": "#" * (17 << 20)})
    ended = await world.run(automation())
    assert world.text("a.yaml") == UPDATED
    assert [event.message for event in ended.run.events] == [
        "no effect:\nbomb.yaml: the file has 17825792 bytes, more than the 16777216 that are looked into: split it"
    ]


async def test_two_automations_of_one_branch_both_succeed(tmp_path: Path):
    world = World(tmp_path, {"a/x.yaml": FILE, "b/x.yaml": FILE})
    ended = await asyncio.gather(
        world.run(automation("one", update={"path": "a"})), world.run(automation("two", update={"path": "b"}))
    )
    assert [each.ready for each in ended] == [SUCCEEDED, SUCCEEDED]
    assert [world.text("a/x.yaml"), world.text("b/x.yaml")] == [UPDATED, UPDATED]
    assert len(world.commits()) == 3
    assert world.clock.slept == []


async def test_a_new_generation_looks_again_even_when_the_branch_has_not_moved(tmp_path: Path):
    world = World(tmp_path, {"a/x.yaml": FILE, "b/x.yaml": FILE})
    first = await world.run(automation(update={"path": "a"}))
    moved = msgspec.structs.replace(automation(generation=2, update={"path": "b"}), status=first.obj.status)
    await world.run(moved)
    assert world.text("b/x.yaml") == UPDATED


async def test_text_files_are_looked_into_once_they_are_opted_in_and_no_more_once_they_are_not(tmp_path: Path):
    text = 'TAG=1.0 # {"$imagepolicy": "apps:web:tag"}\n'
    world = World(tmp_path, {"a/x.yaml": FILE, "a/b/.env": text, "a/run.sh": text})
    first = await world.run(automation(update={"path": "a"}))
    assert (world.text("a/x.yaml"), world.text("a/b/.env")) == (UPDATED, text)
    second = await world.run(opted_in(first.obj, ".env, b/*.sh"))
    assert (world.text("a/b/.env"), world.text("a/run.sh")) == (text.replace("1.0", "1.1"), text)
    assert "- 1.0 -> 1.1 in a/b/.env:1\n" in world.commits()[0].message
    world.store.put(policy("web", "a/web", "1.2"))
    await world.run(opted_in(second.obj, ""))
    assert world.text("a/b/.env") == text.replace("1.0", "1.1")


async def test_patterns_that_make_no_sense_stall(world: World):
    ended = await world.run(opted_in(automation(), "../Dockerfile"))
    cause = "'../Dockerfile' names no file below update.path: write one such as `docker/*.env`"
    assert ended.ready == ("False", "InvalidTextFiles", f"annotation image-automation.dev/text-files: {cause}")


def watches(kind: type) -> Any:
    return next(watch for watch in triggers.WATCHES if watch.kind is kind)


def test_a_policy_s_new_choice_wakes_every_automation_of_its_namespace(world: World):
    watch = watches(ImagePolicy)
    old, new = policy("web", "a/web", "1.0"), policy("web", "a/web", "1.1")
    assert watch.changed(old, new)
    assert not watch.changed(new, new)
    assert not watch.changed(None, new)
    assert not watch.changed(new, None)
    assert not watch.changed(new, policy("web", "a/web", ""))
    world.store.put(automation("one"))
    world.store.put(automation("two", policySelector={"matchLabels": {"no": "match"}}))
    assert set(watch.requests(new, world.store)) == {Key("apps", "one"), Key("apps", "two")}
    assert set(watch.requests(policy("web", "a/web", "1", namespace="other"), world.store)) == set()


def test_a_repository_s_new_generation_wakes_the_automations_that_refer_to_it(world: World):
    watch = watches(GitRepository)
    old = repository("file:///a")
    new = msgspec.structs.replace(old, metadata=msgspec.structs.replace(old.metadata, generation=2))
    assert watch.changed(old, new)
    assert not watch.changed(old, old)
    assert not watch.changed(None, new)
    world.store.put(automation("one"))
    world.store.put(automation("other", sourceRef={"name": "elsewhere"}))
    assert list(watch.requests(new, world.store)) == [Key("apps", "one")]


async def test_finalizing_gives_everything_back(world: World):
    ended = await world.run(automation())
    obj: ImageUpdateAutomation = ended.obj
    await world.reconciler.finalize(obj, ended.run)


def link(world: World, path: str, target: str) -> None:
    """Commit a symbolic link."""
    repo = world.git()
    index = pygit2.Index()
    index.read_tree(repo[world.head()].tree)
    index.add(pygit2.IndexEntry(path, repo.create_blob(target.encode()), pygit2.enums.FileMode.LINK))
    author = world.commits()[0].author
    repo.create_commit("refs/heads/main", author, author, "Link", index.write_tree(repo), [world.head()])


@pytest.mark.parametrize(
    ("path", "target"),
    [
        pytest.param("apps/web.yaml", "../shared/web.yaml", id="a file outside of the path"),
        pytest.param("apps/web.yaml", "../shared/web.txt", id="a file of another name"),
        pytest.param("apps/web.yaml", "../second.yaml", id="over another link"),
        pytest.param("apps/deep/web.yaml", "../../folder/web.yaml", id="through a link to a folder"),
    ],
)
async def test_a_link_to_a_file_of_the_repository_updates_that_file(tmp_path: Path, path: str, target: str):
    world = World(tmp_path, {"shared/web.yaml": FILE, "shared/web.txt": FILE, "apps/own.yaml": FILE})
    link(world, "second.yaml", "shared/web.yaml")
    link(world, "folder", "shared")
    link(world, path, target)
    first = await world.run(automation(update={"path": "apps"}))
    changed = "shared/web.txt" if target.endswith(".txt") else "shared/web.yaml"
    assert (world.text(changed), world.text("apps/own.yaml")) == (UPDATED, UPDATED)
    assert world.text(path) == target
    assert len(world.commits()) == 5
    assert (await world.run(first.obj)).outcome.changed is False


@pytest.mark.parametrize("target", ["/etc/passwd", "../../outside.yaml", "none.yaml", "web.yaml", "../apps", "a\n../b"])
async def test_a_link_that_leads_to_no_file_of_the_repository_is_passed_over(tmp_path: Path, target: str):
    world = World(tmp_path, {"apps/own.yaml": FILE})
    link(world, "apps/web.yaml", target)
    ended = await world.run(automation(update={"path": "apps"}))
    assert ended.ready == SUCCEEDED
    assert (world.text("apps/own.yaml"), world.text("apps/web.yaml")) == (UPDATED, target)


async def test_a_condition_goes_without_a_new_commit_or_choice(tmp_path: Path):
    world = World(tmp_path, {"a.yaml": FILE, "b.yaml": 'x: 1 # {"$imagepolicy": "team:web"}\n'})
    first = await world.run(automation())
    assert extensions.MARKERS_RESOLVED in first.conditions
    head = world.head()
    other = automation()
    world.store.put(msgspec.structs.replace(other, metadata=msgspec.structs.replace(other.metadata, namespace="team")))
    world.store.put(policy("web", "a/web", "9", namespace="team"))
    second = await world.run(first.obj)
    assert world.head() == head
    assert extensions.MARKERS_RESOLVED not in second.conditions
    assert second.ready == SUCCEEDED
