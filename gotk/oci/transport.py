"""One HTTP request to a registry: bounded, redirected by hand, translated into our errors.

The only module of the client that knows aiohttp's exceptions. Connections are kept alive and shared by every scan.
Bounds: bodies under a cap after decompression, at most five redirects, none from https to http, `Authorization` only to
the origin it was made for, no server-chosen address more private than the server's own, and time limits for connecting,
for silence and for the whole request.
"""

import ssl
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import TracebackType
from typing import Self

import aiohttp
from aiohttp.resolver import ThreadedResolver
from multidict import CIMultiDictProxy
from yarl import URL

from gotk.oci import errors
from gotk.oci.access import Access, Proxy
from gotk.oci.body import ACCEPT_ENCODING, Body
from gotk.oci.egress import BoundedResolver, Reach, Refused, reach_of

_REDIRECTS = 5
_REDIRECT_STATUS = frozenset({301, 302, 303, 307, 308})
_TIMEOUT = aiohttp.ClientTimeout(total=120, sock_connect=10, sock_read=30)

#: Chooses the proxy for a URL where the object names none (such as the environment's).
Route = Callable[[URL], Proxy | None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """What is asked. `limit` caps the body; `chosen_by` is the server that chose the URL, where we did not."""

    method: str
    url: URL
    headers: Mapping[str, str]
    limit: int
    data: Mapping[str, str] | None = None
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
    """Sends requests; an async context manager that owns the connections."""

    def __init__(self, *, route: Route = direct, user_agent: str = "image-automation") -> None:
        self._route = route
        self._user_agent = user_agent
        self._sessions: dict[Reach, aiohttp.ClientSession] = {}
        self._reach: dict[str, Reach] = {}

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for session in self._sessions.values():
            await session.close()
        self._sessions.clear()

    async def send(self, request: Request, access: Access) -> Answer:
        """Send a request, follow redirects, read the body. Raises errors.RegistryError; any status is an answer."""
        for _ in range(_REDIRECTS + 1):
            answer = await self._send_one(request, access)
            if answer.status not in _REDIRECT_STATUS or not request.follow:
                return answer
            request = _redirected(request, answer)
        raise errors.BadAnswer(f"{request}: more than {_REDIRECTS} redirects")

    async def _send_one(self, request: Request, access: Access) -> Answer:
        proxy = access.proxy or self._route(request.url)
        # A tunnel's opening has headers of its own; without a tunnel the request itself goes to the proxy.
        plain = proxy.headers if proxy and request.url.scheme == "http" else {}
        try:
            async with self._session(request, proxied=proxy is not None).request(
                request.method,
                request.url,
                headers={"Accept-Encoding": ACCEPT_ENCODING, **request.headers, **plain},
                data=request.data,
                allow_redirects=False,
                ssl=access.tls.context(),
                proxy=proxy.url if proxy else None,
                proxy_headers=proxy.headers if proxy else None,
            ) as response:
                return Answer(request.url, response.status, response.headers, await _read(request, response))
        except (aiohttp.ClientError, OSError, ssl.SSLError, ValueError) as error:
            raise _translated(request, error) from error

    def _session(self, request: Request, *, proxied: bool) -> aiohttp.ClientSession:
        most = Reach.METADATA
        if request.chosen_by is not None and not proxied:
            most = self._reach_of_host(request.chosen_by.host or "")
            self._check_literal(request, most)
        if most not in self._sessions:
            # Names that a server chose must not become known as registries' own.
            seen = self._reach if most is Reach.METADATA else {}
            self._sessions[most] = aiohttp.ClientSession(
                connector=aiohttp.TCPConnector(
                    limit=0, resolver=BoundedResolver(ThreadedResolver(), most=most, seen=seen), ttl_dns_cache=30
                ),
                cookie_jar=aiohttp.DummyCookieJar(),
                timeout=_TIMEOUT,
                auto_decompress=False,
                headers={"User-Agent": self._user_agent},
            )
        return self._sessions[most]

    def _reach_of_host(self, host: str) -> Reach:
        try:
            return reach_of(host)
        except ValueError:
            return self._reach.get(host, Reach.PUBLIC)

    def _check_literal(self, request: Request, most: Reach) -> None:
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


async def _read(request: Request, response: aiohttp.ClientResponse) -> bytes:
    if request.method == "HEAD":
        return b""
    body = Body(encoding=response.headers.get("Content-Encoding", ""), limit=request.limit, what=request)
    async for chunk in response.content.iter_any():
        body.feed(chunk)
    return body.finish()


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
    text = error.strerror if isinstance(error, OSError) and error.strerror else str(error) or type(error).__name__
    return errors.Unreachable(f"{request}: {errors.printable(text)}")
