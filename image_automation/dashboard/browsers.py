"""What every answer of the service's web servers has in common: who may be led here, and what a browser may do with it.

A page in a browser can be led to any address by a name that its owner controls (DNS rebinding); so only names that
nobody controls are answered: addresses, `localhost`, and those of a cluster. No answer may be framed, sniffed, cached,
or run a script that is not a file of ours.
"""

import ipaddress
from collections.abc import Awaitable, Callable, Collection
from typing import Final

from aiohttp import web
from aiohttp.typedefs import Middleware

_HEADERS: Final = {
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self';"
        " form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
    ),
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cache-Control": "no-store",
}
Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


def is_direct(host: str, ours: Collection[str] = ()) -> bool:
    """Tell whether a page in a browser cannot have been led here by a name that it controls; `ours` are known names."""
    if host in ours or host == "localhost" or host.endswith(".localhost") or "." not in host:
        return True
    try:
        ipaddress.ip_address(host.strip("[]"))
    except ValueError:
        return host.endswith((".svc", ".cluster.local"))
    return True


class LedHereError(Exception):
    """A browser was led here by a name that may be somebody else's."""


def check_host(request: web.Request, names: Collection[str] = ()) -> None:
    """See that a browser was not led here; `names` are further hosts that are ours. Raises LedHereError."""
    try:
        host = request.url.host or ""
    except ValueError:
        host = "."
    if not is_direct(host, names):
        raise LedHereError("ask for this server by its address or as localhost")


def guard(names: Collection[str]) -> Middleware:
    """Answer only who was not led here; `names` are further hosts that are ours."""

    @web.middleware
    async def direct(request: web.Request, handler: Handler) -> web.StreamResponse:
        check_host(request, names)
        return await handler(request)

    return direct


def is_loopback(host: str | None) -> bool:
    """Tell whether an address to listen on is reached from this machine alone."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host or "0.0.0.0").is_loopback  # noqa: S104 - compared, not bound
    except ValueError:
        return False


async def harden(_: web.Request, response: web.StreamResponse) -> None:
    """Add the headers that every answer has; what an answer has said of its caching stands."""
    for name, value in _HEADERS.items():
        response.headers.setdefault(name, value)
