"""The key that an SSH server shows: asked for once, for the line of `known_hosts` that the service then holds it to.

Answers to `ScanHostKey` of Flux's `pkg/ssh` and to RFC 4253, 5656 and 8731: versions, algorithms, one exchange of keys,
up to the proof that the server has the key that it shows. Nobody logs in. Whose key it is, nobody can tell from here:
the line is as good as the network is at this moment.
"""

import asyncio
import base64
import hashlib
import secrets
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, x25519

from gotk.git.objects.ssh_keys import Malformed, PublicKey, Reader

PORT = 22

_VERSION = b"SSH-2.0-image-automation"
_DISCONNECT, _KEXINIT, _KEX_INIT, _KEX_REPLY = 1, 20, 30, 31
_TALK = frozenset({2, 3, 4})  # what may come at any time: ignore, unimplemented, debug
_LONGEST_LINE = 255
_LONGEST_PACKET = 35_000
_MOST = 64  # lines before the version, packets before the answer
#: In the order that Go's library prefers, which is what flux writes down.
_KEYS = (
    "ecdsa-sha2-nistp256", "ecdsa-sha2-nistp384", "ecdsa-sha2-nistp521", "ssh-ed25519", "rsa-sha2-256", "rsa-sha2-512",
)  # fmt: skip
#: RFC 3526, section 3: the prime of 2048 bits.
_GROUP_14 = int(
    "FFFFFFFFFFFFFFFFC90FDAA22168C234C4C6628B80DC1CD129024E088A67CC74020BBEA63B139B22514A08798E3404DDEF9519B3CD3A431B"
    "302B0A6DF25F14374FE1356D6D51C245E485B576625E7EC6F44C42E9A637ED6B0BFF5CB6F406B7EDEE386BFB5A899FA5AE9F24117C4B1FE6"
    "49286651ECE45B3DC2007CB8A163BF0598DA48361C55D39A69163FA8FD24CF5F83655D23DCA3AD961C62F356208552BB9ED529077096966D"
    "670C354E4ABC9804F1746C08CA18217C32905E462E36CE3BE39E772C180E86039B2783A2EC07A28FB5C55DF06F4C52C9DE2BCBF695581718"
    "3995497CEA956AE515D2261898FA051015728E5A8AACAA68FFFFFFFFFFFFFFFF",
    16,
)


class ScanError(Exception):
    """There is no key to be had of this server; the message says why."""


@dataclass(frozen=True, slots=True)
class _Exchange:
    """One way to agree on a secret: what to send, and what the secret is, given what came back. Both as on the wire."""

    digest: Callable[[bytes], Any]
    public: bytes
    secret: Callable[[bytes], int]


def _curve25519() -> _Exchange:
    private = x25519.X25519PrivateKey.generate()

    def secret(theirs: bytes) -> int:
        return int.from_bytes(private.exchange(x25519.X25519PublicKey.from_public_bytes(theirs)), "big")

    return _Exchange(hashlib.sha256, _string(private.public_key().public_bytes_raw()), secret)


def _nist(curve: ec.EllipticCurve, digest: Callable[[bytes], Any]) -> Callable[[], _Exchange]:
    def make() -> _Exchange:
        private = ec.generate_private_key(curve)
        point = private.public_key().public_bytes(
            serialization.Encoding.X962, serialization.PublicFormat.UncompressedPoint
        )

        def secret(theirs: bytes) -> int:
            public = ec.EllipticCurvePublicKey.from_encoded_point(curve, theirs)
            return int.from_bytes(private.exchange(ec.ECDH(), public), "big")

        return _Exchange(digest, _string(point), secret)

    return make


