"""A server that answers more than it was asked is hung up on, whoever asked it."""

import asyncio
import socket
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager

import aiohttp
import pytest
from yarl import URL

from gotk.http import errors
from gotk.http.egress import Reach
from gotk.http.sessions import Sessions
from gotk.http.transport import Request, Transport
from gotk.kube.connections import Connections

OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi"
EARLY = b"HTTP/1.1 103 Early Hints\r\n\r\n"


@asynccontextmanager
async def of_sessions() -> AsyncIterator[aiohttp.ClientSession]:
    async with Sessions(user_agent="us") as sessions:
        yield sessions.direct(Reach.METADATA, ours=True)


@asynccontextmanager
async def of_an_api_server() -> AsyncIterator[aiohttp.ClientSession]:
    connections = Connections(lambda: None, {})
    async with connections.session() as session:
        yield session
    await connections.close()


@pytest.mark.parametrize("opened", [of_sessions, of_an_api_server])
@pytest.mark.parametrize("count", [1, 5000])
async def test_answers_that_nobody_asked_for_end_the_connection(
    opened: Callable[[], AbstractAsyncContextManager[aiohttp.ClientSession]], count: int
):
    ours, theirs = socket.socketpair()
    async with opened() as session:
        assert session.connector is not None
        transport, protocol = await asyncio.get_running_loop().create_connection(session.connector._factory, sock=ours)
        protocol.set_response_params()
        protocol.data_received(EARLY + OK)
        assert [(await protocol.read())[0].code for _ in range(2)] == [103, 200]
        assert not protocol.should_close
        protocol.data_received(OK * count)
        assert (len(protocol), protocol.should_close, transport.is_closing()) == (0, True, True)
    theirs.close()


async def test_a_server_that_is_always_about_to_answer_is_left():
    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        asked.append(await reader.readuntil(b"\r\n\r\n"))
        writer.write(EARLY * 1000 + OK)
        await reader.read()
        writer.close()

    asked: list[bytes] = []
    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    async with server, Transport() as transport:
        url = URL(f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}")
        with pytest.raises(errors.Unreachable):
            await transport.send(Request(method="GET", url=url, headers={}, limit=1000))
    assert len(asked) == 2
