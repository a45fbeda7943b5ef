"""An application's certificate, with which it proves to Microsoft Entra who it is.

Answers to `azidentity.ParseCertificates` (PEM or PKCS #12, an RSA key, encrypted in PKCS #12 only) and to the
documented assertion of the Microsoft identity platform: a JSON Web Token under PS256 that names the certificate by its
SHA-256.
"""

import base64
import hashlib
import secrets
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

import msgspec
from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from cryptography.hazmat.primitives.serialization import pkcs12
from cryptography.x509 import Certificate

_LIFE = timedelta(minutes=10)
_PEM = b"-----BEGIN "


class BadCertificate(ValueError):
    """It is no certificate with its key. The message holds neither."""


@dataclass(frozen=True, slots=True)
class ClientCertificate:
    """The certificate, its key, and the authorities between it and the root, in their order."""

    leaf: Certificate
    key: rsa.RSAPrivateKey = field(repr=False)
    others: tuple[Certificate, ...] = ()

    def assertion(self, *, client: str, audience: str, now: datetime, chain: bool) -> str:
        """Return the signed statement that we are the client; `chain` adds the certificates themselves."""
        der = [one.public_bytes(serialization.Encoding.DER) for one in (self.leaf, *self.others)]
        header: dict[str, object] = {
            "alg": "PS256",
            "typ": "JWT",
            "x5t#S256": _encoded(hashlib.sha256(der[0]).digest()),
        }
        if chain:
            header["x5c"] = [base64.b64encode(one).decode() for one in der]
        moment = int(now.timestamp())
        claims = {
            "aud": audience,
            "iss": client,
            "sub": client,
            "jti": secrets.token_hex(16),
            "nbf": moment,
            "iat": moment,
            "exp": int((now + _LIFE).timestamp()),
        }
        text = ".".join(_encoded(msgspec.json.encode(part)) for part in (header, claims))
        scheme = padding.PSS(mgf=padding.MGF1(hashes.SHA256()), salt_length=hashes.SHA256.digest_size)
        return f"{text}.{_encoded(self.key.sign(text.encode(), scheme, hashes.SHA256()))}"


def parse(content: bytes, password: bytes | None) -> ClientCertificate:
    """Read certificates and the key of one of them. Raises BadCertificate."""
    key, found = _pem(content) if _PEM in content else _pkcs12(content, password)
    if not isinstance(key, rsa.RSAPrivateKey):
        raise BadCertificate("its key is no RSA key")
    own = key.public_key().public_numbers()
    leaf = next((one for one in found if _numbers(one) == own), None)
    if leaf is None:
        raise BadCertificate("no certificate in it belongs to its key")
    return ClientCertificate(leaf, key, tuple(one for one in found if one is not leaf))


def _pem(content: bytes) -> tuple[object, Sequence[Certificate]]:
    try:
        return serialization.load_pem_private_key(content, password=None), x509.load_pem_x509_certificates(content)
    except TypeError:
        raise BadCertificate("a key in PEM may not be encrypted: use PKCS #12") from None
    except (ValueError, UnsupportedAlgorithm):
        raise BadCertificate("it is no PEM with a certificate and its key") from None


def _pkcs12(content: bytes, password: bytes | None) -> tuple[object, Sequence[Certificate]]:
    try:
        key, leaf, others = pkcs12.load_key_and_certificates(content, password or None)
    except (ValueError, TypeError, UnsupportedAlgorithm):
        raise BadCertificate("it is no PEM and no PKCS #12, or the password is wrong") from None
    return key, [one for one in (leaf, *others) if one is not None]


def _numbers(certificate: Certificate) -> rsa.RSAPublicNumbers | None:
    try:
        key = certificate.public_key()
    except (ValueError, UnsupportedAlgorithm):
        return None
    return key.public_numbers() if isinstance(key, rsa.RSAPublicKey) else None


def _encoded(part: bytes) -> str:
    return base64.urlsafe_b64encode(part).rstrip(b"=").decode()
