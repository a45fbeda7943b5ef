"""GETs beneath aiohttp's session: the same bytes, the same errors, and connections that are used again."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable

import aiohttp
import pytest
from yarl import URL

from gotk.http import errors
from gotk.http.plain_get import PlainGets
from gotk.http.sessions import Sessions
from gotk.http.tls import SYSTEM
from gotk.http.transport import Request, Transport

SMALL = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi"
CONTEXT = SYSTEM.context()


class Wire:
    """A server that keeps what it is sent: `answers` gives the bytes for the n-th request, None hangs up."""

    def __init__(self, answers: Callable[[int], bytes | None]) -> None:
        self.heads: list[bytes] = []
        self.connections = 0
        self.asked = asyncio.Event()
        self.writers: list[asyncio.StreamWriter] = []
        self._answers = answers

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        self.writers.append(writer)
        with contextlib.suppress(asyncio.IncompleteReadError, ConnectionError):
            while True:
                self.heads.append(await reader.readuntil(b"\r\n\r\n"))
                self.asked.set()
                answer = self._answers(len(self.heads))
                if answer is None:
                    break
                writer.write(answer)
        writer.close()


async def hung_up(writers: list[asyncio.StreamWriter]) -> None:
    for writer in writers:
        writer.close()
        with contextlib.suppress(ConnectionError):
            await writer.wait_closed()


@contextlib.asynccontextmanager
async def wired(answers: Callable[[int], bytes | None] = lambda _: SMALL) -> AsyncIterator[tuple[Wire, str]]:
    wire = Wire(answers)
    server = await asyncio.start_server(wire.serve, "127.0.0.1", 0)
    async with server:
        yield wire, f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
        await hung_up(wire.writers)


def get(url: str, **headers: str) -> Request:
    return Request(method="GET", url=URL(url), headers=headers, limit=1000)


@pytest.mark.parametrize(
    "headers",
    [
        pytest.param({}, id="none"),
        pytest.param({"Accept": "application/json", "If-None-Match": '"é"'}, id="others"),
        pytest.param({"user-agent": "curl", "ACCEPT-encoding": "br"}, id="in place of the session's"),
        pytest.param({"Host": "elsewhere", "Authorization": "Bearer t"}, id="a host and a token"),
    ],
)
async def test_what_is_sent_is_what_the_session_sends(headers: dict[str, str]):
    async with wired() as (wire, origin), Sessions(user_agent="us") as sessions:
        url = URL(f"{origin}/v2/a%2Fb/tags?n=1&last=%C3%A9")
        session = sessions._open(aiohttp.TCPConnector())
        reply = await PlainGets().send(session, url, headers, CONTEXT)
        assert (reply.status, await reply.content.read()) == (200, b"hi")
        reply.connection.release()
        async with session.get(url, headers=headers) as response:
            await response.read()
        await session.close()
    ours, theirs = (sorted(head.split(b"\r\n")) for head in wire.heads)
    assert ours == theirs


async def test_a_connection_is_used_again():
    async with wired() as (wire, origin), Transport() as transport:
        for path in ("a", "b", "c"):
            assert (await transport.send(get(f"{origin}/{path}"))).body == b"hi"
    assert (wire.connections, len(wire.heads)) == (1, 3)


async def test_a_connection_with_unread_bytes_is_not_used_again():
    long = b"HTTP/1.1 200 OK\r\nContent-Length: 9000\r\n\r\n" + b"x" * 9000
    async with wired(lambda number: long if number == 1 else SMALL) as (wire, origin), Transport() as transport:
        with pytest.raises(errors.TooLarge):
            await transport.send(get(origin))
        assert (await transport.send(get(origin))).body == b"hi"
    assert wire.connections == 2


async def test_a_kept_connection_that_is_gone_costs_one_more_try():
    async with wired(lambda number: None if number == 2 else SMALL) as (wire, origin), Transport() as transport:
        for _ in range(2):
            assert (await transport.send(get(origin))).body == b"hi"
    assert (wire.connections, len(wire.heads)) == (2, 3)


async def test_a_server_that_hangs_up_is_asked_twice_and_no_more():
    async with wired(lambda _: None) as (wire, origin), Transport() as transport:
        with pytest.raises(errors.Unreachable):
            await transport.send(get(origin))
    assert len(wire.heads) == 2


async def test_nobody_listening_is_told_as_ever():
    async with wired() as (_, origin):
        pass
    async with Transport() as transport:
        with pytest.raises(errors.Unreachable, match="connect: connection refused"):
            await transport.send(get(origin))


async def test_what_is_said_before_an_answer_is_passed_over():
    early = b"HTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\n"
    async with wired(lambda _: early + SMALL) as (_, origin), Transport() as transport:
        assert (await transport.send(get(origin))).body == b"hi"


@pytest.mark.parametrize(
    "answer",
    [
        pytest.param(b"SSH-2.0-OpenSSH\r\n\r\n", id="no HTTP"),
        pytest.param(b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nhi", id="two lengths"),
        pytest.param(b"HTTP/1.1 200 OK\r\nX: " + b"x" * 9000 + b"\r\n\r\n", id="an endless header"),
        pytest.param(b"HTTP/1.1 200 OK\r\n" + b"X: x\r\n" * 200 + b"\r\n", id="endless headers"),
    ],
)
async def test_what_is_no_answer_is_a_bad_one(answer: bytes):
    async with wired(lambda _: answer) as (_, origin), Transport() as transport:
        with pytest.raises(errors.BadAnswer, match=f"GET {origin}"):
            await transport.send(get(origin))


async def test_a_body_that_ends_early_is_an_error():
    ends = b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhi"
    async with wired(lambda number: ends if number == 1 else None) as (wire, origin), Transport() as transport:

        async def hang_up() -> None:
            await wire.asked.wait()
            await hung_up(wire.writers)

        async with asyncio.TaskGroup() as group:
            group.create_task(hang_up())
            with pytest.raises(errors.Unreachable):
                await transport.send(get(origin))
    assert len(wire.heads) == 1


@pytest.mark.parametrize("value", ["a\r\nX: y", "a\nb", "a\0b"], ids=["break", "line feed", "zero"])
async def test_no_header_becomes_two(value: str):
    async with wired() as (wire, origin), Transport() as transport:
        with pytest.raises(errors.HTTPError):
            await transport.send(get(origin, Accept=value))
    assert not wire.heads


@pytest.mark.parametrize(
    ("url", "refusal"), [("ftp://example.com/a", aiohttp.NonHttpUrlClientError), ("http:///a", aiohttp.InvalidURL)]
)
async def test_an_address_that_no_session_asks_is_refused_as_by_one(url: str, refusal: type[Exception]) -> None:
    async with aiohttp.ClientSession() as session:
        with pytest.raises(refusal):
            await session.get(URL(url))
        with pytest.raises(refusal):
            await PlainGets().send(session, URL(url), {}, CONTEXT)
