"""Signatures that a public key verifies. No input or output.

Answers to cosign's `--key` as source-controller calls it: SHA-256 for ECDSA and RSA (PKCS#1 v1.5), Ed25519 over the
bytes themselves; transparency logs take no part.
"""

from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding, rsa

from gotk.oci.cosign import claims
from gotk.oci.cosign.claims import Unverified
from gotk.oci.cosign.signatures import Signature

_SHORTEST_RSA = 2048

PublicKey = ec.EllipticCurvePublicKey | rsa.RSAPublicKey | ed25519.Ed25519PublicKey


class InvalidKey(ValueError):
    """A public key that cannot be used."""


def read(pem: bytes) -> PublicKey:
    """Read a public key in PEM. Raises InvalidKey."""
    try:
        key = serialization.load_pem_public_key(pem)
    except (ValueError, UnsupportedAlgorithm) as error:
        raise InvalidKey("it is no public key in PEM") from error
    if not isinstance(key, PublicKey):
        raise InvalidKey("it is a key of another kind than ECDSA, RSA and Ed25519")
    if isinstance(key, rsa.RSAPublicKey) and key.key_size < _SHORTEST_RSA:
        raise InvalidKey(f"it is an RSA key of {key.key_size} bits, fewer than {_SHORTEST_RSA}")
    return key


def check_signature(key: PublicKey, found: Signature, digest: str) -> None:
    """Check a signature of a simple signing document. Raises Unverified."""
    _check(key, found.signature, found.payload)
    claims.check_payload(found.payload, digest)


def check_bundle(key: PublicKey, bundle: bytes, digest: str) -> None:
    """Check the envelope of a Sigstore bundle. Raises Unverified."""
    found = claims.envelope(bundle)
    _check(key, found.signature, found.signed)
    claims.check_statement(found.payload_type, found.payload, digest)


def _check(key: PublicKey, signature: bytes, content: bytes) -> None:
    try:
        if isinstance(key, ec.EllipticCurvePublicKey):
            key.verify(signature, content, ec.ECDSA(hashes.SHA256()))
        elif isinstance(key, rsa.RSAPublicKey):
            key.verify(signature, content, padding.PKCS1v15(), hashes.SHA256())
        else:
            key.verify(signature, content)
    except InvalidSignature as error:
        raise Unverified("the signature is not the key's") from error
