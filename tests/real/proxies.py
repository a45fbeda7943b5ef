"""Proxies that a test can look into: HTTP (forwarding and CONNECT) and SOCKS5, with or without a password.

with proxies.serve("socks5", user="jane", password="s3cret") as proxy:
    proxy.address           # socks5://127.0.0.1:<port>
    proxy.reached           # the hosts and ports that were asked for and let through
"""

import base64
import contextlib
import select
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from urllib.parse import quote, urlsplit


@dataclass
class Proxy:
    """A running proxy. `names` sends a host name elsewhere, as a proxy's own name server may."""

    scheme: str
    port: int
    user: str = ""
    password: str = ""
    names: dict[str, str] = field(default_factory=dict)
    reached: list[tuple[str, int]] = field(default_factory=list)
    refused: int = 0

    @property
    def address(self) -> str:
        """Its address without credentials."""
        return f"{self.scheme}://127.0.0.1:{self.port}"

    @property
    def url(self) -> str:
        """Its address with its credentials."""
        named = f"{quote(self.user, safe='')}:{quote(self.password, safe='')}@" if self.user else ""
        return f"{self.scheme}://{named}127.0.0.1:{self.port}"

    @property
    def secret(self) -> dict[str, bytes]:
        """The data of a proxy's secret."""
        named = {"username": self.user.encode(), "password": self.password.encode()} if self.user else {}
        return {"address": self.address.encode(), **named}


@contextmanager
def serve(scheme: str, *, user: str = "", password: str = "", names: dict[str, str] | None = None) -> Iterator[Proxy]:
    """Run a proxy until the block ends."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        proxy = Proxy(scheme, server.getsockname()[1], user, password, names or {})
        talk = _socks if scheme == "socks5" else _http
        threads: list[threading.Thread] = []
        connections: list[socket.socket] = []

        def accept() -> None:
            while True:
                try:
                    connection, _ = server.accept()
                except OSError:
                    return
                connections.append(connection)
                thread = threading.Thread(target=_guarded, args=(talk, proxy, connection), daemon=True)
                threads.append(thread)
                thread.start()

        listener = threading.Thread(target=accept, daemon=True)
        listener.start()
        try:
            yield proxy
        finally:
            for each in (server, *connections):  # clients may keep theirs for later
                with contextlib.suppress(OSError):
                    each.shutdown(socket.SHUT_RDWR)
            for thread in (listener, *threads):
                thread.join(timeout=5)


def _guarded(talk: object, proxy: Proxy, connection: socket.socket) -> None:
    with connection, contextlib.suppress(OSError, ValueError):
        talk(proxy, connection)  # type: ignore[operator]  # one of two functions below


def _reach(proxy: Proxy, host: str, port: int) -> socket.socket:
    proxy.reached.append((host, port))
    return socket.create_connection((proxy.names.get(host, host), port), timeout=20)


def _http(proxy: Proxy, connection: socket.socket) -> None:
    head, rest = b"", b""
    while b"\r\n\r\n" not in head:
        head += _more(connection, 4096)
    head, _, rest = head.partition(b"\r\n\r\n")
    lines = head.decode("latin-1").split("\r\n")
    method, target, _ = lines[0].split(" ")
    wanted = base64.b64encode(f"{proxy.user}:{proxy.password}".encode()).decode()
    if proxy.user and f"proxy-authorization: basic {wanted}".lower() not in [line.lower() for line in lines]:
        proxy.refused += 1
        connection.sendall(b"HTTP/1.1 407 No\r\nProxy-Authenticate: Basic\r\nContent-Length: 0\r\n\r\n")
        return
    if method == "CONNECT":
        host, _, port = target.rpartition(":")
        with _reach(proxy, host, int(port)) as upstream:
            connection.sendall(b"HTTP/1.1 200 OK\r\n\r\n")
            _pump(connection, upstream)
        return
    parts = urlsplit(target)
    path = parts._replace(scheme="", netloc="").geturl()
    kept = [line for line in lines[1:] if not line.lower().startswith(("proxy-", "connection:"))]
    request = "\r\n".join([f"{method} {path} HTTP/1.1", *kept, "Connection: close"]).encode("latin-1")
    with _reach(proxy, parts.hostname or "", parts.port or 80) as upstream:
        upstream.sendall(request + b"\r\n\r\n" + rest)
        _pump(connection, upstream)


def _socks(proxy: Proxy, connection: socket.socket) -> None:
    _, count = _exactly(connection, 2)
    methods = _exactly(connection, count)
    method = 2 if proxy.user else 0
    if method not in methods:
        proxy.refused += 1
        connection.sendall(b"\x05\xff")
        return
    connection.sendall(bytes([5, method]))
    if proxy.user:
        _, size = _exactly(connection, 2)
        user = _exactly(connection, size).decode()
        password = _exactly(connection, _exactly(connection, 1)[0]).decode()
        if (user, password) != (proxy.user, proxy.password):
            proxy.refused += 1
            connection.sendall(b"\x01\x01")
            return
        connection.sendall(b"\x01\x00")
    _, _, _, kind = _exactly(connection, 4)
    if kind == 3:
        host = _exactly(connection, _exactly(connection, 1)[0]).decode()
    else:
        host = socket.inet_ntop(socket.AF_INET if kind == 1 else socket.AF_INET6, _exactly(connection, 4 * kind))
    port = int.from_bytes(_exactly(connection, 2), "big")
    with _reach(proxy, host, port) as upstream:
        connection.sendall(b"\x05\x00\x00\x01\x00\x00\x00\x00\x00\x00")
        _pump(connection, upstream)


def _exactly(connection: socket.socket, size: int) -> bytes:
    data = b""
    while len(data) < size:
        data += _more(connection, size - len(data))
    return data


def _more(connection: socket.socket, size: int) -> bytes:
    if not (data := connection.recv(size)):
        raise ConnectionResetError
    return data


def _pump(one: socket.socket, other: socket.socket) -> None:
    while True:
        ready, _, _ = select.select([one, other], [], [], 20)
        if not ready:
            return
        for source in ready:
            data = source.recv(65536)
            if not data:
                return
            (other if source is one else one).sendall(data)
