"""Public SSH keys as `authorized_keys` lists them, and the signatures that they verify.

Answers to RFC 4253, RFC 5656 and OpenSSH's PROTOCOL.u2f: a key is a blob of strings that begins with its type's name.
RSA signs with SHA-2 only; a key in a security token (`sk-`) also signs its application, flags and counter.
"""

import base64
import binascii
import hashlib
import itertools
import re
from dataclasses import dataclass

from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding, rsa
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature

#: What Go's library verifies at least.
_SMALLEST_RSA = 1024

_RSA_HASHES: dict[bytes, hashes.HashAlgorithm] = {b"rsa-sha2-256": hashes.SHA256(), b"rsa-sha2-512": hashes.SHA512()}
_CURVE_HASHES: dict[str, hashes.HashAlgorithm] = {
    "secp256r1": hashes.SHA256(),
    "secp384r1": hashes.SHA384(),
    "secp521r1": hashes.SHA512(),
}
_TYPES = frozenset(
    {
        *(b"ssh-ed25519", b"ssh-rsa", b"ecdsa-sha2-nistp256", b"ecdsa-sha2-nistp384", b"ecdsa-sha2-nistp521"),
        *(b"sk-ssh-ed25519@openssh.com", b"sk-ecdsa-sha2-nistp256@openssh.com"),
    }
)
_FIELD = re.compile(rb'(?:[^\s"]|"(?:[^"\\]|\\.)*")+')
_TOKEN_SUFFIX = 5  # a token's flags and counter


class Malformed(ValueError):
    """Bytes that are no key or signature."""


@dataclass(slots=True)
class Reader:
    """Reads strings, each behind its length, off a blob."""

    rest: bytes

    def string(self) -> bytes:
        """Take the next string. Raises Malformed."""
        length = int.from_bytes(self.rest[:4], "big")
        if len(self.rest) < 4 + length:
            raise Malformed("it ends too early")
        found, self.rest = self.rest[4 : 4 + length], self.rest[4 + length :]
        return found


@dataclass(frozen=True, slots=True)
class PublicKey:
    """A public key as its blob."""

    blob: bytes

    @property
    def fingerprint(self) -> str:
        """The fingerprint as OpenSSH prints it."""
        return f"SHA256:{base64.b64encode(hashlib.sha256(self.blob).digest()).decode().rstrip('=')}"

    @property
    def refusal(self) -> str:
        """What Go's library says of a signature that is not this key's."""
        is_rsa = Reader(self.blob).string() == b"ssh-rsa"
        return "crypto/rsa: verification error" if is_rsa else "ssh: signature did not verify"

    def verifies(self, signature: bytes, message: bytes) -> bool:
        """Tell whether a signature's blob is this key's of a message."""
        try:
            reader = Reader(signature)
            form, raw = reader.string(), reader.string()
            self._check(form, raw, reader.rest, message)
        except (Malformed, InvalidSignature):
            return False
        return True

    def _check(self, form: bytes, raw: bytes, suffix: bytes, message: bytes) -> None:
        type_, key = Reader(self.blob).string(), self._loaded()
        if type_.startswith(b"sk-"):
            message, suffix = self._of_token(suffix, message), b""
        if suffix or form not in (_RSA_HASHES if isinstance(key, rsa.RSAPublicKey) else {type_}):
            raise Malformed("the signature is of another type than the key")
        match key:
            case ed25519.Ed25519PublicKey():
                key.verify(raw, message)
            case rsa.RSAPublicKey():
                key.verify(raw, message, padding.PKCS1v15(), _RSA_HASHES[form])
            case ec.EllipticCurvePublicKey():
                numbers = Reader(raw)
                r, s = (int.from_bytes(numbers.string(), "big") for _ in range(2))
                key.verify(encode_dss_signature(r, s), message, ec.ECDSA(_CURVE_HASHES[key.curve.name]))

    def _loaded(self) -> rsa.RSAPublicKey | ec.EllipticCurvePublicKey | ed25519.Ed25519PublicKey:
        type_ = Reader(self.blob).string()
        try:
            key = serialization.load_ssh_public_key(type_ + b" " + base64.b64encode(self.blob))
        except (ValueError, UnsupportedAlgorithm) as error:
            raise Malformed(str(error)) from None
        if isinstance(key, rsa.RSAPublicKey) and key.key_size < _SMALLEST_RSA:
            raise Malformed("the RSA key is too small")
        if not isinstance(key, rsa.RSAPublicKey | ec.EllipticCurvePublicKey | ed25519.Ed25519PublicKey):
            raise Malformed("no key that signs")
        return key

    def _of_token(self, suffix: bytes, message: bytes) -> bytes:
        """Return what a security token signs for a message: its application comes last in the key."""
        if len(suffix) != _TOKEN_SUFFIX:
            raise Malformed("a token's signature has flags and a counter")
        reader, application = Reader(self.blob), b""
        while reader.rest:
            application = reader.string()
        return hashlib.sha256(application).digest() + suffix + hashlib.sha256(message).digest()


def authorized(content: bytes) -> list[PublicKey]:
    """Read the keys of an `authorized_keys` file. Raises Malformed at the first line that is none."""
    lines = (line.strip() for line in content.splitlines())
    return [_key(line) for line in lines if line and not line.startswith(b"#")]


def _key(line: bytes) -> PublicKey:
    """Read `type base64 comment`, behind options or not."""
    fields = _FIELD.findall(line)
    for type_, encoded in itertools.pairwise(fields[:3]):
        try:
            blob = base64.b64decode(encoded, validate=True)
            if type_ in _TYPES and Reader(blob).string() == type_:
                return PublicKey(blob)
        except (Malformed, binascii.Error):
            continue
    raise Malformed("unable to parse authorized key: ssh: no key found")
