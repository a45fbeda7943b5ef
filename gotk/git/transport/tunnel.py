"""The way of an SSH connection through a proxy: `ssh` starts this as its `ProxyCommand`.

Arguments are a file with the proxy's address, which holds its password, and the host and port to reach. Standard input
and output are the connection.
"""

import base64
import os
import select
import socket
import sys
import time
from http.client import HTTPException
from pathlib import Path
from typing import Any
from urllib.parse import SplitResult, unquote, urlsplit

import python_socks
from python_socks import ProxyType
from python_socks.sync import Proxy

_SECONDS = 30.0
_CHUNK = 1 << 16
_HEAD_LIMIT, _ENDS = 1 << 16, (b"\n\r\n", b"\n\n")
_PORTS = {"http": 80, "socks5": 1080, "socks5h": 1080}


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
    """Return a connection to a host through a proxy, made within so many seconds. Raises FAILURES."""
    parts, deadline = urlsplit(proxy), time.monotonic() + seconds
    if parts.scheme not in _PORTS:
        raise ValueError(parts.scheme)
    connection = socket.create_connection((parts.hostname or "", parts.port or _PORTS[parts.scheme]), timeout=seconds)
    try:
        if parts.scheme == "http":
            _ask(_Way(connection, deadline), _request(parts, f"[{host}]:{port}" if ":" in host else f"{host}:{port}"))
        else:
            _socks(_Way(connection, deadline), parts, host, int(port))
    except BaseException:
        connection.close()
        raise
    return connection


def _fail(cause: str) -> int:
    os.write(2, f"{cause}\n".encode())
    return 1


class _Way:
    """A connection to a proxy, which has until a moment to answer, in however many pieces."""

    def __init__(self, connection: socket.socket, deadline: float) -> None:
        self._connection, self._deadline = connection, deadline
        self.sendall, self.close = connection.sendall, connection.close

    def connect(self, **_: Any) -> "_Way":
        """Be what `python_socks` goes on from: it is connected."""
        return self

    def recv(self, most: int) -> bytes:
        """Read what is there. Raises TimeoutError."""
        if (left := self._deadline - time.monotonic()) <= 0:
            raise TimeoutError
        self._connection.settimeout(left)
        return self._connection.recv(most)


def _socks(way: _Way, proxy: SplitResult, host: str, port: int) -> None:
    user, password = unquote(proxy.username or ""), unquote(proxy.password or "")
    there: Any = way
    Proxy(ProxyType.SOCKS5, "", 0, user, password, rdns=True, forward=there).connect(host, port)


def _ask(way: _Way, request: bytes) -> None:
    """Ask for a tunnel, and read no byte beyond the answer: an SSH server speaks first, at once behind it.

    `python_socks` takes the first segment for the whole answer, whatever more or less it holds.
    """
    way.sendall(request)
    head, read = bytearray(), b"?"
    while read and not head.endswith(_ENDS) and len(head) < _HEAD_LIMIT:
        head += (read := way.recv(1))
    _, code, *reason = head.partition(b"\n")[0].decode("latin-1").split(maxsplit=2)
    if not code.startswith("2"):
        raise Refused(" ".join([code, *reason]).strip())
    if not head.endswith(_ENDS):
        raise ValueError


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
