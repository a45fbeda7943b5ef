"""`once` on real clones and a real Git server, against a real registry."""

import json
from collections.abc import Iterator
from pathlib import Path

import pygit2
import pytest

from gotk.git.objects.commit import Person
from gotk.git.objects.seed import seed
from gotk.git.serving.server import BasicAuth, GitServer
from image_automation.cli import root
from tests.image_automation.fleets import MANIFESTS, WEB, Fleet, Registry, fleet

JANE = Person("Jane", "jane@example.com")
SUBJECT = "Update from image update automation"


@pytest.fixture
def registry() -> Iterator[Registry]:
    with Registry().running() as made:
        made.push("1.4.2", "1.4.3", "2.0.0")
        yield made


@pytest.fixture
def made(tmp_path: Path, registry: Registry) -> Fleet:
    return fleet(tmp_path, registry)


@pytest.fixture(autouse=True)
def _no_credentials(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DOCKER_CONFIG", str(tmp_path))


def run(*arguments: str | Path) -> int:
    return root.run(["once", *map(str, arguments)])


def head(repository: Path, branch: str = "main") -> pygit2.Commit:
    repo = pygit2.Repository(str(repository))
    return repo[repo.references[f"refs/heads/{branch}"].target]


def test_commit_makes_one_commit_in_the_clone_and_leaves_it_clean(made: Fleet, capsys: pytest.CaptureFixture[str]):
    before = head(made.clone)
    (made.clone / "untracked.txt").write_text("mine\n")
    assert run(made.clone, "--commit") == 0
    commit = head(made.clone)
    assert [parent.id for parent in commit.parents] == [before.id]
    assert commit.message.startswith(f"{SUBJECT}\n\nweb\n- 1.4.2 -> 1.4.3 in apps/kustomization.yaml:3\n")
    assert commit.message.endswith("\n\nImage-Update-Automation: apps/auto")
    assert (commit.author.name, commit.author.email) == ("Bot", "bot@example.com")
    assert "team/web:1.4.3 #" in made.text("apps/web.yaml")
    assert made.repository().status() == {"untracked.txt": pygit2.enums.FileStatus.WT_NEW}
    assert head(made.remote).id == before.id
    assert f"✔ apps/auto: committed '{str(commit.id)[:7]}' to branch 'main'\n{SUBJECT}" in capsys.readouterr().err
    assert run(made.clone, "--commit") == 0
    assert head(made.clone).id == commit.id
    assert "✔ apps/auto: up to date" in capsys.readouterr().err


def test_a_commit_in_the_clone_names_who_approved(made: Fleet, capsys: pytest.CaptureFixture[str]):
    path, before = made.clone / "cluster" / "images.yaml", head(made.clone)
    asked = "kind: ImagePolicy\nmetadata: {annotations: {image-automation.dev/approvals: '1'}, "
    path.write_text(path.read_text().replace("kind: ImagePolicy\nmetadata: {", asked))
    assert run(made.clone, "--commit") == 0
    assert head(made.clone).id == before.id
    assert "awaiting approval: 0 of 1 approvals" in capsys.readouterr().err
    word = """, image-automation.dev/decisions: '[{"tag": "1.4.3", "verdict": "approve", "by": "jane"}]'}, """
    path.write_text(path.read_text().replace("approvals: '1'}, ", f"approvals: '1'{word}"))
    assert run(made.clone, "--commit") == 0
    message = head(made.clone).message
    assert "\n\nImage-Update-Automation: apps/auto\nApproved-by: jane (web 1.4.3 of " in message
    assert message.endswith("/team/web)")


def test_commit_on_a_detached_head_moves_the_head_alone(made: Fleet):
    repo, before = made.repository(), head(made.clone)
    repo.set_head(before.id)
    assert run(made.clone, "--commit") == 0
    assert head(made.clone).id == before.id
    assert [parent.id for parent in made.repository()[made.repository().head.target].parents] == [before.id]


def test_commit_keeps_the_line_ends_that_git_converts(made: Fleet, capsys: pytest.CaptureFixture[str]):
    made.commit({".gitattributes": "* text=auto eol=crlf\n"}, Person("Jane", "jane@example.com"))
    for path in ("apps/web.yaml", "apps/kustomization.yaml"):
        file = made.clone / path
        file.write_bytes(file.read_bytes().replace(b"\n", b"\r\n"))
    before = head(made.clone)
    assert run(made.clone, "--commit") == 0, capsys.readouterr().err
    commit = head(made.clone)
    assert [parent.id for parent in commit.parents] == [before.id]
    assert b"team/web:1.4.3 #" in (committed := commit.tree["apps/web.yaml"].data)
    assert b"\r" not in committed
    assert (made.clone / "apps" / "web.yaml").read_bytes() == committed.replace(b"\n", b"\r\n")


def test_commit_never_overwrites_what_is_not_committed(made: Fleet, capsys: pytest.CaptureFixture[str]):
    before, path = head(made.clone), made.clone / "apps" / "web.yaml"
    path.write_text("# mine\n" + path.read_text())
    assert run(made.clone, "--commit") == 1
    assert head(made.clone).id == before.id
    assert made.text("apps/web.yaml").startswith("# mine\n")
    assert "✗ 'apps/web.yaml' has changes that are not committed" in capsys.readouterr().err


def test_push_commits_on_the_remote_and_leaves_the_clone_alone(made: Fleet, capsys: pytest.CaptureFixture[str]):
    before = head(made.clone)
    assert run(made.clone, "--push", "-o", "json") == 0
    commit = head(made.remote)
    assert [parent.id for parent in commit.parents] == [before.id]
    assert commit.message.startswith(SUBJECT)
    assert head(made.clone).id == before.id
    assert made.repository().status() == {}
    out, err = capsys.readouterr()
    (published,) = json.loads(out)
    assert published["message"] in err
    assert {key: published[key] for key in ("automation", "outcome", "commit", "branch")} == {
        "automation": "apps/auto",
        "outcome": "pushed",
        "commit": str(commit.id),
        "branch": "main",
    }
    assert run(made.clone, "--push") == 0
    assert head(made.remote).id == commit.id
    assert "✔ apps/auto: repository up-to-date" in capsys.readouterr().err


def test_push_tells_its_branch_whatever_its_name_and_every_place_that_is_held(
    made: Fleet, capsys: pytest.CaptureFixture[str]
):
    manifests = made.filled(MANIFESTS.replace("push: {branch: main}", "push: {branch: \"it's-'new'\"}"))
    (made.clone / "cluster" / "images.yaml").write_text(manifests)
    assert run(made.clone, "--push", "-o", "json") == 0
    (published,) = json.loads(capsys.readouterr().out)
    assert published["branch"] == "it's-'new'"
    assert [place["path"] for place in published["changes"]] == ["apps/kustomization.yaml", "apps/web.yaml"]

    files = {f"apps/app{number:02}.yaml": made.filled(WEB) for number in range(12)}
    seed(made.remote, files, author=JANE)
    (made.clone / "cluster" / "images.yaml").write_text(made.filled(MANIFESTS))
    assert run(made.clone, "--push") == 0
    seed(made.remote, files, author=JANE)
    capsys.readouterr()
    assert run(made.clone, "--push", "-o", "json") == 0
    out, err = capsys.readouterr()
    (published,) = json.loads(out)
    assert [place["path"] for place in published["held"]] == sorted(files)
    assert err.count("took it back") == 12


@pytest.mark.parametrize("how", ["the environment", "an env file", "a secret"])
def test_push_authenticates_and_never_shows_the_password(
    tmp_path: Path, registry: Registry, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, how: str
):
    made = fleet(tmp_path / "served", registry)
    with GitServer(tmp_path / "served", auth=BasicAuth("ci", "open sesame")) as server:
        manifests = MANIFESTS.replace("REMOTE", server.url("remote"))
        (made.clone / "cluster" / "images.yaml").write_text(made.filled(manifests))
        assert run(made.clone, "--push") == 1
        arguments: list[str | Path] = []
        if how == "the environment":
            monkeypatch.setenv("IMAGE_AUTOMATION_GIT_USERNAME", "ci")
            (tmp_path / "password").write_text("open sesame")
            monkeypatch.setenv("IMAGE_AUTOMATION_GIT_PASSWORD_FILE", str(tmp_path / "password"))
        elif how == "an env file":
            text = "# ours\nIMAGE_AUTOMATION_GIT_USERNAME=ci\nexport IMAGE_AUTOMATION_GIT_PASSWORD='open sesame'\n"
            (tmp_path / "git.env").write_text(text)
            arguments = ["--env-file", tmp_path / "git.env"]
        else:
            manifests = manifests.replace("ref: {branch: main}", "ref: {branch: main}, secretRef: {name: git}")
            secret = "---\napiVersion: v1\nkind: Secret\nmetadata: {name: git, namespace: apps}\n"
            secret += "stringData: {username: ci, password: open sesame}\n"
            (made.clone / "cluster" / "images.yaml").write_text(made.filled(manifests) + secret)
        assert run(made.clone, "--push", *arguments) == 0
    assert head(made.remote).message.startswith(SUBJECT)
    out, err = capsys.readouterr()
    assert "open sesame" not in out + err


def test_push_takes_another_address_and_respects_what_was_taken_back(
    tmp_path: Path, registry: Registry, capsys: pytest.CaptureFixture[str]
):
    """Over a real protocol, where clones are shallow."""
    made = fleet(tmp_path / "served", registry)
    with GitServer(tmp_path / "served") as server:
        url = server.url("remote")
        assert run(made.clone, "--push", "--git-url", url) == 0
        taken = seed(made.remote, {"apps/web.yaml": made.filled(WEB)}, author=JANE)
        assert run(made.clone, "--push", "--git-url", url) == 0
        assert str(head(made.remote).id) == taken
        assert f"commit {taken[:12]} by Jane took it back" in capsys.readouterr().err


def test_a_policy_that_cannot_choose_fails_the_job_but_not_the_others(
    tmp_path: Path, registry: Registry, capsys: pytest.CaptureFixture[str]
):
    repository, policy = (text.replace("name: web", "name: late") for text in MANIFESTS.split("---\n")[:2])
    late = repository.replace("team/web", "team/late") + "---\n" + policy
    made = fleet(tmp_path, registry, {"cluster/late.yaml": late})
    assert run(made.clone, "--push") == 1
    assert head(made.remote).message.startswith(SUBJECT)
    assert "✗ ImagePolicy apps/late has not chosen an image: ImageRepository apps/late: scan failed" in (
        capsys.readouterr().err
    )


@pytest.mark.parametrize("mode", ["--commit", "--push"])
@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        (
            MANIFESTS.split("---\n")[1].replace("imageRepositoryRef", "imageRepoRef"),
            "bad.yaml:4: ImagePolicy web: unknown",
        ),
        (MANIFESTS.split("---\n")[1].replace("ImagePolicy", "ImagePolcy"), 'did you mean "ImagePolicy"?'),
        (MANIFESTS.split("---\n")[1].replace("spec", "  spec"), "bad.yaml: line "),
    ],
    ids=["an unknown field", "a misspelt kind", "a broken document"],
)
def test_a_manifest_that_cannot_be_read_fails_the_job(
    made: Fleet, capsys: pytest.CaptureFixture[str], mode: str, wrong: str, said: str
):
    (made.clone / "cluster" / "bad.yaml").write_text(wrong)
    for _ in range(2):
        assert run(made.clone, mode) == 1
        last = capsys.readouterr().err.splitlines()[-1]
        assert last.startswith("✗ ")
        assert said in last
    assert head(made.clone if mode == "--commit" else made.remote).message.startswith(SUBJECT)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ([], "say what to do with the changes: --commit or --push"),
        (["--commit", "--git-url", "file:///x"], "--git-url and --env-file are for --push"),
        (["--push", "--automation", "apps/none"], "there is no ImageUpdateAutomation to run among the manifests"),
        (["--push", "--env-file", "none"], "--env-file: 'none' cannot be read"),
    ],
)
def test_errors_of_use(made: Fleet, capsys: pytest.CaptureFixture[str], arguments: list[str], said: str):
    assert run(made.clone, *arguments) == 1
    assert said in capsys.readouterr().err


