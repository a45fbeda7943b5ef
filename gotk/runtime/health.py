"""The two small HTTP servers of every Flux controller: metrics on `:8080`, health on `:9440`.

An address is `host:port`; no host is every interface, port 0 picks a free one, and `0` or nothing turns the server off.
"""

import socket
import ssl
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager

from aiohttp import web

from gotk.runtime.metrics import Metrics


def parse_address(address: str) -> tuple[str | None, int] | None:
    """Split `host:port`; None where the server is off. Raises ValueError."""
    if address in {"", "0"}:
        return None
    host, colon, port = address.rpartition(":")
    if not colon or not port.isdecimal() or int(port) > 65535:
        raise ValueError(f"invalid address {address!r}: expected host:port, such as :8080")
    return host.removeprefix("[").removesuffix("]") or None, int(port)


@asynccontextmanager
async def serve(address: str, app: web.Application, tls: ssl.SSLContext | None = None) -> AsyncIterator[int]:
    """Serve an application at an address, over TLS if so, and give its port, 0 where it is off. Raises OSError."""
    parsed = parse_address(address)
    if parsed is None:
        yield 0
        return
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=2.0)
    await runner.setup()
    try:
        site = web.SockSite(runner, _listen(*parsed), ssl_context=tls)
        await site.start()
        yield int(runner.addresses[0][1])
    finally:
        await runner.cleanup()


def _listen(host: str | None, port: int) -> socket.socket:
    """Open the listening socket: without a host one for both IP versions, where the machine has both."""
    if host is None and socket.has_dualstack_ipv6():
        return socket.create_server(("", port), family=socket.AF_INET6, dualstack_ipv6=True)
    family = socket.AF_INET6 if host and ":" in host else socket.AF_INET
    return socket.create_server((host or "", port), family=family)


def metrics_app(metrics: Metrics) -> web.Application:
    """Return the application that serves `/metrics`."""

    async def show(request: web.Request) -> web.Response:
        body, content_type = metrics.render(request.headers.get("Accept", ""))
        return web.Response(body=body, headers={"Content-Type": content_type})

    app = web.Application()
    app.router.add_get("/metrics", show)
    return app


def health_app(*, unready: Callable[[], Sequence[str]]) -> web.Application:
    """Return the application that serves `/healthz` (this process answers) and `/readyz` (it can be relied on).

    `unready` returns the reasons why it cannot, which are the answer then.
    """

    async def healthz(_: web.Request) -> web.Response:
        return web.Response(text="ok")

    async def readyz(_: web.Request) -> web.Response:
        reasons = unready()
        if not reasons:
            return web.Response(text="ok")
        return web.Response(status=503, text="".join(f"not ready: {reason}\n" for reason in reasons))

    app = web.Application()
    app.router.add_get("/healthz", healthz)
    app.router.add_get("/readyz", readyz)
    return app
