"""One suite for every Git server: our own in-process one, nginx with `git http-backend`, OpenSSH's sshd."""

import os
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import pytest

from gotk.git import auth, errors
from gotk.git.mirrors.mirror import Mirror, Mirrors
from gotk.git.objects.commit import Person
from gotk.git.objects.seed import seed
from gotk.git.serving.server import BasicAuth, GitServer
from tests.real import git_https, git_ssh

NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)
JANE = Person("Jane", "jane@example.com")
MAIN = "refs/heads/main"


@dataclass
class Remote:
    """One server with the repository `fleet.git`, and both clients for it: ours and the `git` program."""

    url: str
    path: Path
    secret: dict[str, bytes]
    git: dict[str, str]
    directory: Path

    def mirror(self, name: str = "mirrors", *, depth: int = 1) -> Mirror:
        credentials = auth.from_secret(self.url, self.secret)
        return Mirrors(self.directory / name).open(self.url, credentials, depth=depth)

    def run(self, *arguments: str, cwd: Path) -> str:
        """Run `git` with this server's credentials."""
        identity = {f"GIT_{who}_{what}": "jane" for who in ("AUTHOR", "COMMITTER") for what in ("NAME", "EMAIL")}
        ended = subprocess.run(
            ["git", *arguments],
            cwd=cwd,
            env={**os.environ, **identity, **self.git},
            capture_output=True,
            text=True,
            check=False,
        )
        assert ended.returncode == 0, ended.stderr
        return ended.stdout.strip()


def configured(**settings: str) -> dict[str, str]:
    pairs = enumerate(settings.items())
    variables = {"GIT_CONFIG_COUNT": str(len(settings))}
    for number, (key, value) in pairs:
        variables |= {f"GIT_CONFIG_KEY_{number}": key.replace("_", "."), f"GIT_CONFIG_VALUE_{number}": value}
    return variables


def ours(directory: Path) -> Iterator[Remote]:
    root = directory / "repositories"
    with GitServer(root, auth=BasicAuth("jane", "s3cret")) as server:
        url = server.url("fleet.git")
        secret = {"username": b"jane", "password": b"s3cret"}
        git = configured(http_extraHeader="Authorization: Basic amFuZTpzM2NyZXQ=")
        yield Remote(url, root / "fleet.git", secret, git, directory)


def https(directory: Path) -> Iterator[Remote]:
    with git_https.serve(directory) as server:
        authority = directory / "ca.pem"
        authority.write_text(server.ca)
        header = f"Authorization: Bearer {git_https.TOKEN}"
        git = {**configured(http_extraHeader=header), "GIT_SSL_CAINFO": str(authority)}
        yield Remote(server.url("fleet.git"), server.root / "fleet.git", server.secret, git, directory)


def ssh(directory: Path) -> Iterator[Remote]:
    with git_ssh.serve(directory) as server:
        key, hosts = directory / "id", directory / "known_hosts"
        key.touch(mode=0o600)
        key.write_text(server.identity)
        hosts.write_text(server.known_hosts)
        command = f"ssh -F none -i {key} -o IdentitiesOnly=yes -o UserKnownHostsFile={hosts}"
        git = {"GIT_SSH_COMMAND": command}
        yield Remote(server.url("fleet.git"), server.root / "fleet.git", server.secret, git, directory)


@pytest.fixture(
    params=[
        pytest.param(ours, id="ours"),
        pytest.param(https, id="nginx", marks=pytest.mark.real),
        pytest.param(ssh, id="sshd", marks=pytest.mark.real),
    ]
)
def remote(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Remote]:
    for served in request.param(tmp_path):
        seed(served.path, {"README.md": "one\n", "apps/web.yaml": "image: web:1\n"}, when=NOON)
        yield served


def commit(mirror: Mirror, base: str, **files: str) -> str:
    edits = {f"{name}.txt": text.encode() for name, text in files.items()}
    return mirror.commit(base, edits, JANE, "Change", NOON)


