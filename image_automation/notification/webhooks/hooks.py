"""The door for webhooks: `/hook/<64 hex>` on `:9292`.

Answers to notification-controller's receiver server, with its status codes: 404 for a path that no receiver has, 503
for one that is suspended or not ready, 400 for a call that is not proven, 413 for a body beyond the limit, 500 where
an object cannot be asked, 200 otherwise, all without a body. Beyond it: an unknown path is answered before the body is
read and always alike, a source has a rate (429), a delivery counts once.
"""

import asyncio
import contextlib
import logging
import weakref
from collections.abc import AsyncIterator, Mapping
from typing import Any

import structlog
from aiohttp import ClientConnectionResetError, web

from gotk.api.core import Secret
from gotk.api.notification import Receiver
from gotk.cel import expression
from gotk.kube.cache import KindCache
from gotk.kube.entries import Undecodable
from gotk.kube.ports import Getter
from gotk.runtime import health
from gotk.runtime.clock import Clock
from image_automation.notification import receiver as receivers
from image_automation.notification.cel.evaluator import Evaluator
from image_automation.notification.journal import Journal
from image_automation.notification.receivers import TOKENS, VERIFIERS, gcr, oidc
from image_automation.notification.receivers.call import Accepted, Call, RefusedError
from image_automation.notification.webhooks import tokens
from image_automation.notification.webhooks.annotator import Annotator, Said, WakeError, filters
from image_automation.notification.webhooks.limits import Buckets, Replays

BODY_LIMIT = 1024 * 1024
HEADER_LIMIT = 256 * 1024
_BODIES = 32
_BODIES_EACH = 4
_HEADER_TIMEOUT = 10.0
_FIELD_LIMIT = 20 * 1024
_FIELDS = 64
_READ_TIMEOUT = 30.0
#: A body that is too long, one that does not come, and one whose sender is gone and reads no answer.
_BROKEN_OFF: Mapping[type[Exception], int] = {
    web.HTTPRequestEntityTooLarge: 413,
    TimeoutError: 408,
    ConnectionResetError: 400,
    ClientConnectionResetError: 400,
}
_BROKEN: Mapping[int, str] = {
    413: "the body is too long",
    408: "the body did not come in time",
    400: "the sender was gone before the answer",
    500: "a bug: the log has its traceback",
}
_BURST, _RATE = 200.0, 20.0


@contextlib.asynccontextmanager
async def serve(address: str, app: web.Application) -> AsyncIterator[int]:
    """Serve the door at an address and give its port, 0 where it is off. Raises OSError or ValueError.

    A connection has ten seconds for the headers of a request; bodies are taken as they are sent, never unpacked. What
    is not HTTP is answered and not logged: whoever reaches the door could fill the log with it.
    """
    parsed = health.parse_address(address)
    if parsed is None:
        yield 0
        return
    silent = logging.getLogger("image_automation.hooks.http")
    silent.disabled = True
    runner = web.AppRunner(
        app,
        logger=silent,
        max_field_size=_FIELD_LIMIT,
        max_headers=_FIELDS,
        access_log=None,
        shutdown_timeout=2.0,
        keepalive_timeout=_HEADER_TIMEOUT,
        lingering_time=1.0,
        auto_decompress=False,
    )
    await runner.setup()
    try:
        await web.TCPSite(runner, *parsed).start()
        yield int(runner.addresses[0][1])
    finally:
        await runner.cleanup()


class Index:
    """Receivers by their path, kept up to date by the cache.

    Name and namespace run into each other in a path, so that two receivers without a token can share one: it belongs
    to the older of them, and whoever comes later cannot take it.
    """

    def __init__(self, cache: KindCache[Receiver]) -> None:
        self._by_path: dict[str, dict[str, Receiver]] = {}
        for obj in cache.list():
            self._take(None, obj)
        cache.subscribe(self._take)

    def find(self, path: str) -> Receiver | None:
        """Return the receiver with exactly this path."""
        found = self._by_path.get(path, {}).values()
        return min(found, key=lambda obj: (str(obj.metadata.creation_timestamp), obj.metadata.uid), default=None)

    def _take(self, old: Receiver | Undecodable | None, new: Receiver | Undecodable | None) -> None:
        if isinstance(old, Receiver) and (there := self._by_path.get(old.status.webhook_path)) is not None:
            there.pop(old.metadata.uid, None)
            if not there:
                del self._by_path[old.status.webhook_path]
        if isinstance(new, Receiver) and new.status.webhook_path:
            self._by_path.setdefault(new.status.webhook_path, {})[new.metadata.uid] = new


