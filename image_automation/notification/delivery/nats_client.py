"""A connection to one NATS server: the client library over a transport of ours.

Names become addresses here, so that link-local ones, where clouds keep their credentials, are never spoken to; and
where TLS is wanted nothing of ours is written before it is there, whatever the server says of itself.
"""

import asyncio
import contextlib
import math
import ssl
from collections.abc import AsyncIterator
from urllib.parse import ParseResult

from aiohttp.abc import AbstractResolver
from nats.aio.client import Client
from nats.aio.transport import TcpTransport
from nats.errors import Error

from image_automation.notification.delivery import nats_keys
from image_automation.notification.providers.nats import Server

_NAME = "image-automation"


class PlainTextError(Error):
    """The server does not offer the TLS that was asked for."""

    def __str__(self) -> str:
        return "the server offers no TLS"


class _Transport(TcpTransport):
    """Connects to what the resolver allows."""

    def __init__(self, resolver: AbstractResolver, *, secure: bool) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self._resolver = resolver
        self._secure = secure
        self._between = False

    def __bool__(self) -> bool:
        return True  # the client makes a transport of its own where it finds none

    async def connect(self, uri: ParseResult, buffer_size: int, connect_timeout: int) -> None:
        """Try the addresses of the host, one after the other."""
        found = await self._resolver.resolve(uri.hostname or "", uri.port or 0)
        for last, address in enumerate(found, start=1 - len(found)):
            there = uri._replace(netloc=f"[{address['host']}]:{address['port']}")
            try:
                await super().connect(there, buffer_size, connect_timeout)
            except OSError:
                if not last:
                    raise
            else:
                return

    async def connect_tls(
        self, uri: str | ParseResult, ssl_context: ssl.SSLContext, buffer_size: int, connect_timeout: int
    ) -> None:
        """Go over to TLS."""
        self._between = True
        await super().connect_tls(uri, ssl_context, buffer_size, connect_timeout)
        self._between = self._secure = False

    async def wait_closed(self) -> None:
        """Wait until the connection is closed; of one that ended on its way to TLS nobody would tell."""
        if not self._between:
            await super().wait_closed()  # type: ignore[no-untyped-call]

    def write(self, payload: bytes) -> None:
        """Send, once there is TLS where it is wanted."""
        if self._secure:
            raise PlainTextError
        super().write(payload)  # type: ignore[no-untyped-call]


class _Client(Client):
    """The client over a transport that is given to it."""

    def __init__(self, transport: TcpTransport, key: nats_keys.Key | None) -> None:
        super().__init__()
        self._transport = transport
        self._public_nkey = key.public if key else None


@contextlib.asynccontextmanager
async def connected(
    server: Server, resolver: AbstractResolver, context: ssl.SSLContext, *, secure: bool, timeout: float
) -> AsyncIterator[Client]:
    """Give a client that is logged in. Raises OSError, TimeoutError, nats.errors.Error, nats_keys.SeedError."""
    troubles: list[Exception] = []

    async def note(error: Exception) -> None:
        troubles.append(error)

    login = server.login
    key = nats_keys.read(login.seed) if login.seed else None
    host = f"[{server.host}]" if ":" in server.host else server.host
    client = _Client(_Transport(resolver, secure=secure), key)
    try:
        await client.connect(
            f"nats://{host}:{server.port}",
            name=_NAME,
            allow_reconnect=False,
            max_reconnect_attempts=1,
            reconnect_time_wait=0,
            connect_timeout=math.ceil(timeout),
            error_cb=note,
            tls=context,
            user_jwt_cb=login.jwt.encode if login.jwt else None,
            signature_cb=key.sign if key else None,
            user=login.user or None,
            password=login.password or None,
            token=login.token or None,
        )
        yield client
    except Error as error:
        raise (troubles[0] if troubles and not client.is_connected else error) from None
    finally:
        await client.close()


async def publish(client: Client, subject: str, body: bytes, *, timeout: float) -> None:
    """Publish and wait until the server has it. Raises what `connected` raises."""
    await client.publish(subject, body)
    # The client's ping does not queue behind what it publishes: sent before the message, it would prove nothing of it.
    while client.pending_data_size and client.is_connected:  # noqa: ASYNC110 - the client has no event for it
        await asyncio.sleep(0)
    await client.flush(timeout=math.ceil(timeout))
    if client.last_error is not None:
        raise client.last_error