def test_a_fetch_brings_the_branch_s_files(remote: Remote) -> None:
    mirror = remote.mirror()
    tip = mirror.fetch(MAIN)
    files = {entry.path: mirror.read(entry.blob_id) for entry in mirror.files(tip)}
    assert files == {"README.md": b"one\n", "apps/web.yaml": b"image: web:1\n"}


def test_the_references_are_listed_with_what_tags_lead_to(remote: Remote) -> None:
    tip = remote.mirror().fetch(MAIN)
    remote.run("tag", "-a", "v1", "-m", "one", tip, cwd=remote.path)
    listed = remote.mirror().references()
    assert listed.head == MAIN
    assert listed.commits == {"HEAD": tip, MAIN: tip, "refs/tags/v1": tip}


def test_an_annotated_tag_is_fetched_as_its_commit(remote: Remote) -> None:
    tip = remote.mirror().fetch(MAIN)
    remote.run("tag", "-a", "v1", "-m", "one", tip, cwd=remote.path)
    assert remote.mirror("others").fetch("refs/tags/v1") == tip


def test_a_shallow_mirror_follows_the_branch_forward_and_back(remote: Remote) -> None:
    mirror = remote.mirror()
    first = mirror.fetch(MAIN)
    second = seed(remote.path, {"README.md": "two\n"}, when=NOON)
    third = seed(remote.path, {"README.md": "one\n"}, when=NOON)
    assert mirror.fetch(MAIN) == third
    assert [mirror.read(entry.blob_id) for entry in mirror.files(third, "README.md")] == [b"one\n"]
    remote.run("update-ref", MAIN, first, cwd=remote.path)
    fourth = seed(remote.path, {"README.md": "four\n"}, when=NOON)
    assert mirror.fetch(MAIN) == fourth
    assert second not in {first, third, fourth}


def test_a_push_moves_the_branch_and_git_sees_it(remote: Remote, tmp_path: Path) -> None:
    mirror = remote.mirror()
    base = mirror.fetch(MAIN)
    made = commit(mirror, base, new="hello\n")
    mirror.push(made, "main", base)
    remote.run("clone", remote.url, "clone", cwd=tmp_path)
    assert (tmp_path / "clone" / "new.txt").read_text() == "hello\n"
    assert remote.run("rev-parse", "HEAD~1", cwd=tmp_path / "clone") == base
    remote.run("fsck", "--strict", cwd=remote.path)


def test_many_pushes_in_a_row_from_one_shallow_mirror_work(remote: Remote) -> None:
    mirror = remote.mirror()
    tip = mirror.fetch(MAIN)
    for number in range(4):
        made = commit(mirror, tip, counter=str(number))
        mirror.push(made, "main", tip)
        assert mirror.fetch(MAIN) == made
        tip = made
    assert remote.run("rev-list", "--count", "main", cwd=remote.path) == "5"


def test_pushing_the_same_commit_again_is_no_error(remote: Remote) -> None:
    mirror = remote.mirror()
    base = mirror.fetch(MAIN)
    made = commit(mirror, base, new="hello\n")
    mirror.push(made, "main", base)
    mirror.push(made, "main", base)
    assert mirror.references().commits[MAIN] == made


def test_a_new_branch_is_made_only_where_there_is_none(remote: Remote) -> None:
    mirror = remote.mirror()
    base = mirror.fetch(MAIN)
    one, other = commit(mirror, base, new="1"), commit(mirror, base, new="2")
    mirror.push(one, "updates", None)
    with pytest.raises(errors.NonFastForward, match=r"'refs/heads/updates' is at [0-9a-f]{40} there, not at no commit"):
        mirror.push(other, "updates", None)
    assert mirror.references().commits["refs/heads/updates"] == one


def test_a_push_on_top_of_an_old_commit_is_told_apart(remote: Remote) -> None:
    mirror = remote.mirror()
    base = mirror.fetch(MAIN)
    moved = seed(remote.path, {"README.md": "two\n"}, when=NOON)
    with pytest.raises(errors.NonFastForward, match="it was changed in the meantime"):
        mirror.push(commit(mirror, base, new="1"), "main", base)
    assert mirror.references().commits[MAIN] == moved


