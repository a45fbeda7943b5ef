"""What only our own server must prove: pushes at once, hooks that never run, requests that are not Git's."""

import http.client
import os
import threading
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pygit2
import pytest

from gotk.git import errors
from gotk.git.auth import Credentials
from gotk.git.mirrors.mirror import Mirrors
from gotk.git.objects.commit import Person
from gotk.git.objects.seed import seed
from gotk.git.serving import packets
from gotk.git.serving.server import BasicAuth, GitServer

MAIN = "refs/heads/main"
NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)


@pytest.fixture
def server(tmp_path: Path) -> Iterator[GitServer]:
    with GitServer(tmp_path / "srv") as running:
        seed(running.root / "fleet.git", {"a": "1"})
        yield running


def request(server: GitServer, method: str, path: str, body: bytes = b"", **headers: str) -> tuple[int, bytes]:
    connection = http.client.HTTPConnection(server.host, server.port, timeout=10)
    try:
        connection.putrequest(method, path, skip_accept_encoding=True)
        for name, value in {"Content-Length": str(len(body)), **headers}.items():
            connection.putheader(name.replace("_", "-"), value)
        connection.endheaders(body)
        answer = connection.getresponse()
        return answer.status, answer.read()
    finally:
        connection.close()


def test_of_pushes_at_once_from_one_base_exactly_one_wins(server: GitServer, tmp_path: Path) -> None:
    base = Mirrors(tmp_path / "first").open(server.url("fleet.git")).fetch(MAIN)
    barrier, ended = threading.Barrier(6), []

    def push(number: int) -> None:
        mirror = Mirrors(tmp_path / str(number)).open(server.url("fleet.git"))
        mirror.fetch(MAIN)
        made = mirror.commit(base, {"a": str(number).encode()}, Person("J", "j@x"), "Change", NOON)
        barrier.wait()
        try:
            mirror.push(made, "main", base)
        except errors.NonFastForward:
            ended.append("")
        else:
            ended.append(made)

    threads = [threading.Thread(target=push, args=(number,)) for number in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    (winner,) = [made for made in ended if made]
    assert str(pygit2.Repository(str(server.root / "fleet.git")).references[MAIN].target) == winner
    assert len(ended) == 6


def test_no_hook_runs(server: GitServer, tmp_path: Path) -> None:
    hooks = server.root / "fleet.git" / "hooks"
    hooks.mkdir(exist_ok=True)
    for name in ("pre-receive", "update", "post-receive", "post-update"):
        (hooks / name).write_text(f"#!/bin/sh\ntouch {tmp_path}/ran\nexit 1\n")
        (hooks / name).chmod(0o755)
    mirror = Mirrors(tmp_path / "m").open(server.url("fleet.git"))
    base = mirror.fetch(MAIN)
    mirror.push(mirror.commit(base, {"a": b"2"}, Person("J", "j@x"), "Change", NOON), "main", base)
    assert not (tmp_path / "ran").exists()


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        pytest.param("GET", "/", 404, id="the root"),
        pytest.param("GET", "/fleet.git/config", 404, id="a file of the repository"),
        pytest.param("GET", "/fleet.git/info/refs", 404, id="the dumb protocol"),
        pytest.param("GET", "/fleet.git/info/refs?service=git-upload-archive", 404, id="another service"),
        pytest.param("GET", "/../srv/fleet.git/info/refs?service=git-upload-pack", 404, id="a path that climbs"),
        pytest.param("GET", "/%2e%2e/srv/fleet.git/info/refs?service=git-upload-pack", 404, id="one that hides it"),
        pytest.param("GET", "/none.git/info/refs?service=git-upload-pack", 404, id="no such repository"),
        pytest.param("POST", "/fleet.git/git-upload-pack", 415, id="a form that is not Git's"),
        pytest.param("PUT", "/fleet.git/HEAD", 501, id="another method"),
    ],
)
def test_what_is_not_git_is_refused(server: GitServer, method: str, path: str, status: int) -> None:
    assert request(server, method, path)[0] == status


