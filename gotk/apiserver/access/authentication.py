"""Who is asking: the admin, a service account, or the holder of a certificate of ours; nobody else but for health.

Answers to `k8s.io/apiserver/pkg/authentication`. There are no anonymous users: what carries no credential that we know
is refused, but for probes and the version.
"""

import datetime as dt
import hmac
import secrets
import ssl
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from gotk.apiserver import status
from gotk.apiserver.access import identity, tls
from gotk.apiserver.access.identity import ADMIN, AUTHENTICATED, MASTERS, User
from gotk.apiserver.access.tokens import AUDIENCE, TokenIssuer

#: What anybody may read: probes and the version.
OPEN = frozenset({"/healthz", "/livez", "/readyz", "/version"})


def token(path: Path) -> str:
    """Load the admin's bearer token, or make one."""
    try:
        found = path.read_text().strip()
    except FileNotFoundError:
        found = ""
    if len(found) < 32:
        found = secrets.token_urlsafe(32)
        tls.private(path, found.encode())
    return found


class Authenticator:
    """Tells users by what their requests carry."""

    def __init__(self, admin_token: str, issuer: TokenIssuer, now: Callable[[], dt.datetime]) -> None:
        self._now = now
        self._token = admin_token.encode()
        self._issuer = issuer
        self.admin = User(ADMIN, (MASTERS, AUTHENTICATED))

    def by_token(self, presented: str, audiences: Sequence[str] = ()) -> tuple[User, list[str]] | None:
        """Return whose token it is, and for which of the audiences; the admin's is for us only."""
        wanted = list(audiences) or [AUDIENCE]
        if hmac.compare_digest(presented.encode(errors="surrogateescape"), self._token):
            return (self.admin, [AUDIENCE]) if AUDIENCE in wanted else None
        return self._issuer.check(presented, wanted) if presented.count(".") == 2 else None

    def authenticate(self, headers: Mapping[str, str], certificate: Mapping[str, Any] | None) -> User:
        """Return who sent a request. Raises Refusal (401)."""
        if certificate:
            return _by_certificate(certificate, self._now())
        scheme, _, presented = headers.get("Authorization", "").partition(" ")
        found = self.by_token(presented.strip()) if scheme.lower() == "bearer" else None
        if found is None:
            raise status.unauthorized()
        return found[0]


def _by_certificate(certificate: Mapping[str, Any], now: dt.datetime) -> User:
    """Read CN and O; the TLS layer has verified the certificate against our authority, when the connection began."""
    if ssl.cert_time_to_seconds(str(certificate["notAfter"])) < now.timestamp():
        raise status.unauthorized()
    parts = [pair for relative in certificate.get("subject", ()) for pair in relative]
    names = [value for kind, value in parts if kind == "commonName" and value]
    groups = tuple(value for kind, value in parts if kind == "organizationName" and value)
    if not names or names[0] == "kube-apiserver" or identity.split(names[0]):
        raise status.unauthorized()
    return User(names[0], (*groups, AUTHENTICATED))
