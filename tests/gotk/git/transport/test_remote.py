"""Whom we talk to and what we show them: host keys, authorities, redirects, time, and where secrets can be seen."""

import socket
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric import ed25519

from gotk.git import auth, errors
from gotk.git.auth import ANONYMOUS, Credentials
from gotk.git.objects.seed import seed
from gotk.git.transport import remote
from gotk.git.transport.operation import ListReferences, References, Remote
from tests.real import authority, git_https, git_ssh, processes
from tests.real.odd_servers import answering, silent


def listed(url: str, credentials: Credentials = ANONYMOUS, *, timeout: float = 20.0) -> References:
    return remote.list_references(ListReferences(remote=Remote(url=url, credentials=credentials, timeout=timeout)))


@pytest.fixture
def sshd(tmp_path: Path) -> Iterator[git_ssh.Server]:
    with git_ssh.serve(tmp_path) as server:
        seed(server.root / "r.git", {"a": "1"})
        yield server


@pytest.fixture
def nginx(tmp_path: Path) -> Iterator[git_https.Server]:
    with git_https.serve(tmp_path) as server:
        seed(server.root / "r.git", {"a": "1"})
        yield server


@pytest.mark.real
class TestHostKeys:
    def test_the_known_host_is_let_in(self, sshd: git_ssh.Server) -> None:
        url = sshd.url("r.git")
        assert listed(url, auth.from_secret(url, sshd.secret)).head == "refs/heads/main"

    @pytest.mark.parametrize(
        "known",
        [
            pytest.param(lambda server: server.foreign_known_hosts, id="another key for this host"),
            pytest.param(lambda server: server.known_hosts.replace("127.0.0.1", "other.example"), id="another host"),
            pytest.param(lambda server: f"[127.0.0.1]:1 {server.host_key}", id="another port"),
            pytest.param(lambda _: "# nobody\n", id="nobody"),
        ],
    )
    def test_any_other_host_is_refused(self, sshd: git_ssh.Server, known: Callable[[git_ssh.Server], str]) -> None:
        url = sshd.url("r.git")
        credentials = auth.from_secret(url, {**sshd.secret, "known_hosts": known(sshd).encode()})
        with pytest.raises(errors.HostKeyMismatch, match="the SSH host key is not the one in 'known_hosts'"):
            listed(url, credentials)

    def test_the_host_is_refused_without_any_known_hosts(self, sshd: git_ssh.Server) -> None:
        url = sshd.url("r.git")
        with pytest.raises(errors.HostKeyMismatch):
            listed(url, Credentials(username=sshd.user, identity=sshd.identity))

    def test_the_user_s_own_known_hosts_do_not_count(
        self, sshd: git_ssh.Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        (tmp_path / ".ssh").mkdir()
        (tmp_path / ".ssh" / "known_hosts").write_text(sshd.known_hosts)
        monkeypatch.setenv("HOME", str(tmp_path))
        with pytest.raises(errors.HostKeyMismatch):
            listed(sshd.url("r.git"), Credentials(username=sshd.user, identity=sshd.identity))

    @pytest.mark.parametrize(
        ("marked", "let_in"),
        [
            pytest.param("@cert-authority * {key}\n{line}", True, id="an authority beside it"),
            pytest.param("@cert-authority * {key}", False, id="an authority alone"),
            pytest.param("{line}@revoked * {key}", False, id="a key that was revoked"),
            pytest.param("# a comment\n\n{line}", True, id="a comment before it"),
        ],
    )
    def test_marked_lines_never_let_anybody_in(self, sshd: git_ssh.Server, marked: str, let_in: bool) -> None:
        url, known = sshd.url("r.git"), marked.format(key=sshd.host_key, line=sshd.known_hosts).encode()
        credentials = auth.from_secret(url, {**sshd.secret, "known_hosts": known})
        if let_in:
            assert listed(url, credentials).head == "refs/heads/main"
        else:
            with pytest.raises(errors.HostKeyMismatch):
                listed(url, credentials)

    def test_known_hosts_that_cannot_be_read_are_named(self, sshd: git_ssh.Server) -> None:
        url = sshd.url("r.git")
        with pytest.raises(errors.InvalidCredentials, match="known_hosts"):
            listed(url, auth.from_secret(url, {**sshd.secret, "known_hosts": b"github.com ssh-ed25519 AAAA\n"}))

    def test_a_key_that_the_server_does_not_know_is_no_host_key_trouble(self, sshd: git_ssh.Server) -> None:
        url = sshd.url("r.git")
        stranger = git_ssh.private(ed25519.Ed25519PrivateKey.generate()).encode()
        with pytest.raises(errors.AuthenticationFailed, match="does not accept the credentials"):
            listed(url, auth.from_secret(url, {**sshd.secret, "identity": stranger}))


@pytest.mark.real
class TestAuthorities:
    def test_the_secret_s_authority_is_trusted_for_its_own_operation_only(self, nginx: git_https.Server) -> None:
        url = nginx.url("r.git")
        assert listed(url, auth.from_secret(url, nginx.secret)).head == "refs/heads/main"
        with pytest.raises(errors.CertificateInvalid, match=r"a private authority goes into 'ca\.crt'"):
            listed(url, Credentials(username=git_https.USERNAME, password=git_https.PASSWORD))

    def test_another_authority_is_refused(self, nginx: git_https.Server, tmp_path: Path) -> None:
        url, other = nginx.url("r.git"), authority.make(tmp_path / "other", name="other")
        with pytest.raises(errors.CertificateInvalid):
            listed(url, auth.from_secret(url, {**nginx.secret, "ca.crt": other.pem.encode()}))

    def test_a_bearer_token_is_sent(self, nginx: git_https.Server) -> None:
        url = nginx.url("r.git")
        assert listed(url, auth.from_secret(url, nginx.bearer_secret)).head == "refs/heads/main"

    @pytest.mark.parametrize(
        ("wrong", "cause"),
        [
            pytest.param({"username": b"jane", "password": b"no"}, "does not accept the credentials", id="password"),
            pytest.param({"bearerToken": b"no"}, "authentication required", id="token"),
            pytest.param({}, "authentication required", id="nothing"),
        ],
    )
    def test_wrong_credentials_are_told_apart(
        self, nginx: git_https.Server, wrong: dict[str, bytes], cause: str
    ) -> None:
        url = nginx.url("r.git")
        with pytest.raises(errors.AuthenticationFailed, match=cause):
            listed(url, auth.from_secret(url, {**wrong, "ca.crt": nginx.ca.encode()}))


def ask(handler: BaseHTTPRequestHandler) -> None:
    handler.send_response(401)
    handler.send_header("WWW-Authenticate", 'Basic realm="git"')
    handler.send_header("Content-Length", "0")


@pytest.mark.parametrize(
    "credentials",
    [
        pytest.param(Credentials(username="jane", password="s3cret"), id="password"),
        pytest.param(Credentials(bearer_token="s3cret"), id="token"),
    ],
)
def test_a_redirect_to_another_host_gets_no_secret(credentials: Credentials) -> None:
    with answering(ask) as (there, seen):

        def move(handler: BaseHTTPRequestHandler) -> None:
            handler.send_response(302)
            handler.send_header("Location", f"http://localhost:{there.partition(':')[2]}{handler.path}")
            handler.send_header("Content-Length", "0")

        with answering(move) as (here, _), pytest.raises(errors.Error) as caught:
            listed(f"http://{here}/r.git", credentials)
    assert set(seen) <= {""}
    assert "s3cret" not in str(caught.value)


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (403, errors.Forbidden),
        (404, errors.RepositoryNotFound),
        (500, errors.Unreachable),
        (503, errors.Unreachable),
    ],
)
def test_a_status_says_what_went_wrong(status: int, kind: type[errors.Error]) -> None:
    def refuse(handler: BaseHTTPRequestHandler) -> None:
        handler.send_response(status)
        handler.send_header("Content-Length", "0")

    with answering(refuse) as (host, _), pytest.raises(kind, match=f"unable to list remote for 'http://{host}/r.git'"):
        listed(f"http://{host}/r.git")


