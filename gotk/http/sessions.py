"""The connections to servers: kept alive and shared by every request, apart where they may not go to the same places.

A session per reach (see `egress`) for direct connections and those through HTTP proxies, which aiohttp speaks itself,
and one per SOCKS5 proxy, which it does not.
"""

from types import TracebackType
from typing import Self

import aiohttp
from aiohttp.resolver import ThreadedResolver
from yarl import URL

from gotk.bounded import Bounded
from gotk.http import asked
from gotk.http.body import ACCEPT_ENCODING
from gotk.http.egress import BoundedResolver, Reach, reach_of
from gotk.http.proxy import Proxy

_TIMEOUT = aiohttp.ClientTimeout(total=None, sock_connect=10, sock_read=30)
_SOCKS_KEPT = 64


class Sessions:
    """Opens sessions where they are first needed; an async context manager that closes them."""

    def __init__(self, *, user_agent: str) -> None:
        self._headers = {"User-Agent": user_agent, "Accept-Encoding": ACCEPT_ENCODING}
        self._direct: dict[tuple[Reach, bool], aiohttp.ClientSession] = {}
        self._socks: Bounded[Proxy, aiohttp.ClientSession] = Bounded(_SOCKS_KEPT)
        self._reach: dict[str, Reach] = {}

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for session in (*self._direct.values(), *self._socks.values()):
            await session.close()
        self._direct.clear()
        self._socks.clear()

    def reach(self, url: URL) -> Reach:
        """Return how private a URL's host is: an address by itself, a name by what it last led to."""
        host = url.host or ""
        try:
            return reach_of(host)
        except ValueError:
            return self._reach.get(host, Reach.PUBLIC)

    def direct(self, most: Reach, *, ours: bool) -> aiohttp.ClientSession:
        """Return the session that connects to addresses up to a reach; `ours` are hosts that no server chose."""
        session = self._direct.get((most, ours))
        if session is None:
            # How private a server may lead us is learnt from hosts of our own choice alone.
            seen = self._reach if ours else {}
            resolver = BoundedResolver(ThreadedResolver(), most=most, seen=seen)
            session = self._direct[most, ours] = self._open(
                aiohttp.TCPConnector(limit=0, resolver=resolver, ttl_dns_cache=30)
            )
        return session

    async def through_socks(self, proxy: Proxy) -> aiohttp.ClientSession:
        """Return the session whose connections a SOCKS5 proxy makes; it resolves the names, too."""
        session = self._socks.get(proxy)
        if session is None:
            session = self._open(_socks(proxy))
            for unused in self._socks.put(proxy, session):
                await unused.close()
        return session

    def _open(self, connector: aiohttp.BaseConnector) -> aiohttp.ClientSession:
        return aiohttp.ClientSession(
            connector=asked.only(connector),
            cookie_jar=aiohttp.DummyCookieJar(),
            timeout=_TIMEOUT,
            auto_decompress=False,
            headers=self._headers,
        )


def _socks(proxy: Proxy) -> aiohttp.BaseConnector:
    from aiohttp_socks import ProxyConnector, ProxyType  # noqa: PLC0415 - few need it

    return ProxyConnector(
        host=proxy.url.host or "",
        port=proxy.url.port or 1080,
        proxy_type=ProxyType.SOCKS5,
        username=proxy.username or None,
        password=proxy.password or None,
        rdns=True,
        limit=0,
    )
