"""Trust and identity for TLS: an authority besides the system's roots, a client certificate and its key.

Answers to `fluxcd/pkg/runtime/secrets` for what a Secret says of them, error texts included.
"""

import ssl
import tempfile
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import Self

from gotk.api.core import Secret
from gotk.http.secret import SecretError, name_of


class InvalidTLS(ValueError):
    """Certificates or a key that cannot be used. The message holds no key material."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TLS:
    """Trust beyond the system's roots, and who we are. PEM; the certificate and its key come together or not at all.

    Without `verified` whoever answers is taken for the server.
    """

    ca: bytes = field(default=b"", repr=False)
    certificate: bytes = field(default=b"", repr=False)
    key: bytes = field(default=b"", repr=False)
    verified: bool = True

    @classmethod
    def find(cls, secret: Secret) -> Self | None:
        """Read `ca.crt`, `tls.crt` and `tls.key`, or their old names; None where there is none. Raises SecretError."""
        ca = _either(secret, "ca.crt", "caFile")
        certificate = _either(secret, "tls.crt", "certFile")
        key = _either(secret, "tls.key", "keyFile")
        if certificate and not key:
            raise SecretError(f"secret '{name_of(secret)}' contains 'tls.crt' but missing 'tls.key'")
        if key and not certificate:
            raise SecretError(f"secret '{name_of(secret)}' contains 'tls.key' but missing 'tls.crt'")
        return cls(ca=ca, certificate=certificate, key=key) if ca or certificate else None

    @classmethod
    def from_secret(cls, secret: Secret) -> Self:
        """Read TLS files from a secret that is there for them. Raises SecretError."""
        found = cls.find(secret)
        if found is None:
            message = f"secret '{name_of(secret)}' must contain either 'ca.crt' or both 'tls.crt' and 'tls.key'"
            raise SecretError(message)
        return found

    def context(self) -> ssl.SSLContext:
        """Return the context for connections: a shared one, so that connections are shared too. Raises InvalidTLS."""
        return _context(self)


#: The system's roots, and no certificate of our own.
SYSTEM = TLS()
#: What an OCIRepository's `insecure` means where it names no certificates: any certificate will do.
UNVERIFIED = TLS(verified=False)


def _either(secret: Secret, key: str, old: str) -> bytes:
    return secret.data[key] if key in secret.data else secret.data.get(old, b"")


@lru_cache(maxsize=256)
def _context(tls: TLS) -> ssl.SSLContext:
    context = ssl.create_default_context()
    if not tls.verified:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    try:
        if tls.ca:
            context.load_verify_locations(cadata=tls.ca.decode("ascii"))
    except (ssl.SSLError, UnicodeDecodeError, ValueError) as error:
        raise InvalidTLS("the CA certificate is not valid PEM") from error
    if tls.certificate:
        _load_pair(context, tls)
    return context


def _load_pair(context: ssl.SSLContext, tls: TLS) -> None:
    # OpenSSL reads the pair from a file only: one that no other user can read and that is gone at once.
    with tempfile.TemporaryDirectory(prefix="tls-") as folder:
        pair = Path(folder) / "pair.pem"
        pair.touch(mode=0o600)
        pair.write_bytes(tls.certificate.rstrip() + b"\n" + tls.key)
        try:
            # Without a callback OpenSSL would ask the terminal for the passphrase of an encrypted key.
            context.load_cert_chain(pair, password=lambda: b"")
        except (ssl.SSLError, ValueError):
            raise InvalidTLS("the client certificate and its key are not a pair of valid PEM") from None
