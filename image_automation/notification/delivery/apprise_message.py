"""What the process that speaks through apprise is asked, and what it answers."""

from urllib.parse import parse_qsl, unquote, urlsplit

import msgspec


class Message(msgspec.Struct, frozen=True, kw_only=True):
    """One message. `url` and `proxy` are secrets; `home` is an empty folder of the process's own; `ca` is PEM."""

    url: str
    title: str
    body: str
    failed: bool
    timeout: float
    home: str
    ca: str = ""
    proxy: str = ""


class Answer(msgspec.Struct, frozen=True, kw_only=True):
    """Why it did not arrive; empty where it did."""

    error: str = ""


def secrets(address: str) -> tuple[str, ...]:
    """Return what may be secret in an apprise URL: credentials, and every piece but the scheme."""
    try:
        found = urlsplit(address)
        pieces = [
            found.username,
            found.password,
            *found.path.split("/"),
            *(value for _, value in parse_qsl(found.query)),
        ]
        host = found.netloc.rpartition("@")[2].partition(":")[0]
    except ValueError:
        return (address,)
    known = {piece for piece in pieces if piece} | {unquote(piece) for piece in pieces if piece}
    # What stands in the place of a host is a token with most services, and a host with a dot in it with the others.
    return (address, *known, *([host] if host and "." not in host and host != "localhost" else []))
