"""Pairs of SSH keys: a new one for a deploy key, or the public half of one that is there.

Answers to Flux's `pkg/ssh`: a new private key is PKCS 8 in PEM, a public one is a line of `authorized_keys`.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa

CURVES: Mapping[str, Callable[[], ec.EllipticCurve]] = {
    "p256": ec.SECP256R1, "p384": ec.SECP384R1, "p521": ec.SECP521R1,
}  # fmt: skip
ALGORITHMS = ("rsa", "ecdsa", "ed25519")
_EXPONENT = 65537


class Unreadable(ValueError):
    """The text is no private key, or the passphrase does not open it."""


@dataclass(frozen=True, slots=True)
class KeyPair:
    """A private key as text and the line of its public half."""

    private: str = field(repr=False)
    public: str


def generate(algorithm: str, *, bits: int = 2048, curve: str = "p384") -> KeyPair:
    """Make a new pair; `bits` are for rsa, `curve` for ecdsa."""
    key: Any
    if algorithm == "rsa":
        key = rsa.generate_private_key(_EXPONENT, bits)
    elif algorithm == "ecdsa":
        key = ec.generate_private_key(CURVES[curve]())
    else:
        key = ed25519.Ed25519PrivateKey.generate()
    pem = key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    return KeyPair(pem.decode(), _line(key))


def load(private: str, passphrase: str = "") -> KeyPair:
    """Find the public half of a private key. Raises Unreadable."""
    read = serialization.load_ssh_private_key if "OPENSSH" in private else serialization.load_pem_private_key
    try:
        key = read(private.encode(), passphrase.encode() if passphrase else None)
    except TypeError:
        raise Unreadable("it is not locked" if passphrase else "it is locked, and there is no passphrase") from None
    except (ValueError, UnsupportedAlgorithm):
        raise Unreadable("the passphrase does not open it" if passphrase else "it is no private key") from None
    return KeyPair(private, _line(key))


def _line(key: Any) -> str:
    public = key.public_key().public_bytes(serialization.Encoding.OpenSSH, serialization.PublicFormat.OpenSSH)
    return f"{public.decode()}\n"
