"""How a registry is reached: credentials, trust, proxy, deadline. Values only; secrets in them are never shown.

Answers to `ImageRepository.spec` (`secretRef`, `certSecretRef`, `proxySecretRef`, `insecure`, `timeout`), which a room
resolves into one `Access` per scan.
"""

import ssl
import tempfile
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path

from yarl import URL

from gotk.oci.keychain import ANONYMOUS, Credentials


class InvalidTLS(ValueError):
    """Certificates or a key that cannot be used. The message holds no key material."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TLS:
    """Trust beyond the system's roots, and who we are. PEM; the certificate and its key come together or not at all."""

    ca: bytes = field(default=b"", repr=False)
    certificate: bytes = field(default=b"", repr=False)
    key: bytes = field(default=b"", repr=False)

    def context(self) -> ssl.SSLContext:
        """Return the context for connections: a shared one, so that connections are shared too. Raises InvalidTLS."""
        return _context(self)


@dataclass(frozen=True, slots=True, kw_only=True)
class Proxy:
    """An HTTP(S) or SOCKS5 proxy and how to identify oneself with it."""

    url: URL
    username: str = field(default="", repr=False)
    password: str = field(default="", repr=False)

    @property
    def headers(self) -> Mapping[str, str]:
        """What the proxy alone is told."""
        if not self.username:
            return {}
        return {"Proxy-Authorization": Credentials(username=self.username, password=self.password).basic}


#: Gives credentials, or raises `errors.LoginFailed`. Equal for equal identities, so that equal accesses are equal.
Login = Callable[[], Awaitable[Credentials]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Access:
    """How to reach a registry for one scan.

    `login` gives the credentials when the registry is first asked, where they are not there from the start. `insecure`
    lets plain HTTP be tried after HTTPS; it never turns verification off. `timeout` is in seconds and spans everything
    that the call does.
    """

    credentials: Credentials = ANONYMOUS
    login: Login | None = None
    tls: TLS = TLS()
    proxy: Proxy | None = None
    insecure: bool = False
    timeout: float = 60.0


@lru_cache(maxsize=256)
def _context(tls: TLS) -> ssl.SSLContext:
    context = ssl.create_default_context()
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
