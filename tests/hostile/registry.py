"""A registry that means harm: it answers as it is told to, and remembers what it was asked and with which credentials.

A trick is a handler that answers one request. `raw` writes bytes that no HTTP server would. Nothing here knows the
product: it is what a stranger on the network can do.
"""

import asyncio
import zlib
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field

from aiohttp import web

from tests.gotk.oci.serving import Handler, tag_list

MIB = 1 << 20


@dataclass(frozen=True)
class Asked:
    """A request as it arrived."""

    method: str
    path: str
    authorization: str | None


@dataclass
class HostileRegistry:
    """Give it to `serving`; `trick` may be exchanged at any time."""

    trick: Handler
    asked: list[Asked] = field(default_factory=list)

    async def __call__(self, request: web.Request) -> web.StreamResponse:
        self.asked.append(Asked(request.method, request.path_qs, request.headers.get("Authorization")))
        return await self.trick(request)


def honest(*tags: str) -> Handler:
    async def handler(request: web.Request) -> web.Response:
        return tag_list(*tags)

    return handler


def saying(body: bytes | str, *, type_: str = "application/json", status: int = 200, **headers: str) -> Handler:
    async def handler(request: web.Request) -> web.Response:
        content = body if isinstance(body, bytes) else body.encode()
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        return web.Response(body=content, status=status, headers={"Content-Type": type_, **named})

    return handler


def linking(target: str, *tags: str) -> Handler:
    """Answer a page and name the next one."""

    async def handler(request: web.Request) -> web.Response:
        return tag_list(*tags, link=f'<{target}>; rel="next"')

    return handler


def redirecting(target: str, status: int = 302) -> Handler:
    async def handler(request: web.Request) -> web.Response:
        return web.Response(status=status, headers={"Location": target})

    return handler


def challenging(realm: str, *, then: Handler | None = None, token: Handler | None = None) -> Handler:
    """Ask for a token of the realm (`HOST` is the registry itself); serve `/token` where there is something to say."""

    async def handler(request: web.Request) -> web.StreamResponse:
        if request.path == "/token" and token is not None:
            return await token(request)
        if then is not None and request.headers.get("Authorization", "").startswith("Bearer "):
            return await then(request)
        where = realm.replace("HOST", request.host)
        return web.Response(status=401, headers={"WWW-Authenticate": f'Bearer realm="{where}",service="s"'})

    return handler


def guarded(then: Handler) -> Handler:
    """Ask for a password before anything else."""

    async def handler(request: web.Request) -> web.StreamResponse:
        if "Authorization" in request.headers:
            return await then(request)
        return web.Response(status=401, headers={"WWW-Authenticate": 'Basic realm="x"'})

    return handler


def raw(content: bytes) -> Handler:
    """Write bytes past the HTTP server and hang up."""

    async def handler(request: web.Request) -> web.Response:
        assert request.transport is not None
        request.transport.write(content)
        request.transport.close()
        return web.Response()

    return handler


def dripping(byte: bytes, every: float, *, headers: bool = True) -> Handler:
    """Send a byte now and then, for ever; or nothing at all, not even a status."""

    async def handler(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse(headers={"Content-Type": "application/json"})
        if headers:
            await response.prepare(request)
            await response.write(b'{"tags": [')
        while True:
            await asyncio.sleep(every)
            if headers:
                await response.write(byte)

    return handler


def streaming(pieces: Callable[[], AsyncIterator[bytes]], sent: list[int], **headers: str) -> Handler:
    """Send pieces for as long as the client takes them, counting bytes in `sent`."""

    async def handler(request: web.Request) -> web.StreamResponse:
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        response = web.StreamResponse(headers={"Content-Type": "application/json", **named})
        await response.prepare(request)
        async for piece in pieces():
            await response.write(piece)
            sent.append(len(piece))
        return response

    return handler


def bomb(unfolded: int, *, wrapper: str = "gzip") -> bytes:
    """Make a small stream that unfolds to so many bytes: the same block over and over, so that making it is cheap."""
    squeeze = zlib.compressobj(9, zlib.DEFLATED, -zlib.MAX_WBITS)
    block = squeeze.compress(b" " * MIB) + squeeze.flush(zlib.Z_FULL_FLUSH)
    header = b"\x1f\x8b\x08\0\0\0\0\0\0\xff" if wrapper == "gzip" else b"\x78\xda"
    return header + block * (unfolded // MIB)
