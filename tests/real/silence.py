"""A server that takes connections and says nothing.

async with silence.listening() as address:
    address                 # 127.0.0.1:<port>
"""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager


@asynccontextmanager
async def listening() -> AsyncIterator[str]:
    """Listen on a free port of loopback until the block ends; whoever comes is left waiting."""
    left: set[asyncio.Task[None]] = set()

    async def wait(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        left.add(task)
        with contextlib.suppress(ConnectionError, asyncio.CancelledError):
            await reader.read()  # until it is given up
        writer.close()

    async with await asyncio.start_server(wait, "127.0.0.1", 0) as server:
        host, port = server.sockets[0].getsockname()
        yield f"{host}:{port}"
        server.close()
        for task in left:
            task.cancel()
        await asyncio.gather(*left, return_exceptions=True)
