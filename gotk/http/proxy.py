"""A proxy: where it is and how to identify oneself with it.

Answers to `fluxcd/pkg/runtime/secrets` for what a Secret says of one, error texts included, and to `net/http` for the
schemes that the environment may name.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Self
from urllib.parse import quote, urlsplit

from yarl import URL

from gotk.api.core import Secret
from gotk.http.basic import basic
from gotk.http.secret import SecretError, name_of, text

#: The longest address that a Secret may hold.
LIMIT = 2048
#: The schemes of SOCKS proxies; both resolve names at the proxy.
SOCKS = frozenset({"socks5", "socks5h"})
_SCHEMES = frozenset({"http", "https", *SOCKS})
_SECRET_SCHEMES = ("http", "https", "socks5")


class InvalidProxy(ValueError):
    """The text is no address of a proxy."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Proxy:
    """An HTTP(S) or SOCKS5 proxy. `url` holds no credentials."""

    url: URL
    username: str = field(default="", repr=False)
    password: str = field(default="", repr=False)

    def __str__(self) -> str:
        return f"{self.url.scheme}://{self._host}"

    @classmethod
    def parse(cls, address: str) -> Self:
        """Read an address, with or without credentials in it. Raises InvalidProxy."""
        try:
            url = URL(address)
            if url.scheme in _SCHEMES and url.host:
                return cls(url=url.with_user(None), username=url.user or "", password=url.password or "")
        except ValueError:  # also raised late: host and port are read when they are asked for
            pass
        raise InvalidProxy("not an http, https or socks5 URL")

    @classmethod
    def from_secret(cls, secret: Secret) -> Self:
        """Read `address`, `username` and `password`; a password needs a user. Raises SecretError."""
        name = name_of(secret)
        address = _address(secret, name)
        username = text(secret, "username") if "username" in secret.data else ""
        password = text(secret, "password") if username and "password" in secret.data else ""
        try:
            found = cls.parse(address)
        except InvalidProxy:
            raise SecretError(f"secret '{name}': failed to parse proxy address") from None
        return cls(url=found.url, username=username or found.username, password=password or found.password)

    @property
    def headers(self) -> Mapping[str, str]:
        """What the proxy alone is told."""
        return {"Proxy-Authorization": basic(self.username, self.password)} if self.username else {}

    @property
    def address(self) -> str:
        """The URL with the credentials in it, for programs that take it so. Secret."""
        # An explicit port stays, be it the scheme's own: curl takes another one where there is none.
        user = quote(self.username, safe="") + (f":{quote(self.password, safe='')}" if self.password else "")
        return urlsplit(str(self.url))._replace(netloc=f"{user}@{self._host}" if user else self._host).geturl()

    @property
    def parts(self) -> tuple[str, ...]:
        """What a token that came through it depends on. Holds the password."""
        return (str(self.url), self.username, self.password)

    @property
    def _host(self) -> str:
        port = self.url.explicit_port
        return (self.url.host_subcomponent or "") + (f":{port}" if port is not None else "")


def _address(secret: Secret, name: str) -> str:
    if "address" not in secret.data:
        raise SecretError(f"secret '{name}': key 'address' not found")
    address = text(secret, "address").strip()
    if not address:
        raise SecretError(f"secret '{name}': proxy address is empty")
    if len(address) > LIMIT:
        raise SecretError(f"secret '{name}': proxy URL exceeds maximum length of {LIMIT} characters")
    try:
        scheme, host = urlsplit(address).scheme, urlsplit(address).hostname
    except ValueError:
        raise SecretError(f"secret '{name}': failed to parse proxy address") from None
    if scheme not in _SECRET_SCHEMES:
        schemes = ", ".join(_SECRET_SCHEMES)
        message = f"secret '{name}': proxy URL must use one of the supported schemes ({schemes}), got '{scheme}'"
        raise SecretError(message)
    if not host:
        raise SecretError(f"secret '{name}': proxy address names no host")
    return address
