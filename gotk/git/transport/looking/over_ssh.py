"""A remote's references over SSH, on connections that are kept: one session each time, and one at a time.

A handshake of SSH costs three times what a session does, and a process for it ten times as much. The client is
asyncssh, on a loop of its own in a thread of its own. It believes the keys of `known_hosts` and no others, shows one
key, and reads no file, agent or configuration of the machine's or the user's. It can say nothing to a person: whatever
goes wrong here is left to the operation, which has the words (ADR 0097).
"""

import asyncio
import atexit
import contextlib
import getpass
import logging
import os
import re
import threading
import time
from collections.abc import Coroutine
from typing import Any, TypeVar

import asyncssh

from gotk.git.transport import known_hosts, tunnel
from gotk.git.transport.looking import kept, listing, metered
from gotk.git.transport.looking.target import Target
from gotk.git.transport.operation import References

R = TypeVar("R")

_SECONDS, _KEPT_SECONDS = 5.0, 3.0
_GRACE_SECONDS = 1.0
#: Those first that `cryptography` has whole: ChaCha20 with Poly1305 is put together here, at a cost of a millisecond.
_CIPHERS = (
    "aes128-gcm@openssh.com",
    "aes256-gcm@openssh.com",
    "chacha20-poly1305@openssh.com",
    "aes256-ctr",
    "aes128-ctr",
)
#: Paths that stand in a command as they are, in whatever way a server reads it.
_PATH = re.compile(r"[\w./~+@:-]+", re.ASCII)

logging.getLogger("asyncssh").setLevel(logging.CRITICAL + 1)  # it would name hosts, users and what they said


class Failed(OSError):
    """No list came."""


class _Session(asyncssh.SSHClientSession[bytes]):
    """One conversation with `git-upload-pack`."""

    _channel: asyncssh.SSHClientChannel[bytes]

    def __init__(self, prefix: str) -> None:
        self._conversation = listing.Conversation(prefix)
        self.ended: asyncio.Future[References | None] = asyncio.get_running_loop().create_future()

    def connection_made(self, chan: "asyncssh.SSHClientChannel[bytes]") -> None:
        """Remember where to answer."""
        self._channel = chan

    def data_received(self, data: bytes, datatype: int | None) -> None:
        """Go on with the conversation; what is said to people is nobody's."""
        if datatype is not None:
            return
        try:
            answer = self._conversation.heard(data)
        except listing.Malformed:
            self._channel.abort()
            return
        if answer:
            self._channel.write(answer)

    def eof_received(self) -> bool:
        """Close, for there is nothing more to be said."""
        return False

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002 - asyncssh's form
        """The session has ended on both sides, and the server counts it no longer."""
        if not self.ended.done():
            self.ended.set_result(self._conversation.references)


class _Connection:
    """A connection to a server, as one key opens it."""

    def __init__(
        self, connection: asyncssh.SSHClientConnection, way: metered.Metered, loop: asyncio.AbstractEventLoop
    ) -> None:
        self.made = time.monotonic()
        self._connection, self._way, self._loop = connection, way, loop

    def usable(self) -> bool:
        """Tell whether it stands."""
        return not self._connection.is_closed()

    def close(self) -> None:
        """End it."""
        with contextlib.suppress(RuntimeError):  # the loop has ended, and everything with it
            self._loop.call_soon_threadsafe(self._connection.abort)

    async def ended(self) -> None:
        """Wait until it has ended."""
        await self._connection.wait_closed()

    async def ask(self, command: str, prefix: str, seconds: float) -> References | None:
        """Have one session. Raises asyncssh.Error, OSError and TimeoutError."""
        async with asyncio.timeout(seconds):
            session = _Session(prefix)
            self._way.begin()
            await self._connection.create_session(
                lambda: session, command, env={"GIT_PROTOCOL": "version=2"}, encoding=None
            )
            return await session.ended


