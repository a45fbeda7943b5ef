"""A network for tests: which names lead to which addresses, and which addresses to which port of this machine.

What is simulated lies below the product: the resolver of the system and the connecting of a socket. Every address that
anybody connects to is remembered; one that is not on the map is unreachable.
"""

import asyncio
import socket
from asyncio.selector_events import BaseSelectorEventLoop
from typing import Any

import pytest


class Network:
    """Names and addresses. `dialled` tells where connections were opened to, as `address:port`."""

    def __init__(self, patch: pytest.MonkeyPatch) -> None:
        self.names: dict[str, str] = {}
        self.hosts: dict[str, str] = {}
        self.dialled: list[str] = []
        self._resolve, self._connect = socket.getaddrinfo, BaseSelectorEventLoop.sock_connect
        patch.setattr(socket, "getaddrinfo", self._getaddrinfo)
        network = self

        async def sock_connect(loop: BaseSelectorEventLoop, sock: socket.socket, address: Any) -> None:
            await network._connect_to(loop, sock, address)

        patch.setattr(BaseSelectorEventLoop, "sock_connect", sock_connect)

    def place(self, host: str, address: str, port: int, local: str) -> None:
        """Let a name lead to an address, of which one port is a server of this machine (`127.0.0.1:port`)."""
        self.names[host] = address
        self.hosts[f"{address}:{port}"] = local

    def _getaddrinfo(self, host: Any, port: Any, *arguments: Any, **more: Any) -> Any:
        return self._resolve(self.names.get(host, host), port, *arguments, **more)

    async def _connect_to(self, loop: BaseSelectorEventLoop, sock: socket.socket, address: Any) -> None:
        wanted = f"{address[0]}:{address[1]}"
        self.dialled.append(wanted)
        local = self.hosts.get(wanted)
        if local is None and not wanted.startswith("127.0.0.1:"):
            await asyncio.sleep(0)
            raise ConnectionRefusedError(111, "no such host on this network")
        target = (local or wanted).rpartition(":")
        await self._connect(loop, sock, (target[0], int(target[2])))
