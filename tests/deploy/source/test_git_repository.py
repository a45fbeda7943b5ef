"""The reconciler over real repositories: the in-process server, and nginx and sshd where they are installed."""

import os
import shutil
from datetime import timedelta
from pathlib import Path

import msgspec
import pygit2
import pytest

from deploy.source.checkouts.verification import Verifier
from deploy.source.git_repository import GitRepositoryReconciler
from deploy.source.publishing import Publisher
from gotk.api import scheme
from gotk.api.image import ImageUpdateAutomation
from gotk.api.meta import Artifact
from gotk.git.mirrors.mirror import Mirrors
from gotk.git.objects.seed import seed
from gotk.git.serving.server import BasicAuth, GitServer
from gotk.runtime import errors
from gotk.runtime.blocking import Limiter
from gotk.runtime.reconciler import Key
from gotk.sources.git_access import GitAccess
from tests.deploy.source.world import MAIN, World, kept, repository, tip
from tests.real import git_https, git_ssh, silence
from tests.running import NOON, run_once


async def test_a_commit_becomes_an_artifact(world: World, origin: Path) -> None:
    ended = await world.run(repository(origin, ref=MAIN))
    commit, artifact = tip(origin), ended.obj.status.artifact
    assert artifact is not None
    stored = (world.storage.root / artifact.path).read_bytes()
    assert artifact == Artifact(
        digest=artifact.digest,
        path=f"gitrepository/apps/fleet/{commit}.tar.gz",
        url=f"http://source.local:9090/gitrepository/apps/fleet/{commit}.tar.gz",
        revision=f"main@sha1:{commit}",
        last_update_time="2026-01-01T12:00:00Z",
        size=len(stored),
    )
    assert world.storage.verify(artifact) == ""
    assert world.content(ended) == {"README.md": b"hi\n", "app.yaml": b"one\n"}


async def test_conditions_and_event_are_flux_s(world: World, origin: Path) -> None:
    ended = await world.run(repository(origin, ref=MAIN))
    message = f"stored artifact for revision 'main@sha1:{tip(origin)}'"
    assert ended.conditions == {
        "Ready": ("True", "Succeeded", message),
        "ArtifactInStorage": ("True", "Succeeded", message),
    }
    assert ended.run.progressed == [
        "building artifact",
        f"building artifact: new upstream revision 'main@sha1:{tip(origin)}'",
    ]
    outcome, artifact = ended.outcome, ended.obj.status.artifact
    assert outcome is not None
    assert artifact is not None
    assert (outcome.changed, outcome.event, outcome.event_reason) == (
        True,
        "stored artifact for commit 'Begin here'",
        "NewArtifact",
    )
    assert outcome.metadata == {
        "source.toolkit.fluxcd.io/revision": artifact.revision,
        "source.toolkit.fluxcd.io/digest": artifact.digest,
    }
    assert outcome.requeue_after is not None
    assert 57 <= outcome.requeue_after <= 63


async def test_nothing_new_is_said_to_be_so(world: World, origin: Path) -> None:
    first = await world.run(repository(origin, ref=MAIN))
    shutil.rmtree(world.root / "mirrors")
    again = await world.run(first.obj, now=NOON + timedelta(minutes=1))
    assert again.outcome is not None
    assert not again.outcome.changed
    assert (again.outcome.trace_reason, again.outcome.trace) == (
        "GitOperationSucceeded",
        f"no changes since last reconciliation: observed revision 'main@sha1:{tip(origin)}'",
    )
    assert again.obj.status.artifact == first.obj.status.artifact
    assert again.ready[0] == "True"
    assert again.run.progressed == []
    assert not list((world.root / "mirrors").glob("*.git")), "what is stored is not fetched again"
    seed(origin, {"app.yaml": "two\n"})
    assert world.content(await world.run(again.obj))["app.yaml"] == b"two\n"


async def test_a_new_commit_replaces_the_artifact(world: World, origin: Path) -> None:
    first = await world.run(repository(origin, ref=MAIN))
    seed(origin, {"app.yaml": "two\n"}, message="Update app to two, for reasons that take more than a line")
    second = await world.run(first.obj)
    assert world.content(second)["app.yaml"] == b"two\n"
    assert second.outcome is not None
    assert second.outcome.event == "stored artifact for commit 'Update app to two, for reasons that take more than...'"
    assert second.run.progressed == [f"building artifact: new upstream revision 'main@sha1:{tip(origin)}'"]
    outdated = {c.type: c.reason for c in second.run.saves[-1].conditions}
    assert outdated["ArtifactOutdated"] == "NewRevision"
    assert "ArtifactOutdated" not in second.conditions


