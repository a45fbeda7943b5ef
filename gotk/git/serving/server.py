"""A Git server inside the process: smart HTTP over a directory of bare repositories, for the mode without any setup.

Speaks what `git http-backend` speaks: fetch, shallow fetch and push, version 0 of the protocol. Answers to
gitprotocol-http; the conversations themselves are in `upload_pack` and `receive_pack`.
"""

import base64
import gzip
import hmac
import io
import re
import socket
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import TracebackType
from typing import Any, BinaryIO, Self, cast
from urllib.parse import parse_qs, unquote, urlsplit

import pygit2
from dulwich.web import ChunkReader

from gotk.git import libgit2 as _settings
from gotk.git.serving import packets, reachability, receive_pack, upload_pack

assert _settings is not None  # imported for what it sets

_ROUTE = re.compile(
    r"^/(?P<name>[\w.\-]+(?:/[\w.\-]+)*)/(?P<call>info/refs|git-upload-pack|git-receive-pack)$", re.ASCII
)
_SERVICES = {"git-upload-pack": upload_pack.advertise, "git-receive-pack": receive_pack.advertise}
_BODY_LIMIT = 1 << 30
_READ_SIZE = 1 << 16
_IDLE_SECONDS = 60


@dataclass(frozen=True, slots=True)
class BasicAuth:
    """The one user who is let in."""

    username: str
    password: str = field(repr=False)

    def admits(self, header: str) -> bool:
        """Compare an Authorization header in constant time."""
        expected = base64.b64encode(f"{self.username}:{self.password}".encode())
        return hmac.compare_digest(header.encode(), b"Basic " + expected)


class _Request(BaseHTTPRequestHandler):
    """One connection."""

    protocol_version = "HTTP/1.1"
    timeout = _IDLE_SECONDS
    wbufsize = 1 << 16  # small writes gathered, and sent at once: a client waits for each answer
    disable_nagle_algorithm = True
    server: "_Http"

    def do_GET(self) -> None:
        """Answer the advertisement of references."""
        parts = urlsplit(self.path)
        route = _ROUTE.match(unquote(parts.path))
        service = parse_qs(parts.query).get("service", [""])[0]
        if not self._admitted():
            return
        if route is None or route["call"] != "info/refs" or service not in _SERVICES:
            self._refuse(HTTPStatus.NOT_FOUND)
            return
        repository = self.server.open(route["name"])
        if repository is None:
            self._refuse(HTTPStatus.NOT_FOUND)
            return
        self._begin(f"application/x-{service}-advertisement")
        self._write(packets.line(f"# service={service}\n".encode()) + packets.FLUSH)
        self._send(_SERVICES[service](repository))

    def do_POST(self) -> None:
        """Answer a fetch or take a push."""
        self._acknowledge()
        route = _ROUTE.match(unquote(urlsplit(self.path).path))
        if not self._admitted():
            return
        if route is None or route["call"] not in _SERVICES:
            self._refuse(HTTPStatus.NOT_FOUND)
            return
        if self.headers.get("Content-Type") != f"application/x-{route['call']}-request":
            self._refuse(HTTPStatus.UNSUPPORTED_MEDIA_TYPE)
            return
        repository, body = self.server.open(route["name"]), self._body()
        if repository is None or body is None:
            self._refuse(HTTPStatus.NOT_FOUND if repository is None else HTTPStatus.REQUEST_ENTITY_TOO_LARGE)
            return
        self._begin(f"application/x-{route['call']}-result")
        if route["call"] == "git-upload-pack":
            self._send(upload_pack.serve(repository, body.read))
        else:
            lock = self.server.lock(route["name"])
            self._send(receive_pack.serve(repository, body.read, body.read, lock))
        while body.read(_READ_SIZE):  # what is left would be taken for the next request
            pass

    def _acknowledge(self) -> None:
        """Acknowledge what has come: libgit2 sends a head by itself, and its body not before that (Nagle)."""
        self.connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_QUICKACK, 1)

    def _admitted(self) -> bool:
        auth = self.server.auth
        if auth is None or auth.admits(self.headers.get("Authorization", "")):
            return True
        self._refuse(HTTPStatus.UNAUTHORIZED, {"WWW-Authenticate": 'Basic realm="git"'})
        return False

    def _refuse(self, status: HTTPStatus, headers: dict[str, str] | None = None) -> None:
        body = status.phrase.encode()
        self.close_connection = True
        self.send_response(status)
        for name, value in {"Content-Length": str(len(body)), "Connection": "close", **(headers or {})}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)

    def _body(self) -> Any:
        """Return the request's body to read from, or None when it is too large."""
        body: Any
        if self.headers.get("Transfer-Encoding", "").lower() == "chunked":
            body = ChunkReader(cast("BinaryIO", self.rfile))
        else:
            length = int(self.headers.get("Content-Length") or 0)
            if not 0 <= length <= _BODY_LIMIT:
                return None
            body = io.BytesIO(self.rfile.read(length))
        if self.headers.get("Content-Encoding") == "gzip":
            return gzip.GzipFile(fileobj=io.BytesIO(body.read(_BODY_LIMIT)))
        return body

    def _begin(self, content_type: str) -> None:
        self.send_response(HTTPStatus.OK)
        self.send_header("Content-Type", content_type)
        self.send_header("Cache-Control", "no-cache, max-age=0, must-revalidate")
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()

    def _send(self, answer: Iterator[bytes]) -> None:
        """Send an answer in chunks; one that breaks off says why in the protocol's own way."""
        try:
            for data in answer:
                self._write(data)
                if data == packets.KEEPALIVE:
                    self.wfile.flush()
        except (packets.ProtocolError, reachability.Missing, pygit2.GitError) as error:
            self.close_connection = True
            self._write(packets.line(f"ERR {error}".encode()))
        self.wfile.write(b"0\r\n\r\n")

    def _write(self, data: bytes) -> None:
        if data:
            self.wfile.write(b"%x\r\n%b\r\n" % (len(data), data))

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base class's name
        """Say nothing on standard error."""


