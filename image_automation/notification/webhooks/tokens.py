"""JSON Web Tokens of declared issuers: their signature, audience and times.

Answers to OpenID Connect Core 3.1.3.7 and RFC 7515, with the tolerances of the libraries that Flux checks with: none
for the end of a token, five minutes for its beginning. Keys come from where the declared issuer says, on its own host
or by https on another; redirects are not followed, what a token's header says of keys is not looked at. The algorithm
belongs to the key, so that `none` and HMAC with a public key find no way in.
"""

import asyncio
import base64
import binascii
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

import msgspec
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa, utils
from yarl import URL

from gotk import lenient
from gotk.http.egress import Reach
from gotk.http.errors import HTTPError
from gotk.http.transport import Request, Transport
from gotk.runtime.clock import Clock
from image_automation.notification.receivers.call import RefusedError

GOOGLE = "https://accounts.google.com"
_LIMIT = 256 * 1024
_TIMEOUT = 10.0
_KEPT = 3600.0
_AGAIN = 30.0
_FAILED = 5.0
_LEEWAY = 300.0
_HASHES: Mapping[str, hashes.HashAlgorithm] = {
    "256": hashes.SHA256(),
    "384": hashes.SHA384(),
    "512": hashes.SHA512(),
}
_CURVES: Mapping[str, tuple[type[ec.EllipticCurve], str, int]] = {
    "P-256": (ec.SECP256R1, "ES256", 32),
    "P-384": (ec.SECP384R1, "ES384", 48),
    "P-521": (ec.SECP521R1, "ES512", 66),
}


def read(token: str) -> tuple[dict[str, Any], dict[str, Any], bytes, bytes]:
    """Split a token into header, claims, what is signed and the signature. Nothing is checked. Raises RefusedError."""
    parts = token.split(".")
    if len(parts) != 3 or len(token) > 16384:
        raise RefusedError("there is no bearer token that is a JWT")
    try:
        header, claims = (msgspec.json.decode(_decode(part), type=dict[str, Any]) for part in parts[:2])
        return header, claims, f"{parts[0]}.{parts[1]}".encode(), _decode(parts[2])
    except (ValueError, binascii.Error, RecursionError):
        raise RefusedError("the token is malformed") from None


def bearer(authorization: str) -> str:
    """Return the token of an `Authorization: Bearer` header. Raises RefusedError."""
    scheme, _, token = authorization.partition(" ")
    if scheme != "Bearer" or not token.strip():
        raise RefusedError("there is no bearer token")
    return token.strip()


def check_signature(jwk: Mapping[str, Any], algorithm: str, signed: bytes, signature: bytes) -> None:
    """Check a signature with a key of the issuer. Raises RefusedError."""
    try:
        if jwk.get("kty") == "RSA":
            _check_rsa(jwk, algorithm, signed, signature)
        elif jwk.get("kty") == "EC":
            _check_ec(jwk, algorithm, signed, signature)
        else:
            raise RefusedError("the issuer's key is of a kind that is not taken")
    except (InvalidSignature, KeyError, ValueError, TypeError):
        raise RefusedError("the token's signature does not match") from None


def check_claims(claims: Mapping[str, Any], audience: str, now: float) -> None:
    """Check audience and times. Raises RefusedError."""
    named = claims.get("aud")
    if audience not in (named if isinstance(named, list) else [named]):
        raise RefusedError("the token is made for another audience")
    expires, begins = claims.get("exp"), claims.get("nbf", 0)
    if not isinstance(expires, int | float) or now >= expires:
        raise RefusedError("the token has expired")
    if not isinstance(begins, int | float) or now < begins - _LEEWAY:
        raise RefusedError("the token is not valid yet")


