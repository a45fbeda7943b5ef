"""Git addresses: taken apart once, printed without their secrets.

Answers to the GitRepository's `spec.url` pattern (http, https, ssh). `file` is ours, for the embedded mode. The
`git@host:path` short form is refused as Flux refuses it.
"""

import functools
import re
from dataclasses import dataclass, field
from urllib.parse import quote, unquote, urlsplit

from gotk.git.errors import InvalidUrl, LocalAddress

SCHEMES = ("http", "https", "ssh", "file")
_PORTS = {"http": 80, "https": 443, "ssh": 22}
_SHORT_FORM = re.compile(r"^[^/:]+@[^/:]+:(?!//)")
_CONTROL = re.compile(r"[\x00-\x20\x7f]")
#: What stands for bytes of a file in a repository that are no text.
_NO_UTF8 = re.compile(r"[\ud800-\udfff]")


@dataclass(frozen=True, slots=True)
class Url:
    """The address of a repository. `user` and `password` are what its user information says, decoded."""

    scheme: str
    host: str
    port: int | None
    path: str
    user: str = ""
    password: str = field(default="", repr=False)

    @property
    def bare(self) -> str:
        """The address without user information, which is safe to print and enough to connect."""
        return f"{self.scheme}://{self._authority}{self.path}"

    @property
    def connect(self) -> str:
        """The address as the transport wants it: SSH names the user (`git` unless given), HTTP none."""
        if self.scheme != "ssh":
            return self.bare
        return f"ssh://{quote(self.user or 'git', safe='')}@{self._authority}{self.path}"

    @property
    def origin(self) -> str:
        """The scheme, host and port."""
        return f"{self.scheme}://{self._authority}"

    @property
    def number(self) -> int:
        """The number of the port, also where the address leaves it out."""
        return self.port or _PORTS.get(self.scheme, 0)

    def trusts(self, other: "Url") -> bool:
        """Tell whether secrets meant for this address may go to the other: the same origin, or its TLS twin."""
        if (other.scheme, other.host) == (self.scheme, self.host):
            return other.number == self.number
        upgraded = (self.scheme, other.scheme) == ("http", "https") and other.host == self.host
        return upgraded and self.port in {None, 80} and other.port in {None, 443}

    @property
    def _authority(self) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{host}:{self.port}" if self.port is not None else host

    def __str__(self) -> str:
        user = f"{quote(self.user, safe='')}@" if self.user else ""
        return f"{self.scheme}://{user}{self._authority}{self.path}"


@functools.lru_cache(maxsize=1024)
def parse(text: str, *, allow_file: bool = True) -> Url:
    """Take an address apart; without `allow_file` one of this machine's files is refused.

    Raises InvalidUrl (LocalAddress among them), whose message holds no password.
    """
    if _SHORT_FORM.match(text):
        raise InvalidUrl(f"failed to parse url '{redact(text)}': write it as ssh://user@host/path")
    if _CONTROL.search(text):
        raise InvalidUrl(f"failed to parse url '{redact(text)}': it holds a space or control character")
    if _NO_UTF8.search(text):
        raise InvalidUrl(f"failed to parse url '{redact(text)}': it is no UTF-8")
    try:
        parts = urlsplit(text)
        port = parts.port
    except ValueError:
        raise InvalidUrl(f"failed to parse url '{redact(text)}': host or port is malformed") from None
    scheme, host = parts.scheme.lower(), parts.hostname or ""
    if scheme not in SCHEMES:
        raise InvalidUrl(f"failed to parse url '{redact(text)}': the scheme must be one of {', '.join(SCHEMES)}")
    if scheme == "file" and not allow_file:
        raise LocalAddress(f"failed to parse url '{redact(text)}': file addresses are for the embedded mode only")
    if scheme == "file":
        if host not in {"", "localhost"} or not parts.path.startswith("/"):
            raise InvalidUrl(f"failed to parse url '{redact(text)}': a file url is file:///absolute/path")
        return Url("file", "", None, unquote(parts.path))
    user = unquote(parts.username or "")
    if not host or host.startswith("-") or user.startswith("-"):
        raise InvalidUrl(f"failed to parse url '{redact(text)}': there is no usable host")
    path = parts.path + (f"?{parts.query}" if parts.query else "")
    return Url(scheme, host, port, path or "/", user, unquote(parts.password or ""))


def without_user(text: str) -> str:
    """Print a proxy's address without its credentials."""
    parts = urlsplit(text)
    return f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}"


def redact(text: str) -> str:
    """Print an address, well formed or not, without anything that could be a password."""
    scheme, separator, rest = text.partition("://")
    if not separator:
        scheme, rest = "", text
    authority, slash, path = rest.partition("/")
    if "@" in authority and ":" in authority.rpartition("@")[0]:
        user, _, host = authority.rpartition("@")
        authority = f"{user.partition(':')[0]}:xxxxx@{host}"
    return "".join(c if c.isprintable() else "?" for c in f"{scheme}{separator}{authority}{slash}{path}")
