"""An issuer of tokens on loopback, and tokens as its key or another one signs them."""

import base64
import contextlib
import json
from collections.abc import AsyncIterator
from typing import Any

from aiohttp import web
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa, utils

from gotk.runtime import health

Key = rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey
EDGE = 32


def b64(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def number(value: int, size: int = 0) -> str:
    return b64(value.to_bytes(size or (value.bit_length() + 7) // 8, "big"))


def an_rsa_key() -> rsa.RSAPrivateKey:
    return rsa.generate_private_key(public_exponent=65537, key_size=2048)


def an_ec_key() -> ec.EllipticCurvePrivateKey:
    return ec.generate_private_key(ec.SECP256R1())


def jwk(key: Key) -> dict[str, str]:
    """Return the public half as an issuer publishes it."""
    if isinstance(key, rsa.RSAPrivateKey):
        numbers = key.public_key().public_numbers()
        return {"kty": "RSA", "kid": "1", "alg": "RS256", "n": number(numbers.n), "e": number(numbers.e)}
    point = key.public_key().public_numbers()
    return {"kty": "EC", "kid": "1", "crv": "P-256", "x": number(point.x, EDGE), "y": number(point.y, EDGE)}


def bearer(key: Key, alg: str, **claims: Any) -> str:
    """Return the header with a token that the key signed."""
    head = b64(json.dumps({"alg": alg, "kid": "1"}).encode()) + "." + b64(json.dumps(claims).encode())
    if isinstance(key, rsa.RSAPrivateKey):
        return f"Bearer {head}.{b64(key.sign(head.encode(), padding.PKCS1v15(), hashes.SHA256()))}"
    r, s = utils.decode_dss_signature(key.sign(head.encode(), ec.ECDSA(hashes.SHA256())))
    return f"Bearer {head}.{b64(r.to_bytes(EDGE, 'big') + s.to_bytes(EDGE, 'big'))}"


@contextlib.asynccontextmanager
async def issuing(key: Key) -> AsyncIterator[str]:
    """Serve an issuer and give its address."""

    async def configuration(request: web.Request) -> web.Response:
        issuer = f"http://{request.host}"
        return web.json_response({"issuer": issuer, "jwks_uri": f"{issuer}/keys"})

    async def keys(_: web.Request) -> web.Response:
        return web.json_response({"keys": [jwk(key)]})

    app = web.Application()
    app.router.add_get("/.well-known/openid-configuration", configuration)
    app.router.add_get("/keys", keys)
    async with health.serve("127.0.0.1:0", app) as port:
        yield f"http://127.0.0.1:{port}"