class Issuers:
    """The keys of issuers, fetched when needed and kept for an hour."""

    def __init__(self, *, transport: Transport, clock: Clock) -> None:
        self._transport = transport
        self._clock = clock
        self._keys: dict[str, tuple[float, list[dict[str, Any]]]] = {}
        self._locks: dict[str, asyncio.Lock] = {}

    async def claims(self, token: str, issuer: str, audience: str) -> dict[str, Any]:
        """Return the claims of a token of this issuer for this audience. Raises RefusedError."""
        header, claims, signed, signature = read(token)
        for key in await self._matching(issuer, str(header.get("kid", ""))):
            try:
                check_signature(key, str(header.get("alg", "")), signed, signature)
            except RefusedError:
                continue
            check_claims(claims, audience, self._clock.now().timestamp())
            return claims
        raise RefusedError("no key of the issuer made the token's signature")

    async def _matching(self, issuer: str, kid: str) -> list[dict[str, Any]]:
        async with self._locks.setdefault(issuer, asyncio.Lock()):
            at, keys = self._keys.get(issuer, (float("-inf"), []))
            age = self._clock.monotonic() - at
            found = _named(keys, kid)
            if age > _KEPT or (not found and age > _AGAIN):
                # A failure counts as an answer for a moment, so that calls do not queue up for a host that is down.
                self._keys[issuer] = (self._clock.monotonic() - _AGAIN + _FAILED, [])
                keys = await self._fetch(issuer)
                self._keys[issuer] = (self._clock.monotonic(), keys)
                found = _named(keys, kid)
            return found

    async def configuration(self, issuer: str) -> dict[str, Any]:
        """Return what an issuer says of itself (OpenID Connect Discovery). Raises RefusedError."""
        found = await self._get(issuer.rstrip("/") + "/.well-known/openid-configuration", chosen_by=None)
        if found.get("issuer") != issuer:
            raise RefusedError("the issuer's configuration names another issuer")
        return found

    async def _fetch(self, issuer: str) -> list[dict[str, Any]]:
        address = str((await self.configuration(issuer)).get("jwks_uri", ""))
        if not belongs(address, issuer):
            raise RefusedError("the issuer's keys are on another host, and not by https")
        keys = (await self._get(address, chosen_by=issuer)).get("keys")
        return [key for key in keys if isinstance(key, dict)][:100] if isinstance(keys, list) else []

    async def _get(self, address: str, *, chosen_by: str | None) -> dict[str, Any]:
        try:
            request = Request(
                method="GET",
                url=URL(address),
                headers={"Accept": "application/json"},
                limit=_LIMIT,
                follow=False,
                most=Reach.LOOPBACK,
                chosen_by=URL(chosen_by) if chosen_by else None,
            )
            async with asyncio.timeout(_TIMEOUT):
                answer = await self._transport.send(request)
            if answer.status != 200:
                raise RefusedError(f"the issuer answers {answer.status}")
            lenient.check_depth(answer.body)
            return msgspec.json.decode(answer.body, type=dict[str, Any])
        except (HTTPError, TimeoutError, ValueError):
            raise RefusedError("the issuer cannot be reached or answers nonsense") from None


def _named(keys: list[dict[str, Any]], kid: str) -> list[dict[str, Any]]:
    usable = [key for key in keys if key.get("use", "sig") == "sig"]
    return [key for key in usable if not kid or key.get("kid") in {kid, None}][:10]


def belongs(address: str, issuer: str) -> bool:
    """Tell whether keys lie where the issuer is (same scheme, host and port), or by https elsewhere."""
    keys, declared = urlsplit(address), urlsplit(issuer)
    return keys.scheme == "https" or (keys.scheme, keys.netloc) == (declared.scheme, declared.netloc)


def _check_rsa(jwk: Mapping[str, Any], algorithm: str, signed: bytes, signature: bytes) -> None:
    digest = _HASHES[algorithm[2:]]
    if jwk.get("alg") not in {None, algorithm} or algorithm[:2] not in {"RS", "PS"}:
        raise RefusedError("the token's algorithm is not the key's")
    key = rsa.RSAPublicNumbers(e=_number(jwk["e"]), n=_number(jwk["n"])).public_key()
    if key.key_size < 2048:
        raise RefusedError("the issuer's key is too short")
    pad: padding.AsymmetricPadding = padding.PKCS1v15()
    if algorithm[:2] == "PS":
        pad = padding.PSS(mgf=padding.MGF1(digest), salt_length=padding.PSS.DIGEST_LENGTH)
    key.verify(signature, signed, pad, digest)


def _check_ec(jwk: Mapping[str, Any], algorithm: str, signed: bytes, signature: bytes) -> None:
    curve, wanted, size = _CURVES[jwk["crv"]]
    if algorithm != wanted or len(signature) != 2 * size:
        raise RefusedError("the token's algorithm is not the key's")
    key = ec.EllipticCurvePublicNumbers(x=_number(jwk["x"]), y=_number(jwk["y"]), curve=curve()).public_key()
    r, s = (int.from_bytes(part, "big") for part in (signature[:size], signature[size:]))
    key.verify(utils.encode_dss_signature(r, s), signed, ec.ECDSA(_HASHES[algorithm[2:]]))


def _number(text: str) -> int:
    return int.from_bytes(_decode(text), "big")


def _decode(text: str) -> bytes:
    return base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
