"""Looks over HTTP: connections that are kept and for whom, both protocols, and servers that hang up."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pygit2
import pytest

from gotk.git import auth
from gotk.git import url as urls
from gotk.git.auth import Credentials
from gotk.git.objects.seed import seed
from gotk.git.transport.looking import listing, over_http
from gotk.git.transport.looking.target import Target
from tests.gotk.git.transport.looking.test_listing import ANSWER, BOTH, MAIN, OFFER, OLD, lines
from tests.real import authority, git_https, proxies

ADVERTISEMENT, ANSWERED = "x-git-upload-pack-advertisement", "x-git-upload-pack-result"
NAMED = lines("# service=git-upload-pack\n", None)


@pytest.fixture(autouse=True)
def closed() -> Iterator[None]:
    """No connection is kept from one test to the next."""
    yield
    over_http.connections.close()


class Server(ThreadingHTTPServer):
    """Speaks one protocol on connections that stay, and remembers what it was asked on each."""

    daemon_threads = True

    def __init__(self, *, new: bool, hangs_up: bool = False) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.new, self.hangs_up = new, hangs_up
        self.asked: list[list[tuple[str, bytes]]] = []
        self.silent = False

    def target(self, credentials: Credentials = auth.ANONYMOUS, timeout: float = 20.0) -> Target:
        return Target(urls.parse(f"http://127.0.0.1:{self.server_address[1]}/r.git"), credentials, timeout)


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: Server

    def setup(self) -> None:
        super().setup()
        self.asked: list[tuple[str, bytes]] = []
        self.server.asked.append(self.asked)

    def do_GET(self) -> None:
        self.answer(NAMED + (OFFER if self.server.new else OLD), ADVERTISEMENT)

    def do_POST(self) -> None:
        self.answer(ANSWER, ANSWERED)

    def answer(self, body: bytes, kind: str) -> None:
        if self.asked and self.server.silent:
            threading.Event().wait(2)
        sent = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        self.asked.append((f"{self.command} {self.path.partition('/r.git/')[2]} {self.headers['Git-Protocol']}", sent))
        self.send_response(200)
        self.send_header("Content-Type", f"application/{kind}")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)
        self.wfile.flush()
        self.close_connection = self.server.hangs_up

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@contextmanager
def serving(*, new: bool, hangs_up: bool = False) -> Iterator[Server]:
    with Server(new=new, hangs_up=hangs_up) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        try:
            yield server
        finally:
            over_http.connections.close()
            server.shutdown()
            thread.join()


OFFERED = ("GET info/refs?service=git-upload-pack version=2", b"")
ASKED = ("POST git-upload-pack version=2", listing.request(MAIN))


def test_one_request_is_enough_once_the_server_is_known_to_speak_protocol_2() -> None:
    with serving(new=True) as server:
        assert [over_http.references(server.target(), MAIN) for _ in range(3)] == [BOTH] * 3
        assert server.asked == [[OFFERED, ASKED, ASKED, ASKED]]


def test_an_older_server_is_asked_once_per_look() -> None:
    with serving(new=False) as server:
        assert [over_http.references(server.target(), MAIN) for _ in range(3)] == [BOTH] * 3
        assert server.asked == [[OFFERED] * 3]


def test_a_server_that_speaks_protocol_2_no_more_is_asked_anew_at_the_next_look() -> None:
    with serving(new=True) as server:
        over_http.references(server.target(), MAIN)
        Handler.do_POST, kept = Handler.do_GET, Handler.do_POST  # type: ignore[method-assign]
        try:
            with pytest.raises(listing.Malformed):
                over_http.references(server.target(), MAIN)
        finally:
            Handler.do_POST = kept  # type: ignore[method-assign]
        assert over_http.references(server.target(), MAIN) == BOTH
        assert server.asked[-1] == [OFFERED, ASKED]


def test_nobody_asks_over_another_s_connection() -> None:
    with serving(new=False) as server:
        for name in ("jane", "joe", "jane"):
            over_http.references(server.target(Credentials(username=name, password="s3cret")), MAIN)
        assert [len(each) for each in server.asked] == [2, 1]


def test_a_connection_that_the_server_closed_is_made_anew() -> None:
    with serving(new=True, hangs_up=True) as server:
        assert [over_http.references(server.target(), MAIN) for _ in range(2)] == [BOTH] * 2
        assert server.asked == [[OFFERED], [ASKED], [ASKED]]


def test_a_connection_that_hangs_is_made_anew(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(over_http, "_KEPT_SECONDS", 0.2)
    with serving(new=False) as server:
        over_http.references(server.target(), MAIN)
        server.silent = True
        assert over_http.references(server.target(), MAIN) == BOTH
        assert len(server.asked) == 2


def test_a_time_that_is_up_is_up_on_a_kept_connection_too() -> None:
    with serving(new=False) as server:
        over_http.references(server.target(), MAIN)
        server.silent = True
        with pytest.raises(TimeoutError):
            over_http.references(server.target(timeout=0.001), MAIN)


@pytest.mark.real
class TestNginx:
    def test_a_proxy_and_a_handshake_serve_many_looks(self, tmp_path: Path) -> None:
        with git_https.serve(tmp_path, mutual=True) as server, proxies.serve("http") as proxy:
            commit = seed(server.root / "r.git", {"a": "1"})
            url = server.url("r.git")
            credentials = replace(auth.from_secret(url, server.client_secret), proxy=proxy.url)
            for _ in range(4):
                assert over_http.references(Target(urls.parse(url), credentials, 20.0), MAIN).commits == {MAIN: commit}
            assert len(proxy.reached) == 1
            over_http.connections.close()

    def test_ten_thousand_references_are_not_sent_for_one(self, tmp_path: Path) -> None:
        with git_https.serve(tmp_path, anonymous=True) as server:
            commit = seed(server.root / "r.git", {"a": "1"})
            pack_references(server.root / "r.git", commit, 10_000)
            target = Target(urls.parse(server.url("r.git")), Credentials(ca=server.ca), 20.0)
            found = over_http.references(target, "refs/heads/b9999")
            assert found.commits == {"refs/heads/b9999": commit}
            assert len(over_http.references(target, "").commits) == 10_002

    def test_a_stranger_s_authority_ends_it_although_a_connection_is_open(self, tmp_path: Path) -> None:
        with git_https.serve(tmp_path) as server:
            seed(server.root / "r.git", {"a": "1"})
            url = server.url("r.git")
            ours = auth.from_secret(url, server.secret)
            over_http.references(Target(urls.parse(url), ours, 20.0), MAIN)
            stranger = replace(ours, ca=authority.make(tmp_path / "stranger").pem)
            with pytest.raises(OSError, match="certificate verify failed"):
                over_http.references(Target(urls.parse(url), stranger, 20.0), MAIN)


def pack_references(repository: Path, commit: str, number: int) -> None:
    """Give a repository many branches at once."""
    assert str(pygit2.Repository(str(repository)).references[MAIN].target) == commit
    names = sorted(f"refs/heads/b{each}" for each in range(number))
    header = "# pack-refs with: peeled fully-peeled sorted \n"
    (repository / "packed-refs").write_text(header + "".join(f"{commit} {name}\n" for name in names))
