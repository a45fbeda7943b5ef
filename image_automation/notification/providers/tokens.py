"""Tokens that a private key makes: GitHub Apps and Google service accounts (JWT, RS256)."""

import base64
from collections.abc import Mapping
from typing import Any

import msgspec
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding, rsa

from image_automation.notification.providers.exchange import Unusable


def signed(claims: Mapping[str, Any], pem: bytes) -> str:
    """Return a signed JWT. Raises Unusable."""
    try:
        key = serialization.load_pem_private_key(pem, password=None)
    except (ValueError, TypeError):
        raise Unusable("the secret's private key cannot be read") from None
    if not isinstance(key, rsa.RSAPrivateKey):
        raise Unusable("the secret's private key is not an RSA key")
    head = _part(msgspec.json.encode({"alg": "RS256", "typ": "JWT"}))
    text = f"{head}.{_part(msgspec.json.encode(dict(claims)))}"
    signature = key.sign(text.encode(), padding.PKCS1v15(), hashes.SHA256())
    return f"{text}.{_part(signature)}"


def _part(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()
