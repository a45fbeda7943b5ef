"""Keys as NATS spells them: Ed25519 seeds and public keys in base32, with a kind and a checksum.

Answers to github.com/nats-io/nkeys. Its Python package comes as source only and with a libsodium of its own; the
algorithm is `cryptography`'s, and the spelling is what stands here.
"""

import base64
import binascii
from dataclasses import dataclass, field

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

_SEED = 18 << 3  # an S in base32
_SUM = 2


class SeedError(ValueError):
    """The text is no seed. The message does not hold it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Key:
    """A key, and its public name."""

    public: str
    private: Ed25519PrivateKey = field(repr=False)

    def sign(self, nonce: str) -> bytes:
        """Sign what a server asks, in base64."""
        return base64.b64encode(self.private.sign(nonce.encode()))


def read(seed: str) -> Key:
    """Read a seed. Raises SeedError."""
    try:
        raw = base64.b32decode(seed + "=" * (-len(seed) % 8))
        body, checksum = raw[:-_SUM], raw[-_SUM:]
        if len(body) < _SUM or body[0] & 0xF8 != _SEED or _checksum(body) != checksum:
            raise SeedError("it is no seed of NATS")
        private = Ed25519PrivateKey.from_private_bytes(body[2:])
    except ValueError:
        raise SeedError("it is no seed of NATS") from None
    kind = (body[0] & 7) << 5 | body[1] >> 3
    return Key(public=_spelt(bytes([kind]) + private.public_key().public_bytes_raw()), private=private)


def seed(kind: int, private: Ed25519PrivateKey) -> str:
    """Spell the seed of a key of a kind, which is the value of its public name's first byte."""
    return _spelt(bytes([_SEED | kind >> 5, (kind & 31) << 3]) + private.private_bytes_raw())


def _spelt(body: bytes) -> str:
    return base64.b32encode(body + _checksum(body)).decode().rstrip("=")


def _checksum(body: bytes) -> bytes:
    return binascii.crc_hqx(body, 0).to_bytes(_SUM, "little")
