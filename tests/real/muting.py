"""A proxy of TCP connections that can cut them, or mute them: they stay open and pass nothing on any more.

New ones work. The second is what a load balancer or a mesh's sidecar does that has lost its way: no reset ever
comes, and the kernel of the proxy goes on to acknowledge everything.
"""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager


class Muting:
    """A running proxy: `port` is where it listens, `opened` counts its connections."""

    def __init__(self, host: str, port: int) -> None:
        self.port = 0
        self.opened = 0
        self._server = (host, port)
        self._open: dict[asyncio.Event, asyncio.StreamWriter] = {}

    def mute(self) -> None:
        """Pass nothing on any more on the connections that are open."""
        for muted in self._open:
            muted.set()

    def cut(self) -> None:
        """Break the connections that are open."""
        for writer in self._open.values():
            writer.transport.abort()

    async def talk(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Pass on one connection until either side ends it."""
        self.opened += 1
        muted = asyncio.Event()
        self._open[muted] = writer
        there, onward = await asyncio.open_connection(*self._server)
        try:
            async with asyncio.TaskGroup() as group:
                back = group.create_task(_pass_on(there, writer, muted))
                await _pass_on(reader, onward, muted)
                back.cancel()
        finally:
            del self._open[muted]
            onward.close()
            writer.close()


async def _pass_on(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, muted: asyncio.Event) -> None:
    with contextlib.suppress(OSError):
        while piece := await reader.read(1 << 16):
            if not muted.is_set():
                writer.write(piece)
                await writer.drain()


@asynccontextmanager
async def muting(host: str, port: int) -> AsyncIterator[Muting]:
    """Stand in front of a server until the block ends."""
    proxy = Muting(host, port)
    server = await asyncio.start_server(proxy.talk, "127.0.0.1", 0)
    proxy.port = server.sockets[0].getsockname()[1]
    try:
        yield proxy
    finally:
        server.close()