class Hooks:
    """Takes calls in."""

    def __init__(
        self,
        *,
        index: Index,
        objects: Getter,
        issuers: tokens.Issuers,
        cel: Evaluator,
        annotator: Annotator,
        journal: Journal,
        clock: Clock,
    ) -> None:
        self._index = index
        self._objects = objects
        self._issuers = issuers
        self._cel = cel
        self._annotator = annotator
        self._journal = journal
        self._buckets = Buckets(clock=clock, burst=_BURST, rate=_RATE)
        self._replays = Replays(clock=clock)
        self._bodies = asyncio.Semaphore(_BODIES)
        self._bodies_each: weakref.WeakValueDictionary[str, asyncio.Semaphore] = weakref.WeakValueDictionary()
        self._log = structlog.get_logger().bind(logger="receiver")

    def app(self) -> web.Application:
        """Return the application that serves every path."""
        app = web.Application(client_max_size=BODY_LIMIT)
        app.router.add_route("*", "/{path:.*}", self.handle)
        app.on_response_prepare.append(_anonymous)
        return app

    async def handle(self, request: web.Request) -> web.Response:
        """Answer a call."""
        obj = self._index.find(request.raw_path)
        if obj is None:
            return _answer(404)
        if not self._buckets.take(f"{request.remote} {request.raw_path}"):
            return _answer(429, {"Retry-After": "10"})
        if sum(len(name) + len(value) for name, value in request.raw_headers) > HEADER_LIMIT:
            return _answer(431)
        if obj.spec.suspend or not _is_ready(obj):
            self._journal.called(_key(obj), 503, cause="it is suspended" if obj.spec.suspend else "it is not ready")
            return _answer(503)
        return _answer(await self._answer_to(obj, request))

    async def _answer_to(self, obj: Receiver, request: web.Request) -> int:
        """Take a call of a receiver that is open, and return the status."""
        log = self._log.bind(name=obj.metadata.name, namespace=obj.metadata.namespace, type=obj.spec.type)
        name = _key(obj)
        try:
            body = await self._body(obj, request)
            woken = await self._take(obj, _headers(request), body)
        except (RefusedError, receivers.TokenError) as refused:
            log.info("webhook refused", reason=str(refused), source=request.remote)
            self._journal.called(name, 400, cause=str(refused))
            return 400
        except WakeError as error:
            log.warning("webhook failed", error=str(error))
            self._journal.called(name, 500, cause=str(error))
            return 500
        except Exception as error:
            if (status := _BROKEN_OFF.get(type(error))) is None:
                log.exception("webhook met a bug")
            self._journal.called(name, status or 500, cause=_BROKEN.get(status or 500, ""))
            return status or 500
        log.info("webhook taken", woken=woken)
        self._journal.called(name, 200, woken=woken)
        return 200

    async def _body(self, obj: Receiver, request: web.Request) -> bytes:
        """Read the body once there is room: who sends slowly takes the room of one receiver, not of all."""
        each = self._bodies_each.setdefault(obj.metadata.uid, asyncio.Semaphore(_BODIES_EACH))
        async with each, self._bodies:
            return await _read(request)

    async def _take(self, obj: Receiver, headers: dict[str, str], body: bytes) -> int:
        """Check a call and ask the objects of its receiver to reconcile; tells how many."""
        secret = await receivers.read_secret(self._objects, obj)
        data = secret.data if secret else {}
        _check_path(obj, secret)
        plain = Call(headers=headers, body=body, token=data.get("token", b""), events=obj.spec.events, secret=data)
        claims = await self._claims(obj, plain)
        call = Call(
            headers=headers, body=body, token=plain.token, events=plain.events, secret=data, claims=claims or {}
        )
        accepted = VERIFIERS[obj.spec.type](call)
        if self._replays.is_replay(obj.metadata.uid, accepted.ids + accepted.traces):
            raise RefusedError("the delivery came before")
        if accepted.idle:
            return 0
        self._replays.remember(obj.metadata.uid, accepted.ids)
        try:
            return await self._annotator.wake(
                obj, Said(request=_request(obj, call, accepted), claims=_seen(obj, claims), pushed=accepted.pushed)
            )
        except BaseException:
            self._replays.forget(obj.metadata.uid, accepted.ids)
            raise

    async def _claims(self, obj: Receiver, call: Call) -> dict[str, Any] | None:
        """Return what the call's token says, checked with its issuer's keys; None for types without one."""
        if obj.spec.type not in TOKENS:
            return None
        token = tokens.bearer(call.header("Authorization"))
        if obj.spec.type == "gcr":
            audience = call.secret.get("audience", b"").decode("utf-8", "replace")
            named = str(tokens.read(token)[1].get("iss", ""))
            if named not in gcr.ISSUERS:
                raise RefusedError("the token is not of accounts.google.com")
            return await self._issuers.claims(token, tokens.GOOGLE, audience)
        issuer = str(tokens.read(token)[1].get("iss", ""))
        provider = oidc.provider_of(issuer, obj.spec.oidc_providers)
        claims: dict[str, Any] = expression.floating(
            await self._issuers.claims(token, provider.issuer_url, provider.audience)
        )
        try:
            refused = await self._cel.refusal(obj.metadata.uid, provider, claims)
        except expression.EvaluationError as error:
            raise RefusedError(str(error)) from None
        if refused:
            raise RefusedError(refused)
        return claims


