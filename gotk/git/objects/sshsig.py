"""Signatures by SSH keys, as Git stores them in a commit.

Answers to OpenSSH's PROTOCOL.sshsig: namespace `git`, the message hashed with SHA-512. RSA signs with `rsa-sha2-512`,
whatever the key's own name says. `git verify-commit` and `ssh-keygen -Y verify` are what this is tested against.
"""

import base64
import hashlib
import textwrap
from collections.abc import Callable

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding, rsa
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature

from gotk.git.errors import InvalidSigningKey

SMALLEST_RSA = 2048

_NAMESPACE = b"git"
_HASH = b"sha512"
_MAGIC = b"SSHSIG"
_CURVES: dict[str, tuple[bytes, hashes.HashAlgorithm]] = {
    "secp256r1": (b"ecdsa-sha2-nistp256", hashes.SHA256()),
    "secp384r1": (b"ecdsa-sha2-nistp384", hashes.SHA384()),
    "secp521r1": (b"ecdsa-sha2-nistp521", hashes.SHA512()),
}

PrivateKey = ed25519.Ed25519PrivateKey | ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey


class Locked(Exception):
    """The key is encrypted and no passphrase was given."""


def load(identity: bytes, passphrase: bytes | None) -> PrivateKey:
    """Read a private key in OpenSSH's form or as PEM. Raises Locked, and InvalidSigningKey."""
    openssh = b"OPENSSH PRIVATE KEY" in identity
    read = serialization.load_ssh_private_key if openssh else serialization.load_pem_private_key
    try:
        key = read(identity, passphrase or None)
    except TypeError:
        if not passphrase:
            raise Locked from None
        key = load(identity, None)  # a passphrase for a key that is not encrypted is left over, not wrong
    except UnsupportedAlgorithm:
        raise InvalidSigningKey("its type is not supported; use ed25519, ecdsa or rsa") from None
    except ValueError:
        cause = "the passphrase does not fit, or it is damaged" if passphrase else "it is not a private key"
        raise InvalidSigningKey(cause) from None
    return _accepted(key)


def _accepted(key: object) -> PrivateKey:
    match key:
        case ed25519.Ed25519PrivateKey():
            return key
        case ec.EllipticCurvePrivateKey() if key.curve.name in _CURVES:
            return key
        case rsa.RSAPrivateKey() if key.key_size >= SMALLEST_RSA:
            return key
        case rsa.RSAPrivateKey():
            raise InvalidSigningKey(f"its RSA key has {key.key_size} bits; use {SMALLEST_RSA} or more")
        case _:
            raise InvalidSigningKey("its type is not supported; use ed25519, ecdsa (p256, p384, p521) or rsa")


def signer(key: PrivateKey) -> Callable[[bytes], str]:
    """Return what makes the armored signature of a commit's bytes."""
    return lambda content: _armored(_signature(key, content))


def _signature(key: PrivateKey, content: bytes) -> bytes:
    digest = hashlib.sha512(content).digest()
    signed = _MAGIC + _string(_NAMESPACE) + _string(b"") + _string(_HASH) + _string(digest)
    name, raw = _raw(key, signed)
    public = key.public_key().public_bytes(serialization.Encoding.OpenSSH, serialization.PublicFormat.OpenSSH)
    return (
        _MAGIC
        + (1).to_bytes(4, "big")
        + _string(base64.b64decode(public.split()[1]))
        + _string(_NAMESPACE)
        + _string(b"")
        + _string(_HASH)
        + _string(_string(name) + _string(raw))
    )


def _raw(key: PrivateKey, signed: bytes) -> tuple[bytes, bytes]:
    """Return the signature algorithm's name and the signature in its own form."""
    if isinstance(key, ed25519.Ed25519PrivateKey):
        return b"ssh-ed25519", key.sign(signed)
    if isinstance(key, rsa.RSAPrivateKey):
        return b"rsa-sha2-512", key.sign(signed, padding.PKCS1v15(), hashes.SHA512())
    name, algorithm = _CURVES[key.curve.name]
    r, s = decode_dss_signature(key.sign(signed, ec.ECDSA(algorithm)))
    return name, _integer(r) + _integer(s)


def _string(data: bytes) -> bytes:
    return len(data).to_bytes(4, "big") + data


def _integer(value: int) -> bytes:
    """Write a positive number as SSH does: a leading zero where the first bit would make it negative."""
    return _string(value.to_bytes(value.bit_length() // 8 + 1, "big"))


def _armored(signature: bytes) -> str:
    body = textwrap.fill(base64.b64encode(signature).decode(), 70)
    return f"-----BEGIN SSH SIGNATURE-----\n{body}\n-----END SSH SIGNATURE-----\n"
