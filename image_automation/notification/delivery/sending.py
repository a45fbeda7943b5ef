"""Requests to services: a conversation within its deadline, tried again where that may help; errors without secrets.

Answers to the HTTP client of notification-controller: at most 4 retries after 2 to 30 seconds on connection errors, 429
and 5xx but 501, or after as long as a 429 or 503 asks for. Redirects are not followed, since they would take the
credentials along; link-local addresses, where clouds keep their credentials, are never spoken to.
"""

import asyncio
import re
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import datetime
from email.utils import parsedate_to_datetime
from typing import Protocol
from urllib.parse import quote

import aiohttp
from aiohttp.resolver import DefaultResolver
from yarl import URL

from gotk.http import egress
from gotk.http.exchange import Answer, Exchange, Request, Unusable
from gotk.http.sessions import socks_connector
from gotk.http.transport import SOCKS, Route
from gotk.oci.access import InvalidTLS, Proxy
from gotk.runtime.clock import Clock
from image_automation.notification.delivery.accounts import Delivery
from image_automation.notification.providers.account import Unfit

_RETRIES = 4
_FIRST_WAIT = 2.0
_LAST_WAIT = 30.0
_BODY_LIMIT = 1 << 20
_SHOWN = 200
_MASK = "*****"
_AGENT = "image-automation"

#: Gives the session that speaks through a SOCKS5 proxy, or directly and through HTTP proxies.
_Sessions = Callable[[Proxy | None], aiohttp.ClientSession]


class SendError(Exception):
    """A notification did not arrive. The message holds no secret."""


class Failure(Exception):
    """An attempt that may be worth another one; `after` is the wait that the service asks for, in seconds."""

    def __init__(self, message: str, *, again: bool, after: float | None = None) -> None:
        super().__init__(message)
        self.again = again
        self.after = after


class Sender(Protocol):
    """Who carries a conversation out."""

    async def send(self, exchange: Exchange, line: Delivery) -> None:
        """Deliver. Raises SendError; Unusable where nothing could be asked at all."""
        ...


class HTTPSender:
    """Carries conversations out over HTTP. `route` says which proxy of the environment leads to a URL."""

    def __init__(self, *, clock: Clock, route: Route) -> None:
        self._clock = clock
        self._route = route

    async def send(self, exchange: Exchange, line: Delivery) -> None:
        """Deliver within the line's timeout. Raises SendError; Unusable where nothing could be asked at all."""
        try:
            async with _sessions(line) as sessions:
                await converse(exchange, line, lambda request: self._attempt(request, line, sessions), self._clock)
        except InvalidTLS as error:
            raise Unusable(masked(str(error), line.secrets)) from None

    async def _attempt(self, request: Request, line: Delivery, sessions: _Sessions) -> Answer:
        url = target(request.url)
        proxy = _own_proxy(line) or self._route(url)
        socks = proxy if proxy is not None and proxy.url.scheme in SOCKS else None
        spoken = proxy if socks is None else None
        # A tunnel's opening has headers of its own; without a tunnel the request itself goes to the proxy.
        headers = {**request.headers, **(spoken.headers if spoken is not None and url.scheme == "http" else {})}
        try:
            async with sessions(socks).request(
                request.method,
                url,
                data=request.body or None,
                headers=headers,
                allow_redirects=False,
                proxy=spoken.url if spoken is not None else None,
                proxy_headers=spoken.headers if spoken is not None else None,
            ) as response:
                body = await response.content.read(_BODY_LIMIT)
                while len(body) < _BODY_LIMIT and (more := await response.content.read(_BODY_LIMIT - len(body))):
                    body += more
                wait = response.headers.get("Retry-After", "")
                return answered(request, response.status, body, wait, self._clock.now())
        except Exception as error:
            if not _is_connection_failure(error):
                raise
            # An error's own text may quote the URL, which is a secret with most services.
            cause = type(error).__name__ if not isinstance(error, egress.Refused) else str(error)
            again = not isinstance(error, (aiohttp.InvalidURL, aiohttp.ClientConnectorCertificateError, egress.Refused))
            raise Failure(f"cannot reach {url.host}: {_reason(error) or cause}", again=again) from None


async def converse(
    exchange: Exchange, line: Delivery, attempt: Callable[[Request], Awaitable[Answer]], clock: Clock
) -> None:
    """Hold a conversation within the line's timeout, each request as often as it takes. `attempt` raises Failure.

    Raises SendError, also for an unfit event; Unusable where the account lacks what the first request needs.
    """
    failures: list[Failure] = []
    begun = False
    try:
        async with asyncio.timeout(line.timeout):
            request = next(exchange)
            while True:
                answer = await _insist(request, attempt, clock, failures)
                begun = True
                request = exchange.send(answer)
    except StopIteration:
        return
    except TimeoutError:
        cause = "".join(f": {failure}" for failure in failures[-1:])
        raise SendError(masked(f"no success within {line.timeout:g}s{cause}", line.secrets)) from None
    except (Unusable, Failure, ValueError) as error:
        unusable = isinstance(error, Unusable) and not isinstance(error, Unfit) and not begun
        raise (Unusable if unusable else SendError)(masked(str(error), line.secrets)) from None
    finally:
        exchange.close()