def _key(obj: Receiver) -> tuple[str, str]:
    return obj.metadata.namespace, obj.metadata.name


def _seen(obj: Receiver, claims: dict[str, Any] | None) -> dict[str, Any] | None:
    """Return the claims that CEL sees: those of the type that declares its issuers."""
    return claims if obj.spec.type == receivers.OIDC else None


def _headers(request: web.Request) -> dict[str, str]:
    """Return the headers by their names in lower case; of several with one name the first, as Go does."""
    return {name.lower(): value for name, value in reversed(list(request.headers.items()))}


async def _read(request: web.Request) -> bytes:
    """Read the body within the limits, which are checked before anything is parsed."""
    if request.content_length is not None and request.content_length > BODY_LIMIT:
        raise web.HTTPRequestEntityTooLarge(max_size=BODY_LIMIT, actual_size=request.content_length)
    async with asyncio.timeout(_READ_TIMEOUT):
        return await request.read()


def _check_path(obj: Receiver, secret: Secret | None) -> None:
    """Check that the path proves the token of today. Raises RefusedError."""
    token = secret.data["token"] if secret else b""
    if secret and not token:
        raise RefusedError("the token in the secret is empty, which proves nothing")
    if receivers.path_of(token, obj.metadata.name, obj.metadata.namespace) != obj.status.webhook_path:
        raise RefusedError("the token in the secret has changed since the path was made")


def _request(obj: Receiver, call: Call, accepted: Accepted) -> Mapping[str, Any]:
    """Return what CEL sees as `req`; nobody looks without an expression. Raises WakeError for JSON that is none."""
    if not filters(obj) or not (call.is_json or obj.spec.type == "distribution"):
        return {}
    if accepted.request is not None:
        return accepted.request
    try:
        return call.object()
    except RefusedError as error:
        raise WakeError(str(error)) from error


async def _anonymous(_: web.Request, answer: web.StreamResponse) -> None:
    """Leave out what serves the door, and in which version."""
    answer.headers.popall("Server", None)


def _is_ready(obj: Receiver) -> bool:
    return any(each.type == "Ready" and each.status == "True" for each in obj.status.conditions)


def _answer(status: int, headers: dict[str, str] | None = None) -> web.Response:
    return web.Response(status=status, headers=headers)