def test_a_closed_port_is_unreachable() -> None:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        url = f"https://jane:s3cret@127.0.0.1:{probe.getsockname()[1]}/r.git"
        with pytest.raises(errors.Unreachable, match="Connection refused") as caught:
            listed(url, auth.from_url(url))
    assert "s3cret" not in str(caught.value)


KEY = git_ssh.private(ed25519.Ed25519PrivateKey.generate())


@pytest.mark.parametrize("scheme", ["ssh", "https"])
def test_a_silent_server_is_given_up(scheme: str) -> None:
    credentials = Credentials(username="jane", identity=KEY) if scheme == "ssh" else ANONYMOUS
    with silent() as (host, _), pytest.raises(errors.TimedOut):
        listed(f"{scheme}://{host}/r.git", credentials, timeout=1.0)


def test_a_worker_that_does_not_end_is_killed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(remote, "_SLACK_SECONDS", -19.0)
    credentials = Credentials(username="jane", identity=KEY)
    with silent() as (host, _), pytest.raises(errors.TimedOut, match="took longer than 20s and was given up"):
        listed(f"ssh://{host}/r.git", credentials)


@pytest.mark.skipif(not Path("/proc/self/environ").exists(), reason="needs /proc")
def test_a_worker_shows_no_secret_in_its_arguments_or_environment(tmp_path: Path) -> None:
    credentials = Credentials(username="jane", identity=KEY, passphrase="s3cret", known_hosts="# s3cret")
    shown: list[bytes] = []
    with silent() as (host, came):

        def ask_in_vain() -> None:
            with pytest.raises(errors.Error):
                listed(f"ssh://{host}/r.git", credentials, timeout=2.0)

        thread = threading.Thread(target=ask_in_vain)
        thread.start()
        assert came.wait(10)
        homes = []
        for process in processes.workers():
            shown += [(process / "cmdline").read_bytes(), (process / "environ").read_bytes()]
            homes.append((process / "cwd").readlink())
        modes = [home.stat().st_mode & 0o777 for home in homes]
        thread.join()
    assert shown
    assert modes == [0o700]
    assert all(b"s3cret" not in text and b"PRIVATE KEY" not in text for text in shown)
    assert not any(home.exists() for home in homes)
