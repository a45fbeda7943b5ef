"""JSON Web Tokens signed with an RSA key (RS256): how service accounts and apps prove who they are."""

import base64
from collections.abc import Mapping

import msgspec
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding, rsa


def sign(claims: Mapping[str, str | int], key: bytes) -> str:
    """Return the signed token. Raises ValueError for what is no RSA key in PEM."""
    try:
        private = serialization.load_pem_private_key(key, password=None)
    except (ValueError, TypeError, UnsupportedAlgorithm):
        raise ValueError("it is no RSA key in PEM, or it is encrypted") from None
    if not isinstance(private, rsa.RSAPrivateKey):
        raise ValueError("it is no RSA key")  # noqa: TRY004 - a wrong value: its type is always bytes
    text = ".".join(_encoded(msgspec.json.encode(part)) for part in ({"alg": "RS256", "typ": "JWT"}, claims))
    return f"{text}.{_encoded(private.sign(text.encode(), padding.PKCS1v15(), hashes.SHA256()))}"


def _encoded(part: bytes) -> str:
    return base64.urlsafe_b64encode(part).rstrip(b"=").decode()
