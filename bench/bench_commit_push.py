"""Ninety updates in one repository, committed and pushed over https, beside the `git` program doing the same.

Time and, without the server's, the processor's, which a busy machine moves less. Then the steady state: what one look
at a remote costs where there is nothing to do, in bytes on the wire and seconds of processor; `bench_git_look.py` has
it by kind of credentials. And memory: a mirror of a repository with a large history, fetched as an automation fetches
it. Needs nginx, fcgiwrap and git.
"""

import os
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

import pygit2
from bench_git_look import processor

sys.path.insert(0, str(Path(__file__).parent.parent))

from gotk.git import auth
from gotk.git.mirrors.mirror import Mirror, Mirrors
from gotk.git.objects.commit import Person
from gotk.git.objects.seed import seed
from gotk.git.serving.server import GitServer
from image_automation.writing import tree
from tests.real import git_https

UPDATES, OTHERS, ROUNDS = 90, 910, 5
HISTORY_MB, HISTORY_COMMITS = 200, 60
BOT = Person("Bench", "bench@example.com")
FILE = 'kind: Deployment\nspec:\n  image: registry.example.com/app:{version}  # {{"$imagepolicy": "apps:app"}}\n'


def files(version: str) -> dict[str, str]:
    """The repository: ninety marked files among a thousand."""
    marked = {f"apps/{n}/deployment.yaml": FILE.format(version=version) for n in range(UPDATES)}
    return marked | {f"other/{n // 50}/{n}.yaml": f"kind: ConfigMap\ndata: {{n: '{n}'}}\n" for n in range(OTHERS)}


def setters(version: str) -> dict[str, str]:
    """The one policy's value."""
    return {"apps:app": f"registry.example.com/app:{version}"}


def seconds(work: Callable[[], object]) -> float:
    """Measure once."""
    return measured(work)[0]


def measured(work: Callable[[], object]) -> tuple[float, float]:
    """Measure once: the seconds it takes, and those of the processor."""
    before, started = processor(), time.perf_counter()
    work()
    return time.perf_counter() - started, processor() - before


def ours(mirror: Mirror, known: tree.Known, version: str) -> str:
    """What a run of an automation does, from the look at the remote to the push."""
    found = mirror.fetch("refs/heads/main")
    applied = tree.apply(mirror, found, "", setters(version), known)
    assert len(applied.edits) == UPDATES
    made = mirror.commit(found, applied.edits, BOT, "Update", datetime.now(UTC))
    mirror.push(made, "main", found)
    return made


def gits(clone: Path, environment: dict[str, str], version: str) -> None:
    """The same with `git` in a clone that is there already: fetch, edit, add, commit, push."""
    git = ["git", "-C", str(clone), "-c", "user.name=B", "-c", "user.email=b@b", "-c", "gc.auto=0"]
    for command in (["fetch", "-q", "origin"], ["reset", "-q", "--hard", "origin/main"]):
        subprocess.run([*git, *command], check=True, env=environment)
    for n in range(UPDATES):
        (clone / f"apps/{n}/deployment.yaml").write_text(FILE.format(version=version))
    for command in (["add", "-A"], ["commit", "-qm", "Update"], ["push", "-q", "origin", "HEAD:main"]):
        subprocess.run([*git, *command], check=True, env=environment)


def commit_and_push(server: git_https.Server) -> None:
    """Print our time beside git's."""
    with tempfile.TemporaryDirectory() as name:
        folder = server.create("fleet.git")
        seed(folder, files("0"))
        url, home = server.url("fleet.git"), Path(name)
        subprocess.run(["git", "-C", folder, "config", "http.receivepack", "true"], check=True)
        (home / "ca.pem").write_text(server.ca)
        secret = server.secret
        user, password = secret["username"].decode(), secret["password"].decode()
        (home / "askpass").write_text(f"#!/bin/sh\ncase $1 in User*) echo {user};; *) echo '{password}';; esac\n")
        (home / "askpass").chmod(0o700)
        environment = {
            "PATH": os.environ["PATH"],
            "HOME": name,
            "GIT_SSL_CAINFO": str(home / "ca.pem"),
            "GIT_ASKPASS": str(home / "askpass"),
            "GIT_TERMINAL_PROMPT": "0",
        }
        subprocess.run(["git", "clone", "-q", url, str(home / "clone")], check=True, env=environment)
        shared = Mirrors(home / "mirrors").open(url, auth.from_secret(url, without_authority(secret)))
        private = Mirrors(home / "private").open(url, auth.from_secret(url, secret))
        known, times = tree.Known(), ([], [], [])
        for n in range(ROUNDS):
            for number, mirror in enumerate((shared, private)):
                before, version = commits(folder), f"{number}.{n}"
                times[number].append(measured(lambda mirror=mirror, version=version: ours(mirror, known, version)))
                assert commits(folder) == before + 1
            times[2].append(measured(lambda n=n: gits(home / "clone", environment, f"2.{n}")))
    report(*times)


Times = list[tuple[float, float]]


