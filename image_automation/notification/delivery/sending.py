"""Requests to services: a conversation within its deadline, tried again where that may help; errors without secrets.

Answers to the HTTP client of notification-controller: at most 4 retries after 2 to 30 seconds on connection errors, 429
and 5xx but 501, or after as long as a 429 or 503 asks for. Redirects are not followed, since they would take the
credentials along; link-local addresses, where clouds keep their credentials, are never spoken to.
"""

import asyncio
import re
from collections.abc import Awaitable, Callable
from datetime import datetime
from email.utils import parsedate_to_datetime
from typing import Protocol
from urllib.parse import quote

from yarl import URL

from gotk import retry
from gotk.http.egress import Reach, reach_of
from gotk.http.errors import HTTPError, Untrusted
from gotk.http.exchange import Answer, Exchange, Request, Unusable
from gotk.http.tls import SYSTEM, InvalidTLS
from gotk.http.transport import Request as Asked
from gotk.http.transport import Route, Transport
from gotk.runtime.clock import Clock
from image_automation.notification.delivery.accounts import Delivery
from image_automation.notification.providers.account import Unfit

_BACKOFF = retry.Backoff(tries=5, first=2.0, longest=30.0)
_BODY_LIMIT = 1 << 20
_SHOWN = 200
_MASK = "*****"


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
            async with Transport(route=self._route) as transport:
                await converse(exchange, line, lambda request: self._attempt(request, line, transport), self._clock)
        except InvalidTLS as error:
            raise Unusable(masked(str(error), line.secrets)) from None

    async def _attempt(self, request: Request, line: Delivery, transport: Transport) -> Answer:
        url = target(request.url)
        asked = Asked(
            method=request.method,
            url=url,
            headers=request.headers,
            data=request.body or None,
            limit=_BODY_LIMIT,
            cut=True,
            follow=False,
            most=Reach.LOOPBACK,
            label=f"cannot reach {url.host}",
        )
        try:
            answer = await transport.send(asked, tls=line.tls or SYSTEM, proxy=line.proxy)
        except Untrusted:
            raise Failure(f"cannot reach {url.host}: its certificate is not trusted", again=False) from None
        except HTTPError as error:
            raise Failure(str(error), again=error.temporary) from None
        wait = answer.headers.get("Retry-After", "")
        return answered(request, answer.status, answer.body, wait, self._clock.now())


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
    def pause(error: Exception, due: float) -> float | None:
        if not isinstance(error, Failure) or not error.again:
            return None
        failures.append(error)
        return due if error.after is None else error.after

    return await retry.run(lambda: attempt(request), _BACKOFF, sleep=clock.sleep, pause=pause)


def target(text: str) -> URL:
    """Read an address that may be spoken to. Raises Unusable."""
    try:
        url = URL(text)
    except ValueError:
        raise Unusable("the address is not a URL") from None
    if url.scheme not in {"http", "https"} or not url.host:
        raise Unusable("the address is not an http or https URL")
    try:
        reach = reach_of(url.host)
    except ValueError:
        return url
    if reach > Reach.LOOPBACK:
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


def masked(text: str, secrets: tuple[str, ...]) -> str:
    """Hide secrets in a text, also where they stand URL-encoded."""
    for secret in sorted({*secrets, *(quote(each, safe="") for each in secrets)}, key=len, reverse=True):
        if len(secret) > 2:
            text = text.replace(secret, _MASK)
    return re.sub(r"(https?://[^\s/]+)/\S+", rf"\1/{_MASK}", text)
