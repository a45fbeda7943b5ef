"""The key that an SSH server shows, of OpenSSH's own server and of servers that mean no good."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gotk.git.transport import host_key
from tests.real import git_ssh, keys

Answer = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


@pytest.mark.real
@pytest.mark.parametrize("kind", keys.SSH)
async def test_every_kind_of_key_is_shown(tmp_path: Path, kind: str) -> None:
    with git_ssh.serve(tmp_path, host=keys.SSH[kind]()) as server:
        assert f"{await host_key.scan('127.0.0.1', server.port)}\n" == server.known_hosts


@pytest.mark.real
@pytest.mark.parametrize(
    "exchange",
    [
        "curve25519-sha256", "curve25519-sha256@libssh.org", "ecdh-sha2-nistp256", "ecdh-sha2-nistp384",
        "ecdh-sha2-nistp521", "diffie-hellman-group14-sha256",
    ],
)  # fmt: skip
async def test_every_way_to_exchange_keys_leads_there(tmp_path: Path, exchange: str) -> None:
    with git_ssh.serve(tmp_path, settings=f"KexAlgorithms {exchange}") as server:
        assert f"{await host_key.scan('127.0.0.1', server.port)}\n" == server.known_hosts


@pytest.mark.real
async def test_what_is_not_common_is_said(tmp_path: Path) -> None:
    with (
        git_ssh.serve(tmp_path, settings="KexAlgorithms diffie-hellman-group16-sha512") as server,
        pytest.raises(host_key.ScanError, match="no common ways to exchange keys: the server has diffie-hellman-g"),
    ):
        await host_key.scan("127.0.0.1", server.port)


@asynccontextmanager
async def served(answer: Answer) -> AsyncIterator[int]:
    async def called(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            await answer(reader, writer)
        except (ConnectionError, asyncio.IncompleteReadError):
            pass
        finally:
            writer.close()

    server = await asyncio.start_server(called, "127.0.0.1", 0)
    async with server:
        yield server.sockets[0].getsockname()[1]


def saying(*parts: bytes) -> Answer:
    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readline()
        for part in parts:
            writer.write(part)
        await writer.drain()
        writer.write_eof()
        await reader.read()

    return answer


def packet(payload: bytes, padding: int = 4) -> bytes:
    return (len(payload) + padding + 1).to_bytes(4, "big") + bytes([padding]) + payload + bytes(padding)


def string(value: bytes) -> bytes:
    return len(value).to_bytes(4, "big") + value


def offer(exchange: bytes = b"curve25519-sha256", key: bytes = b"ssh-ed25519", *, follows: bool = False) -> bytes:
    lists = [exchange, key, *[b"none"] * 6, b"", b""]
    return packet(bytes([20]) + bytes(16) + b"".join(map(string, lists)) + bytes([follows]) + bytes(4))


VERSION = b"Welcome\r\nSSH-2.0-Odd\r\n"
ODD = {
    "nothing": ((), "the connection ended"),
    "a line without an end": ((b"a" * 100_000,), "this is no SSH server"),
    "endless lines": ((b"220 mail\r\n" * 100,), "this is no SSH server"),
    "an old version": ((b"SSH-1.5-Old\r\n",), "the server speaks another version of SSH"),
    "an endless packet": ((VERSION, b"\xff" * 8), "a packet has an impossible length"),
    "an empty packet": ((VERSION, packet(b"")), "a packet is empty"),
    "padding past the end": ((VERSION, (2).to_bytes(4, "big") + b"\xff\x14"), "a packet is empty"),
    "half of an offer": ((VERSION, packet(bytes([20]) + bytes(16) + b"\0\0\0\x08abc")), "it ends too early"),
    "too much of an offer": (
        (VERSION, offer()[:4] and packet(bytes([20]) + bytes(16) + string(b"") * 11 + bytes(5))),
        "the server's list of algorithms is malformed",
    ),
    "no exchange": ((VERSION, offer(b"quantum")), "no common ways to exchange keys: the server has quantum"),
    "no key": ((VERSION, offer(key=b"ssh-dss")), "no common types of host keys: the server has ssh-dss"),
    "talk without an end": ((VERSION, packet(b"\x02ignore") * 100), "the server talks and does not answer"),
    "something else": ((VERSION, offer(), packet(b"\x63")), r"the server says something else \(99\)"),
    "a farewell": (
        (VERSION, packet(b"\x01" + bytes(4) + string(b"too many\x1b[31m") + string(b""))),
        r"the server hangs up: too many\?\[31m",
    ),
    "a farewell without a word": ((VERSION, packet(b"\x01")), "the server hangs up: without a reason"),
    "a point on no curve": (
        (VERSION, offer(b"ecdh-sha2-nistp256"), packet(b"\x1f" + string(b"k") + string(b"\4" * 65) + string(b"s"))),
        "the server's half of the exchange is malformed",
    ),
    "a number out of range": (
        (
            VERSION,
            offer(b"diffie-hellman-group14-sha256"),
            packet(b"\x1f" + string(b"k") + string(b"\1") + string(b"s")),
        ),
        "the server's half of the exchange is malformed",
    ),
    "a key without a proof": (
        (
            VERSION,
            offer(follows=True),
            packet(b"\x1e guess"),
            packet(
                b"\x1f" + string(string(b"ssh-ed25519") + string(bytes(32))) + string(bytes([9] * 32)) + string(b"s")
            ),
        ),
        "the server does not prove that it has the key that it shows",
    ),
}


@pytest.mark.parametrize("case", ODD)
async def test_an_odd_server_is_refused_with_the_cause(case: str) -> None:
    said, message = ODD[case]
    async with served(saying(*said)) as port:
        with pytest.raises(
            host_key.ScanError, match=f"SSH key scan for host 127.0.0.1:{port} failed, error: {message}"
        ):
            await host_key.scan("127.0.0.1", port)


async def test_a_server_that_says_nothing_is_waited_for_no_longer_than_said() -> None:
    async def silent(reader: asyncio.StreamReader, _: asyncio.StreamWriter) -> None:
        await reader.read()

    async with served(silent) as port:
        with pytest.raises(host_key.ScanError, match=r"no answer within 0\.01s"):
            await host_key.scan("127.0.0.1", port, timeout=0.01)


async def test_nobody_there_is_said() -> None:
    async with served(saying()) as port:
        pass
    with pytest.raises(host_key.ScanError, match="failed, error: "):
        await host_key.scan("127.0.0.1", port)


@given(payload=st.binary(max_size=60))
async def test_no_damage_goes_through(payload: bytes) -> None:
    async with served(saying(VERSION, offer(), packet(payload))) as port:
        with pytest.raises(host_key.ScanError):
            await host_key.scan("127.0.0.1", port)