async def _insist(
    request: Request, attempt: Callable[[Request], Awaitable[Answer]], clock: Clock, failures: list[Failure]
) -> Answer:
    for number in range(_RETRIES + 1):
        try:
            return await attempt(request)
        except Failure as failure:
            if not failure.again or number == _RETRIES:
                raise
            failures.append(failure)
            wait = min(_FIRST_WAIT * 2**number, _LAST_WAIT) if failure.after is None else failure.after
        await clock.sleep(wait)
    raise AssertionError("unreachable")


def _own_proxy(line: Delivery) -> Proxy | None:
    if not line.proxy:
        return None
    try:
        found = URL(line.proxy)
    except ValueError:
        found = URL()
    if found.scheme not in {"http", "https", *SOCKS} or not found.host:
        raise Unusable("the proxy must be an http, https or socks5 URL")
    return Proxy(url=found.with_user(None), username=found.user or "", password=found.password or "")


@asynccontextmanager
async def _sessions(line: Delivery) -> AsyncIterator[_Sessions]:
    """Give the sessions of one conversation: one for each SOCKS5 proxy, which aiohttp does not speak, and one else."""
    tls = line.tls.context() if line.tls is not None else True
    opened: dict[Proxy | None, aiohttp.ClientSession] = {}
    async with AsyncExitStack() as stack:

        def session(socks: Proxy | None) -> aiohttp.ClientSession:
            if socks not in opened:
                connector = socks_connector(socks, limit=2, tls=tls) if socks is not None else _connector(tls, stack)
                opened[socks] = aiohttp.ClientSession(
                    connector=connector, cookie_jar=aiohttp.DummyCookieJar(), headers={"User-Agent": _AGENT}
                )
                stack.push_async_callback(opened[socks].close)
            return opened[socks]

        yield session


def _connector(tls: ssl.SSLContext | bool, stack: AsyncExitStack) -> aiohttp.BaseConnector:
    resolver = egress.BoundedResolver(DefaultResolver(), most=egress.Reach.LOOPBACK, seen={})
    stack.push_async_callback(resolver.close)
    return aiohttp.TCPConnector(ssl=tls, resolver=resolver, limit=2)


def target(text: str) -> URL:
    """Read an address that may be spoken to. Raises Unusable."""
    try:
        url = URL(text)
    except ValueError:
        raise Unusable("the address is not a URL") from None
    if url.scheme not in {"http", "https"} or not url.host:
        raise Unusable("the address is not an http or https URL")
    try:
        reach = egress.reach_of(url.host)
    except ValueError:
        return url
    if reach > egress.Reach.LOOPBACK:
        raise Unusable(f"{url.host} is a link-local or metadata address")
    return url


def answered(request: Request, status: int, body: bytes, retry_after: str, now: datetime) -> Answer:
    """Return the answer that an exchange sees. Raises Failure; after a server's mistakes and 429 one may ask again."""
    if 200 <= status < 300 or status in request.accepts:
        return Answer(status=status, body=body)
    shown = " ".join(body[: 4 * _SHOWN].decode(errors="replace").split())
    shown = "".join(sign for sign in shown if sign.isprintable())[:_SHOWN]
    after = _seconds(retry_after, now) if status in {429, 503} else None
    message = f"request failed with status code {status}: {shown}"
    raise Failure(message, again=status == 429 or (status >= 500 and status != 501), after=after)


def _seconds(retry_after: str, now: datetime) -> float | None:
    """Read a Retry-After header: seconds, or a date, of which one that has passed means at once."""
    if retry_after.isascii() and retry_after.isdecimal():
        return float(retry_after[:9])
    try:
        return max(0.0, (parsedate_to_datetime(retry_after) - now).total_seconds())
    except (TypeError, ValueError):
        return None


def _is_connection_failure(error: Exception) -> bool:
    """Tell what a network does from a bug; a SOCKS proxy's refusals have no ancestor in common with aiohttp's."""
    of_socks = type(error).__module__.partition(".")[0] in {"aiohttp_socks", "python_socks"}
    return of_socks or isinstance(error, (aiohttp.ClientError, OSError, TimeoutError))


def _reason(error: BaseException) -> str:
    """Word a connection's failure without its URL."""
    if isinstance(error, aiohttp.ClientConnectorCertificateError):
        return "its certificate is not trusted"
    if isinstance(error, aiohttp.ClientConnectorError):
        return error.strerror or error.os_error.strerror or type(error.os_error).__name__
    return ""


def masked(text: str, secrets: tuple[str, ...]) -> str:
    """Hide secrets in a text, also where they stand URL-encoded."""
    for secret in sorted({*secrets, *(quote(each, safe="") for each in secrets)}, key=len, reverse=True):
        if len(secret) > 2:
            text = text.replace(secret, _MASK)
    return re.sub(r"(https?://[^\s/]+)/\S+", rf"\1/{_MASK}", text)
