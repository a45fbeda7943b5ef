"""What goes through the git program: client certificates and proxies, on real servers, and with nothing else let in."""

import contextlib
import os
import threading
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler
from pathlib import Path

import pygit2
import pytest

from gotk.git import auth, errors
from gotk.git.auth import Credentials
from gotk.git.mirrors.mirror import Mirror, Mirrors
from gotk.git.objects.commit import Person
from gotk.git.objects.seed import seed
from gotk.git.serving.server import GitServer
from gotk.git.transport import remote
from gotk.git.transport.operation import Fetch, ListReferences, References, Remote
from tests.real import authority, child, git_https, git_ssh, keys, processes, proxies
from tests.real.odd_servers import answering, silent

MAIN = "refs/heads/main"
NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)
ME = Person("Jane", "jane@example.com")
pytestmark = pytest.mark.real


@pytest.fixture(autouse=True)
def git() -> str:
    return child.program("git")


@pytest.fixture
def nginx(tmp_path: Path) -> Iterator[git_https.Server]:
    with git_https.serve(tmp_path, mutual=True) as server:
        seed(server.root / "r.git", {"a": "1", "b/c": "2"})
        yield server


@pytest.fixture
def mirror(nginx: git_https.Server, tmp_path: Path) -> Mirror:
    url = nginx.url("r.git")
    return Mirrors(tmp_path / "mirrors").open(url, auth.from_secret(url, nginx.client_secret), timeout=20)


def tip(server: git_https.Server, name: str = MAIN) -> str:
    return str(pygit2.Repository(str(server.root / "r.git")).references[name].target)


class TestClientCertificates:
    def test_a_certificate_opens_the_way_to_fetch_commit_and_push(
        self, nginx: git_https.Server, mirror: Mirror
    ) -> None:
        first = mirror.fetch(MAIN)
        assert first == mirror.fetch("HEAD") == tip(nginx)
        assert [entry.path for entry in mirror.files(first)] == ["a", "b/c"]
        assert mirror.references().head == MAIN
        made = mirror.commit(first, {"a": b"2"}, ME, "Change", NOON)
        mirror.push(made, "main", first)
        mirror.push(made, "main", first)  # as after a crash: it is there already
        assert tip(nginx) == made
        mirror.push(made, "other", None)
        assert tip(nginx, "refs/heads/other") == made

    def test_without_a_certificate_nobody_gets_in(self, nginx: git_https.Server, tmp_path: Path) -> None:
        url, stranger = nginx.url("r.git"), authority.make(tmp_path / "other", name="other").client()
        for secret in ({}, stranger):
            with pytest.raises(errors.Error):
                listed(url, auth.from_secret(url, {**secret, "ca.crt": nginx.ca.encode()}))

    def test_the_server_must_be_known_too(self, nginx: git_https.Server) -> None:
        url, secret = nginx.url("r.git"), nginx.client_secret
        with pytest.raises(errors.CertificateInvalid, match=r"a private authority goes into 'ca\.crt'"):
            listed(url, auth.from_secret(url, {key: secret[key] for key in ("tls.crt", "tls.key")}))

    def test_an_unknown_branch_and_an_unknown_repository_are_named(
        self, nginx: git_https.Server, mirror: Mirror
    ) -> None:
        with pytest.raises(errors.ReferenceNotFound, match='couldn\'t find remote ref "refs/heads/no"'):
            mirror.fetch("refs/heads/no")
        with pytest.raises(errors.RepositoryNotFound, match="unable to list remote for"):
            listed(nginx.url("no.git"), auth.from_secret(nginx.url("r.git"), nginx.client_secret))


class TestPush:
    def test_a_branch_that_moved_is_left_alone(self, nginx: git_https.Server, mirror: Mirror) -> None:
        first = mirror.fetch(MAIN)
        other = seed(nginx.root / "r.git", {"x": "theirs"})
        made = mirror.commit(first, {"a": b"2"}, ME, "Change", NOON)
        for force in (False, True):
            with pytest.raises(errors.NonFastForward, match="stale info"):
                mirror.push(made, "main", first, force=force)
        with pytest.raises(errors.NonFastForward):
            mirror.push(made, "main", None)
        assert tip(nginx) == other

    def test_only_force_lets_a_branch_go_back(self, nginx: git_https.Server, mirror: Mirror) -> None:
        first = mirror.fetch(MAIN)
        one, two = (mirror.commit(first, {"a": text}, ME, "Change", NOON) for text in (b"one", b"two"))
        mirror.push(one, "main", first)
        with pytest.raises(errors.NonFastForward, match="does not come after"):
            mirror.push(two, "main", one)
        mirror.push(two, "main", one, force=True)
        assert tip(nginx) == two

    def test_a_hook_s_refusal_is_told_in_its_words(self, nginx: git_https.Server, mirror: Mirror) -> None:
        hook = nginx.root / "r.git" / "hooks" / "pre-receive"
        hook.write_text("#!/bin/sh\nwhile read line; do :; done; echo not on a Friday >&2\nexit 1\n")
        hook.chmod(0o755)
        first = mirror.fetch(MAIN)
        made = mirror.commit(first, {"a": b"2"}, ME, "Change", NOON)
        with pytest.raises(errors.Rejected, match=r"pre-receive hook declined.*not on a Friday"):
            mirror.push(made, "main", first)

    def test_push_options_arrive(self, nginx: git_https.Server, mirror: Mirror, tmp_path: Path) -> None:
        bare = nginx.root / "r.git"
        pygit2.Repository(str(bare)).config["receive.advertisePushOptions"] = True
        hook = bare / "hooks" / "post-receive"
        hook.write_text(f'#!/bin/sh\necho "$GIT_PUSH_OPTION_COUNT $GIT_PUSH_OPTION_0" > {tmp_path}/options\n')
        hook.chmod(0o755)
        first = mirror.fetch(MAIN)
        made = mirror.commit(first, {"a": b"2"}, ME, "Change", NOON)
        mirror.push(made, "main", first, options={"ci.skip": "true"})
        assert (tmp_path / "options").read_text() == "1 ci.skip=true\n"