@pytest.mark.parametrize(
    "body",
    [
        pytest.param(b"zzzz", id="no length"),
        pytest.param(b"0003", id="a length that is too small"),
        pytest.param(b"ffffwant", id="a line cut short"),
        pytest.param(b"0009hello0000", id="a word that is none"),
        pytest.param(b"0032want " + b"0" * 40 + b"\n00000009done\n", id="an object that is not there"),
        pytest.param(b"0014want ../../../x\n0000", id="an id that is none"),
    ],
)
def test_a_malformed_fetch_is_answered_with_an_error(server: GitServer, body: bytes) -> None:
    status, answer = request(
        server, "POST", "/fleet.git/git-upload-pack", body, Content_Type="application/x-git-upload-pack-request"
    )
    assert status == 200
    assert b"ERR " in answer
    assert Mirrors(server.root / "m").open(server.url("fleet.git")).fetch(MAIN)


@pytest.mark.parametrize("banded", [True, False])
def test_a_client_hears_of_a_pack_while_it_is_made(
    server: GitServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, banded: bool
) -> None:
    tip = seed(server.root / "fleet.git", {"big": os.urandom(4 << 20)})
    monkeypatch.setattr("gotk.git.serving.upload_pack._KEEPALIVE_SECONDS", 0.01)
    want = f"want {tip}{' side-band-64k' if banded else ''}\n".encode()
    body = packets.line(want) + packets.FLUSH + packets.line(b"done\n")
    _, answer = request(
        server, "POST", "/fleet.git/git-upload-pack", body, Content_Type="application/x-git-upload-pack-request"
    )
    before, _, pack = answer.partition(b"PACK")
    assert (packets.KEEPALIVE in before) is banded
    assert len(pack) > 4 << 20
    assert Mirrors(tmp_path).open(server.url("fleet.git")).fetch(MAIN) == tip


@pytest.mark.parametrize(
    ("name", "said"),
    [
        pytest.param("refs/heads/../../config", b"funny refname", id="a reference that climbs"),
        pytest.param("config", b"funny refname", id="a reference outside refs"),
        pytest.param("refs/heads/x.lock", b"funny refname", id="a lock's name"),
        pytest.param("refs/heads/new", b"missing necessary objects", id="a commit that never came"),
        pytest.param(MAIN, b"failed to update ref", id="an old value that is not so"),
    ],
)
def test_a_push_that_makes_no_sense_changes_nothing(server: GitServer, name: str, said: bytes) -> None:
    line = f"{'0' * 40} {'1' * 40} {name}\0report-status".encode()
    empty = bytes.fromhex("5041434b0000000200000000029d08823bd8a8eab510ad6ac75c823cfd3ed31e")
    body = b"%04x%b0000%b" % (len(line) + 4, line, empty)
    before = {path.name for path in (server.root / "fleet.git" / "refs").rglob("*")}
    status, answer = request(
        server, "POST", "/fleet.git/git-receive-pack", body, Content_Type="application/x-git-receive-pack-request"
    )
    assert status == 200
    assert said in answer
    assert {path.name for path in (server.root / "fleet.git" / "refs").rglob("*")} == before


def test_a_broken_pack_changes_nothing(server: GitServer) -> None:
    line = f"{'0' * 40} {'1' * 40} refs/heads/new\0report-status".encode()
    body = b"%04x%b0000%b" % (len(line) + 4, line, b"PACK" + bytes(40))
    _, answer = request(
        server, "POST", "/fleet.git/git-receive-pack", body, Content_Type="application/x-git-receive-pack-request"
    )
    assert b"unpack the pack is broken" in answer
    assert b"ng refs/heads/new unpacker error" in answer


def test_a_repository_is_found_with_and_without_its_ending(server: GitServer, tmp_path: Path) -> None:
    assert Mirrors(tmp_path).open(server.url("fleet")).fetch(MAIN) == Mirrors(tmp_path).open(
        server.url("fleet.git")
    ).fetch(MAIN)


def test_only_the_right_password_is_let_in(tmp_path: Path) -> None:
    seed(tmp_path / "srv" / "fleet.git", {"a": "1"})
    with GitServer(tmp_path / "srv", auth=BasicAuth("jane", "s3cret")) as server:
        mirrors = Mirrors(tmp_path / "m")
        assert mirrors.open(server.url("fleet.git"), Credentials(username="jane", password="s3cret")).fetch(MAIN)
        for wrong in (Credentials(), Credentials(username="jane", password="x"), Credentials(username="x")):
            with pytest.raises(errors.AuthenticationFailed):
                mirrors.open(server.url("fleet.git"), wrong).fetch(MAIN)


def test_the_port_is_free_again_after_the_end(tmp_path: Path) -> None:
    with GitServer(tmp_path) as server:
        port = server.port
    with GitServer(tmp_path, port=port) as again:
        assert again.port == port