async def test_the_superseded_artifact_goes_a_minute_later(world: World, origin: Path) -> None:
    first = await world.run(repository(origin, ref=MAIN))
    seed(origin, {"app.yaml": "two\n"})
    second = await world.run(first.obj)
    for path in (world.storage.root / "gitrepository/apps/fleet").iterdir():
        os.utime(path, (NOON.timestamp(), NOON.timestamp()))
    third = await world.run(second.obj, now=NOON + timedelta(seconds=61))
    assert [path.name for path in (world.storage.root / "gitrepository/apps/fleet").iterdir()] == [
        f"{tip(origin)}.tar.gz"
    ]
    assert [(event.severity, event.reason, event.message) for event in third.run.events] == [
        ("Trace", "GarbageCollectionSucceeded", "garbage collected 1 artifacts")
    ]


async def test_a_commit_that_changes_no_kept_file_makes_the_same_bytes(world: World, origin: Path) -> None:
    first = await world.run(repository(origin, ref=MAIN, ignore="*.md"))
    seed(origin, {"README.md": "other\n"})
    second = await world.run(first.obj)
    before, after = kept(first), kept(second)
    assert (before.digest, before.revision != after.revision) == (after.digest, True)
    assert second.outcome is not None
    assert (second.outcome.changed, second.outcome.event_reason) == (False, "Succeeded")


async def test_changing_what_is_ignored_builds_anew(world: World, origin: Path) -> None:
    first = await world.run(repository(origin, ref=MAIN))
    changed = msgspec.structs.replace(first.obj, spec=msgspec.structs.replace(first.obj.spec, ignore="*.md"))
    second = await world.run(changed)
    assert world.content(second) == {"app.yaml": b"one\n"}
    assert second.obj.status.observed_ignore == "*.md"
    assert second.outcome is not None
    assert second.outcome.changed


async def test_an_artifact_that_disappeared_is_built_anew(world: World, origin: Path) -> None:
    first = await world.run(repository(origin, ref=MAIN))
    shutil.rmtree(world.storage.root / "gitrepository")
    second = await world.run(first.obj)
    assert second.run.progressed[0] == "building artifact: disappeared from storage"
    assert "ArtifactInStorage" not in {c.type for c in second.run.saves[0].conditions}
    assert world.content(second)["app.yaml"] == b"one\n"
    assert second.ready[0] == "True"


async def test_an_artifact_that_was_tampered_with_is_built_anew(world: World, origin: Path) -> None:
    first = await world.run(repository(origin, ref=MAIN))
    artifact = kept(first)
    (world.storage.root / artifact.path).write_bytes(b"evil")
    second = await world.run(first.obj)
    (event,) = second.run.events
    assert (event.severity, event.reason) == ("Warning", "ArtifactVerificationFailed")
    assert event.message.startswith("failed to verify integrity of artifact: ")
    assert world.content(second)["app.yaml"] == b"one\n"


async def test_another_algorithm_digests_what_is_stored_from_now_on(world: World, origin: Path) -> None:
    first = await world.run(repository(origin, ref=MAIN))
    world.storage.algorithm = "blake3"
    assert kept(await world.run(first.obj)) == kept(first)
    seed(origin, {"app.yaml": "two\n"})
    second = await world.run(first.obj)
    assert kept(second).digest.startswith("blake3:")
    assert kept(await world.run(second.obj)) == kept(second)


async def test_the_artifact_s_address_follows_the_advertised_one(world: World, origin: Path) -> None:
    first = await world.run(repository(origin, ref=MAIN))
    artifact = kept(first)
    moved = msgspec.structs.replace(artifact, url="http://elsewhere/x")
    status = msgspec.structs.replace(first.obj.status, artifact=moved)
    second = await world.run(msgspec.structs.replace(first.obj, status=status))
    assert second.obj.status.artifact == artifact


