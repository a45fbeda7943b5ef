"""A stand-in of the clouds' token services: answers by method and path, and remembers what it was asked."""

import contextlib
from collections.abc import AsyncIterator, Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from aiohttp import web
from multidict import CIMultiDict

from gotk.cloud.account import Account
from gotk.cloud.caller import Caller
from tests.gotk.oci.serving import serving

NOW = datetime(2026, 1, 1, 12, tzinfo=UTC)


@dataclass
class Asked:
    """One request."""

    method: str
    path: str
    query: dict[str, str]
    headers: CIMultiDict[str]
    body: bytes
    form: dict[str, str]


@dataclass
class Services:
    """The address to put into the environment, what was asked, and a caller to ask with."""

    address: str
    caller: Caller
    asked: list[Asked] = field(default_factory=list)

    @property
    def url(self) -> str:
        return f"http://{self.address}"

    @property
    def paths(self) -> list[str]:
        return [f"{one.method} {one.path}" for one in self.asked]


Reply = Callable[[Asked], web.StreamResponse]


@contextlib.asynccontextmanager
async def services(replies: Mapping[str, Any]) -> AsyncIterator[Services]:
    """Serve replies by `METHOD /path`: JSON, bytes, a response, or a function of the request; else 404."""
    asked: list[Asked] = []

    async def handler(request: web.Request) -> web.StreamResponse:
        body = await request.read()
        form = {k: str(v) for k, v in (await request.post()).items()}
        one = Asked(request.method, request.path, dict(request.query), request.headers.copy(), body, form)
        asked.append(one)
        reply = replies.get(f"{request.method} {request.path}")
        if callable(reply):
            reply = reply(one)
        if reply is None:
            return web.json_response({"error": "not_found"}, status=404)
        if isinstance(reply, web.StreamResponse):
            return reply
        if isinstance(reply, bytes):
            return web.Response(body=reply)
        return web.json_response(reply)

    async with serving(handler) as address, Caller() as caller:
        yield Services(address, caller, asked)


def now() -> datetime:
    return NOW


def account(**annotations: str) -> Account:
    return Account("team", "robot", annotations)
