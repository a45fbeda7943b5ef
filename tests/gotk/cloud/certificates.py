"""Certificates of applications, as Entra knows them, with their keys."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import BestAvailableEncryption, NoEncryption, pkcs12
from cryptography.x509.oid import NameOID


@dataclass(frozen=True)
class Made:
    """A certificate, who signed it, and its key."""

    leaf: x509.Certificate
    authority: x509.Certificate
    key: Any

    def pem(self, password: bytes = b"") -> bytes:
        """Return both certificates, the authority's first, and the key."""
        encryption = BestAvailableEncryption(password) if password else NoEncryption()
        form = serialization.PrivateFormat.PKCS8
        key: bytes = self.key.private_bytes(serialization.Encoding.PEM, form, encryption)
        certificates = (one.public_bytes(serialization.Encoding.PEM) for one in (self.authority, self.leaf))
        return b"".join((*certificates, key))

    def packed(self, password: bytes = b"") -> bytes:
        """Return the same as PKCS #12."""
        encryption = BestAvailableEncryption(password) if password else NoEncryption()
        return pkcs12.serialize_key_and_certificates(b"app", self.key, self.leaf, [self.authority], encryption)


def make(*, kind: str = "RSA") -> Made:
    """Make a certificate for an application."""
    root = ec.generate_private_key(ec.SECP256R1())
    key: Any = rsa.generate_private_key(65537, 2048) if kind == "RSA" else ec.generate_private_key(ec.SECP256R1())
    authority = _signed("authority", root.public_key(), root)
    return Made(_signed("application", key.public_key(), root), authority, key)


def _signed(name: str, key: Any, by: ec.EllipticCurvePrivateKey) -> x509.Certificate:
    def named(text: str) -> x509.Name:
        return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, text)])

    builder = x509.CertificateBuilder().subject_name(named(name)).issuer_name(named("authority")).public_key(key)
    since = datetime(2025, 1, 1, tzinfo=UTC)
    builder = builder.serial_number(x509.random_serial_number()).not_valid_before(since)
    return builder.not_valid_after(since + timedelta(days=3650)).sign(by, hashes.SHA256())