def test_a_folder_that_is_no_clone_cannot_be_committed_to(
    tmp_path: Path, made: Fleet, capsys: pytest.CaptureFixture[str]
):
    (tmp_path / "plain").mkdir()
    (tmp_path / "plain" / "all.yaml").write_text(made.filled(MANIFESTS))
    assert run(tmp_path / "plain", "--commit") == 1
    assert "is no clone with a commit in it" in capsys.readouterr().err


@pytest.mark.parametrize("mode", ["--commit", "--push"])
def test_strict_fails_where_a_marker_has_no_effect_and_commits_the_rest(
    tmp_path: Path, registry: Registry, capsys: pytest.CaptureFixture[str], mode: str
):
    loose = 'a: 1 # {"$imagepolicy": "apps:webb:tag"}\n'
    made = fleet(tmp_path, registry, {"apps/loose.yaml": loose})
    assert run(made.clone, mode, "--strict") == 1
    assert capsys.readouterr().err.endswith("✗ 1 marker or file has no effect (--strict)\n")
    assert head(made.clone if mode == "--commit" else made.remote).message.startswith(SUBJECT)
    assert run(made.clone, mode) == 0
    cause = "apps/loose.yaml:1: marker 'apps:webb:tag': there is no ImagePolicy webb in namespace apps"
    assert capsys.readouterr().err.endswith(
        f"up-to-date; 1 marker or file has no effect: {cause}\n".replace(
            "up-to-date", "up to date" if mode == "--commit" else "up-to-date"
        )
    )
