"""A remote's references over HTTP, on connections that are kept: to the origin and nowhere else, through its proxy.

A connection, its TLS context and its client certificate are one secret's. What a look costs is mostly the handshake of
TLS, so keeping the connection is what makes it cheap; in protocol 2 one request is enough, once the server is known to
speak it. Answers to gitprotocol-http. Nothing is followed and nothing is asked twice of a server that has answered.
"""

import atexit
import contextlib
import io
import select
import socket
import time
from dataclasses import dataclass, field
from http.client import HTTPException, HTTPResponse
from typing import Any

from gotk.git import url as urls
from gotk.git.auth import Credentials
from gotk.git.transport import first_request, tunnel
from gotk.git.transport.looking import kept, listing
from gotk.git.transport.looking.target import Target
from gotk.git.transport.operation import References
from gotk.http.tls import TLS

_SECONDS, _KEPT_SECONDS = 5.0, 3.0
_CHUNK = 1 << 16
_ADVERTISEMENT = "application/x-git-upload-pack-advertisement"
_ASKING, _ANSWER = "application/x-git-upload-pack-request", "application/x-git-upload-pack-result"
_MOST_KNOWN = 1000


@dataclass(frozen=True, slots=True)
class _Connection:
    """A connection to an origin, as one secret opens it."""

    socket: socket.socket
    made: float = field(default_factory=time.monotonic)

    def usable(self) -> bool:
        """Tell whether nothing has come: what comes unasked is the end."""
        poll = select.poll()
        poll.register(self.socket, select.POLLIN)
        return not poll.poll(0)

    def close(self) -> None:
        """End it."""
        self.socket.close()

    def ask(self, request: bytes, kind: str, deadline: float) -> tuple[bytes, bool]:
        """Send a request, and return what came and whether another one may follow.

        Raises OSError, HTTPException, and Malformed for an answer of another kind.
        """
        self.socket.settimeout(max(deadline - time.monotonic(), 0.001))
        self.socket.sendall(request)
        answer = HTTPResponse(_Read(self.socket, deadline))  # type: ignore[arg-type] # all that it asks of a socket
        answer.begin()
        if answer.status != 200 or answer.headers.get_content_type() != kind:
            raise listing.Malformed
        body = answer.read()
        return body, not answer.will_close


connections: kept.Kept[_Connection] = kept.Kept()
atexit.register(connections.close)
#: The repositories that are known to speak protocol 2, each with whom it was found out for.
_speaking_v2: set[Target] = set()


def references(target: Target, prefix: str) -> References:
    """Ask for the references that begin with a prefix; an older server names all that it has.

    Raises OSError, ValueError (Malformed) and HTTPException.
    """
    if target not in _speaking_v2:
        advertisement = listing.served(_answer(target, _get(target), _ADVERTISEMENT))
        if not listing.speaks_v2(advertisement):
            return listing.advertised(advertisement)
    body = listing.request(prefix)
    try:
        found = listing.answered(_answer(target, _post(target, body), _ANSWER))
    except BaseException:
        _speaking_v2.discard(target)
        raise
    if len(_speaking_v2) >= _MOST_KNOWN:
        _speaking_v2.clear()
    _speaking_v2.add(target)
    return found


def _answer(target: Target, request: bytes, kind: str) -> bytes:
    """Ask over a connection that waits, or over a new one where there is none or it fails."""
    limit = time.monotonic() + target.timeout
    key = (target.address.origin, target.credentials)
    if (waiting := connections.take(key)) is not None:
        with contextlib.suppress(OSError, HTTPException):  # it was closed, or leads nowhere any more
            return _over(waiting, key, request, kind, min(limit, time.monotonic() + _KEPT_SECONDS))
    made = _Connection(_connected(target.address, target.credentials, min(target.timeout, _SECONDS)))
    return _over(made, key, request, kind, min(limit, made.made + _SECONDS))


def _over(connection: _Connection, key: object, request: bytes, kind: str, deadline: float) -> bytes:
    """Ask over this connection; it is kept where it can be used again, and closed otherwise."""
    again = False
    try:
        body, again = connection.ask(request, kind, deadline)
        return body
    finally:
        if again:
            connections.give(key, connection)
        else:
            connection.close()


def _connected(address: urls.Url, credentials: Credentials, seconds: float) -> socket.socket:
    """Connect to the origin, and nowhere else, through the secret's proxy where it has one."""
    connection = tunnel.reached(credentials.proxy, address.host, address.number, seconds)
    if address.scheme == "http":
        return connection
    trust = TLS(ca=credentials.ca.encode(), certificate=credentials.certificate.encode(), key=credentials.key.encode())
    try:
        return trust.context().wrap_socket(connection, server_hostname=address.host)
    except BaseException:
        connection.close()
        raise


def _get(target: Target) -> bytes:
    return _request(target, "GET", "info/refs?service=git-upload-pack", [])


def _post(target: Target, body: bytes) -> bytes:
    headers = [f"Content-Type: {_ASKING}", f"Content-Length: {len(body)}"]
    return _request(target, "POST", "git-upload-pack", headers) + body


def _request(target: Target, method: str, what: str, headers: list[str]) -> bytes:
    """Write a request. Raises ValueError where a part does not fit into it."""
    host, _, path = target.address.bare.partition("://")[2].partition("/")
    authorization = first_request.authorization_of(target.credentials)
    place = f"/{path}/{what}"
    if not (place.isascii() and place.isprintable()) or " " in place:
        raise ValueError
    if not (authorization.isascii() and authorization.isprintable()):
        raise ValueError
    lines = [
        f"{method} {place} HTTP/1.1", f"Host: {host}", "User-Agent: git/2.0 (image-automation)", "Accept: */*",
        "Git-Protocol: version=2", *headers, *([f"Authorization: {authorization}"] if authorization else []), "", "",
    ]  # fmt: skip
    return "\r\n".join(lines).encode("ascii")


class _Read(io.RawIOBase):
    """What a socket brings until a moment, and no more of it than is read of a list."""

    def __init__(self, connection: socket.socket, deadline: float) -> None:
        self._connection, self._deadline = connection, deadline
        self._left = listing.LONGEST + _CHUNK

    def makefile(self, *_: Any) -> io.BufferedReader:
        """Return this as a file."""
        return io.BufferedReader(self, _CHUNK)

    def readable(self) -> bool:
        """It is there to be read."""
        return True

    def readinto(self, buffer: Any) -> int:
        """Read what is there. Raises TimeoutError, and Malformed for too much."""
        if (left := self._deadline - time.monotonic()) <= 0:
            raise TimeoutError
        self._connection.settimeout(left)
        read = self._connection.recv_into(buffer)
        self._left -= read
        if self._left < 0:
            raise listing.Malformed
        return read
