"""What a Secret says of TLS files and of a proxy. Pure readers, Flux's error texts; Git's keys are `gotk.git.auth`'s.

Answers to `fluxcd/pkg/runtime/secrets`. A value that is secret never shows in a repr; a reader raises `SecretError`
with a message that names the secret and the key and never the content.
"""

from dataclasses import dataclass, field
from urllib.parse import quote, urlsplit

from gotk.api.core import Secret

PROXY_LIMIT = 2048
_PROXY_SCHEMES = ("http", "https", "socks5")


class SecretError(Exception):
    """The secret lacks something or holds something wrong."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TLS:
    """PEM bytes: an authority to trust besides the system's, a client certificate and its key; any may be empty.

    `legacy` names the deprecated keys that were read.
    """

    ca: bytes = b""
    certificate: bytes = b""
    key: bytes = field(default=b"", repr=False)
    legacy: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Proxy:
    """A proxy without credentials in its address; `url` joins the two."""

    address: str = field(repr=False)
    username: str = ""
    password: str = field(default="", repr=False)

    def __str__(self) -> str:
        parts = urlsplit(self.address)
        return f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}"

    @property
    def url(self) -> str:
        """The address with the credentials in it. Secret."""
        if not self.username:
            return self.address
        parts = urlsplit(self.address)
        user = quote(self.username, safe="")
        if self.password:
            user += ":" + quote(self.password, safe="")
        return parts._replace(netloc=f"{user}@{parts.netloc.rpartition('@')[2]}").geturl()


def tls(secret: Secret) -> TLS | None:
    """Read `ca.crt`, `tls.crt` and `tls.key`, or their old names; None where there is none. Raises SecretError."""
    legacy: list[str] = []
    ca = _either(secret, "ca.crt", "caFile", legacy)
    certificate = _either(secret, "tls.crt", "certFile", legacy)
    key = _either(secret, "tls.key", "keyFile", legacy)
    if certificate and not key:
        raise SecretError(f"secret '{_name(secret)}' contains 'tls.crt' but missing 'tls.key'")
    if key and not certificate:
        raise SecretError(f"secret '{_name(secret)}' contains 'tls.key' but missing 'tls.crt'")
    if not (ca or certificate):
        return None
    return TLS(ca=ca, certificate=certificate, key=key, legacy=tuple(legacy))


def required_tls(secret: Secret) -> TLS:
    """Read TLS files from a secret that is there for them. Raises SecretError."""
    found = tls(secret)
    if found is None:
        raise SecretError(f"secret '{_name(secret)}' must contain either 'ca.crt' or both 'tls.crt' and 'tls.key'")
    return found


def proxy(secret: Secret) -> Proxy:
    """Read `address`, `username` and `password` of a proxy; a password needs a user. Raises SecretError."""
    name = _name(secret)
    if "address" not in secret.data:
        raise SecretError(f"secret '{name}': key 'address' not found")
    address = _text(secret, "address").strip()
    if not address:
        raise SecretError(f"secret '{name}': proxy address is empty")
    if len(address) > PROXY_LIMIT:
        raise SecretError(f"secret '{name}': proxy URL exceeds maximum length of {PROXY_LIMIT} characters")
    try:
        scheme, host = urlsplit(address).scheme, urlsplit(address).hostname
    except ValueError:
        raise SecretError(f"secret '{name}': failed to parse proxy address") from None
    if scheme not in _PROXY_SCHEMES:
        schemes = ", ".join(_PROXY_SCHEMES)
        raise SecretError(
            f"secret '{name}': proxy URL must use one of the supported schemes ({schemes}), got '{scheme}'"
        )
    if not host:
        raise SecretError(f"secret '{name}': proxy address names no host")
    username = _text(secret, "username") if "username" in secret.data else ""
    password = _text(secret, "password") if username and "password" in secret.data else ""
    return Proxy(address=address, username=username, password=password)


def _either(secret: Secret, key: str, old: str, legacy: list[str]) -> bytes:
    if key in secret.data:
        return secret.data[key]
    if old in secret.data:
        legacy.append(old)
        return secret.data[old]
    return b""


def _text(secret: Secret, key: str) -> str:
    try:
        return secret.data[key].decode()
    except UnicodeDecodeError:
        raise SecretError(f"secret '{_name(secret)}': key '{key}' is not text") from None


def _name(secret: Secret) -> str:
    return f"{secret.metadata.namespace}/{secret.metadata.name}"
