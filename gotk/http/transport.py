"""One HTTP request to a server: bounded, redirected by hand, translated into our errors.

What aiohttp raises is translated in `translation`. Connections are kept alive and shared by every request.
Bounds: bodies under a cap after decompression, at most five redirects, none from https to http, `Authorization` only to
the origin it was made for, no server-chosen address more private than the server's own, and time limits for connecting,
for silence and for dripping; the whole is under the caller's deadline.
"""

import asyncio
import ssl
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import TracebackType
from typing import Self

import aiohttp
from multidict import CIMultiDictProxy
from yarl import URL

from gotk.http import errors, translation
from gotk.http.body import Body
from gotk.http.egress import Reach, reach_of
from gotk.http.plain_get import PlainGets, Reply
from gotk.http.proxy import SOCKS, Proxy
from gotk.http.sessions import Sessions
from gotk.http.tls import SYSTEM, TLS

_REDIRECTS = 5
_REFUSAL_LIMIT = 64 * 1024
_REDIRECT_STATUS = frozenset({301, 302, 303, 307, 308})
_SOCKS_MODULES = ("python_socks", "aiohttp_socks")

#: Chooses the proxy for a URL where the object names none (such as the environment's).
Route = Callable[[URL], Proxy | None]
#: Takes a body piece by piece.
Sink = Callable[[bytes], object]


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """What is asked.

    `limit` caps the body, which with `cut` ends there instead of being refused. `chosen_by` is the server that chose
    the URL, where we did not; `most` is how private the server may be at all. `label` stands for method and URL in
    errors, where the URL is a secret.
    """

    method: str
    url: URL
    headers: Mapping[str, str]
    limit: int
    data: Mapping[str, str] | bytes | None = None
    chosen_by: URL | None = None
    follow: bool = True
    cut: bool = False
    most: Reach = Reach.METADATA
    label: str = ""

    def __str__(self) -> str:
        if self.label:
            return self.label
        # The query of a server-chosen URL may hold a signature.
        url = self.url if self.chosen_by is None else self.url.with_query(None)
        return f"{self.method} {errors.printable(str(url))}"


@dataclass(frozen=True, slots=True)
class _Way:
    """How one request goes."""

    tls: TLS
    proxy: Proxy | None
    authorization: str | None


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
        self._gets = PlainGets()
        self._grace = grace
        self._slowest = slowest

    async def __aenter__(self) -> Self:
        await self._sessions.__aenter__()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._sessions.__aexit__(kind, error, trace)

    async def send(
        self,
        request: Request,
        *,
        tls: TLS = SYSTEM,
        proxy: Proxy | None = None,
        authorization: str | None = None,
        sink: Sink | None = None,
    ) -> Answer:
        """Send a request, follow redirects, read the body. Any status is an answer.

        Raises errors.HTTPError, and InvalidTLS for files that cannot be used. Without a `proxy` the route's is taken. A
        `sink` takes the body of a 200 instead of the answer.
        """
        for _ in range(_REDIRECTS + 1):
            way = _Way(tls, proxy or self._route(request.url), authorization)
            answer = await self._send_one(request, way, sink)
            if answer.status not in _REDIRECT_STATUS or not request.follow:
                return answer
            target = _redirected(request, answer)
            if target.url.origin() != request.url.origin():
                authorization = None
            request = target
        raise errors.BadAnswer(f"{request}: more than {_REDIRECTS} redirects")

    async def _send_one(self, request: Request, way: _Way, sink: Sink | None) -> Answer:
        url, proxy = request.url, way.proxy
        headers = request.headers
        if way.authorization:
            headers = {**headers, "Authorization": way.authorization}
        context = way.tls.context()  # outside the translation: what cannot be used is not the server's fault
        socks = proxy is not None and proxy.url.scheme in SOCKS
        http_proxy = None if socks else proxy
        if http_proxy and url.scheme == "http":
            # A tunnel's opening has headers of its own; without a tunnel the request itself goes to the proxy.
            headers = {**headers, **http_proxy.headers}
        session = await self._sessions.through_socks(proxy) if socks and proxy else self._direct(request, proxy)
        try:
            if proxy is None and request.method == "GET" and request.data is None and url.raw_user is None:
                reply = await self._gets.send(session, url, headers, context)
                return Answer(url, reply.status, reply.headers, await self._taken(request, reply, sink))
            async with session.request(
                request.method,
                url,
                headers=headers,
                data=request.data,
                allow_redirects=False,
                ssl=context,
                proxy=http_proxy.url if http_proxy else None,
                proxy_headers=http_proxy.headers if http_proxy else None,
            ) as response:
                body = await self._read(request, response, sink)
                return Answer(url, response.status, response.headers, body)
        except (aiohttp.ClientError, OSError, ssl.SSLError, ValueError) as error:
            raise translation.translated(error, request, is_secret=bool(request.label)) from error
        except Exception as error:
            # The errors of SOCKS proxies have no base that could be named without loading their library.
            if not (socks and type(error).__module__.startswith(_SOCKS_MODULES)):
                raise
            said = translation.words(error, is_secret=bool(request.label))
            raise errors.Unreachable(f"{request}: socks5 proxy: {errors.printable(said)}") from error

    def _direct(self, request: Request, proxy: Proxy | None) -> aiohttp.ClientSession:
        most = request.most if proxy is None else Reach.METADATA
        if request.chosen_by is not None and proxy is None:
            most = min(most, self._sessions.reach(request.chosen_by))
        if most < Reach.METADATA:
            _check_literal(request, most)
        return self._sessions.direct(most, ours=request.chosen_by is None or proxy is not None)

    async def _taken(self, request: Request, reply: Reply, sink: Sink | None) -> bytes:
        """Read the body of a plain GET's answer, and give the connection back where all of it was read."""
        try:
            body = await self._read(request, reply, sink)
        except BaseException:
            reply.connection.close()
            raise
        reply.connection.release()
        return body

    async def _read(self, request: Request, response: aiohttp.ClientResponse | Reply, sink: Sink | None) -> bytes:
        if request.method == "HEAD":
            return b""
        content = response.content
        aside = sink is not None and response.status != 200  # the sink wants the thing itself, not a refusal's text
        body = Body(
            encoding=response.headers.get("Content-Encoding", ""),
            limit=min(request.limit, _REFUSAL_LIMIT) if aside else request.limit,
            what=request,
            cut=request.cut or aside,
            sink=None if aside else sink,
        )
        if content.is_eof():
            # All of it came with the headers, as nearly every short answer does.
            body.feed(content.read_nowait())
            return body.finish()
        clock = asyncio.get_running_loop().time
        began, received = clock(), 0
        async for chunk in content.iter_any():
            body.feed(chunk)
            if body.is_full:
                break
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
        raise errors.OutOfReach(f"{request}: {translation.PRIVATE}")


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
        cut=request.cut,
        most=request.most,
        label=request.label,
    )
