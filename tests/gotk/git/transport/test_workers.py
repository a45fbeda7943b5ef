"""What becomes of workers and of the process that they are forked from, when one of them or this process goes wrong."""

import os
import resource
import shutil
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler
from pathlib import Path

import pytest

from gotk.git import auth, errors
from gotk.git.auth import Credentials
from gotk.git.objects.seed import seed
from gotk.git.transport import remote, workers
from gotk.git.transport.operation import ListReferences, References, Remote
from tests.real import git_https, processes
from tests.real.odd_servers import answering, silent

TOKEN = Credentials(bearer_token="token")
pytestmark = pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="needs /proc")


def listed(url: str, credentials: Credentials = TOKEN, *, timeout: float = 20.0) -> References:
    return remote.list_references(ListReferences(remote=Remote(url=url, credentials=credentials, timeout=timeout)))


@pytest.fixture
def forker(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[], Path]]:
    """Operations of a test have a process to fork from that is theirs alone; returns it."""
    others, made = processes.fork_servers(), workers.Workers()
    monkeypatch.setattr(remote, "_workers", made)
    yield lambda: next(iter(processes.fork_servers() - others))
    made.close()
    assert processes.fork_servers() <= others


def refuse(handler: BaseHTTPRequestHandler) -> None:
    handler.send_response(404)
    handler.send_header("Content-Length", "0")


def works() -> None:
    """An operation gets its answer, which is that there is no such repository."""
    with answering(refuse) as (host, seen), pytest.raises(errors.RepositoryNotFound):
        listed(f"http://{host}/r.git")
    assert seen == ["Bearer token"]


@contextmanager
def hanging(*, timeout: float = 20.0) -> Iterator[tuple[Path, list[errors.Error]]]:
    """Hang on a silent server within the block; yields the worker, and how it ended once it did."""
    ended: list[errors.Error] = []
    before = processes.workers()
    with silent() as (host, came):

        def ask() -> None:
            try:
                listed(f"http://{host}/r.git", timeout=timeout)
            except errors.Error as error:
                ended.append(error)

        thread = threading.Thread(target=ask)
        thread.start()
        assert came.wait(10)
        (worker,) = processes.workers() - before
        yield worker, ended
        thread.join()


def kill(process: Path, number: signal.Signals = signal.SIGKILL) -> None:
    os.kill(int(process.name), number)


def test_every_operation_has_a_process_of_its_own_and_all_have_one_parent(forker: Callable[[], Path]) -> None:
    works()
    parent = forker()
    with hanging() as (one, _), hanging() as (two, _):
        assert one != two
        assert forker() == parent
        for each in (one, two):
            kill(each)


def test_the_process_that_forks_has_one_thread_and_nothing_open_of_anybody(forker: Callable[[], Path]) -> None:
    with hanging() as (worker, _):
        parent = forker()
        assert "Threads:\t1\n" in (parent / "status").read_text()
        sockets = [each for each in (parent / "fd").iterdir() if str(each.readlink()).startswith("socket:")]
        assert len(sockets) == 2  # where it is asked, and the worker's lifeline
        kill(worker)


def test_a_server_that_hangs_keeps_nobody_else_waiting(forker: Callable[[], Path]) -> None:
    with hanging() as (worker, ended):
        works()
        assert ended == []
        kill(worker)


def test_a_worker_that_dies_is_one_failed_operation(forker: Callable[[], Path]) -> None:
    with hanging() as (worker, ended):
        kill(worker, signal.SIGSEGV)
    assert [type(each) for each in ended] == [errors.Unreachable]
    assert "died with status -11" in ended[0].message
    works()


def test_a_worker_that_is_out_of_time_is_killed(forker: Callable[[], Path], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(remote, "_SLACK_SECONDS", -18.0)
    with hanging() as (worker, ended):
        assert processes.ends(worker)
    assert "took longer than 20s and was given up" in ended[0].message
    assert processes.workers() == set()


def test_a_worker_that_nobody_kills_ends_by_itself(forker: Callable[[], Path]) -> None:
    with hanging(timeout=1.0) as (worker, _):
        home = (worker / "cwd").readlink()
        kill(forker())
        assert processes.ends(worker)
    shutil.rmtree(home)


def test_another_parent_takes_the_place_of_one_that_died(forker: Callable[[], Path]) -> None:
    works()
    first = forker()
    kill(first)
    assert processes.ends(first)
    works()
    assert forker() != first


def test_another_parent_takes_the_place_of_one_that_does_not_answer(
    forker: Callable[[], Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    works()
    first = forker()
    kill(first, signal.SIGSTOP)
    with monkeypatch.context() as hurried:
        hurried.setattr(workers, "_START_SECONDS", 0.5)
        with pytest.raises(errors.Unreachable, match="no process could be started to talk to 'http://127"):
            listed("http://127.0.0.1:1/r.git")
    assert processes.ends(first)
    works()


def test_where_there_is_no_process_to_be_had_the_operation_says_so(forker: Callable[[], Path]) -> None:
    works()
    parent = int(forker().name)
    before = resource.prlimit(parent, resource.RLIMIT_NOFILE)
    resource.prlimit(parent, resource.RLIMIT_NOFILE, (4, before[1]))
    with pytest.raises(errors.Unreachable, match="no process could be started to talk to 'http://127"):
        listed("http://127.0.0.1:1/r.git")
    resource.prlimit(parent, resource.RLIMIT_NOFILE, before)
    works()
    assert int(forker().name) == parent


def test_where_python_cannot_be_started_the_operation_says_so(
    forker: Callable[[], Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as broken:
        broken.setattr(sys, "executable", "/nonexistent/python")
        with pytest.raises(errors.Unreachable, match="no process could be started"):
            listed("http://127.0.0.1:1/r.git")
    works()


DIES = """
import os, signal, sys, threading
from gotk.git.transport import remote
from gotk.git.auth import Credentials
from gotk.git.transport.operation import ListReferences, Remote
to = Remote(url=sys.argv[1], credentials=Credentials(bearer_token="t"))
threading.Thread(target=remote.list_references, args=(ListReferences(remote=to),), daemon=True).start()
sys.stdin.read(1)
os.kill(os.getpid(), signal.SIGKILL)
"""


def test_when_this_process_is_killed_the_others_end_with_it() -> None:
    with (
        silent() as (host, came),
        subprocess.Popen([sys.executable, "-c", DIES, f"http://{host}/r.git"], stdin=subprocess.PIPE) as service,
    ):
        assert came.wait(20)
        left = processes.below(service.pid)
        assert len(left) == 2
        (home,) = {(each / "cwd").readlink() for each in left} - {Path("/")}
        service.communicate(b"x", timeout=20)
        assert all(processes.ends(each) for each in left)
        assert not home.exists()


@pytest.mark.real
def test_no_operation_meets_the_secrets_of_another(forker: Callable[[], Path], tmp_path: Path) -> None:
    with git_https.serve(tmp_path) as server:
        seed(server.root / "r.git", {"a": "1"})
        url = server.url("r.git")
        for _ in range(2):
            assert listed(url, auth.from_secret(url, server.secret)).head == "refs/heads/main"
            with pytest.raises(errors.CertificateInvalid):  # the authority went with its operation
                listed(url, Credentials(bearer_token=git_https.TOKEN))
            with pytest.raises(errors.AuthenticationFailed, match="authentication required"):  # so did the password
                listed(url, Credentials(ca=server.ca))
    assert processes.workers() == set()
