"""Races on one branch: whoever writes at the same time, everything arrives, each decision in one commit."""

import asyncio
import contextlib
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import msgspec
import pygit2
import pytest

from gotk.git.objects.seed import seed
from gotk.git.serving.server import BasicAuth, GitServer
from tests.image_automation.automating import FILE
from tests.image_automation.racing import Racer
from tests.real import git_https

WRITERS = 8
OURS = "Update from image update automation"


@dataclass(frozen=True)
class Remote:
    """A repository that is served, and its folder on the server."""

    folder: Path
    url: str
    secret: dict[str, bytes] = field(default_factory=dict)

    def commits(self) -> list[pygit2.Commit]:
        """The branch's commits, the newest first."""
        repository = pygit2.Repository(str(self.folder))
        return list(repository.walk(repository.references["refs/heads/main"].target))

    def text(self, path: str) -> str:
        """What a file of the branch holds."""
        return self.commits()[0].tree[path].data.decode()


@pytest.fixture(params=["our server", pytest.param("nginx and git http-backend", marks=pytest.mark.real)])
def remote(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Remote]:
    files = {f"app{n}/web.yaml": FILE for n in range(WRITERS)}
    if request.param == "our server":
        seed(tmp_path / "fleet.git", files)
        auth = BasicAuth("bot", "secret")
        with GitServer(tmp_path, auth=auth) as server:
            yield Remote(tmp_path / "fleet.git", server.url("fleet.git"), {"username": b"bot", "password": b"secret"})
    else:
        with git_https.serve(tmp_path) as server:
            folder = server.create("fleet.git")
            seed(folder, files)
            subprocess.run(["git", "-C", folder, "config", "http.receivepack", "true"], check=True)
            yield Remote(folder, server.url("fleet.git"), server.secret)


def racers(remote: Remote, tmp_path: Path, *, shared: bool = False, tags: tuple[str, ...] = ("1.1",)) -> list[Racer]:
    """Controllers that know nothing of each other; `shared` makes all of them decide the same."""
    return [
        Racer(
            data=str(tmp_path / f"data{n}"),
            url=remote.url,
            secret=remote.secret,
            path="app0" if shared else f"app{n}",
            tags=list(tags),
            number=n,
        )
        for n in range(WRITERS)
    ]


async def test_eight_writers_of_one_branch_all_arrive_with_one_commit_each(remote: Remote, tmp_path: Path):
    pushed = await asyncio.gather(*(racer.run() for racer in racers(remote, tmp_path)))
    assert [len(commits) for commits in pushed] == [1] * WRITERS
    assert [commit.message.splitlines()[0] for commit in remote.commits()] == [OURS] * WRITERS + ["Begin"]
    assert all("a/web:1.1" in remote.text(f"app{n}/web.yaml") for n in range(WRITERS))


async def test_eight_writers_with_one_decision_make_one_commit(remote: Remote, tmp_path: Path):
    pushed = await asyncio.gather(*(racer.run() for racer in racers(remote, tmp_path, shared=True)))
    assert [commit for commits in pushed for commit in commits] == [str(remote.commits()[0].id)]
    assert [commit.message.splitlines()[0] for commit in remote.commits()] == [OURS, "Begin"]


def test_two_controllers_of_their_own_processes_and_a_human_converge(remote: Remote, tmp_path: Path):
    running = []
    for racer in racers(remote, tmp_path, tags=("1.1", "1.2", "1.3"))[:2]:
        process = subprocess.Popen(
            [sys.executable, "-m", "tests.image_automation.racing"], stdin=subprocess.PIPE, stdout=subprocess.PIPE
        )
        running.append(process)
        assert process.stdin
        process.stdin.write(msgspec.json.encode(racer))
        process.stdin.close()
        process.stdin = None
    human = 0
    for process in running * 3:
        human += human_pushes(remote)
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(timeout=0.3)
    answers = [msgspec.json.decode(process.communicate()[0].splitlines()[-1]) for process in running]
    for process in running:
        assert process.wait() == 0
    messages = [commit.message.splitlines()[0] for commit in remote.commits()]
    assert [len(answer) for answer in answers] == [3, 3]
    assert sorted(set(messages)) == ["A human", "Begin", OURS] if human else ["Begin", OURS]
    assert (messages.count(OURS), messages.count("A human")) == (6, human)
    assert ["a/web:1.3" in remote.text(f"app{n}/web.yaml") for n in range(2)] == [True, True]


def human_pushes(remote: Remote) -> int:
    """Commit on top of what is there, on the server's disk; says how many commits went through."""
    git = ["git", "-C", str(remote.folder), "-c", "user.name=A", "-c", "user.email=a@b"]

    def ask(*arguments: str) -> str:
        return subprocess.run([*git, *arguments], check=True, capture_output=True, text=True).stdout.strip()

    old = ask("rev-parse", "refs/heads/main")
    new = ask("commit-tree", f"{old}^{{tree}}", "-p", old, "-m", "A human")
    moved = subprocess.run([*git, "update-ref", "refs/heads/main", new, old], check=False, capture_output=True)
    return int(moved.returncode == 0)
