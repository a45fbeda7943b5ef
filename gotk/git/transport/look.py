"""A look at a remote over HTTP from this process: whether a reference still leads to what is here already.

Most conversations find nothing new. Those need neither libgit2, whose trust is the whole process's, nor a process of
their own: one request, over a TLS context that is the secret's, to the origin and nowhere else. All that a look can say
is "nothing new". Whatever is not exactly that (a redirect, a refusal, an answer that is late or long, a reference that
moved) is left to the operation, whose words and walls stay as they are (ADR 0007).
"""

import io
import os
import re
import socket
import time
from collections.abc import Iterator
from http.client import HTTPException, HTTPResponse
from typing import Any

import pygit2
import python_socks

from gotk.git import errors
from gotk.git import url as urls
from gotk.git.auth import Credentials
from gotk.git.objects import commit as commits
from gotk.git.transport import first_request, refspecs, tunnel
from gotk.git.transport.failures import Failures
from gotk.git.transport.operation import Fetch, Fetched, References, Remote
from gotk.http.tls import TLS

_SECONDS = 5.0
_LARGEST = 1 << 20
_CHUNK = 1 << 16
#: What has been no use once is left alone for so many seconds, so that it does not cost twice.
_REST, _MOST_RESTING = 600.0, 1000
_ADVERTISEMENT = "application/x-git-upload-pack-advertisement"
_TARGET = re.compile(r"[!-~]+")
_HEADER = re.compile(r"[ -~]*")

_PROXIES = ("http_proxy", "https_proxy", "all_proxy", "HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY")

_resting: dict[str, float] = {}


class _Useless(Exception):
    """What came is no list of references."""


def unchanged(operation: Fetch) -> Fetched | None:
    """Return what a fetch finds that has nothing to transfer; None where it has to be made, for whatever reason."""
    remote = operation.remote
    if not _can_look(remote):
        return None
    repository = pygit2.Repository(operation.repository)
    if next(iter(repository.references), None) is None:  # nothing was ever fetched
        return None
    try:
        references = _references(_asked(remote))
        _, commit = refspecs.wanted(operation, references, Failures.of(operation))
    except errors.Error:
        return None
    except (OSError, ValueError, HTTPException, _Useless, tunnel.Refused, python_socks.ProxyError):
        _rest(remote.url)
        return None
    tag = references.tags.get(operation.reference, "")
    if not commits.is_complete(repository, commit) or (tag and tag not in repository):
        return None
    return Fetched(commit=commit, transferred=False, tag=tag)


def _can_look(remote: Remote) -> bool:
    """Tell whether the way to a remote is one that is known here."""
    scheme, proxy = urls.parse(remote.url).scheme, remote.credentials.proxy
    if scheme not in {"http", "https"} or _resting.get(remote.url, 0) > time.monotonic():
        return False
    return (
        scheme == "https" and proxy.startswith(("http:", "socks5")) if proxy else not any(map(os.environ.get, _PROXIES))
    )


def _rest(url: str) -> None:
    if len(_resting) >= _MOST_RESTING:
        _resting.clear()
    _resting[url] = time.monotonic() + _REST


def _asked(remote: Remote) -> bytes:
    """Ask for the list of references. Raises OSError, ValueError, HTTPException and _Useless."""
    address = urls.parse(remote.url)
    deadline = time.monotonic() + min(remote.timeout, _SECONDS)
    with _connected(address, remote.credentials) as connection:
        connection.sendall(_request(address, remote.credentials))
        answer = HTTPResponse(_Read(_until(connection, deadline)))  # type: ignore[arg-type] # all that it asks of a socket
        answer.begin()
        if answer.status != 200 or answer.headers.get_content_type() != _ADVERTISEMENT:
            raise _Useless
        return answer.read()


def _connected(address: urls.Url, credentials: Credentials) -> socket.socket:
    """Connect to the origin, and nowhere else, through the secret's proxy where it has one."""
    port = address.port or (443 if address.scheme == "https" else 80)
    if credentials.proxy:
        connection = tunnel.opened(credentials.proxy, address.host, str(port))
    else:
        connection = socket.create_connection((address.host, port), timeout=_SECONDS)
    if address.scheme == "http":
        return connection
    trust = TLS(ca=credentials.ca.encode(), certificate=credentials.certificate.encode(), key=credentials.key.encode())
    try:
        return trust.context().wrap_socket(connection, server_hostname=address.host)
    except BaseException:
        connection.close()
        raise


def _request(address: urls.Url, credentials: Credentials) -> bytes:
    """Write the first request of gitprotocol-http. Raises ValueError where a part does not fit into it."""
    host, _, path = address.bare.partition("://")[2].partition("/")
    target = f"/{path}/info/refs?service=git-upload-pack"
    authorization = first_request.authorization_of(credentials)
    if not _TARGET.fullmatch(target) or not _HEADER.fullmatch(authorization):
        raise ValueError
    lines = [
        f"GET {target} HTTP/1.1", f"Host: {host}", "User-Agent: git/2.0 (image-automation)", "Accept: */*",
        "Connection: close", *([f"Authorization: {authorization}"] if authorization else []), "", "",
    ]  # fmt: skip
    return "\r\n".join(lines).encode("ascii")


class _Read:
    """Bytes in the place of the socket that they came from."""

    def __init__(self, data: bytes) -> None:
        self._data = data

    def makefile(self, *_: Any) -> io.BytesIO:
        """Return the bytes as a file."""
        return io.BytesIO(self._data)


def _until(connection: socket.socket, deadline: float) -> bytes:
    """Read to the end. Raises _Useless where that comes too late or too far."""
    chunks: list[bytes] = []
    size = 0
    while (left := deadline - time.monotonic()) > 0 and size <= _LARGEST:
        connection.settimeout(left)
        chunk = connection.recv(_CHUNK)
        if not chunk:
            return b"".join(chunks)
        chunks.append(chunk)
        size += len(chunk)
    raise _Useless


def _references(advertised: bytes) -> References:
    """Read a list of references. Raises _Useless where it is none, and ValueError."""
    lines = _lines(advertised)
    if next(lines, b"").rstrip() != b"# service=git-upload-pack" or next(lines, b"x"):
        raise _Useless
    listed: list[tuple[str, str]] = []
    head = ""
    for number, line in enumerate(lines):
        if not line:  # a flush ends it
            return References.of(listed, head)
        entry, _, capabilities = line.partition(b"\0")
        if number == 0:
            words = capabilities.decode().split()
            head = next((word.removeprefix("symref=HEAD:") for word in words if word.startswith("symref=HEAD:")), "")
        what, separator, name = entry.decode().rstrip("\n").partition(" ")
        if not separator or len(what) != 40:
            raise _Useless
        listed.append((name, what))
    raise _Useless


def _lines(data: bytes) -> Iterator[bytes]:
    """Split pkt-lines; a flush is an empty one. Raises ValueError."""
    position = 0
    while position < len(data):
        length = int(data[position : position + 4], 16)
        if length in {1, 2, 3} or position + length > len(data):
            raise ValueError
        yield data[position + 4 : position + length] if length else b""
        position += length or 4
