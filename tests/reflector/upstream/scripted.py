"""A registry that answers as a scene wants: tag lists, digests, passwords, tokens, errors and nonsense."""

import asyncio
import base64
import contextlib
import hashlib
import ssl
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from aiohttp import web

_MANIFEST = "application/vnd.oci.image.manifest.v1+json"


@dataclass
class Shelf:
    """What is known of one repository: its tags, or the one answer that it gives to everything."""

    tags: list[str] = field(default_factory=list)
    #: What makes the digest of a tag another one.
    salt: str = ""
    status: int = 200
    body: Any = None
    text: str | None = None
    headers: Mapping[str, str] = field(default_factory=dict)
    user: str = ""
    password: str = ""
    page: int = 0
    silent: bool = False
    #: Whether it answers so late that whoever waits for the scan has been told first that there is nothing yet.
    late: bool = False


class Scripted:
    """Repositories by name; what is not here is unknown."""

    def __init__(self) -> None:
        self.shelves: dict[str, Shelf] = {}

    def put(self, name: str, **fields: Any) -> None:
        self.shelves[name] = Shelf(**fields)

    async def answer(self, request: web.Request) -> web.StreamResponse:
        path = request.path.removeprefix("/v2/")
        if not path:
            return web.json_response({})
        name = path.partition("/tags/list" if "/tags/list" in path else "/manifests/")[0]
        shelf = self.shelves.get(name)
        if shelf is None:
            return _error(404, "NAME_UNKNOWN", "repository name not known to registry")
        if shelf.silent:
            await asyncio.sleep(60)
        if shelf.late:
            await asyncio.sleep(1)
        if shelf.user and request.headers.get("Authorization") != _basic(shelf):
            return _error(401, "UNAUTHORIZED", "authentication required", {"WWW-Authenticate": 'Basic realm="here"'})
        if shelf.status != 200 or shelf.text is not None or shelf.body is not None:
            return _odd(shelf)
        if "/tags/list" in path:
            return _list(request, name, shelf)
        return _manifest(path.rpartition("/")[2], name, shelf)


def digest(name: str, tag: str, salt: str) -> str:
    return f"sha256:{hashlib.sha256(f'{name}:{tag}:{salt}'.encode()).hexdigest()}"


def _basic(shelf: Shelf) -> str:
    return "Basic " + base64.b64encode(f"{shelf.user}:{shelf.password}".encode()).decode()


def _error(status: int, code: str, message: str, headers: Mapping[str, str] | None = None) -> web.Response:
    return web.json_response({"errors": [{"code": code, "message": message}]}, status=status, headers=headers)


def _odd(shelf: Shelf) -> web.Response:
    if shelf.body is not None:
        return web.json_response(shelf.body, status=shelf.status, headers=shelf.headers)
    return web.Response(text=shelf.text or "", status=shelf.status, headers=shelf.headers)


def _list(request: web.Request, name: str, shelf: Shelf) -> web.Response:
    if not shelf.page:
        return web.json_response({"name": name, "tags": shelf.tags})
    start = int(request.query.get("from", "0"))
    end = start + shelf.page
    more = {"Link": f'</v2/{name}/tags/list?from={end}>; rel="next"'} if end < len(shelf.tags) else None
    return web.json_response({"name": name, "tags": shelf.tags[start:end]}, headers=more)


def _manifest(tag: str, name: str, shelf: Shelf) -> web.Response:
    if tag not in shelf.tags:
        return web.Response(status=404)
    headers = {"Docker-Content-Digest": digest(name, tag, shelf.salt), "Content-Length": "7"}
    return web.Response(headers=headers, content_type=_MANIFEST, body=b"x" * 7)


@contextlib.asynccontextmanager
async def serving(scripted: Scripted, *, tls: ssl.SSLContext | None = None) -> AsyncIterator[str]:
    """Serve on a free port; gives `127.0.0.1:port`."""
    app = web.Application()
    app.router.add_route("*", "/{path:.*}", scripted.answer)
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0, ssl_context=tls).start()
    try:
        yield f"127.0.0.1:{runner.addresses[0][1]}"
    finally:
        await runner.cleanup()
