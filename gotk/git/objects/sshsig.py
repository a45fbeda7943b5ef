"""Signatures by SSH keys, as Git stores them in a commit or a tag.

Answers to OpenSSH's PROTOCOL.sshsig: namespace `git`, the message hashed with SHA-512 (verified with SHA-256, too). RSA
signs with `rsa-sha2-512`, whatever the key's own name says. `git verify-commit` and `ssh-keygen -Y` are what this is
tested against; words for what does not fit are those of `fluxcd/pkg/git/signature`.
"""

import base64
import binascii
import hashlib
import textwrap
from collections.abc import Callable, Sequence

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding, rsa
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature

from gotk.git.errors import InvalidSigningKey, Unverified
from gotk.git.objects.ssh_keys import Malformed, PublicKey, Reader, authorized

SMALLEST_RSA = 2048

_NAMESPACE = b"git"
_HASH = b"sha512"
_MAGIC = b"SSHSIG"
_VERSION = (1).to_bytes(4, "big")
_BEGIN, _END = b"-----BEGIN SSH SIGNATURE-----", b"-----END SSH SIGNATURE-----"
_VERIFIED_HASHES = frozenset({b"sha256", b"sha512"})
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
    name, raw = _raw(key, _signed(_HASH, content))
    public = key.public_key().public_bytes(serialization.Encoding.OpenSSH, serialization.PublicFormat.OpenSSH)
    return (
        _MAGIC
        + _VERSION
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


def _signed(algorithm: bytes, content: bytes) -> bytes:
    """Return what a key signs for a commit's bytes."""
    digest = hashlib.new(algorithm.decode(), content).digest()
    return _MAGIC + _string(_NAMESPACE) + _string(b"") + _string(algorithm) + _string(digest)


def _string(data: bytes) -> bytes:
    return len(data).to_bytes(4, "big") + data


def _integer(value: int) -> bytes:
    """Write a positive number as SSH does: a leading zero where the first bit would make it negative."""
    return _string(value.to_bytes(value.bit_length() // 8 + 1, "big"))


def _armored(signature: bytes) -> str:
    body = textwrap.fill(base64.b64encode(signature).decode(), 70)
    return f"-----BEGIN SSH SIGNATURE-----\n{body}\n-----END SSH SIGNATURE-----\n"


def verify(armored: bytes, payload: bytes, files: Sequence[bytes]) -> str:
    """Return the fingerprint of the key, of several `authorized_keys` files, that signed. Raises Unverified."""
    try:
        key, namespace, algorithm, signature = _parsed(_unarmored(armored))
    except (Malformed, binascii.Error) as error:
        raise Unverified(f"unable to unarmor SSH signature: {error}") from None
    causes: list[str] = []
    for candidate in _candidates(files):
        if candidate.blob != key:
            causes.append("public key does not match")
        elif namespace != _NAMESPACE:
            causes.append("namespace does not match")
        elif algorithm not in _VERIFIED_HASHES:
            causes.append('unsupported hash algorithm: must be "sha256" or "sha512"')
        elif candidate.verifies(signature, _signed(algorithm, payload)):
            return candidate.fingerprint
        else:
            causes.append(candidate.refusal)
    told = "\n".join(dict.fromkeys(("no matching key", *causes)))
    raise Unverified(f"unable to verify payload with any of the given authorized keys: {told}")


def _candidates(files: Sequence[bytes]) -> list[PublicKey]:
    """Read what can be read of the files. Raises Unverified where none can be."""
    found: list[PublicKey] = []
    problems: list[str] = []
    for content in files:
        try:
            found += authorized(content)
        except Malformed as error:
            problems.append(str(error))
    if len(problems) == len(files):
        raise Unverified(f"unable to parse authorized keys: {problems[0]}")
    return found


def _unarmored(armored: bytes) -> bytes:
    body = armored.strip()
    if not body.startswith(_BEGIN) or not body.endswith(_END):
        raise Malformed("invalid PEM block")
    return base64.b64decode(b"".join(body[len(_BEGIN) : -len(_END)].split()), validate=True)


def _parsed(blob: bytes) -> tuple[bytes, bytes, bytes, bytes]:
    """Return a signature's public key, namespace, hash algorithm, and what the key made."""
    if not blob.startswith(_MAGIC + _VERSION):
        raise Malformed("it is no signature of version 1")
    reader = Reader(blob.removeprefix(_MAGIC + _VERSION))
    key, namespace, _, algorithm, signature = (reader.string() for _ in range(5))
    if reader.rest:
        raise Malformed("something follows it")
    return key, namespace, algorithm, signature