class _Client:
    """A loop in a thread that starts when it is first needed, and the connections that live there."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._thread: threading.Thread | None = None
        self.connections: kept.Kept[_Connection] = kept.Kept()

    def run(self, work: Coroutine[Any, Any, R]) -> R:
        """Run on the loop what is bounded in time by itself."""
        return asyncio.run_coroutine_threadsafe(work, self.loop()).result()

    def loop(self) -> asyncio.AbstractEventLoop:
        """Return the loop, running."""
        with self._lock:
            if self._loop is None:
                self._loop = _new_loop()
                self._thread = threading.Thread(target=self._loop.run_forever, name="git-ssh", daemon=True)
                self._thread.start()
            return self._loop

    def close(self) -> None:
        """End every connection, and the thread."""
        with self._lock:
            loop, thread, self._loop, self._thread = self._loop, self._thread, None, None
        if loop is None or thread is None:
            return
        ending = asyncio.run_coroutine_threadsafe(_ended(self.connections.close()), loop)
        with contextlib.suppress(TimeoutError):
            ending.result(_GRACE_SECONDS)
        loop.call_soon_threadsafe(loop.stop)
        thread.join(_GRACE_SECONDS)
        if not thread.is_alive():
            loop.close()


async def _ended(closed: list[_Connection]) -> None:
    for each in closed:
        await each.ended()


client = _Client()
atexit.register(client.close)


def references(target: Target, prefix: str) -> References:
    """Ask for the references that begin with a prefix; an older server names all that it has. Raises Failed."""
    command, limit = _command(target.address.path), time.monotonic() + target.timeout
    key = (target.address.host, target.address.port, target.credentials)
    if (waiting := client.connections.take(key)) is not None:
        with contextlib.suppress(Failed):
            return _asked(waiting, key, command, prefix, min(limit - time.monotonic(), _KEPT_SECONDS))
    seconds = min(limit - time.monotonic(), _SECONDS)
    made = _connected(target, seconds)
    return _asked(made, key, command, prefix, seconds)


def _asked(connection: _Connection, key: object, command: str, prefix: str, seconds: float) -> References:
    """Ask over this connection; it is kept where a list came, and closed otherwise."""
    found = None
    try:
        found = client.run(connection.ask(command, prefix, seconds))
    except Exception:  # noqa: BLE001 - whatever a library of strangers' bytes fails of, the operation is there
        raise Failed from None
    finally:
        if found is None:
            connection.close()
        else:
            client.connections.give(key, connection)
    if found is None:
        raise Failed
    return found


def _connected(target: Target, seconds: float) -> _Connection:
    """Open a connection, through the secret's proxy where it has one. Raises Failed."""
    address, credentials = target.address, target.credentials
    try:
        trusted = known_hosts.keys(credentials.known_hosts, address.host, address.port)
        hosts = [asyncssh.import_public_key(key) for key in trusted]
        key = asyncssh.import_private_key(credentials.identity, credentials.passphrase or None)
        if not hosts:
            raise Failed
        way = tunnel.reached(credentials.proxy, address.host, address.number, seconds)
    except tunnel.FAILURES:  # asyncssh's errors of keys are ValueErrors
        raise Failed from None
    try:
        loop, over = client.loop(), metered.Metered(way)
        return _Connection(client.run(_opened(over, target, hosts, key, seconds)), over, loop)
    except Exception:  # noqa: BLE001 - as above
        way.close()
        raise Failed from None


async def _opened(
    way: metered.Metered, target: Target, hosts: list[asyncssh.SSHKey], key: asyncssh.SSHKey, seconds: float
) -> asyncssh.SSHClientConnection:
    _name_this_user()
    async with asyncio.timeout(seconds):
        return await asyncssh.connect(
            target.address.host,
            target.address.number,
            tunnel=way,
            username=target.credentials.username,
            client_keys=[key],
            known_hosts=(hosts, [], []),
            config=None,
            agent_path=None,
            x509_trusted_certs=None,
            preferred_auth="publickey",
            gss_kex=False,
            gss_auth=False,
            encryption_algs=_CIPHERS,
            compression_algs=None,
            client_version="image-automation",
        )


def _name_this_user() -> None:
    """Give this user a name where it has none, as in a container: asyncssh wants one and has no use for it."""
    try:
        getpass.getuser()
    except (KeyError, OSError):
        os.environ["LOGNAME"] = "git"


def _command(path: str) -> str:
    """Return what is asked to run. Raises Failed for a path that would have to be quoted in more than the usual way."""
    if not _PATH.fullmatch(path):
        raise Failed
    return f"git-upload-pack '{path[1:] if path.startswith('/~') else path}'"


def _new_loop() -> asyncio.AbstractEventLoop:
    try:
        import uvloop  # noqa: PLC0415 - it is not everywhere
    except ImportError:
        return asyncio.new_event_loop()
    return uvloop.new_event_loop()