@pytest.mark.parametrize(
    ("ref", "label"),
    [
        pytest.param({"tag": "v1"}, "v1@", id="tag"),
        pytest.param({"name": "refs/heads/main"}, "refs/heads/main@", id="name"),
        pytest.param({"name": "refs/pull/7/head"}, "refs/pull/7/head@", id="a pull request by name"),
        pytest.param({"name": "refs/merge-requests/7/head"}, "refs/merge-requests/7/head@", id="a merge request"),
        pytest.param({"name": "refs/tags/v1"}, "refs/tags/v1@", id="a tag by name"),
        pytest.param({"name": "refs/tags/v1^{{}}"}, "refs/tags/v1^{}@", id="what a tag leads to"),
        pytest.param({"commit": "{first}"}, "", id="commit"),
        pytest.param({"commit": "{first}", "branch": "main"}, "main@", id="commit within a branch"),
    ],
)
async def test_every_kind_of_reference_is_followed(world: World, origin: Path, ref: dict[str, str], label: str) -> None:
    first = tip(origin)
    opened = pygit2.Repository(str(origin))
    who = pygit2.Signature("a", "a@b", 0, 0)
    opened.create_tag("v1", first, pygit2.enums.ObjectType.COMMIT, who, "one")
    for name in ("refs/pull/7/head", "refs/merge-requests/7/head"):
        opened.references.create(name, first)
    moves = ref != {"name": "refs/heads/main"}
    if moves:
        seed(origin, {"app.yaml": "two\n"})
    ended = await world.run(repository(origin, ref={key: text.format(first=first) for key, text in ref.items()}))
    assert ended.obj.status.artifact is not None
    assert ended.obj.status.artifact.revision == f"{label}sha1:{first}"
    assert world.content(ended)["app.yaml"] == b"one\n"


async def test_an_unchanged_pinned_commit_is_up_to_date(world: World, origin: Path) -> None:
    first = await world.run(repository(origin, ref={"commit": tip(origin)}))
    again = await world.run(first.obj)
    assert again.outcome is not None
    assert (again.outcome.trace_reason, again.outcome.trace) == (
        "ArtifactUpToDate",
        f"artifact up-to-date with remote revision: 'sha1:{tip(origin)}'",
    )


@pytest.mark.parametrize(
    ("text", "label"),
    [
        pytest.param(">=1.0.0 <2.0.0", "v1.10.0", id="the highest in the range"),
        pytest.param("*", "2.0.0", id="any release"),
        pytest.param(">=2.0.0-0", "3.0.0-rc.1", id="a prerelease where the range names one"),
        pytest.param("1.9.x", "1.9.0+b", id="of equal versions the newest commit"),
    ],
)
async def test_a_range_chooses_a_tag(world: World, origin: Path, text: str, label: str) -> None:
    opened = pygit2.Repository(str(origin))
    for minutes, tag in enumerate(("1.9.0+c", "v1.10.0", "2.0.0", "3.0.0-rc.1", "v9.9", "nightly", "1.9.0+b")):
        made = seed(origin, {"app.yaml": tag}, when=NOON + timedelta(minutes=minutes))
        opened.references.create(f"refs/tags/{tag}", made)
    ended = await world.run(repository(origin, ref={"semver": text, "branch": "main"}))
    assert kept(ended).revision == f"{label}@sha1:{tip(origin, f'refs/tags/{label}')}"
    assert world.content(ended)["app.yaml"] == label.encode()


@pytest.mark.parametrize(
    ("text", "cause"),
    [(">=9.0.0", "no match found for semver: >=9.0.0"), ("x.y.z.w", "semver parse error: ")],
    ids=["no match", "no range"],
)
async def test_a_range_without_a_tag_is_told(world: World, origin: Path, text: str, cause: str) -> None:
    ended = await world.run(repository(origin, ref={"semver": text}))
    assert ended.ready[1] == "GitOperationFailed"
    assert ended.ready[2].startswith(f"failed to checkout and determine revision: {cause}")


LOST = "0123456789" * 4


@pytest.mark.parametrize(
    ("ref", "cause"),
    [
        pytest.param(
            {"branch": "none"}, "unable to clone '{url}': couldn't find remote ref \"refs/heads/none\"", id="branch"
        ),
        pytest.param(None, "unable to clone '{url}': couldn't find remote ref \"refs/heads/master\"", id="default"),
        pytest.param({"tag": "v9"}, "unable to clone '{url}': couldn't find remote ref \"refs/tags/v9\"", id="tag"),
        pytest.param({"name": "refs/x"}, "unable to resolve ref 'refs/x' to a specific commit", id="name"),
        pytest.param(
            {"name": "/refs/heads/main"},
            "unable to resolve ref '/refs/heads/main' to a specific commit",
            id="a name that begins with a slash",
        ),
        pytest.param({"commit": LOST}, f"unable to resolve commit object for '{LOST}': object not found", id="commit"),
        pytest.param(
            {"commit": LOST, "branch": "main"},
            f"unable to resolve commit object for '{LOST}': object not found",
            id="commit within a branch",
        ),
    ],
)
async def test_a_reference_that_is_not_there_is_named(
    world: World, origin: Path, ref: dict[str, str] | None, cause: str
) -> None:
    obj = repository(origin, **({"ref": ref} if ref else {}))
    ended = await world.run(obj)
    message = f"failed to checkout and determine revision: {cause.format(url=obj.spec.url)}"
    assert ended.conditions["FetchFailed"] == ("True", "GitOperationFailed", message)
    assert ended.ready == ("False", "GitOperationFailed", message)
    assert isinstance(ended.error, errors.Retry)


