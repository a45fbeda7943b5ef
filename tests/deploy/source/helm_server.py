"""A Helm repository over HTTP in this process, which counts what it is asked."""

import ssl
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from aiohttp import web

from gotk.http.basic import basic


@dataclass
class HelmServer:
    """Files by path, with entity tags; `login` guards them all."""

    files: dict[str, bytes] = field(default_factory=dict)
    tags: dict[str, str] = field(default_factory=dict)
    login: tuple[str, str] | None = None
    headers: dict[str, str] = field(default_factory=dict)
    asked: list[tuple[str, Mapping[str, str]]] = field(default_factory=list)
    sent: int = 0
    url: str = ""

    async def answer(self, request: web.Request) -> web.StreamResponse:
        self.asked.append((request.path, dict(request.headers)))
        if self.login and request.headers.get("Authorization") != basic(*self.login):
            return web.Response(status=401)
        if request.path not in self.files:
            return web.Response(status=404)
        tag = self.tags.get(request.path, "")
        if tag and request.headers.get("If-None-Match") == tag:
            return web.Response(status=304)
        self.sent += len(self.files[request.path])
        return web.Response(body=self.files[request.path], headers={**self.headers, **({"ETag": tag} if tag else {})})


@asynccontextmanager
async def serving(server: HelmServer, *, tls: ssl.SSLContext | None = None) -> AsyncIterator[HelmServer]:
    app = web.Application()
    app.router.add_get("/{path:.*}", server.answer)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0, ssl_context=tls)
    await site.start()
    server.url = f"{'https' if tls else 'http'}://127.0.0.1:{runner.addresses[0][1]}"
    try:
        yield server
    finally:
        await runner.cleanup()
