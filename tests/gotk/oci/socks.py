"""A SOCKS5 proxy of one process: enough of RFC 1928 and 1929 to be connected through."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from dataclasses import dataclass, field


@dataclass
class Socks:
    """Where it listens, who came and where they wanted to go. Everything leads to `target`."""

    target: tuple[str, int]
    address: str = ""
    users: list[tuple[str, str]] = field(default_factory=list)
    wanted: list[str] = field(default_factory=list)
    refuse: bool = False

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            await self._talk(reader, writer)
        except (ConnectionError, asyncio.IncompleteReadError):
            pass
        finally:
            writer.close()

    async def _talk(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        methods = await reader.readexactly((await reader.readexactly(2))[1])
        if 2 in methods:
            writer.write(b"\x05\x02")
            user = await reader.readexactly((await reader.readexactly(2))[1])
            password = await reader.readexactly((await reader.readexactly(1))[0])
            self.users.append((user.decode(), password.decode()))
            writer.write(b"\x01\x00")
        else:
            writer.write(b"\x05\x00")
        kind = (await reader.readexactly(4))[3]
        size = (await reader.readexactly(1))[0] if kind == 3 else 4
        host = await reader.readexactly(size)
        await reader.readexactly(2)
        self.wanted.append(host.decode() if kind == 3 else ".".join(map(str, host)))
        if self.refuse:
            writer.write(b"\x05\x02\x00\x01" + bytes(6))
            return
        writer.write(b"\x05\x00\x00\x01" + bytes(6))
        there, back = await asyncio.open_connection(*self.target)
        async with asyncio.TaskGroup() as group:
            group.create_task(_pump(reader, back))
            group.create_task(_pump(there, writer))


async def _pump(source: asyncio.StreamReader, sink: asyncio.StreamWriter) -> None:
    try:
        while chunk := await source.read(65536):
            sink.write(chunk)
    finally:
        sink.close()


@contextlib.asynccontextmanager
async def socks_proxy(target: str) -> AsyncIterator[Socks]:
    host, _, port = target.rpartition(":")
    proxy = Socks((host, int(port)))
    server = await asyncio.start_server(proxy.serve, "127.0.0.1", 0)
    async with server:
        proxy.address = f"127.0.0.1:{server.sockets[0].getsockname()[1]}"
        yield proxy
