"""What a server's refusal becomes: its kind, its words and the next step, over either transport."""

import os
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, BinaryIO, cast
from urllib.parse import urlsplit

import pygit2
import pytest
from dulwich.web import ChunkReader

from gotk.git import auth, errors
from gotk.git.auth import Credentials
from gotk.git.mirrors.mirror import Mirror, Mirrors
from gotk.git.objects.commit import Person
from gotk.git.objects.seed import seed
from gotk.git.serving import packets, receive_pack, upload_pack
from gotk.git.transport import remote
from gotk.git.transport.operation import ListReferences, Push, Remote
from tests.real import child, git_ssh, proxies

MAIN = "refs/heads/main"
NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)
ME = Person("Jane", "jane@example.com")
PASSWORD = Credentials(username="jane", password="s3cret")
TOKEN = Credentials(bearer_token="s3cret")


class Refusing(ThreadingHTTPServer):
    """A Git server that names its references and refuses one method with a status and words."""

    daemon_threads = True

    def __init__(self, repository: Path) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.repository = repository
        self.abrupt = False
        self.method, self.status, self.words, self.kind = "", 0, b"", "text/plain; charset=utf-8"

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}/r.git"

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that went away is no event."""


class Handler(BaseHTTPRequestHandler):
    server: Refusing

    def do_GET(self) -> None:
        if not self.server.abrupt:
            self.drain()
        if "Authorization" not in self.headers:
            self.answer(401, b"who is there?", "text/plain", {"WWW-Authenticate": 'Basic realm="git"'})
        elif self.command == self.server.method:
            self.answer(self.server.status, self.server.words, self.server.kind)
        else:
            service = "git-receive-pack" if "receive" in self.path else "git-upload-pack"
            named = receive_pack if "receive" in self.path else upload_pack
            listed = b"".join(named.advertise(pygit2.Repository(str(self.server.repository))))
            body = packets.line(f"# service={service}\n".encode()) + packets.FLUSH + listed
            self.answer(200, body, f"application/x-{service}-advertisement")

    def do_POST(self) -> None:
        self.do_GET()

    def drain(self) -> None:
        if self.headers.get("Transfer-Encoding") == "chunked":
            ChunkReader(cast("BinaryIO", self.rfile)).read()
        self.rfile.read(int(self.headers.get("Content-Length") or 0))

    def answer(self, status: int, body: bytes, kind: str, headers: dict[str, str] | None = None) -> None:
        self.send_response(status)
        for name, value in {"Content-Type": kind, "Content-Length": str(len(body)), **(headers or {})}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Refusing]:
    seed(tmp_path / "srv" / "r.git", {"a": "1"})
    with Refusing(tmp_path / "srv" / "r.git") as made:
        thread = threading.Thread(target=made.serve_forever, args=(0.01,))
        thread.start()
        yield made
        made.shutdown()
        thread.join()


@contextmanager
def through(transport: str) -> Iterator[Credentials]:
    """The credentials that make an operation take a transport."""
    with ExitStack() as stack:
        if transport == "the git program":
            child.program("git")
            yield replace(PASSWORD, proxy=stack.enter_context(proxies.serve("http")).url)
        else:
            yield {"a password": PASSWORD, "a token": TOKEN}[transport]


TRANSPORTS = ["a password", "a token", pytest.param("the git program", marks=pytest.mark.real)]


def refused(url: str, credentials: Credentials, folder: Path, content: bytes = b"2") -> errors.Error:
    """Push a commit and return what it fails of."""
    local = folder / "local.git"
    made = seed(local, {"a": content})
    base = Remote(url=url, credentials=credentials, timeout=20)
    with pytest.raises(errors.Error) as caught:
        remote.push(
            Push(remote=base, repository=str(local), commit=made, reference="refs/heads/new", expected=None, force=True)
        )
    assert "s3cret" not in str(caught.value)
    return caught.value


@pytest.mark.parametrize("transport", TRANSPORTS)
@pytest.mark.parametrize(
    ("status", "kind", "words"),
    [
        pytest.param(403, errors.Forbidden, "the remote refused it (403): ", id="403"),
        pytest.param(404, errors.RepositoryNotFound, "repository not found", id="404"),
        pytest.param(413, errors.Rejected, "the remote takes nothing of this size", id="413"),
        pytest.param(422, errors.Rejected, "the remote refused it: 422 ", id="422"),
        pytest.param(429, errors.Unreachable, "the remote takes no more requests for now", id="429"),
        pytest.param(451, errors.Rejected, "the remote refused it: 451 ", id="another refusal"),
        pytest.param(500, errors.Unreachable, "the remote failed: 500 Internal Server Error", id="500"),
        pytest.param(503, errors.Unreachable, "the remote failed: 503 Service Unavailable", id="503"),
    ],
)
@pytest.mark.parametrize("method", ["GET", "POST"])
def test_a_status_on_a_push_says_what_went_wrong(
    server: Refusing, tmp_path: Path, transport: str, status: int, kind: type[errors.Error], words: str, method: str
) -> None:
    server.method, server.status = method, status
    server.words = b"Write access to repository not granted.\x1b[31m\nAsk s3cret."
    with through(transport) as credentials:
        error = refused(server.url, credentials, tmp_path)
    assert type(error) is kind
    assert error.message.startswith(f"unable to push to '{server.url}'")
    assert words in error.message
    assert "\x1b" not in error.message
    if method == "GET" or transport != "the git program":  # git drops what is said to the pack itself
        assert "Write access to repository not granted." in error.message
    assert ("the deploy key or token of the secret needs write access" in error.message) is (status == 403)


@pytest.mark.parametrize("transport", ["a password", "a token"])
def test_a_server_that_hangs_up_on_a_pack_is_asked_why(server: Refusing, tmp_path: Path, transport: str) -> None:
    server.method, server.status, server.words, server.abrupt = "POST", 403, b"read only", True
    with through(transport) as credentials:
        error = refused(server.url, credentials, tmp_path, os.urandom(8 << 20))
    assert type(error) is errors.Forbidden
    assert "the remote refused it (403): read only; " in error.message


@pytest.mark.parametrize("transport", TRANSPORTS)
def test_a_read_that_is_refused_asks_for_read_access(server: Refusing, transport: str) -> None:
    server.method, server.status, server.words = "GET", 403, b"no SSO"
    with through(transport) as credentials, pytest.raises(errors.Forbidden) as caught:
        remote.list_references(ListReferences(remote=Remote(url=server.url, credentials=credentials, timeout=20)))
    assert caught.value.message.endswith(
        "the remote refused it (403): no SSO; the deploy key or token of the secret needs read access to the repository"
    )


@pytest.mark.parametrize("transport", ["a password", "a token"])
@pytest.mark.parametrize(
    ("words", "kind", "shown"),
    [
        pytest.param(b"<html>s3cret</html>", "text/html", "", id="a web page is not read"),
        pytest.param(b"x" * 100_000, "text/plain", "x" * 900, id="a long text is cut"),
        pytest.param(b"\xff\x00no", "text/plain", "\ufffd?no", id="bytes that are no text"),
        pytest.param(b'{"message": "no"}', "application/json", '{"message": "no"}', id="what an API says"),
        pytest.param(b"", "text/plain", "403", id="nothing at all"),
    ],
)
def test_what_the_server_says_is_bounded_and_printable(
    server: Refusing, tmp_path: Path, transport: str, words: bytes, kind: str, shown: str
) -> None:
    server.method, server.status, server.words, server.kind = "GET", 403, words, kind
    with through(transport) as credentials:
        error = refused(server.url, credentials, tmp_path)
    assert type(error) is errors.Forbidden
    assert shown in error.message
    assert len(error.message) < 1400
    assert error.message.isprintable()


@pytest.mark.parametrize(
    ("credentials", "cause"),
    [
        pytest.param(Credentials(), "authentication required", id="no secret"),
        pytest.param(PASSWORD, "does not accept the credentials", id="a wrong password"),
        pytest.param(TOKEN, "authentication required", id="a wrong token"),
    ],
)
def test_401_is_about_who_we_are(
    server: Refusing, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, credentials: Credentials, cause: str
) -> None:
    monkeypatch.setattr(
        Handler,
        "do_GET",
        lambda self: self.answer(401, b"", "text/plain", {"WWW-Authenticate": 'Basic realm="git"'}),
    )
    error = refused(server.url, credentials, tmp_path)
    assert type(error) is errors.AuthenticationFailed
    assert cause in error.message


@contextmanager
def wishing(tmp_path: Path, words: str) -> Iterator[tuple[git_ssh.Server, str]]:
    """An SSH server that lets everybody read, and answers a push with words, as forges do for a read-only key."""
    with git_ssh.serve(tmp_path) as made:
        seed(made.root / "r.git", {"a": "1"})
        script = tmp_path / "shell"
        script.write_text(
            '#!/bin/sh\ncase "$SSH_ORIGINAL_COMMAND" in git-receive-pack*|"git receive-pack"*) '
            f'cat {tmp_path}/words >&2; exit 1;; *) exec sh -c "$SSH_ORIGINAL_COMMAND";; esac\n'
        )
        script.chmod(0o755)
        (tmp_path / "words").write_text(words)
        made.authorized.write_text(f'command="{script}" {made.authorized.read_text()}')
        yield made, made.url("r.git")


@pytest.mark.real
@pytest.mark.parametrize("proxied", [False, True])
@pytest.mark.parametrize(
    ("words", "kind"),
    [
        ("ERROR: The key you are authenticating with has been marked as read only.", errors.Forbidden),
        ("ERROR: Permission to acme/fleet.git denied to deploy key", errors.Forbidden),
        ("remote: ERROR: This deploy key does not have write access to this project.", errors.Forbidden),
        ("remote: You are not allowed to push code to this project.", errors.Forbidden),
        ("Gitea: User permission denied for writing.", errors.Forbidden),
        ("ERROR: Repository not found.", errors.RepositoryNotFound),
    ],
)
def test_a_key_that_may_only_read_is_told_so(
    tmp_path: Path, proxied: bool, words: str, kind: type[errors.Error]
) -> None:
    with wishing(tmp_path, f"{words}\n") as (made, url), ExitStack() as stack:
        credentials = auth.from_secret(url, made.secret)
        if proxied:
            child.program("ssh")
            credentials = replace(credentials, proxy=stack.enter_context(proxies.serve("http")).url)
        mirror = Mirrors(tmp_path / "m").open(url, credentials, timeout=20)
        first = mirror.fetch(MAIN)
        with pytest.raises(errors.Error) as caught:
            mirror.push(mirror.commit(first, {"a": b"2"}, ME, "Change", NOON), "main", first)
    assert type(caught.value) is kind, caught.value
    assert words.removeprefix("remote: ") in caught.value.message
    assert ("needs write access to the repository" in caught.value.message) is (kind is errors.Forbidden)


@pytest.mark.real
@pytest.mark.parametrize("transport", ["a key", "the git program"])
@pytest.mark.parametrize(
    ("words", "kind", "step"),
    [
        ("not on a Friday", errors.Rejected, ""),
        ("GH006: Protected branch update failed", errors.Rejected, "name another one in spec.git.push.branch"),
        ("push blocked: secrets found", errors.Rejected, ""),
        ("the locker room is closed", errors.Rejected, ""),
    ],
)
def test_a_hook_s_words_are_a_refusal_and_no_race(
    tmp_path: Path, transport: str, words: str, kind: type[errors.Error], step: str
) -> None:
    with git_ssh.serve(tmp_path) as made, ExitStack() as stack:
        seed(made.root / "r.git", {"a": "1"})
        hook = made.root / "r.git" / "hooks" / "pre-receive"
        hook.parent.mkdir(exist_ok=True)
        hook.write_text(f"#!/bin/sh\nwhile read line; do :; done; echo '{words}' >&2\nexit 1\n")
        hook.chmod(0o755)
        credentials = auth.from_secret(made.url("r.git"), made.secret)
        if transport == "the git program":
            credentials = replace(credentials, proxy=stack.enter_context(proxies.serve("http")).url)
        mirror: Mirror = Mirrors(tmp_path / "m").open(made.url("r.git"), credentials, timeout=20)
        first = mirror.fetch(MAIN)
        with pytest.raises(kind) as caught:
            mirror.push(mirror.commit(first, {"a": b"2"}, ME, "Change", NOON), "main", first)
    assert "pre-receive hook declined" in caught.value.message
    assert words in caught.value.message
    assert caught.value.message.endswith(step)


@pytest.mark.parametrize("credentials", [PASSWORD, TOKEN])
@pytest.mark.parametrize(
    ("location", "told"),
    [
        pytest.param("http://127.0.0.1:{there}{path}", True, id="another port"),
        pytest.param("http://localhost:{there}{path}", True, id="another name and port"),
        pytest.param("http://jane:s3cret@127.0.0.1:{there}{path}", True, id="another port with a user"),
        pytest.param("//127.0.0.1:{there}{path}", True, id="another port without a scheme"),
        pytest.param("https://127.0.0.1:{there}{path}", True, id="another scheme and port"),
        pytest.param("{path}&again=1", False, id="the same origin"),
    ],
)
def test_no_secret_follows_a_redirect_away_from_its_origin(credentials: Credentials, location: str, told: bool) -> None:
    sent: list[str] = []

    class There(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            sent.append(self.headers.get("Authorization", ""))
            self.send_response(401)
            self.send_header("WWW-Authenticate", 'Basic realm="git"')
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    class Here(There):
        def do_GET(self) -> None:
            if "again=1" in self.path:
                self.send_response(404)
            else:
                self.send_response(302)
                path = f"{urlsplit(self.path).path}?{urlsplit(self.path).query}"
                self.send_header("Location", location.format(there=there.server_address[1], path=path))
            self.send_header("Content-Length", "0")
            self.end_headers()

    with ThreadingHTTPServer(("127.0.0.1", 0), There) as there, ThreadingHTTPServer(("127.0.0.1", 0), Here) as here:
        threads = [threading.Thread(target=each.serve_forever, args=(0.01,)) for each in (there, here)]
        for thread in threads:
            thread.start()
        url = f"http://127.0.0.1:{here.server_address[1]}/r.git"
        with pytest.raises(errors.Error) as caught:
            remote.list_references(ListReferences(remote=Remote(url=url, credentials=credentials, timeout=10)))
        for each in (there, here):
            each.shutdown()
        for thread in threads:
            thread.join()
    assert all("s3cret" not in each and not each.startswith("Bearer") for each in sent)
    assert "amFuZTpzM2NyZXQ=" not in "".join(sent) or "jane:s3cret@" in location  # which the server named itself
    assert "s3cret" not in str(caught.value)
    if told and credentials is TOKEN:
        assert "which gets no secret" in str(caught.value)
