"""Looks over SSH at OpenSSH's sshd: how long a connection is kept, whom it is for, and what becomes of it."""

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import asyncssh
import pygit2
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ed25519

from gotk.git import auth, errors
from gotk.git import url as urls
from gotk.git.auth import Credentials
from gotk.git.mirrors.mirror import Mirror, Mirrors
from gotk.git.objects.seed import seed
from gotk.git.transport import remote
from gotk.git.transport.looking import look, over_ssh
from gotk.git.transport.looking.target import Target
from gotk.git.transport.operation import ListReferences
from tests.gotk.git.transport.looking.test_listing import OLD
from tests.real import git_ssh, keys, processes, proxies

MAIN = "refs/heads/main"
pytestmark = pytest.mark.real


@pytest.fixture
def sshd(tmp_path: Path) -> Iterator[git_ssh.Server]:
    with git_ssh.serve(tmp_path) as server:
        seed(server.root / "r.git", {"a": "1"})
        yield server


@pytest.fixture(autouse=True)
def patient(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A look waits for as long as a busy machine takes, and keeps nothing from one test to the next."""
    look.resting.clear()
    look._answered.clear()
    monkeypatch.setattr(over_ssh, "_SECONDS", 20.0)
    monkeypatch.setattr(over_ssh, "_KEPT_SECONDS", 20.0)
    yield
    over_ssh.client.connections.close()


def credentials_of(server: git_ssh.Server, **changed: str) -> Credentials:
    return auth.from_secret(
        server.url("r.git"), {**server.secret, **{key: value.encode() for key, value in changed.items()}}
    )


def target_of(server: git_ssh.Server, credentials: Credentials | None = None, name: str = "r.git") -> Target:
    return Target(urls.parse(server.url(name)), credentials or credentials_of(server), 60.0)


def mirrored(folder: Path, server: git_ssh.Server, credentials: Credentials | None = None) -> Mirror:
    """A mirror that has everything."""
    mirror = Mirrors(folder / "mirrors").open(server.url("r.git"), credentials or credentials_of(server), timeout=60)
    mirror.fetch(MAIN)
    return mirror


def fetched(folder: Path, server: git_ssh.Server, credentials: Credentials) -> str:
    return Mirrors(folder / "mirrors").open(server.url("r.git"), credentials, timeout=20).fetch(MAIN)


def connections(server: git_ssh.Server) -> set[Path]:
    """The processes of the connections that somebody has to the server."""
    return processes.below(server.pid)


class TestKeeping:
    def test_looks_share_one_connection_and_start_no_process(self, sshd: git_ssh.Server, tmp_path: Path) -> None:
        mirror = mirrored(tmp_path, sshd)
        first, before = mirror.fetch(MAIN), sshd.logins
        children = processes.workers()
        assert [mirror.fetch(MAIN) for _ in range(4)] == [first] * 4
        assert sshd.logins == before
        assert processes.workers() == children

    def test_a_reference_that_moved_is_fetched(self, sshd: git_ssh.Server, tmp_path: Path) -> None:
        mirror = mirrored(tmp_path, sshd)
        mirror.fetch(MAIN)
        moved = seed(sshd.root / "r.git", {"a": "2"})
        assert mirror.fetch(MAIN) == moved

    def test_references_are_listed_the_same_way(self, sshd: git_ssh.Server, tmp_path: Path) -> None:
        mirror = mirrored(tmp_path, sshd)
        asked = mirror.references()
        mirror.fetch(MAIN)
        before = sshd.logins
        assert mirror.references() == asked
        assert sshd.logins == before

    def test_looks_at_once_have_a_connection_each_and_keep_them(self, sshd: git_ssh.Server) -> None:
        target = target_of(sshd)
        with ThreadPoolExecutor(3) as threads:
            found = list(threads.map(lambda _: over_ssh.references(target, MAIN), range(6)))
        assert len({each.commits[MAIN] for each in found}) == 1
        assert sshd.logins <= 3

    def test_a_server_that_lets_in_one_session_at_a_time_answers_every_look(self, tmp_path: Path) -> None:
        with git_ssh.serve(tmp_path, settings="MaxSessions 1") as server, ThreadPoolExecutor(3) as threads:
            seed(server.root / "r.git", {"a": "1"})
            target = target_of(server)
            assert all(threads.map(lambda _: over_ssh.references(target, MAIN), range(6)))


@pytest.mark.parametrize("settings", ["", "AcceptEnv GIT_PROTOCOL"])
def test_either_protocol_has_branches_tags_and_head(tmp_path: Path, settings: str) -> None:
    with git_ssh.serve(tmp_path, settings=settings) as server:
        commit = seed(server.root / "r.git", {"a": "1"})
        repository = pygit2.Repository(str(server.root / "r.git"))
        person = pygit2.Signature("Jane", "jane@example.com")
        tag = str(repository.create_tag("1", commit, pygit2.enums.ObjectType.COMMIT, person, "One"))
        every = over_ssh.references(target_of(server), "")
        one = over_ssh.references(target_of(server), "refs/tags/1")
    assert every.commits == {"HEAD": commit, MAIN: commit, "refs/tags/1": commit}
    assert (every.head, every.tags) == (MAIN, {"refs/tags/1": tag})
    assert one == (every if not settings else replace_of(one, {"refs/tags/1": commit}))


def replace_of(references: look.References, commits: dict[str, str]) -> look.References:
    """The same with these commits and nothing else."""
    return look.References(commits=commits, head="", tags=references.tags)


class TestKeys:
    @pytest.mark.parametrize("kind", sorted(keys.SSH))
    @pytest.mark.parametrize("form", ["OpenSSH", "PKCS8"])
    def test_every_kind_of_key_looks(self, sshd: git_ssh.Server, kind: str, form: str) -> None:
        key = keys.SSH[kind]()
        if form == "PKCS8" and kind == "ed25519":
            form = "OpenSSH"
        sshd.authorize(key)
        opened = credentials_of(sshd, identity=keys.pem(key, form, b"s3cret").decode(), password="s3cret")
        assert MAIN in over_ssh.references(target_of(sshd, opened), MAIN).commits

    @pytest.mark.parametrize("kind", ["ecdsa p256", "rsa"])
    def test_every_kind_of_host_key_is_believed(self, tmp_path: Path, kind: str) -> None:
        with git_ssh.serve(tmp_path, host=keys.SSH[kind]()) as server:
            seed(server.root / "r.git", {"a": "1"})
            assert MAIN in over_ssh.references(target_of(server), MAIN).commits

    def test_a_host_of_another_key_is_not_talked_to(self, sshd: git_ssh.Server) -> None:
        for known in (sshd.foreign_known_hosts, "# nobody", f"{sshd.known_hosts}@revoked * {sshd.host_key}"):
            with pytest.raises(over_ssh.Failed):
                over_ssh.references(target_of(sshd, replace(credentials_of(sshd), known_hosts=known)), MAIN)
        assert sshd.logins == 0

    def test_files_of_the_user_do_not_count(
        self, sshd: git_ssh.Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        home = tmp_path / "home" / ".ssh"
        home.mkdir(parents=True)
        (home / "known_hosts").write_text(sshd.known_hosts)
        (home / "id_ed25519").write_text(sshd.identity)
        (home / "config").write_text("Host *\n  StrictHostKeyChecking no\n")
        monkeypatch.setenv("HOME", str(home.parent))
        stranger = git_ssh.private(ed25519.Ed25519PrivateKey.generate())
        for credentials in (
            replace(credentials_of(sshd), known_hosts=""),
            replace(credentials_of(sshd), known_hosts=sshd.foreign_known_hosts),
            credentials_of(sshd, identity=stranger),
        ):
            with pytest.raises(over_ssh.Failed):
                over_ssh.references(target_of(sshd, credentials), MAIN)
        assert sshd.logins == 0


class TestSecrets:
    def test_nobody_looks_over_another_s_connection(self, sshd: git_ssh.Server) -> None:
        other = ed25519.Ed25519PrivateKey.generate()
        sshd.authorize(other)
        theirs = credentials_of(sshd, identity=git_ssh.private(other))
        for _ in range(2):
            over_ssh.references(target_of(sshd), MAIN)
            over_ssh.references(target_of(sshd, theirs), MAIN)
        assert sshd.logins == 2

    def test_a_key_that_was_replaced_counts_at_once(self, sshd: git_ssh.Server, tmp_path: Path) -> None:
        mirrored(tmp_path, sshd).fetch(MAIN)
        stranger = git_ssh.private(ed25519.Ed25519PrivateKey.generate())
        with pytest.raises(errors.AuthenticationFailed, match="does not accept the credentials"):
            fetched(tmp_path, sshd, credentials_of(sshd, identity=stranger))

    @pytest.mark.parametrize(
        ("known", "kind"),
        [
            pytest.param("{foreign}", errors.HostKeyMismatch, id="another key"),
            pytest.param("{ours}@revoked * {key}", errors.HostKeyMismatch, id="revoked"),
            pytest.param("{ours}github.com ssh-ed25519 AAAA", errors.InvalidCredentials, id="unreadable"),
        ],
    )
    def test_known_hosts_that_changed_count_at_once(
        self, sshd: git_ssh.Server, tmp_path: Path, known: str, kind: type[errors.Error]
    ) -> None:
        mirrored(tmp_path, sshd).fetch(MAIN)
        text = known.format(foreign=sshd.foreign_known_hosts, ours=sshd.known_hosts, key=sshd.host_key)
        with pytest.raises(kind):
            fetched(tmp_path, sshd, replace(credentials_of(sshd), known_hosts=text))


class TestBreaking:
    def test_a_connection_that_was_dropped_is_made_anew(self, sshd: git_ssh.Server, tmp_path: Path) -> None:
        mirror = mirrored(tmp_path, sshd)
        first, before = mirror.fetch(MAIN), sshd.logins
        for process in connections(sshd):
            os.kill(int(process.name), signal.SIGKILL)
            assert processes.ends(process)
        assert mirror.fetch(MAIN) == mirror.fetch(MAIN) == first
        assert sshd.logins == before + 1

    def test_a_connection_that_hangs_is_made_anew(
        self, sshd: git_ssh.Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(over_ssh, "_KEPT_SECONDS", 0.3)
        mirror = mirrored(tmp_path, sshd)
        first, before, hanging = mirror.fetch(MAIN), sshd.logins, connections(sshd)
        for process in hanging:
            os.kill(int(process.name), signal.SIGSTOP)
        assert mirror.fetch(MAIN) == first
        assert sshd.logins == before + 1
        for process in hanging:
            os.kill(int(process.name), signal.SIGKILL)

    def test_a_server_that_comes_back_with_another_key_is_not_believed(self, tmp_path: Path) -> None:
        with git_ssh.serve(tmp_path) as server:
            seed(server.root / "r.git", {"a": "1"})
            mirror = mirrored(tmp_path, server)
            mirror.fetch(MAIN)
            for process in connections(server):  # they would outlive the server
                os.kill(int(process.name), signal.SIGKILL)
                assert processes.ends(process)
        user = serialization.load_ssh_private_key(server.identity.encode(), None)
        with git_ssh.serve(tmp_path, port=server.port) as other:
            other.authorize(user)
            with pytest.raises(errors.HostKeyMismatch, match="the SSH host key is not the one in 'known_hosts'"):
                mirror.fetch(MAIN)

    def test_a_repository_that_is_gone_is_named(self, sshd: git_ssh.Server, tmp_path: Path) -> None:
        mirror = mirrored(tmp_path, sshd)
        mirror.fetch(MAIN)
        (sshd.root / "r.git").rename(sshd.root / "other.git")
        with pytest.raises(errors.RepositoryNotFound):
            mirror.fetch(MAIN)


class Talkative(asyncssh.SSHServer):
    """Lets everybody in, lists one branch, and then says what means nothing, without end."""

    def __init__(self, ended: threading.Event) -> None:
        self.ended = ended

    def connection_made(self, conn: asyncssh.SSHServerConnection) -> None:
        self.connection = conn

    def connection_lost(self, exc: Exception | None) -> None:
        self.ended.set()

    def public_key_auth_supported(self) -> bool:
        return True

    def validate_public_key(self, username: str, key: asyncssh.SSHKey) -> bool:
        return True

    def session_requested(self) -> "TalkativeSession":
        return TalkativeSession(self)


class TalkativeSession(asyncssh.SSHServerSession[bytes]):
    """A session on that server."""

    def __init__(self, server: Talkative) -> None:
        self.server = server

    def connection_made(self, chan: asyncssh.SSHServerChannel[bytes]) -> None:
        self.channel = chan

    def exec_requested(self, command: str) -> bool:
        return True

    def session_started(self) -> None:
        self.channel.write(OLD)

    def data_received(self, data: bytes, datatype: int | None) -> None:
        self.channel.exit(0)
        for _ in range(100):
            self.server.connection.send_debug("x" * 30_000)


def test_a_server_that_does_not_stop_talking_is_hung_up_on() -> None:
    async def listen() -> asyncssh.SSHAcceptor:
        return await asyncssh.create_server(
            lambda: Talkative(ended), "127.0.0.1", 0, server_host_keys=[key], encoding=None
        )

    ended, key = threading.Event(), asyncssh.generate_private_key("ssh-ed25519")
    server = over_ssh.client.run(listen())
    address, public = f"127.0.0.1:{server.get_port()}", key.export_public_key()
    secret = {
        "identity": key.export_private_key(),
        "known_hosts": f"[127.0.0.1]:{server.get_port()} ".encode() + public,
    }
    url = f"ssh://git@{address}/r.git"
    try:
        assert MAIN in over_ssh.references(Target(urls.parse(url), auth.from_secret(url, secret), 20.0), MAIN).commits
        assert ended.wait(20)
    finally:
        over_ssh.client.loop().call_soon_threadsafe(server.close)


@pytest.mark.parametrize("scheme", ["http", "socks5"])
def test_a_proxy_leads_there_once(sshd: git_ssh.Server, scheme: str) -> None:
    with proxies.serve(scheme, user="jane", password="s3 c:ret") as proxy:
        credentials = replace(credentials_of(sshd), proxy=proxy.url)
        for _ in range(3):
            assert MAIN in over_ssh.references(target_of(sshd, credentials), MAIN).commits
        assert proxy.reached == [("127.0.0.1", sshd.port)]
        over_ssh.client.connections.close()


@pytest.mark.parametrize("name", ["a b.git", "it's.git", "a%20b.git"])
def test_a_path_that_would_have_to_be_quoted_is_left_to_the_operation(sshd: git_ssh.Server, name: str) -> None:
    address = replace(urls.parse(sshd.url("r.git")), path=f"/{name}")
    with pytest.raises(over_ssh.Failed):
        over_ssh.references(Target(address, credentials_of(sshd), 20.0), MAIN)
    assert sshd.logins == 0


ENDS = """
import os, pwd, sys
os.getuid = lambda: 65532
def nobody(uid): raise KeyError(uid)
pwd.getpwuid = nobody
from gotk.git import auth, url
from gotk.git.transport.looking import over_ssh
from gotk.git.transport.looking.target import Target
address, identity, known = sys.stdin.read().split("\\0")
secret = {"identity": identity.encode(), "known_hosts": known.encode()}
target = Target(url.parse(address), auth.from_secret(address, secret), 20.0)
print(over_ssh.references(target, "refs/heads/main").head)
"""


def test_a_user_without_a_name_looks_and_the_process_ends_with_connections_open(sshd: git_ssh.Server) -> None:
    asked = "\0".join([sshd.url("r.git"), sshd.identity, sshd.known_hosts])
    environment = {"PYTHONPATH": os.pathsep.join(sys.path), "HOME": "/", "PYTHONWARNINGS": "error"}
    ended = subprocess.run(
        [sys.executable, "-c", ENDS],
        input=asked,
        text=True,
        capture_output=True,
        env=environment,
        timeout=60,
        check=False,
    )
    assert (ended.returncode, ended.stdout, ended.stderr) == (0, f"{MAIN}\n", "")


def test_a_remote_that_no_look_has_reached_is_listed_by_the_operation(sshd: git_ssh.Server) -> None:
    asked = ListReferences(remote=remote_of(sshd))
    assert look.listed(asked) is None
    assert remote.list_references(asked).head == MAIN


def remote_of(server: git_ssh.Server) -> look.Remote:
    return look.Remote(url=server.url("r.git"), credentials=credentials_of(server), timeout=20)