class _Http(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False

    def __init__(self, host: str, port: int, root: Path, auth: BasicAuth | None) -> None:
        self.address_family = socket.AF_INET6 if ":" in host else socket.AF_INET
        super().__init__((host, port), _Request)
        self.auth = auth
        self._root = root
        self._locks: dict[str, threading.Lock] = {}

    def open(self, name: str) -> pygit2.Repository | None:
        """Open a repository below the root, under its own name or with `.git` at the end."""
        for candidate in (name, f"{name}.git"):
            path = self._root / candidate
            if ".." not in candidate.split("/") and (path / "HEAD").is_file():
                return pygit2.Repository(str(path))
        return None

    def lock(self, name: str) -> threading.Lock:
        """Return the lock that pushes to a repository hold while they move references."""
        return self._locks.setdefault(name.removesuffix(".git"), threading.Lock())

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that went away is no event."""


class GitServer:
    """Serves the bare repositories below a directory, from `start` (or `with`) to `stop`.

    Port 0 takes a free one; `port` and `url` say which.
    """

    def __init__(self, root: Path, *, host: str = "127.0.0.1", port: int = 0, auth: BasicAuth | None = None) -> None:
        root.mkdir(parents=True, exist_ok=True)
        self._http = _Http(host, port, root, auth)
        self._thread = threading.Thread(target=self._http.serve_forever, args=(0.05,), name="git-server", daemon=True)
        self.root = root
        self.host = host
        self.port: int = self._http.server_address[1]

    def url(self, name: str) -> str:
        """The address of a repository, by its directory's name."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"http://{host}:{self.port}/{name}"

    def start(self) -> None:
        """Begin to answer."""
        self._thread.start()

    def stop(self) -> None:
        """Stop answering and close the port."""
        self._http.shutdown()
        self._http.server_close()
        self._thread.join()

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()
