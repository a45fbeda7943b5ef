"""A look from the service's own process: it says "nothing new" or nothing, and shows secrets to the origin alone."""

import time
from collections.abc import Callable
from dataclasses import replace
from http.server import BaseHTTPRequestHandler
from pathlib import Path

import pytest

from gotk.git import auth
from gotk.git.auth import Credentials
from gotk.git.mirrors.mirror import Mirrors
from gotk.git.objects.seed import seed
from gotk.git.transport.looking import look
from gotk.git.transport.operation import Fetch, Fetched, Remote
from tests.real import authority, git_https, proxies
from tests.real.odd_servers import answering, silent

MAIN = "refs/heads/main"
ME = Credentials(bearer_token="token-4711")
ADVERTISEMENT = "application/x-git-upload-pack-advertisement"


@pytest.fixture
def mirrored(tmp_path: Path) -> tuple[Path, str]:
    """A mirror's folder, and the commit of main in it."""
    origin = tmp_path / "origin.git"
    commit = seed(origin, {"a": "1"})
    mirror = tmp_path / "mirror.git"
    with_refs(mirror, origin)
    return mirror, commit


def with_refs(mirror: Path, origin: Path) -> None:
    mirrors = Mirrors(mirror.parent / "mirrors").open(f"file://{origin}")
    mirrors.fetch(MAIN)
    (found,) = (each for each in (mirror.parent / "mirrors").rglob("HEAD") if (each.parent / "objects").is_dir())
    found.parent.rename(mirror)


def fetch(url: str, repository: Path, credentials: Credentials = ME, reference: str = MAIN) -> Fetch:
    there = Remote(url=url, credentials=credentials, timeout=20.0)
    return Fetch(remote=there, repository=str(repository), reference=reference)


def line(text: str) -> str:
    return f"{len(text) + 4:04x}{text}"


def listing(commit: str, name: str = MAIN) -> str:
    first = line(f"{commit} HEAD\0multi_ack symref=HEAD:{name} agent=git/2\n")
    return f"{line('# service=git-upload-pack' + chr(10))}0000{first}{line(f'{commit} {name}' + chr(10))}0000"


def says(body: str, *, status: int = 200, kind: str = ADVERTISEMENT) -> Callable[[BaseHTTPRequestHandler], None]:
    def answer(request: BaseHTTPRequestHandler) -> None:
        request.send_response(status)
        request.send_header("Content-Type", kind)
        request.send_header("Content-Length", str(len(body)))
        request.end_headers()
        request.wfile.write(body.encode())

    return answer


@pytest.mark.parametrize("reference", [MAIN, "HEAD"])
def test_a_reference_that_leads_to_what_is_here_needs_no_fetch(mirrored, reference):
    mirror, commit = mirrored
    with answering(says(listing(commit))) as (address, seen):
        found = look.unchanged(fetch(f"http://{address}/r.git", mirror, reference=reference))
    assert found == Fetched(commit=commit, transferred=False)
    assert seen == ["Bearer token-4711"]


ELSE = "0" * 39 + "1"


@pytest.mark.parametrize(
    "answer",
    [
        pytest.param(lambda _: says(listing(ELSE)), id="a commit that is not here"),
        pytest.param(lambda commit: says(listing(commit, "refs/heads/other")), id="no such branch"),
        pytest.param(lambda commit: says(listing(commit), status=401), id="a refusal"),
        pytest.param(lambda commit: says(listing(commit), kind="text/html"), id="a web page"),
        pytest.param(lambda commit: says(listing(commit)[:-4]), id="a list without its end"),
        pytest.param(lambda commit: says(listing(commit)[:-9]), id="a line without its end"),
        pytest.param(lambda commit: says("zzzz" + listing(commit)), id="no list at all"),
        pytest.param(lambda commit: says(listing(commit)[34:]), id="a list of another service"),
        pytest.param(lambda commit: says(listing(commit) + "0" * (2 << 20)), id="more than is read"),
        pytest.param(lambda _: says(""), id="nothing"),
    ],
)
def test_anything_else_is_left_to_the_operation(mirrored, answer):
    mirror, commit = mirrored
    with answering(answer(commit)) as (address, seen):
        assert look.unchanged(fetch(f"http://{address}/r.git", mirror)) is None
    assert len(seen) == 1