class TestProxies:
    @pytest.mark.parametrize("scheme", ["http", "socks5"])
    @pytest.mark.parametrize("user", ["", "jäne"])
    def test_https_goes_through_a_proxy(self, tmp_path: Path, scheme: str, user: str) -> None:
        with git_https.serve(tmp_path) as server, proxies.serve(scheme, user=user, password="s3 c:ret") as proxy:
            seed(server.root / "r.git", {"a": "1"})
            url = server.url("r.git")
            found = listed(url, replace(auth.from_secret(url, server.secret), proxy=proxy.url))
        assert found.head == MAIN
        assert set(proxy.reached) == {("127.0.0.1", server.port)}

    @pytest.mark.parametrize("scheme", ["http", "socks5"])
    def test_plain_http_goes_through_a_proxy(self, tmp_path: Path, scheme: str) -> None:
        first = seed(tmp_path / "srv" / "r.git", {"a": "1"})
        with (
            GitServer(tmp_path / "srv") as server,
            proxies.serve(scheme, names={"git.example": "127.0.0.1"}) as proxy,
        ):
            url = server.url("r.git").replace("127.0.0.1", "git.example").replace("localhost", "git.example")
            mirror = Mirrors(tmp_path / "mirrors").open(url, Credentials(proxy=proxy.url))
            assert mirror.fetch(MAIN) == first  # by a name that only the proxy knows
            made = mirror.commit(first, {"a": b"2"}, ME, "Change", NOON)
            mirror.push(made, "main", first)
        assert {host for host, _ in proxy.reached} == {"git.example"}
        assert str(pygit2.Repository(str(tmp_path / "srv" / "r.git")).references[MAIN].target) == made

    @pytest.mark.parametrize("scheme", ["http", "socks5"])
    def test_a_proxy_that_refuses_us_is_named_without_its_password(self, tmp_path: Path, scheme: str) -> None:
        with (
            proxies.serve(scheme, user="jane", password="right") as proxy,
            pytest.raises(errors.AuthenticationFailed) as caught,
        ):
            listed("https://127.0.0.1:1/r.git", Credentials(proxy=proxy.url.replace("right", "wr0ng")))
        assert proxy.reached == []
        assert proxy.refused
        assert "wr0ng" not in str(caught.value)
        assert f"through the proxy '{proxy.address}'" in str(caught.value)

    @pytest.mark.parametrize("scheme", ["http", "socks5"])
    def test_ssh_goes_through_a_proxy(self, tmp_path: Path, scheme: str) -> None:
        child.program("ssh")
        with git_ssh.serve(tmp_path) as server, proxies.serve(scheme, user="jane", password="s3 c:ret") as proxy:
            first = seed(server.root / "r.git", {"a": "1"})
            url = server.url("r.git")
            credentials = replace(auth.from_secret(url, server.secret), proxy=proxy.url)
            mirror = Mirrors(tmp_path / "mirrors").open(url, credentials, timeout=20)
            assert mirror.fetch(MAIN) == first
            made = mirror.commit(first, {"a": b"2"}, ME, "Change", NOON)
            mirror.push(made, "main", first)
            assert str(pygit2.Repository(str(server.root / "r.git")).references[MAIN].target) == made
            assert set(proxy.reached) == {("127.0.0.1", server.port)}
            with pytest.raises(errors.HostKeyMismatch):
                listed(url, replace(credentials, known_hosts=server.foreign_known_hosts))
            with pytest.raises(errors.AuthenticationFailed):
                listed(url, replace(credentials, identity=keys.pem(keys.SSH["rsa"]()).decode()))
            with pytest.raises(errors.AuthenticationFailed) as caught:
                listed(url, replace(credentials, proxy=proxy.url.replace("s3", "wr0ng")))
        assert "wr0ng" not in str(caught.value)

    def test_a_proxy_of_the_environment_gives_way(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        seed(tmp_path / "srv" / "r.git", {"a": "1"})
        monkeypatch.setenv("http_proxy", "http://127.0.0.1:1")
        monkeypatch.setenv("no_proxy", "*")
        with GitServer(tmp_path / "srv") as server, proxies.serve("http") as proxy:
            assert listed(server.url("r.git"), Credentials(proxy=proxy.url)).head == MAIN
        assert proxy.reached


class TestLimits:
    def test_a_fetch_that_brings_too_much_is_stopped(self, nginx: git_https.Server, tmp_path: Path) -> None:
        seed(nginx.root / "big.git", {"big": os.urandom(2_000_000)})
        local, url = tmp_path / "local.git", nginx.url("big.git")
        pygit2.init_repository(str(local), bare=True)
        known = Remote(url=url, credentials=auth.from_secret(url, nginx.client_secret))
        with pytest.raises(errors.TooLarge, match="more than 1000000 bytes came"):
            remote.fetch(Fetch(remote=known, repository=str(local), reference=MAIN, limit=1_000_000))
        assert [path for path in (local / "objects").rglob("*") if path.is_file()] == []

    def test_a_proxy_that_never_answers_is_given_up(self) -> None:
        with silent() as (host, _), pytest.raises(errors.TimedOut):
            listed("https://127.0.0.1:1/r.git", Credentials(proxy=f"http://{host}"), timeout=1.0)

    @pytest.mark.skipif(not Path("/proc/self/environ").exists(), reason="needs /proc")
    def test_nobody_sees_a_secret_among_the_processes(self, nginx: git_https.Server) -> None:
        url = nginx.url("r.git")
        secret = {**nginx.client_secret, "username": b"s3cret-user", "password": b"s3cret-word"}
        shown: list[bytes] = []
        with silent() as (host, came):
            known = auth.from_secret(url, secret)
            credentials = replace(known, proxy=f"http://jane:s3cret-proxy@{host}")

            def ask_in_vain() -> None:
                with pytest.raises(errors.TimedOut):
                    listed(url, credentials, timeout=3.0)

            thread = threading.Thread(target=ask_in_vain)
            thread.start()
            assert came.wait(20)
            for process in processes.below(os.getpid()):
                with contextlib.suppress(OSError):
                    shown += [(process / "cmdline").read_bytes(), (process / "environ").read_bytes()]
            thread.join()
        assert any(b"remote-https" in text for text in shown)
        assert not any(word in text for text in shown for word in (b"s3cret", b"PRIVATE KEY"))
        assert not any(b"remote-https" in text for text in commands())


class TestNothingElse:
    def test_no_configuration_and_no_hook_of_anybody_counts(
        self, nginx: git_https.Server, mirror: Mirror, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        ran = tmp_path / "ran"
        home = tmp_path / "home"
        home.mkdir()
        (home / ".gitconfig").write_text(
            f'[url "file:///nonexistent/"]\n\tinsteadOf = https://\n[core]\n\tfsmonitor = touch {ran}\n'
            f'[credential]\n\thelper = "!touch {ran}"\n[http]\n\tproxy = http://127.0.0.1:1\n'
        )
        for name, value in {"HOME": home, "XDG_CONFIG_HOME": home, "GIT_SSL_NO_VERIFY": "1", "GIT_TRACE": ran}.items():
            monkeypatch.setenv(name, str(value))
        first = mirror.fetch(MAIN)
        hooks = next((tmp_path / "mirrors").glob("*.git")).resolve() / "hooks"
        hooks.mkdir(exist_ok=True)
        for name in ("pre-push", "reference-transaction", "post-checkout"):
            (hooks / name).write_text(f"#!/bin/sh\ntouch {ran}\n")
            (hooks / name).chmod(0o755)
        seed(nginx.root / "r.git", {"x": "1"})
        second = mirror.fetch(MAIN)
        assert second != first
        mirror.push(mirror.commit(second, {"a": b"2"}, ME, "Change", NOON), "main", second)
        assert not ran.exists()

    def test_a_redirect_takes_no_client_along(self, nginx: git_https.Server) -> None:
        def move(handler: BaseHTTPRequestHandler) -> None:
            handler.send_response(302)
            handler.send_header("Location", nginx.url("r.git") + handler.path.removeprefix("/r.git"))
            handler.send_header("Content-Length", "0")

        with answering(move) as (host, _), pytest.raises(errors.Error, match="302"):
            listed(f"http://{host}/r.git", auth.from_secret("https://x", nginx.client_secret))

    def test_a_missing_program_is_named(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("PATH", str(tmp_path))
        with pytest.raises(errors.Unreachable, match="needs the program git, which is not installed"):
            listed("https://127.0.0.1:1/r.git", Credentials(proxy="http://127.0.0.1:1"))


def listed(url: str, credentials: Credentials, *, timeout: float = 20.0) -> References:
    return remote.list_references(ListReferences(remote=Remote(url=url, credentials=credentials, timeout=timeout)))


def commands() -> list[bytes]:
    """What the processes below this one were started with."""
    found = []
    for process in processes.below(os.getpid()):
        with contextlib.suppress(OSError):
            found.append((process / "cmdline").read_bytes())
    return found
