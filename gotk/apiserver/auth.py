"""Who is asking: the admin, by client certificate or by bearer token; nobody else but for health and version.

Answers to `k8s.io/apiserver/pkg/authentication`. There is one user, who may do everything: this control plane belongs
to the person whose data directory it is.
"""

import hmac
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from gotk.apiserver import status, tls

#: What anybody may read: probes and the version.
OPEN = frozenset({"/healthz", "/livez", "/readyz", "/version"})
ADMIN, MASTERS = "kubernetes-admin", "system:masters"


@dataclass(frozen=True, slots=True)
class User:
    """Whoever sent a request."""

    name: str
    groups: tuple[str, ...]


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

    def __init__(self, admin_token: str) -> None:
        self._token = admin_token.encode()
        self.admin = User(ADMIN, (MASTERS, "system:authenticated"))

    def by_token(self, presented: str) -> User | None:
        """Return whose token it is."""
        return self.admin if hmac.compare_digest(presented.encode(errors="surrogateescape"), self._token) else None

    def authenticate(self, headers: Mapping[str, str], certificate: Mapping[str, Any] | None) -> User:
        """Return who sent a request. Raises Refusal (401)."""
        if any(header.lower().startswith("impersonate-") for header in headers):
            why = "this control plane has one user, who cannot act as another: leave out the Impersonate headers"
            raise status.Refusal(403, "Forbidden", why, {})
        if certificate:
            return _by_certificate(certificate)
        scheme, _, presented = headers.get("Authorization", "").partition(" ")
        user = self.by_token(presented.strip()) if scheme.lower() == "bearer" else None
        if user is None:
            raise status.unauthorized()
        return user


def _by_certificate(certificate: Mapping[str, Any]) -> User:
    """Read CN and O; the TLS layer has verified the certificate against our authority."""
    parts = [pair for relative in certificate.get("subject", ()) for pair in relative]
    names = [value for kind, value in parts if kind == "commonName"]
    groups = tuple(value for kind, value in parts if kind == "organizationName")
    if not names or MASTERS not in groups:
        raise status.unauthorized()
    return User(names[0], (*groups, "system:authenticated"))
