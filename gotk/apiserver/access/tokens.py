"""Tokens of service accounts: signed by a key of our own, for an audience, until a time, bound to what exists.

Answers to `pkg/serviceaccount` (claims, validation) and RFC 7519 in its simplest form: ES256 and nothing else, so
that no token chooses how it is checked. A token ends with its account, and with the Pod or Secret it is bound to.
"""

import base64
import secrets
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, Final

import orjson
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, utils

from gotk.apiserver.access import identity, tls
from gotk.apiserver.storage.store import Key, Store

Json = dict[str, Any]

ISSUER: Final = "https://kubernetes.default.svc.cluster.local"
AUDIENCE: Final = ISSUER
#: What a token may be bound to, and where those objects lie.
BOUND: Final = {"Pod": "pods", "Secret": "secrets"}
_CLAIM: Final = "kubernetes.io"
_LEEWAY: Final = 60.0
_EXTRA: Final = "authentication.kubernetes.io"


@dataclass(frozen=True, slots=True, kw_only=True)
class Grant:
    """What a token is to say. `bound` is kind, name and uid of the object it ends with, if any."""

    namespace: str
    name: str
    uid: str
    audiences: Sequence[str]
    seconds: int
    bound: tuple[str, str, str] | None = None


class TokenIssuer:
    """Signs tokens and checks them."""

    def __init__(self, key_path: Path, store: Store, now: Callable[[], datetime]) -> None:
        self._key = _key(key_path)
        self._id = _thumbprint(self._key)
        self._store = store
        self._now = now

    def issue(self, grant: Grant) -> tuple[str, datetime]:
        """Return a token and when it ends."""
        now = int(self._now().timestamp())
        about: Json = {"namespace": grant.namespace, "serviceaccount": {"name": grant.name, "uid": grant.uid}}
        if grant.bound is not None:
            kind, name, uid = grant.bound
            about[kind.lower()] = {"name": name, "uid": uid}
        claims: Json = {
            "aud": list(grant.audiences),
            "exp": now + grant.seconds,
            "iat": now,
            "iss": ISSUER,
            "jti": secrets.token_hex(16),
            _CLAIM: about,
            "nbf": now,
            "sub": identity.service_account(grant.namespace, grant.name).name,
        }
        header = {"alg": "ES256", "kid": self._id, "typ": "JWT"}
        body = f"{_encode(orjson.dumps(header))}.{_encode(orjson.dumps(claims))}"
        r, s = utils.decode_dss_signature(self._key.sign(body.encode(), ec.ECDSA(hashes.SHA256())))
        signature = r.to_bytes(32, "big") + s.to_bytes(32, "big")
        return f"{body}.{_encode(signature)}", datetime.fromtimestamp(claims["exp"], tz=self._now().tzinfo)

    def check(self, token: str, audiences: Sequence[str] = (AUDIENCE,)) -> tuple[identity.User, list[str]] | None:
        """Return whose token it is and for which of the audiences; None when it is not, or no longer, good."""
        claims = self._claims(token)
        if claims is None or claims.get("iss") != ISSUER:
            return None
        now = self._now().timestamp()
        if not (claims["nbf"] - _LEEWAY <= now < claims["exp"]):
            return None
        meant = [each for each in audiences if each in claims["aud"]]
        user = self._account(claims[_CLAIM], claims["jti"])
        return (user, meant) if user is not None and meant else None

    def _claims(self, token: str) -> Json | None:
        """Return what a token says if we have signed it."""
        try:
            header, claims, signature = token.split(".")
            if orjson.loads(_decode(header)).get("alg") != "ES256":
                return None
            raw = _decode(signature)
            if len(raw) != 64:
                return None
            der = utils.encode_dss_signature(int.from_bytes(raw[:32], "big"), int.from_bytes(raw[32:], "big"))
            self._key.public_key().verify(der, f"{header}.{claims}".encode(), ec.ECDSA(hashes.SHA256()))
            found: Json = orjson.loads(_decode(claims))
        except (ValueError, AttributeError, InvalidSignature):
            return None
        return found

    def _account(self, about: Json, serial: str) -> identity.User | None:
        """Return the account that a token stands for, if it and what the token is bound to are still there."""
        namespace, account = about["namespace"], about["serviceaccount"]
        extra: dict[str, tuple[str, ...]] = {f"{_EXTRA}/credential-id": (f"JTI={serial}",)}
        wanted = [("serviceaccounts", account)]
        wanted += [(storage, about[kind.lower()]) for kind, storage in BOUND.items() if kind.lower() in about]
        for storage, reference in wanted:
            item = self._store.get(Key(storage, namespace, reference["name"]))
            if item is None or item.uid != reference["uid"] or item.deleting:
                return None
        if "pod" in about:
            extra[f"{_EXTRA}/pod-name"] = (about["pod"]["name"],)
            extra[f"{_EXTRA}/pod-uid"] = (about["pod"]["uid"],)
        return identity.service_account(namespace, account["name"], account["uid"], extra)

    def keys(self) -> Json:
        """Return the public key as a JSON Web Key Set, for others that check our tokens."""
        numbers = self._key.public_key().public_numbers()
        point = {"x": _encode(numbers.x.to_bytes(32, "big")), "y": _encode(numbers.y.to_bytes(32, "big"))}
        return {"keys": [{"use": "sig", "kty": "EC", "kid": self._id, "crv": "P-256", "alg": "ES256", **point}]}


def configuration() -> Json:
    """Return what OpenID Connect discovery says about us."""
    return {
        "issuer": ISSUER,
        "jwks_uri": f"{ISSUER}/openid/v1/jwks",
        "response_types_supported": ["id_token"],
        "subject_types_supported": ["public"],
        "id_token_signing_alg_values_supported": ["ES256"],
    }


def _key(path: Path) -> ec.EllipticCurvePrivateKey:
    """Load the key, or make one."""
    try:
        found = serialization.load_pem_private_key(path.read_bytes(), password=None)
    except (FileNotFoundError, ValueError):
        found = None
    if isinstance(found, ec.EllipticCurvePrivateKey) and isinstance(found.curve, ec.SECP256R1):
        return found
    made = ec.generate_private_key(ec.SECP256R1())
    pem = made.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    tls.private(path, pem)
    return made


def _thumbprint(key: ec.EllipticCurvePrivateKey) -> str:
    public = key.public_key().public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)
    digest = hashes.Hash(hashes.SHA256())
    digest.update(public)
    return _encode(digest.finalize())


def _encode(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def _decode(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
