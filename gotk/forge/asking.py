"""Conversations with a forge, carried out over HTTP; what goes wrong is an error by what to do next.

- `errors.Unavailable`, `errors.Unreachable` (temporary): ask again, after `retry_after` where the forge said when. That
  is so of every limit on how often one may ask, also where it comes as GitHub's 403.
- `errors.Unauthorized`: the token is wrong, or lacks a right; another token is needed.
- `errors.NotFound`: there is no such thing, or the token may not see it; GitHub and GitLab do not tell these apart.
- `exchange.Unusable` and `errors.BadAnswer`: the forge refuses what was asked, or does not answer as itself; or the
  certificates for it cannot be used.

Redirects are never followed, since they would take the credentials along: of a repository that has moved the message
says so. Link-local addresses, where clouds keep their credentials, are never asked. Messages hold no token.
"""

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import TypeVar

from yarl import URL

from gotk.forge.answers import said
from gotk.forge.hosting import Asking
from gotk.http import errors, pace
from gotk.http.egress import Reach
from gotk.http.exchange import Answer, Request, Unusable
from gotk.http.proxy import Proxy
from gotk.http.tls import SYSTEM, TLS, InvalidTLS
from gotk.http.transport import Request as Asked
from gotk.http.transport import Transport

T = TypeVar("T")
_BODY_LIMIT = 8 << 20
_MASK = "*****"
#: How long to leave GitHub alone after a limit that comes without a time, as its documentation asks.
_PAUSE = 60.0


class Asker:
    """Carries conversations out. Of the server's words none that holds one of `secrets` gets into a message."""

    def __init__(
        self,
        transport: Transport,
        *,
        now: Callable[[], datetime],
        secrets: tuple[str, ...] = (),
        tls: TLS = SYSTEM,
        proxy: Proxy | None = None,
    ) -> None:
        self._transport = transport
        self._now = now
        self._secrets = secrets
        self._tls = tls
        self._proxy = proxy

    async def ask(self, conversation: Asking[T]) -> T:
        """Hold a conversation to its end and return what it came to. Raises Unusable and errors.HTTPError."""
        try:
            request = next(conversation)
            while True:
                request = conversation.send(await self._answer(request))
        except StopIteration as ended:
            found: T = ended.value
            return found
        finally:
            conversation.close()

    async def _answer(self, request: Request) -> Answer:
        asked = Asked(
            method=request.method,
            url=URL(request.url, encoded=True),
            headers=request.headers,
            data=request.body or None,
            limit=_BODY_LIMIT,
            follow=False,
            most=Reach.LOOPBACK,
        )
        try:
            arrived = await self._transport.send(asked, tls=self._tls, proxy=self._proxy)
        except InvalidTLS as invalid:
            raise Unusable(str(invalid)) from None
        answer = Answer(status=arrived.status, body=arrived.body)
        if error := self._refusal(request, answer, arrived.headers):
            raise error
        return answer

    def _refusal(self, request: Request, answer: Answer, headers: Mapping[str, str]) -> errors.HTTPError | None:
        error = refusal(request, answer, headers, now=self._now)
        if error is None:
            return None
        message = str(error)
        for secret in filter(None, self._secrets):
            message = message.replace(secret, _MASK)
        return type(error)(message, status=error.status, retry_after=error.retry_after)


def refusal(
    request: Request, answer: Answer, headers: Mapping[str, str], *, now: Callable[[], datetime]
) -> errors.HTTPError | None:
    """Return what an answer means that the conversation does not want to see; None for one that it does.

    A limit on how often one may ask is never the conversation's business.
    """
    status = answer.status
    url = URL(request.url, encoded=True)
    what = f"{url.host} refuses {request.method} {url.path}"
    if (wait := _limited(answer, headers, now)) is not None:
        message = f"{url.host} wants no more requests for {wait:.0f}s: {said(answer)}"
        return errors.Unavailable(message, status=status, retry_after=wait)
    if 200 <= status < 300 or status in request.accepts:
        return None
    if 300 <= status < 400:
        return errors.BadAnswer(f"{what}: it has moved; name its new address", status=status)
    hint = ", or the token may not see it" if status == 404 else ""
    kind = errors.of_status(status)
    after = pace.retry_after(headers.get("Retry-After"), now=now()) if kind is errors.Unavailable else None
    return kind(f"{what} with status {status}{hint}: {said(answer)}", status=status, retry_after=after)


def _limited(answer: Answer, headers: Mapping[str, str], now: Callable[[], datetime]) -> float | None:
    """Return for how many seconds to ask no more, if that is what an answer says."""
    if answer.status not in {403, 429}:
        return None
    wait = pace.retry_after(headers.get("Retry-After"), now=now())
    if wait is None:
        wait = pace.exhausted(headers, now=now) or None
    if wait is None and (answer.status == 429 or b"rate limit" in answer.body[:2048].lower()):
        wait = _PAUSE
    return wait
