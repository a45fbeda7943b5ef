"""The connections to one API server, and how those are left behind that are dead or prove who we were.

A connection can die without a word: whatever stands between forgets it, or keeps it open and passes nothing on. The
kernel notices the first, by keep-alives and by what nobody acknowledges. Of the second only an answer tells that does
not come, and then no idle connection is trusted any more: the next request opens a new one. So it is when certificates
were renewed, too, because a connection proves what it was opened with.
"""

import asyncio
import socket
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from ssl import SSLContext
from typing import Any

import aiohttp
from aiohttp.resolver import ThreadedResolver

from gotk.http import asked
from gotk.http.egress import BoundedResolver, Reach

#: After how many silent seconds the kernel asks the other side, how often again, and how many questions may stay open.
_IDLE, _EVERY, _PROBES = 15, 5, 3
#: For how many seconds what was sent may stay unacknowledged.
_UNACKNOWLEDGED = _IDLE + _EVERY * _PROBES
_OPTIONS: tuple[tuple[int, int, int], ...] = (
    (socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1),
    (socket.IPPROTO_TCP, socket.TCP_KEEPIDLE, _IDLE),
    (socket.IPPROTO_TCP, socket.TCP_KEEPINTVL, _EVERY),
    (socket.IPPROTO_TCP, socket.TCP_KEEPCNT, _PROBES),
    (socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, _UNACKNOWLEDGED * 1000),
)


def watched_socket(address: tuple[Any, ...]) -> socket.socket:
    """Open a socket, for an entry of getaddrinfo, that notices within 30 s when the other side is no longer there."""
    family, type_, protocol, *_ = address
    made = socket.socket(family, type_, protocol)
    for level, option, value in _OPTIONS:
        made.setsockopt(level, option, value)
    return made


@dataclass(eq=False, slots=True)
class _Pool:
    """A session, how many requests are under way in it, and whether it ends with the last of them."""

    session: aiohttp.ClientSession
    context: SSLContext | None
    opened_at: float
    users: int = 0
    retired: bool = False


class Connections:
    """Sessions with one server, one of which is current. `context` gives what connections are opened with now."""

    def __init__(
        self, context: Callable[[], SSLContext | None], headers: Mapping[str, str], *, most: Reach | None = None
    ) -> None:
        """Open none yet. With `most` a name may lead to no address that is more private."""
        self._context = context
        self._most = most
        self._headers = headers
        self._pool: _Pool | None = None
        self._all: set[_Pool] = set()

    @asynccontextmanager
    async def session(self) -> AsyncIterator[aiohttp.ClientSession]:
        """Give the current session for one request."""
        context = self._context()
        if self._pool is not None and self._pool.context is not context:
            await self._retire()
        if self._pool is None:
            self._pool = _Pool(self._open(context), context, asyncio.get_running_loop().time())
            self._all.add(self._pool)
        pool = self._pool
        pool.users += 1
        try:
            yield pool.session
        finally:
            pool.users -= 1
            await self._end_unused(pool)

    async def renew(self, *, opened_before: float) -> None:
        """Open new connections from now on, where the current ones are that old; requests under way keep theirs.

        The moment is one of the event loop's clock.
        """
        if self._pool is not None and self._pool.opened_at <= opened_before:
            await self._retire()

    async def close(self) -> None:
        """Close all connections, whoever uses them."""
        self._pool = None
        while self._all:
            await self._all.pop().session.close()

    async def _retire(self) -> None:
        pool, self._pool = self._pool, None
        if pool is not None:
            pool.retired = True
            await self._end_unused(pool)

    async def _end_unused(self, pool: _Pool) -> None:
        if pool.retired and not pool.users:
            self._all.discard(pool)
            await pool.session.close()

    def _open(self, context: SSLContext | None) -> aiohttp.ClientSession:
        resolver = None if self._most is None else BoundedResolver(ThreadedResolver(), most=self._most, seen={})
        connector = aiohttp.TCPConnector(
            ssl=context or True, limit=0, keepalive_timeout=60, socket_factory=watched_socket, resolver=resolver
        )
        return aiohttp.ClientSession(
            connector=asked.only(connector),
            headers=self._headers,
            cookie_jar=aiohttp.DummyCookieJar(),
            timeout=aiohttp.ClientTimeout(total=None, sock_connect=10),
            read_bufsize=1 << 20,
        )
