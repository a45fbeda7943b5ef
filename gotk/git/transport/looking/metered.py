"""A way to an SSH server on which no more comes than looks have asked for.

A connection that is kept is read while nobody looks, as servers ask whether we are there still. Whoever sends packets
without a meaning all the time would have the whole service decrypt them, for as long as the connection is kept.
"""

import asyncio
import socket
from collections.abc import Callable
from typing import Any

from gotk.git.transport.looking import listing

#: The most bytes from one question to the next: a list, and what surrounds it.
_MOST = 2 * listing.LONGEST


class Metered:
    """A way over a socket that is connected, as asyncssh takes one for a tunnel."""

    def __init__(self, way: socket.socket) -> None:
        self._way = way
        self._left = _MOST

    def begin(self) -> None:
        """Let as much come as a question may lead to."""
        self._left = _MOST

    def spend(self, count: int) -> bool:
        """Take note of so many bytes; tell whether they were still to be expected."""
        self._left -= count
        return self._left >= 0

    async def create_connection(
        self,
        client: Callable[[], Any],
        host: str,  # noqa: ARG002 - asyncssh's form
        port: int,  # noqa: ARG002
    ) -> tuple[asyncio.BaseTransport, Any]:
        """Put the client onto the socket. Raises OSError."""
        loop = asyncio.get_running_loop()
        transport, protocol = await loop.create_connection(lambda: _Protocol(client(), self.spend), sock=self._way)
        return transport, protocol.client


class _Protocol(asyncio.Protocol):
    """Hands everything on to the client until there is too much of it."""

    def __init__(self, client: Any, spend: Callable[[int], bool]) -> None:
        self.client = client
        self._spend = spend
        self._transport: asyncio.BaseTransport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = transport
        self.client.connection_made(transport)

    def data_received(self, data: bytes) -> None:
        if self._spend(len(data)):
            self.client.data_received(data)
        elif self._transport is not None:
            self._transport.close()

    def eof_received(self) -> None:
        self.client.eof_received()

    def connection_lost(self, exc: Exception | None) -> None:
        self.client.connection_lost(exc)

    def pause_writing(self) -> None:
        self.client.pause_writing()

    def resume_writing(self) -> None:
        self.client.resume_writing()