def test_what_was_of_no_use_is_left_alone_for_a_while(mirrored):
    mirror, commit = mirrored
    with answering(says(listing(commit), status=503)) as (address, seen):
        for _ in range(2):
            assert look.unchanged(fetch(f"http://{address}/r.git", mirror)) is None
    assert len(seen) == 1


def test_a_redirect_is_not_followed(mirrored):
    mirror, commit = mirrored
    with answering(says(listing(commit))) as (elsewhere, seen):

        def redirect(request: BaseHTTPRequestHandler) -> None:
            request.send_response(302)
            request.send_header("Location", f"http://{elsewhere}/r.git/info/refs?service=git-upload-pack")

        with answering(redirect) as (address, _):
            assert look.unchanged(fetch(f"http://{address}/r.git", mirror)) is None
    assert seen == []


def test_a_server_that_says_nothing_holds_a_look_for_no_longer_than_the_operation_may_take(mirrored):
    mirror, _ = mirrored
    with silent() as (address, came):
        operation = fetch(f"http://{address}/r.git", mirror)
        there = replace(operation.remote, timeout=0.05)
        asked = Fetch(remote=there, repository=operation.repository, reference=MAIN)
        assert look.unchanged(asked) is None
        assert came.is_set()


@pytest.mark.parametrize(
    ("url", "credentials"),
    [
        pytest.param("http://{}/r.git", replace(ME, bearer_token="a\r\nHost: evil"), id="a token with a line break"),
        pytest.param("http://{}/r.git", replace(ME, proxy="http://127.0.0.1:1"), id="a proxy, and no TLS"),
        pytest.param("ssh://git@{}/r.git", Credentials(identity="x"), id="ssh"),
    ],
)
def test_what_cannot_be_asked_for_is_not_asked(mirrored, url, credentials):
    mirror, commit = mirrored
    with answering(says(listing(commit))) as (address, seen):
        assert look.unchanged(fetch(url.format(address), mirror, credentials)) is None
    assert seen == []


@pytest.mark.parametrize("variable", ["https_proxy", "http_proxy", "ALL_PROXY"])
def test_a_proxy_of_the_environment_is_the_operation_s_to_go_through(mirrored, monkeypatch, variable):
    mirror, commit = mirrored
    monkeypatch.setenv(variable, "http://127.0.0.1:1")
    with answering(says(listing(commit))) as (address, seen):
        assert look.unchanged(fetch(f"http://{address}/r.git", mirror)) is None
    assert seen == []


def test_a_look_that_was_of_no_use_is_tried_again_later(mirrored, monkeypatch):
    mirror, commit = mirrored
    with answering(says(listing(commit))) as (address, seen):
        operation = fetch(f"http://{address}/r.git", mirror)
        monkeypatch.setitem(look.resting, operation.remote.url, time.monotonic() - 1)
        assert look.unchanged(operation) is not None
    assert len(seen) == 1


@pytest.mark.real
def test_every_kind_of_secret_and_proxy_gets_the_answer_of_the_operation(tmp_path: Path) -> None:
    with git_https.serve(tmp_path / "one") as by_name, git_https.serve(tmp_path / "two", mutual=True) as by_certificate:
        cases = [
            (by_name, by_name.secret, ""),
            (by_name, by_name.bearer_secret, ""),
            (by_certificate, by_certificate.client_secret, ""),
            (by_name, by_name.bearer_secret, "http"),
            (by_name, by_name.secret, "socks5"),
        ]
        for number, (server, secret, scheme) in enumerate(cases):
            name = f"r{number}.git"
            seed(server.root / name, {"a": "1"})
            with proxies.serve(scheme or "http", user="jane", password="s3 c:ret") as proxy:
                credentials = auth.from_secret(server.url(name), secret)
                credentials = replace(credentials, proxy=proxy.url) if scheme else credentials
                mirror = Mirrors(tmp_path / f"mirrors{number}").open(server.url(name), credentials, timeout=20)
                first = mirror.fetch(MAIN)
                (repository,) = (each.parent for each in (tmp_path / f"mirrors{number}").rglob("HEAD"))
                asked = fetch(server.url(name), repository, credentials)
                assert look.unchanged(asked) == Fetched(commit=first, transferred=False)
                stranger = replace(credentials, ca=authority.make(tmp_path / f"stranger{number}").pem)
                assert look.unchanged(fetch(server.url(name), repository, stranger)) is None
            assert bool(proxy.reached) is bool(scheme)