async def test_a_failure_keeps_the_artifact_and_recovery_clears_it(world: World, origin: Path) -> None:
    first = await world.run(repository(origin, ref=MAIN))
    shutil.move(origin, origin.with_name("away"))
    failed = await world.run(first.obj)
    assert failed.ready[:2] == ("False", "GitOperationFailed")
    assert failed.conditions["Reconciling"][1] == "ProgressingWithRetry"
    assert failed.conditions["ArtifactInStorage"][0] == "True"
    assert failed.obj.status.artifact == first.obj.status.artifact
    shutil.move(origin.with_name("away"), origin)
    recovered = await world.run(failed.obj)
    assert set(recovered.conditions) == {"Ready", "ArtifactInStorage"}
    assert recovered.ready[0] == "True"


async def test_a_server_that_is_silent_is_given_up(world: World) -> None:
    async with silence.listening() as address:
        ended = await world.run(repository(f"http://{address}/fleet.git", ref=MAIN, timeout="1s"))
    assert ended.ready[:2] == ("False", "GitOperationFailed")
    assert ended.ready[2].startswith("failed to checkout and determine revision: ")


async def test_an_empty_repository_has_its_own_reason(world: World) -> None:
    pygit2.init_repository(str(world.root / "empty.git"), bare=True)
    ended = await world.run(repository(world.root / "empty.git"))
    assert ended.ready == ("False", "EmptyGitRepository", "git repository is empty")


@pytest.mark.parametrize(
    ("url", "cause"),
    [
        pytest.param("ssh://-oProxyCommand=x/y", "there is no usable host", id="an option for a host"),
        pytest.param("https://u:s3cret@example.com:x/y", "host or port is malformed", id="a port that is none"),
    ],
)
async def test_an_address_that_cannot_work_stalls(world: World, url: str, cause: str) -> None:
    ended = await world.run(repository(url))
    assert isinstance(ended.error, errors.Stalled)
    assert ended.conditions["Stalled"][:2] == ("True", "URLInvalid")
    assert ended.ready[2].startswith("failed to parse url '")
    assert cause in ended.ready[2]
    assert "s3cret" not in ended.ready[2]


async def test_a_file_address_is_for_the_embedded_mode(world: World, origin: Path) -> None:
    with Limiter(width=1) as limiter:
        strict = GitRepositoryReconciler(
            access=GitAccess(objects=world.vault, limiter=limiter),
            mirrors=Mirrors(world.root / "m"),
            objects=world.cache,
            publisher=Publisher(storage=world.storage, blocking=limiter),
            storage=world.storage,
            verifier=Verifier(objects=world.vault, blocking=limiter),
            blocking=limiter,
            scratch=world.root,
            allow_file=False,
        )
        ended = await run_once(strict, repository(origin))
    assert isinstance(ended.error, errors.Stalled)
    assert ended.error.reason == "URLInvalid"


async def test_a_provider_that_is_not_set_up_is_not_pretended(world: World) -> None:
    ended = await world.run(repository("https://example.com/r", provider="azure"))
    assert isinstance(ended.error, errors.Stalled)
    assert ended.error.reason == "InvalidProviderConfiguration"


async def test_a_secret_that_is_not_there_is_named(world: World) -> None:
    ended = await world.run(repository("https://example.com/r", secretRef={"name": "git"}))
    message = "failed to get secret 'apps/git': secrets \"git\" not found"
    assert ended.ready == ("False", "AuthenticationFailed", message)
    assert ended.conditions["FetchFailed"] == ("True", "AuthenticationFailed", message)


