"""One HTTP request to a registry: bounded, redirected by hand, translated into our errors.

The only module of the client that knows aiohttp's exceptions. Connections are kept alive and shared by every scan.
Bounds: bodies under a cap after decompression, at most five redirects, none from https to http, `Authorization` only to
the origin it was made for, no server-chosen address more private than the server's own, and time limits for connecting,
for silence and for dripping; the whole is under the caller's deadline.
"""

import asyncio
import os
import ssl
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import TracebackType
from typing import Self

import aiohttp
from multidict import CIMultiDictProxy
from yarl import URL

from gotk.http.body import Body
from gotk.http.egress import Reach, Refused, reach_of
from gotk.http.sessions import Sessions
from gotk.oci import errors
from gotk.oci.access import Access, Proxy

_REDIRECTS = 5
_REDIRECT_STATUS = frozenset({301, 302, 303, 307, 308})
#: What OpenSSL calls an answer that is no TLS.
_NO_TLS = frozenset({"WRONG_VERSION_NUMBER", "HTTP_REQUEST", "PACKET_LENGTH_TOO_LONG"})
_SOCKS_MODULES = ("python_socks", "aiohttp_socks")

#: The schemes of SOCKS proxies; both resolve names at the proxy.
SOCKS = frozenset({"socks5", "socks5h"})