def _group14() -> _Exchange:
    private = secrets.randbelow(_GROUP_14 // 2 - 2) + 2

    def secret(theirs: bytes) -> int:
        number = int.from_bytes(theirs, "big")
        if not 1 < number < _GROUP_14 - 1:
            raise ValueError
        return pow(number, private, _GROUP_14)

    return _Exchange(hashlib.sha256, _mpint(pow(2, private, _GROUP_14)), secret)


_EXCHANGES: Mapping[str, Callable[[], _Exchange]] = {
    "curve25519-sha256": _curve25519,
    "curve25519-sha256@libssh.org": _curve25519,
    "ecdh-sha2-nistp256": _nist(ec.SECP256R1(), hashlib.sha256),
    "ecdh-sha2-nistp384": _nist(ec.SECP384R1(), hashlib.sha384),
    "ecdh-sha2-nistp521": _nist(ec.SECP521R1(), hashlib.sha512),
    "diffie-hellman-group14-sha256": _group14,
}


async def scan(host: str, port: int = PORT, *, timeout: float = 30.0) -> str:
    """Return the line of `known_hosts` for a server: its name, the type of its key, the key. Raises ScanError."""
    place = f"{host}:{port}"
    try:
        async with asyncio.timeout(timeout), _connection(host, port) as (reader, writer):
            key = await _Conversation(reader, writer).key()
    except TimeoutError:
        raise ScanError(f"SSH key scan for host {place} failed, error: no answer within {timeout:g}s") from None
    except OSError as error:
        raise ScanError(f"SSH key scan for host {place} failed, error: {error.strerror or error}") from None
    except (EOFError, ValueError) as error:
        cause = "the connection ended" if isinstance(error, EOFError) else error
        raise ScanError(f"SSH key scan for host {place} failed, error: {cause}") from None
    name = host if port == PORT else f"[{host}]:{port}"
    type_ = Reader(key.blob).string().decode()
    return f"{name} {type_} {base64.b64encode(key.blob).decode()}"


@asynccontextmanager
async def _connection(host: str, port: int) -> AsyncIterator[tuple[asyncio.StreamReader, asyncio.StreamWriter]]:
    reader, writer = await asyncio.open_connection(host, port, limit=_LONGEST_PACKET)
    try:
        yield reader, writer
    finally:
        writer.close()


class _Conversation:
    """What is said until the server has proven its key."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer

    async def key(self) -> PublicKey:
        """Return the server's key. Raises ValueError with the cause, EOFError where the server hangs up."""
        self._writer.write(_VERSION + b"\r\n")
        theirs = await self._version()
        mine = _offer()
        self._send(mine)
        offer = await self._message(_KEXINIT)
        exchange = _EXCHANGES[_agreed(offer, 0, tuple(_EXCHANGES))]()
        _agreed(offer, 1, _KEYS)
        guess_is_wrong = offer[-5] and not _guessed(offer)
        self._send(bytes([_KEX_INIT]) + exchange.public)
        if guess_is_wrong:
            await self._packet()
        reply = Reader((await self._message(_KEX_REPLY))[1:])
        blob, public, signature = reply.string(), reply.string(), reply.string()
        try:
            secret = exchange.secret(public)
        except ValueError:
            raise ValueError("the server's half of the exchange is malformed") from None
        parts = (_VERSION, theirs, mine, offer, blob)
        transcript = b"".join(map(_string, parts)) + exchange.public + _string(public) + _mpint(secret)
        key = PublicKey(blob)
        if not key.verifies(signature, exchange.digest(transcript).digest()):
            raise ValueError("the server does not prove that it has the key that it shows")
        return key

    async def _version(self) -> bytes:
        for _ in range(_MOST):
            try:
                line = await self._reader.readline()
            except ValueError:
                break  # a line without an end
            if not line.endswith(b"\n"):
                raise EOFError
            if line.startswith(b"SSH-"):
                if not line.startswith((b"SSH-2.0-", b"SSH-1.99-")) or len(line) > _LONGEST_LINE:
                    raise ValueError("the server speaks another version of SSH")
                return line.rstrip(b"\r\n")
        raise ValueError("this is no SSH server")

    def _send(self, payload: bytes) -> None:
        padding = 8 - (len(payload) + 5) % 8
        padding += 8 if padding < 4 else 0
        length = (len(payload) + padding + 1).to_bytes(4, "big")
        self._writer.write(length + bytes([padding]) + payload + secrets.token_bytes(padding))

    async def _message(self, kind: int) -> bytes:
        """Return the next packet of a kind, past what may come at any time."""
        for _ in range(_MOST):
            payload = await self._packet()
            if payload[0] == kind:
                return payload
            if payload[0] == _DISCONNECT:
                raise ValueError(f"the server hangs up: {_reason(payload)}")
            if payload[0] not in _TALK:
                raise ValueError(f"the server says something else ({payload[0]})")
        raise ValueError("the server talks and does not answer")

    async def _packet(self) -> bytes:
        length = int.from_bytes(await self._reader.readexactly(4), "big")
        if not 2 <= length <= _LONGEST_PACKET:
            raise ValueError("a packet has an impossible length")
        body = await self._reader.readexactly(length)
        payload = body[1 : length - body[0]]
        if not payload:
            raise ValueError("a packet is empty")
        return payload


def _offer() -> bytes:
    """Return which algorithms there are here. Those for afterwards are named, and never come to be used."""
    after = ("aes128-ctr,aes256-ctr", "hmac-sha2-256,hmac-sha2-512,hmac-sha1", "none")
    lists = [",".join(_EXCHANGES), ",".join(_KEYS), *(each for each in after for _ in range(2)), "", ""]
    return (
        bytes([_KEXINIT])
        + secrets.token_bytes(16)
        + b"".join(_string(each.encode()) for each in lists)
        + bytes(5)  # no packet follows by a guess; four bytes are reserved
    )


def _lists(offer: bytes) -> tuple[Sequence[str], Sequence[str]]:
    """Return a server's exchanges and key types. Raises Malformed."""
    reader = Reader(offer[17:])
    lists = [reader.string().decode("ascii", "replace").split(",") for _ in range(10)]
    if len(reader.rest) != 5:
        raise Malformed("the server's list of algorithms is malformed")
    return lists[0], lists[1]


def _agreed(offer: bytes, which: int, ours: Sequence[str]) -> str:
    theirs = _lists(offer)[which]
    found = next((each for each in ours if each in theirs), None)
    if found is None:
        what = ("ways to exchange keys", "types of host keys")[which]
        raise ValueError(f"no common {what}: the server has {', '.join(theirs)[:200]}")
    return found


def _guessed(offer: bytes) -> bool:
    """Tell whether the server's guess, whose packet follows at once, was right."""
    exchanges, keys = _lists(offer)
    return exchanges[0] == next(iter(_EXCHANGES)) and keys[0] == _KEYS[0]


def _reason(payload: bytes) -> str:
    try:
        text = Reader(payload[5:]).string().decode(errors="replace")
    except Malformed:
        text = ""
    return "".join(char if char.isprintable() else "?" for char in text[:200]) or "without a reason"


def _string(value: bytes) -> bytes:
    return len(value).to_bytes(4, "big") + value


def _mpint(number: int) -> bytes:
    return _string(number.to_bytes(number.bit_length() // 8 + 1, "big") if number else b"")