def report(plain: Times, apart: Times, git: Times) -> None:
    """Print the least of each."""
    print(f"{UPDATES} updates in {UPDATES + OTHERS} files, one commit, https with a password")
    print(f"  {'':<38} {'time':>9}              {'processor':>9}")
    peer = least(git)
    for what, each in (
        ("look, rewrite, commit, push", plain),
        ("with an authority of the secret's own", apart),
        ("git fetch, add, commit, push", git),
    ):
        wall, used = least(each)
        ratios = (wall / peer[0], used / peer[1])
        print(f"  {what:<38} {wall * 1e3:6.0f} ms {ratios[0]:5.2f} x git {used * 1e3:6.0f} ms {ratios[1]:5.2f} x git")
    print("  (target: git's own; the time is the server's for the most part)")


def least(found: Times) -> tuple[float, float]:
    """Return the least time, and the least of the processor."""
    return min(wall for wall, _ in found), min(used for _, used in found)


def without_authority(secret: dict[str, bytes]) -> dict[str, bytes]:
    """The secret of a server whose authority the machine knows."""
    return {key: value for key, value in secret.items() if key != "ca.crt"}


def commits(folder: Path) -> int:
    """Count the branch's commits."""
    repository = pygit2.Repository(str(folder))
    return sum(1 for _ in repository.walk(repository.references["refs/heads/main"].target))


@contextmanager
def counting(port: int) -> Iterator[tuple[int, list[int]]]:
    """A relay in front of a port that counts the bytes of both directions."""
    counted = [0, 0]

    def pump(source: socket.socket, target: socket.socket, way: int) -> None:
        while data := source.recv(65536):
            counted[way] += len(data)
            target.sendall(data)
        target.shutdown(socket.SHUT_WR)

    def accept(server: socket.socket) -> None:
        while True:
            try:
                near, _ = server.accept()
            except OSError:
                return
            far = socket.create_connection(("127.0.0.1", port))
            for pair in ((near, far, 0), (far, near, 1)):
                threading.Thread(target=pump, args=pair, daemon=True).start()

    with socket.create_server(("127.0.0.1", 0)) as server:
        threading.Thread(target=accept, args=(server,), daemon=True).start()
        yield server.getsockname()[1], counted
        server.shutdown(socket.SHUT_RDWR)


def steady_state() -> None:
    """Print what one look costs where there is nothing to do."""
    with tempfile.TemporaryDirectory() as name:
        seed(Path(name) / "fleet.git", files("0"))
        with GitServer(Path(name)) as near, counting(near.port) as (port, counted):
            mirror = Mirrors(Path(name) / "mirrors").open(f"http://127.0.0.1:{port}/fleet.git")
            mirror.fetch("refs/heads/main")
            counted[:] = [0, 0]
            rounds, before = 50, time.process_time()
            spent = seconds(lambda: [mirror.fetch("refs/heads/main") for _ in range(rounds)])
            used = time.process_time() - before
    sent, received = (each / rounds for each in counted)
    print("nothing to do, one branch, http (server and relay in this process, and in the figures)")
    print(f"  bytes on the wire per look              {sent:7.0f} sent, {received:.0f} received")
    print(f"  processor per look                      {used / rounds * 1e3:7.1f} ms  (target <= 10)")
    print(f"  time per look                           {spent / rounds * 1e3:7.1f} ms")


LOOK = """
import re, sys
from pathlib import Path
from gotk.git.mirrors.mirror import Mirrors
from image_automation.writing import tree
def most(): return re.search(r"VmHWM:\\s+(\\d+)", Path("/proc/self/status").read_text())[1]
mirror = Mirrors(Path(sys.argv[2])).open(sys.argv[1], timeout=300, depth=int(sys.argv[3]))
idle = most()
commit = mirror.fetch("refs/heads/main")
tree.apply(mirror, commit, "", {"apps:app": "x:1"}, tree.Known())
print(idle, most())
"""


def memory() -> None:
    """Print the memory of a first run on a repository with a large history."""
    with tempfile.TemporaryDirectory() as name:
        remote = Path(name) / "big.git"
        seed(remote, files("0"))
        for n in range(HISTORY_COMMITS):
            seed(remote, {f"blob{n % 10}.bin": os.urandom((HISTORY_MB << 20) // HISTORY_COMMITS)})
        print(f"a repository of {HISTORY_MB} MB of history in {HISTORY_COMMITS} commits, first run")
        with GitServer(Path(name)) as server:
            for depth, what in ((1, "a branch"), (0, "a commit of the past")):
                folder = Path(name) / f"mirrors{depth}"
                command = [sys.executable, "-c", LOOK, server.url("big.git"), str(folder), str(depth)]
                started = time.perf_counter()
                root = Path(__file__).parent.parent
                out = subprocess.run(command, check=True, capture_output=True, text=True, cwd=root)
                spent = time.perf_counter() - started
                idle, peak = (int(each) / 1024 for each in out.stdout.split())
                size = sum(path.stat().st_size for path in folder.rglob("*") if path.is_file()) >> 20
                print(f"  {what:<36} {peak:6.0f} MB at most, {idle:.0f} before; {size} MB on disk; {spent:.1f} s")


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as name_, git_https.serve(Path(name_)) as server_:
        Path(name_, "ca.pem").write_text(server_.ca)
        pygit2.settings.set_ssl_cert_locations(f"{name_}/ca.pem", None)  # as if the machine knew the authority
        commit_and_push(server_)
        steady_state()
    memory()