def test_a_forced_push_replaces_the_branch_that_was_expected(remote: Remote) -> None:
    mirror = remote.mirror()
    base = mirror.fetch(MAIN)
    one, other = commit(mirror, base, new="1"), commit(mirror, base, new="2")
    mirror.push(one, "updates", None)
    mirror.push(other, "updates", one, force=True)
    assert mirror.references().commits["refs/heads/updates"] == other


def test_push_options_are_refused_where_the_server_takes_none(remote: Remote) -> None:
    mirror = remote.mirror()
    base = mirror.fetch(MAIN)
    with pytest.raises(errors.Rejected, match="push-options"):
        mirror.push(commit(mirror, base, new="1"), "main", base, options={"ci.skip": ""})
    assert mirror.references().commits[MAIN] == base


def test_a_deep_mirror_finds_a_commit_by_its_id(remote: Remote) -> None:
    first = remote.mirror().fetch(MAIN)
    second = seed(remote.path, {"README.md": "two\n"}, when=NOON)
    mirror = remote.mirror(depth=0)
    assert mirror.fetch(first) == first
    assert mirror.contains(second, first)
    assert not mirror.contains(first, second)


@pytest.mark.parametrize("reference", ["refs/heads/none", "refs/tags/none", "0123456789" * 4])
def test_a_reference_that_is_not_there_is_named(remote: Remote, reference: str) -> None:
    with pytest.raises(errors.ReferenceNotFound, match=reference):
        remote.mirror().fetch(reference)


def test_an_empty_repository_is_told_apart(remote: Remote) -> None:
    remote.run("update-ref", "-d", MAIN, cwd=remote.path)
    with pytest.raises(errors.EmptyRepository, match="git repository is empty"):
        remote.mirror().fetch(MAIN)


def test_a_repository_that_is_not_there_is_told_apart(remote: Remote) -> None:
    remote.path.rename(remote.path.with_name("gone"))
    with pytest.raises(errors.RepositoryNotFound, match="repository not found"):
        remote.mirror().fetch(MAIN)


def test_the_git_program_clones_pulls_and_pushes_shallow_history(remote: Remote, tmp_path: Path) -> None:
    seed(remote.path, {"README.md": "two\n"}, when=NOON)
    remote.run("clone", "--depth", "1", remote.url, "clone", cwd=tmp_path)
    clone = tmp_path / "clone"
    assert remote.run("rev-list", "--count", "HEAD", cwd=clone) == "1"
    pushed = seed(remote.path, {"README.md": "one\n"}, when=NOON)
    remote.run("pull", "--ff-only", cwd=clone)
    assert remote.run("rev-parse", "HEAD", cwd=clone) == pushed
    (clone / "big").write_bytes(os.urandom(3_000_000))
    remote.run("add", ".", cwd=clone)
    remote.run("commit", "-m", "big", cwd=clone)
    remote.run("push", cwd=clone)
    remote.run("fetch", "--unshallow", cwd=clone)
    assert remote.run("rev-list", "--count", "HEAD", cwd=clone) == "4"
    remote.run("fsck", "--strict", cwd=remote.path)


def test_the_git_program_pushes_tags_and_deletes_branches(remote: Remote, tmp_path: Path) -> None:
    remote.run("clone", remote.url, "clone", cwd=tmp_path)
    clone = tmp_path / "clone"
    remote.run("tag", "-a", "v1", "-m", "one", cwd=clone)
    remote.run("push", "--atomic", "origin", "v1", "HEAD:refs/heads/one", "HEAD:refs/heads/two", cwd=clone)
    remote.run("push", "origin", ":refs/heads/one", cwd=clone)
    assert set(remote.mirror().references().commits) == {"HEAD", MAIN, "refs/heads/two", "refs/tags/v1"}
