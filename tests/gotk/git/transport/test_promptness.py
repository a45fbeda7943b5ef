"""What is said to a remote leaves at once: the sockets of libgit2, and no others, get the option that says so."""

import socket
from datetime import UTC, datetime
from pathlib import Path

import pytest

from gotk.git.mirrors.mirror import Mirrors
from gotk.git.objects.commit import Person
from gotk.git.objects.seed import seed
from gotk.git.serving.server import GitServer
from gotk.git.transport import libgit2_client, promptness


def prompt(descriptor: int, port: int = 0) -> bool | None:
    """Whether a TCP socket sends at once; None for another one, and for one that leads to another port than this."""
    opened = socket.socket(fileno=descriptor)
    try:
        if opened.family != socket.AF_INET or (port and opened.getpeername()[1] != port):
            return None
        return bool(opened.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY))
    except OSError:  # one that listens
        return None
    finally:
        opened.detach()


def test_only_tcp_sockets_that_were_opened_since_get_the_option(tmp_path: Path):
    with socket.create_server(("127.0.0.1", 0)) as server, socket.create_connection(server.getsockname()) as old:
        before = promptness.sockets()
        one, other = socket.socketpair()
        with one, other, (tmp_path / "file").open("w"), socket.create_connection(server.getsockname()) as new:
            assert new.fileno() in {each.descriptor for each in promptness.sockets() - before}
            promptness.ensure(before)
            assert (prompt(old.fileno()), prompt(new.fileno())) == (False, True)
            new.sendall(b"still open")


def test_a_socket_with_the_descriptor_of_one_that_is_closed_gets_the_option():
    with socket.create_server(("127.0.0.1", 0)) as server:
        with socket.create_connection(server.getsockname()) as old:
            before = promptness.sockets()
            descriptor = old.fileno()
        with socket.create_connection(server.getsockname()) as new:
            assert new.fileno() == descriptor
            promptness.ensure(before)
            assert prompt(descriptor)


def test_where_the_system_does_not_tell_nothing_is_done(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(promptness, "_DESCRIPTORS", tmp_path / "nowhere")
    assert promptness.sockets() == frozenset()
    promptness.ensure(frozenset())


def test_a_fetch_and_a_push_go_over_such_sockets(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    met: list[bool | None] = []

    def look(*_: object) -> None:
        met.extend(prompt(each.descriptor, server.port) for each in promptness.sockets() - before)

    monkeypatch.setattr(libgit2_client._PushCallbacks, "push_transfer_progress", look)
    monkeypatch.setattr(libgit2_client._Callbacks, "transfer_progress", look)
    seed(tmp_path / "fleet.git", {"a.yaml": "a: b\n"})
    with GitServer(tmp_path) as server:
        mirror = Mirrors(tmp_path / "mirrors").open(server.url("fleet.git"))
        before = promptness.sockets()
        commit = mirror.fetch("refs/heads/main")
        fetched = list(met)
        made = mirror.commit(commit, {"a.yaml": b"a: c\n"}, Person("a", "a@b"), "m", datetime(2026, 1, 1, tzinfo=UTC))
        mirror.push(made, "main", commit)
    pushed = met[len(fetched) :]
    assert [set(each) - {None} for each in (fetched, pushed)] == [{True}, {True}]
