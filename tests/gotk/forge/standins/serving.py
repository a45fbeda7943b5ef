"""A stand-in for a forge behind a real HTTP server, as a forge of one's own."""

import contextlib
from collections.abc import AsyncIterator, Callable

from aiohttp import web

from gotk.http.exchange import Request
from tests.gotk.forge.standins.standin import StandIn
from tests.gotk.oci.serving import serving

_ANY = tuple(range(300, 600))


@contextlib.asynccontextmanager
async def served(
    standin: StandIn, *, path: str, before: Callable[[], object] = lambda: None
) -> AsyncIterator[tuple[str, list[web.Request]]]:
    """Serve a stand-in whose API is below a path; yield its address and the requests, each seen after `before`."""
    seen: list[web.Request] = []

    async def answer(request: web.Request) -> web.Response:
        seen.append(request)
        before()
        raw = request.raw_path
        below = raw.removeprefix(path) if raw.startswith(path) else raw.removeprefix("/api")
        url = f"{standin.prefix}{below}"
        asked = Request(method=request.method, url=url, body=await request.read(), accepts=_ANY)
        found = standin.answer(asked)
        return web.Response(status=found.status, body=found.body, content_type="application/json")

    async with serving(answer) as address:
        yield f"http://{address}", seen
