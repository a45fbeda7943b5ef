"""GETs over aiohttp's connections and parser, without what its session makes of each request.

An unchanged scan is one small GET, and half of it was spent on the session's objects for a request, a response
and timers. Here they are made once per origin. Where connections may lead (see `egress`), TLS, limits of headers, the
time limits for connecting and for silence, and one more try where a kept connection turns out to be gone are the
session's own, as they were (ADR 0100).
"""

import asyncio
import ssl
from collections.abc import Mapping
from dataclasses import dataclass

import aiohttp
from aiohttp.connector import Connection
from aiohttp.http import HttpProcessingError, StreamWriter
from multidict import CIMultiDictProxy
from yarl import URL

from gotk.bounded import Bounded

_KEPT = 1024


@dataclass(frozen=True, slots=True)
class Reply:
    """An answer whose body has still to be read; then give the connection back, or close it where that failed."""

    status: int
    headers: CIMultiDictProxy[str]
    content: aiohttp.StreamReader
    connection: Connection


class PlainGets:
    """Sends GETs without a body through no proxy; remembers the origins that were asked."""

    def __init__(self) -> None:
        self._origins: Bounded[tuple[int, int, str, str], aiohttp.ClientRequest] = Bounded(_KEPT)

    async def send(
        self,
        session: aiohttp.ClientSession,
        url: URL,
        headers: Mapping[str, str],
        context: ssl.SSLContext,
    ) -> Reply:
        """Send a GET and return the beginning of its answer. Raises what the session raises.

        The URL has no credentials in it.
        """
        assert session.connector is not None
        if url.scheme not in session.connector.allowed_protocol_schema_set:
            raise aiohttp.NonHttpUrlClientError(url)
        if not url.raw_host:
            raise aiohttp.InvalidURL(url)
        origin = self._origin(session, url, context)
        try:
            return await self._try(session, origin, url, headers)
        except aiohttp.ClientConnectorError:
            raise
        except (aiohttp.ClientOSError, aiohttp.ServerDisconnectedError):
            # A kept connection that the server has closed meanwhile says so when it is used.
            return await self._try(session, origin, url, headers)

    def _origin(self, session: aiohttp.ClientSession, url: URL, context: ssl.SSLContext) -> aiohttp.ClientRequest:
        """Return a request that stands for an origin: how it is connected to, and the headers that all have."""
        key = (id(session), id(context), url.scheme, url.raw_authority)
        if (known := self._origins.get(key)) is None or known.session is not session or known.ssl is not context:
            known = aiohttp.ClientRequest(
                "GET",
                url.origin(),
                headers=session.headers,
                loop=asyncio.get_running_loop(),
                session=session,
                ssl=context,
            )
            self._origins.put(key, known)
        return known

    async def _try(
        self, session: aiohttp.ClientSession, origin: aiohttp.ClientRequest, url: URL, headers: Mapping[str, str]
    ) -> Reply:
        sent = origin.headers.copy()
        sent.update(headers)
        assert session.connector is not None
        connection = await session.connector.connect(origin, [], session.timeout)
        try:
            protocol = connection.protocol
            assert protocol is not None
            protocol.set_response_params(
                read_until_eof=True,
                auto_decompress=session.auto_decompress,
                read_timeout=session.timeout.sock_read,
            )
            writer = StreamWriter(protocol, origin.loop)
            await writer.write_headers(f"GET {url.raw_path_qs} HTTP/1.1", sent)
            protocol.start_timeout()
            writer.set_eof()
            message, content = await protocol.read()
            while 100 <= message.code < 200 and message.code != 101:
                message, content = await protocol.read()
        except HttpProcessingError as error:
            connection.close()
            about = aiohttp.RequestInfo(url, "GET", CIMultiDictProxy(sent), url)
            raise aiohttp.ClientResponseError(
                about, (), status=error.code, message=error.message, headers=error.headers
            ) from error
        except BaseException:
            connection.close()
            raise
        return Reply(message.code, message.headers, content, connection)
