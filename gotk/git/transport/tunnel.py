"""The way of an SSH connection through a proxy: `ssh` starts this as its `ProxyCommand`.

Arguments are a file with the proxy's address, which holds its password, and the host and port to reach. Standard input
and output are the connection.
"""

import base64
import os
import select
import socket
import sys
from http.client import HTTPException, parse_headers
from pathlib import Path
from urllib.parse import SplitResult, unquote, urlsplit

import python_socks
from python_socks.sync import Proxy

_SECONDS = 30.0
_CHUNK = 1 << 16
_LINE_LIMIT = 4096


class Refused(Exception):
    """The proxy does not make the connection; the message holds its status."""


#: What a connection through a proxy may fail of.
FAILURES = (Refused, python_socks.ProxyError, python_socks.ProxyTimeoutError, OSError, ValueError, HTTPException)


def main() -> int:
    """Connect and carry bytes until one side ends. What goes wrong is said without the proxy's password."""
    file, host, port = sys.argv[1:]
    proxy = Path(file).read_text()
    try:
        carry(opened(proxy, host, port))
    except (Refused, python_socks.ProxyError, python_socks.ProxyTimeoutError) as error:
        return _fail(f"the proxy refused: {error}")
    except (OSError, ValueError, HTTPException) as error:
        return _fail(f"the proxy cannot be reached: {type(error).__name__}")
    return 0


def reached(proxy: str, host: str, port: int, seconds: float) -> socket.socket:
    """Return a connection to a host, through a proxy where one is named. Raises FAILURES."""
    if proxy:
        connection = opened(proxy, host, str(port), seconds)
    else:
        connection = socket.create_connection((host, port), timeout=seconds)
    connection.settimeout(seconds)
    return connection


def opened(proxy: str, host: str, port: str, seconds: float = _SECONDS) -> socket.socket:
    """Return a connection to a host through a proxy. Raises FAILURES."""
    if proxy.startswith("http:"):
        return _through_http(urlsplit(proxy), host, port, seconds)
    return Proxy.from_url(proxy, rdns=True).connect(host, int(port), timeout=seconds)


def _fail(cause: str) -> int:
    os.write(2, f"{cause}\n".encode())
    return 1


def _through_http(proxy: SplitResult, host: str, port: str, seconds: float) -> socket.socket:
    """Ask for a tunnel, and read no byte beyond the answer: an SSH server speaks first, at once behind it.

    `python_socks` takes the first segment for the whole answer, whatever more or less it holds.
    """
    connection = socket.create_connection((proxy.hostname or "", proxy.port or 80), timeout=seconds)
    try:
        _ask(connection, _request(proxy, f"[{host}]:{port}" if ":" in host else f"{host}:{port}"))
    except BaseException:
        connection.close()
        raise
    return connection


def _ask(connection: socket.socket, request: bytes) -> None:
    connection.sendall(request)
    with connection.makefile("rb", buffering=0) as answer:
        _, code, *reason = answer.readline(_LINE_LIMIT).decode("latin-1").split(maxsplit=2)
        parse_headers(answer)
    if not code.startswith("2"):
        raise Refused(" ".join([code, *reason]).strip())


def _request(proxy: SplitResult, target: str) -> bytes:
    head = f"CONNECT {target} HTTP/1.1\r\nHost: {target}\r\n"
    if proxy.username:
        words = f"{unquote(proxy.username)}:{unquote(proxy.password or '')}"
        head += f"Proxy-Authorization: Basic {base64.b64encode(words.encode()).decode()}\r\n"
    return f"{head}\r\n".encode("latin-1")


def carry(remote: socket.socket) -> None:
    """Carry bytes both ways."""
    remote.setblocking(True)
    with remote:
        sides = [sys.stdin.fileno(), remote.fileno()]
        while remote.fileno() in sides:
            ready, _, _ = select.select(sides, [], [])
            if sys.stdin.fileno() in ready:
                data = os.read(0, _CHUNK)
                if data:
                    remote.sendall(data)
                else:
                    remote.shutdown(socket.SHUT_WR)
                    sides.remove(sys.stdin.fileno())
            if remote.fileno() in ready:
                data = remote.recv(_CHUNK)
                if not data:
                    return
                _write(data)


def _write(data: bytes) -> None:
    while data:
        data = data[os.write(1, data) :]


if __name__ == "__main__":
    sys.exit(main())