#: Chooses the proxy for a URL where the object names none (such as the environment's).
Route = Callable[[URL], Proxy | None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """What is asked. `limit` caps the body; `chosen_by` is the server that chose the URL, where we did not."""

    method: str
    url: URL
    headers: Mapping[str, str]
    limit: int
    data: Mapping[str, str] | bytes | None = None
    chosen_by: URL | None = None
    follow: bool = True

    def __str__(self) -> str:
        # The query of a server-chosen URL may hold a signature.
        url = self.url if self.chosen_by is None else self.url.with_query(None)
        return f"{self.method} {errors.printable(str(url))}"


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back, and from where after redirects."""

    url: URL
    status: int
    headers: CIMultiDictProxy[str]
    body: bytes


def direct(_: URL) -> Proxy | None:
    """Use no proxy."""
    return None


class Transport:
    """Sends requests; an async context manager that owns the connections.

    A body that after `grace` seconds has come at less than `slowest` bytes a second is given up.
    """

    def __init__(
        self,
        *,
        route: Route = direct,
        user_agent: str = "image-automation",
        grace: float = 10.0,
        slowest: float = 1024.0,
    ) -> None:
        self._route = route
        self._sessions = Sessions(user_agent=user_agent)
        self._grace = grace
        self._slowest = slowest

    async def __aenter__(self) -> Self:
        await self._sessions.__aenter__()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._sessions.__aexit__(kind, error, trace)

    async def send(self, request: Request, access: Access, *, authorization: str | None = None) -> Answer:
        """Send a request, follow redirects, read the body. Raises errors.RegistryError; any status is an answer."""
        for _ in range(_REDIRECTS + 1):
            answer = await self._send_one(request, access, authorization)
            if answer.status not in _REDIRECT_STATUS or not request.follow:
                return answer
            target = _redirected(request, answer)
            if target.url.origin() != request.url.origin():
                authorization = None
            request = target
        raise errors.BadAnswer(f"{request}: more than {_REDIRECTS} redirects")

    async def _send_one(self, request: Request, access: Access, authorization: str | None) -> Answer:
        url = request.url
        proxy = access.proxy or self._route(url)
        headers = request.headers
        if authorization:
            headers = {**headers, "Authorization": authorization}
        socks = proxy is not None and proxy.url.scheme in SOCKS
        http_proxy = None if socks else proxy
        if http_proxy and url.scheme == "http":
            # A tunnel's opening has headers of its own; without a tunnel the request itself goes to the proxy.
            headers = {**headers, **http_proxy.headers}
        session = await self._sessions.through_socks(proxy) if socks and proxy else self._direct(request, proxy)
        try:
            async with session.request(
                request.method,
                url,
                headers=headers,
                data=request.data,
                allow_redirects=False,
                ssl=access.tls.context(),
                proxy=http_proxy.url if http_proxy else None,
                proxy_headers=http_proxy.headers if http_proxy else None,
            ) as response:
                return Answer(url, response.status, response.headers, await self._read(request, response))
        except (aiohttp.ClientError, OSError, ssl.SSLError, ValueError) as error:
            raise _translated(request, error) from error
        except Exception as error:
            # The errors of SOCKS proxies have no base that could be named without loading their library.
            if not (socks and type(error).__module__.startswith(_SOCKS_MODULES)):
                raise
            raise errors.Unreachable(f"{request}: socks5 proxy: {errors.printable(str(error))}") from error

    def _direct(self, request: Request, proxy: Proxy | None) -> aiohttp.ClientSession:
        most = Reach.METADATA
        if request.chosen_by is not None and proxy is None:
            most = self._sessions.reach(request.chosen_by)
            _check_literal(request, most)
        return self._sessions.direct(most)

    async def _read(self, request: Request, response: aiohttp.ClientResponse) -> bytes:
        if request.method == "HEAD":
            return b""
        content = response.content
        body = Body(encoding=response.headers.get("Content-Encoding", ""), limit=request.limit, what=request)
        if content.is_eof():
            # All of it came with the headers, as nearly every short answer does.
            body.feed(content.read_nowait())
            return body.finish()
        clock = asyncio.get_running_loop().time
        began, received = clock(), 0
        async for chunk in content.iter_any():
            body.feed(chunk)
            received += len(chunk)
            elapsed = clock() - began
            if elapsed > self._grace and received < elapsed * self._slowest:
                raise errors.Unreachable(f"{request}: the answer comes at less than {self._slowest:.0f} bytes a second")
        return body.finish()


def _check_literal(request: Request, most: Reach) -> None:
    host = request.url.host or ""
    try:
        refused = reach_of(host) > most
    except ValueError:
        # aiohttp takes such spellings (`2130706433`) for addresses and would not ask the resolver.
        refused = host.replace(".", "").isdigit() or ":" in host
    if refused:
        raise errors.BadAnswer(f"{request}: the registry leads to a private address; refused")


def _redirected(request: Request, answer: Answer) -> Request:
    try:
        target = answer.url.join(URL(answer.headers.get("Location", ""), encoded=True))
        same = target.host is not None and target.origin() == answer.url.origin()
    except ValueError as error:  # also raised late: host and port are read when they are asked for
        raise errors.BadAnswer(f"{request}: redirect to something that is no URL") from error
    if target.scheme != "https" and (target.scheme != "http" or answer.url.scheme != "http"):
        raise errors.BadAnswer(f"{request}: redirect to the scheme {errors.printable(target.scheme)!r} refused")
    if target.host is None:
        raise errors.BadAnswer(f"{request}: redirect to something that is no URL")
    headers = {k: v for k, v in request.headers.items() if same or k.lower() != "authorization"}
    return Request(
        method=request.method,
        url=target.with_user(None),
        headers=headers,
        limit=request.limit,
        chosen_by=request.chosen_by or (None if same else request.url),
    )


def _translated(request: Request, error: Exception) -> errors.RegistryError:
    cause: BaseException | None = error
    while cause is not None:
        if isinstance(cause, Refused):
            return errors.BadAnswer(f"{request}: the registry leads to a private address; refused")
        if isinstance(cause, ssl.SSLCertVerificationError):
            # aiohttp's own error is one of these too, without the field.
            detail = getattr(cause, "verify_message", "") or getattr(cause.__cause__, "verify_message", "")
            return errors.Untrusted(
                f"{request}: certificate not trusted: {errors.printable(detail or 'unknown cause')}"
            )
        cause = cause.__cause__ or cause.__context__
    if isinstance(error, TimeoutError):
        return errors.Unreachable(f"{request}: no answer in time")
    if isinstance(error, (aiohttp.ClientResponseError, aiohttp.InvalidURL)):
        return errors.BadAnswer(f"{request}: {errors.printable(str(error))}")
    return errors.Unreachable(f"{request}: {errors.printable(_unreachable(error))}")


def _unreachable(error: Exception) -> str:
    """Say why there was no answer, by the cause rather than by the call that failed."""
    if isinstance(error, ssl.SSLError) and _reason(error) in _NO_TLS:
        return "http: server gave HTTP response to HTTPS client"
    if isinstance(error, aiohttp.ClientConnectorError) and (error.errno or 0) > 0:
        whom = "connect to the proxy" if isinstance(error, aiohttp.ClientProxyConnectionError) else "connect"
        return f"{whom}: {os.strerror(error.errno or 0).lower()}"
    return error.strerror if isinstance(error, OSError) and error.strerror else str(error) or type(error).__name__


def _reason(error: ssl.SSLError) -> str:
    """Return OpenSSL's word for an error; aiohttp's own errors are of the type without having one."""
    cause: BaseException | None = error
    while cause is not None and not getattr(cause, "reason", ""):
        cause = cause.__cause__ or cause.__context__
    return getattr(cause, "reason", "") or ""
