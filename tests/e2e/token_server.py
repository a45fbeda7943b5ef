"""A token server as Harbor, GitLab and Docker Hub run one: it signs what Debian's registry then verifies.

Answers to the distribution project's token authentication: a JWT with issuer, audience, times and the granted access.
The registry finds the key by a certificate in the header (`x5c`), or by libtrust's fingerprint of it (`kid`).
"""

import base64
import contextlib
import hashlib
import json
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Literal

from aiohttp import web
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa, utils
from cryptography.x509.oid import NameOID

Algorithm = Literal["ES256", "RS256"]
Reference = Literal["x5c", "kid"]
Key = ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey
SERVICE, ISSUER = "registry.test", "token server"


@dataclass
class TokenServer:
    """Gives a token for the right password; `asked` tells the scope of every request and who made it."""

    username: str
    password: str
    key: Key
    certificate: x509.Certificate
    by: Reference
    url: str = ""
    asked: list[tuple[str, str]] = field(default_factory=list)

    def section(self, folder: Path) -> dict[str, Any]:
        """Return the `auth` section that makes the registry trust this server."""
        bundle = folder / "token-server.pem"
        bundle.write_bytes(self.certificate.public_bytes(serialization.Encoding.PEM))
        return {"token": {"realm": self.url, "service": SERVICE, "issuer": ISSUER, "rootcertbundle": str(bundle)}}

    async def answer(self, request: web.Request) -> web.Response:
        """Answer `GET /token`."""
        authorization = request.headers.get("Authorization", "")
        self.asked.append((request.query.get("scope", ""), authorization.partition(" ")[0]))
        expected = base64.b64encode(f"{self.username}:{self.password}".encode()).decode()
        if authorization != f"Basic {expected}":
            return web.json_response({"errors": [{"code": "UNAUTHORIZED", "message": "wrong password"}]}, status=401)
        return web.json_response({"token": self.sign(request.query["scope"]), "expires_in": 300})

    def sign(self, scope: str) -> str:
        """Make a token for a scope such as `repository:team/app:pull`."""
        type_, _, rest = scope.partition(":")
        name, _, actions = rest.rpartition(":")
        now = int(time.time())
        claims = {
            "iss": ISSUER, "sub": self.username, "aud": SERVICE, "jti": hashlib.sha256(scope.encode()).hexdigest(),
            "iat": now, "nbf": now - 30, "exp": now + 300,
            "access": [{"type": type_, "name": name, "actions": actions.split(",")}],
        }  # fmt: skip
        head = {"typ": "JWT", "alg": "ES256" if isinstance(self.key, ec.EllipticCurvePrivateKey) else "RS256"}
        signed = f"{_encoded(head | self._reference())}.{_encoded(claims)}"
        return f"{signed}.{_base64(self._signature(signed.encode()))}"

    def _reference(self) -> dict[str, Any]:
        if self.by == "x5c":
            return {"x5c": [base64.b64encode(self.certificate.public_bytes(serialization.Encoding.DER)).decode()]}
        public = self.key.public_key().public_bytes(
            serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
        )
        text = base64.b32encode(hashlib.sha256(public).digest()[:30]).decode()
        return {"kid": ":".join(text[start : start + 4] for start in range(0, 48, 4))}

    def _signature(self, content: bytes) -> bytes:
        if isinstance(self.key, rsa.RSAPrivateKey):
            return self.key.sign(content, padding.PKCS1v15(), hashes.SHA256())
        r, s = utils.decode_dss_signature(self.key.sign(content, ec.ECDSA(hashes.SHA256())))
        return r.to_bytes(32, "big") + s.to_bytes(32, "big")


@contextlib.asynccontextmanager
async def serving(username: str, password: str, *, algorithm: Algorithm, by: Reference) -> AsyncIterator[TokenServer]:
    """Run a token server on the loopback."""
    key: Key
    if algorithm == "ES256":
        key = ec.generate_private_key(ec.SECP256R1())
    else:
        key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    server = TokenServer(username, password, key, _self_signed(key), by)
    app = web.Application()
    app.router.add_get("/token", server.answer)
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    server.url = f"http://127.0.0.1:{runner.addresses[0][1]}/token"
    try:
        yield server
    finally:
        await runner.cleanup()


def _self_signed(key: Key) -> x509.Certificate:
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, ISSUER)])
    now = datetime.now(UTC)
    return (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(minutes=5))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )


def _encoded(value: Any) -> str:
    return _base64(json.dumps(value, separators=(",", ":")).encode())


def _base64(content: bytes) -> str:
    return base64.urlsafe_b64encode(content).rstrip(b"=").decode()
