"""The way of an SSH connection through an HTTP proxy: the server's first words arrive, however they are cut."""

import base64
import contextlib
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import pytest

from gotk.git.transport import tunnel as tunnels

BANNER = b"SSH-2.0-server\r\n"


@contextmanager
def proxy(*pieces: bytes) -> Iterator[tuple[int, list[bytes]]]:
    """A proxy that answers in these pieces, each on its way before the next, and hangs up; yields what it was asked."""
    asked: list[bytes] = []

    def answer(server: socket.socket) -> None:
        connection, _ = server.accept()
        with connection:
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            head = b""
            while not head.endswith(b"\r\n\r\n"):
                head += connection.recv(4096)
            asked.append(head)
            for piece in pieces:
                connection.sendall(piece)

    with socket.create_server(("127.0.0.1", 0)) as server:
        thread = threading.Thread(target=answer, args=(server,))
        thread.start()
        yield server.getsockname()[1], asked
        thread.join()


def tunnel(tmp_path: Path, address: str, host: str = "git.example") -> subprocess.CompletedProcess[bytes]:
    (tmp_path / "proxy").write_text(address)
    command = [sys.executable, "-P", "-m", "gotk.git.transport.tunnel", str(tmp_path / "proxy"), host, "22"]
    root = str(Path(__file__).parents[4])
    return subprocess.run(
        command, stdin=subprocess.DEVNULL, capture_output=True, check=False, env={"PYTHONPATH": root}, timeout=60
    )


HEAD = b"HTTP/1.1 200 Connection established\r\nVia: 1.1 proxy\r\n\r\n"


@pytest.mark.parametrize(
    "pieces",
    [
        pytest.param([HEAD + BANNER], id="the answer and the banner at once"),
        pytest.param([HEAD, BANNER], id="one after the other"),
        pytest.param([HEAD[:5], HEAD[5:40], HEAD[40:] + BANNER], id="an answer in pieces"),
        pytest.param([bytes([each]) for each in HEAD + BANNER], id="byte by byte"),
        pytest.param([b"HTTP/1.0 200\r\n\r\n" + BANNER], id="an answer without a reason"),
    ],
)
def test_the_server_s_first_words_arrive_whole(tmp_path: Path, pieces: Sequence[bytes]) -> None:
    with proxy(*pieces) as (port, _):
        ended = tunnel(tmp_path, f"http://127.0.0.1:{port}")
    assert (ended.returncode, ended.stdout) == (0, BANNER)


def test_the_proxy_gets_our_name_and_the_server_s(tmp_path: Path) -> None:
    with proxy(HEAD) as (port, asked):
        tunnel(tmp_path, f"http://j%C3%A4ne:s3%3Acret@127.0.0.1:{port}", "2001:db8::1")
    lines = asked[0].decode("latin-1").split("\r\n")
    assert lines[0] == "CONNECT [2001:db8::1]:22 HTTP/1.1"
    assert f"Proxy-Authorization: Basic {base64.b64encode('jäne:s3:cret'.encode()).decode()}" in lines


@pytest.mark.parametrize(
    ("answer", "cause"),
    [
        (b"HTTP/1.1 407 Proxy Authentication Required\r\n\r\n", "the proxy refused: 407 Proxy Authentication Required"),
        (b"HTTP/1.1 502 Bad Gateway\r\nContent-Length: 0\r\n\r\n", "the proxy refused: 502 Bad Gateway"),
        (b"", "the proxy cannot be reached"),
        (b"no http at all\r\n\r\n", "the proxy refused: http at all"),
        (b"HTTP/1.1 200 OK\r\n" + b"X: y\r\n" * 5000, "the proxy cannot be reached"),
    ],
)
def test_a_proxy_that_refuses_is_told_of_without_its_password(tmp_path: Path, answer: bytes, cause: str) -> None:
    with proxy(answer) as (port, _):
        ended = tunnel(tmp_path, f"http://jane:s3cret@127.0.0.1:{port}")
    assert ended.returncode == 1
    assert ended.stderr.decode().startswith(cause)
    assert b"s3cret" not in ended.stderr + ended.stdout


def test_a_closed_port_is_told_of(tmp_path: Path) -> None:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        ended = tunnel(tmp_path, f"http://jane:s3cret@127.0.0.1:{probe.getsockname()[1]}")
    assert (ended.returncode, ended.stderr) == (1, b"the proxy cannot be reached: ConnectionRefusedError\n")


@pytest.mark.parametrize(
    ("scheme", "pieces"),
    [
        pytest.param("http", [HEAD[:-4], *[b"y"] * 500, b"\r\n\r\n"], id="HTTP"),
        pytest.param("socks5", [b"\5", b"\0", b"\5", b"\0", b"\0", b"\3", b"\xff", *[b"x"] * 257], id="SOCKS"),
    ],
)
def test_a_proxy_that_answers_byte_by_byte_has_no_more_time_than_another(scheme: str, pieces: Sequence[bytes]) -> None:
    def answer(server: socket.socket) -> None:
        connection, _ = server.accept()
        with connection, contextlib.suppress(ConnectionError):
            for piece in pieces:
                connection.sendall(piece)
                if hung_up.wait(0.02):
                    return

    hung_up = threading.Event()
    with socket.create_server(("127.0.0.1", 0)) as server:
        thread = threading.Thread(target=answer, args=(server,))
        thread.start()
        try:
            with pytest.raises(tunnels.FAILURES):
                tunnels.reached(f"{scheme}://127.0.0.1:{server.getsockname()[1]}", "git.example", 22, 0.5).close()
        finally:
            hung_up.set()
            thread.join()