@pytest.mark.parametrize(
    ("url", "data", "message"),
    [
        (
            "https://example.com/r",
            {"password": b"p"},
            (
                "failed to configure authentication options: "
                "invalid 'https' auth option: 'password' requires 'username' to be set"
            ),
        ),
        (
            "ssh://git@example.com/r",
            {"identity": git_ssh.__name__.encode()},
            "failed to configure authentication options: invalid 'ssh' auth option: 'known_hosts' is required",
        ),
    ],
    ids=["a password of nobody", "no known hosts"],
)
async def test_a_secret_that_cannot_work_is_told(world: World, url: str, data: dict[str, bytes], message: str) -> None:
    world.vault.put("git", **data)
    ended = await world.run(repository(url, secretRef={"name": "git"}))
    assert ended.ready == ("False", "AuthenticationFailed", message)


async def test_app_data_without_its_provider_is_told_until_the_secret_changes(world: World) -> None:
    world.vault.put("git", githubAppID=b"1")
    ended = await world.run(repository("https://example.com/r", secretRef={"name": "git"}))
    assert isinstance(ended.error, errors.Retry)
    assert ended.ready[1:] == (
        "InvalidProviderConfiguration",
        "secretRef 'apps/git' has github app data but provider is not set to github",
    )


async def test_a_password_is_used_and_a_wrong_one_is_told(world: World, origin: Path) -> None:
    world.vault.put("git", username=b"jane", password=b"s3cret")
    with GitServer(origin.parent, auth=BasicAuth("jane", "s3cret")) as server:
        obj = repository(server.url("fleet.git"), ref=MAIN, secretRef={"name": "git"})
        assert (await world.run(obj)).ready[0] == "True"
        world.vault.put("git", username=b"jane", password=b"guess-me")
        ended = await world.run(obj)
    assert ended.ready[1] == "GitOperationFailed"
    assert "authentication" in ended.ready[2] or "does not accept the credentials" in ended.ready[2]
    assert "guess-me" not in str(ended.conditions)


@pytest.mark.real
async def test_a_private_authority_is_trusted(world: World) -> None:
    with git_https.serve(world.root) as server:
        seed(server.root / "fleet.git", {"app.yaml": "one\n"})
        world.vault.put("git", **{key.replace(".", "__"): value for key, value in server.secret.items()})
        obj = repository(server.url("fleet.git"), ref=MAIN, secretRef={"name": "git"})
        ended = await world.run(obj)
        again = await world.run(ended.obj)
    assert world.content(ended) == {"app.yaml": b"one\n"}
    assert again.outcome is not None
    assert again.outcome.trace_reason == "GitOperationSucceeded"


@pytest.mark.real
async def test_an_unknown_host_key_is_refused(world: World) -> None:
    with git_ssh.serve(world.root) as server:
        seed(server.root / "fleet.git", {"app.yaml": "one\n"})
        world.vault.put("git", **server.secret)
        obj = repository(server.url("fleet.git"), ref=MAIN, secretRef={"name": "git"})
        assert (await world.run(obj)).ready[0] == "True"
        world.vault.put("git", **{**server.secret, "known_hosts": server.foreign_known_hosts.encode()})
        ended = await world.run(obj)
    assert ended.ready[1] == "GitOperationFailed"
    assert "the SSH host key is not the one in 'known_hosts'" in ended.ready[2]


async def test_a_deleted_object_takes_its_artifacts_along(world: World, origin: Path) -> None:
    ended = await world.run(repository(origin, ref=MAIN))
    await world.reconciler.finalize(ended.obj, ended.run)
    assert not (world.storage.root / "gitrepository/apps/fleet").exists()
    assert (ended.run.events[-1].reason, ended.run.events[-1].message) == (
        "GarbageCollectionSucceeded",
        "garbage collected artifacts for deleted resource",
    )


def automation(pushed: str) -> ImageUpdateAutomation:
    value = {
        "apiVersion": "image.toolkit.fluxcd.io/v1",
        "kind": "ImageUpdateAutomation",
        "metadata": {"name": "a", "namespace": "apps"},
        "spec": {"interval": "1m", "sourceRef": {"kind": "GitRepository", "name": "fleet"}},
        "status": {"lastPushCommit": pushed},
    }
    return scheme.convert(value, ImageUpdateAutomation)


class Nothing:
    """A cache without objects."""

    def get(self, kind: type, namespace: str, name: str) -> None:
        return None

    def list(self, kind: type, namespace: str | None = None) -> list:
        return []


def test_a_pushed_commit_wakes_its_source() -> None:
    _, watch = GitRepositoryReconciler.watches
    assert watch.kind is ImageUpdateAutomation
    assert watch.changed(automation("a"), automation("b"))
    assert not watch.changed(automation("a"), automation("a"))
    assert not watch.changed(None, automation("a"))
    assert list(watch.requests(automation("b"), Nothing())) == [Key("apps", "fleet")]
