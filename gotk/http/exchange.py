"""A conversation with a service as a generator: it yields requests and gets their answers. No network in here.

A service may need one request or several (look for a comment, then write it), and what is asked of it stays a plain
function over values either way. Whoever has a client carries the conversation out.
"""

import re
from collections.abc import Generator, Mapping
from dataclasses import dataclass, field
from typing import Any

import msgspec

from gotk.http.basic import basic as authorization


class Unusable(Exception):
    """What is known of the service, or what it answered, is not enough to go on. The message holds no secret."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """One HTTP request. `accepts` are statuses besides 2xx that the provider wants to see the answer of."""

    url: str = field(repr=False)
    method: str = "POST"
    body: bytes = b""
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    accepts: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What came back."""

    status: int
    body: bytes = b""

    def json(self) -> Any:
        """Decode the body. Raises Unusable."""
        try:
            return msgspec.json.decode(self.body)
        except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
            raise Unusable("the service's answer is not JSON") from None

    def text(self, name: str) -> str:
        """Decode the body as an object and return a text in it. Raises Unusable where there is none."""
        value = self.json()
        found = value.get(name) if isinstance(value, dict) else None
        if not isinstance(found, str) or not found:
            raise Unusable(f"the service's answer lacks '{name}'")
        return found

    def items(self, within: str = "") -> list[dict[str, Any]]:
        """Decode the body as a list of objects, or as an object with one `within`. Raises Unusable."""
        value = self.json()
        if within and isinstance(value, dict):
            value = value.get(within)
        if not isinstance(value, list):
            raise Unusable("the service's answer is not a list")
        return [item for item in value if isinstance(item, dict)]


#: What Go escapes in JSON besides what JSON asks for: signs of HTML, and line separators of JavaScript.
_HTML = re.compile("[<>&]|\u2028|\u2029".encode())
Exchange = Generator[Request, Answer, None]


def begun(exchange: Exchange) -> Exchange:
    """Return the same conversation with its first request made. Raises Unusable where there can be none."""
    first = next(exchange, None)
    return _resumed(exchange, first) if first is not None else exchange


def _resumed(exchange: Exchange, request: Request) -> Exchange:
    try:
        while True:
            request = exchange.send((yield request))
    except StopIteration:
        return
    finally:
        exchange.close()


def post(
    url: str,
    payload: Any,
    headers: Mapping[str, str] | None = None,
    *,
    method: str = "POST",
    accepts: tuple[int, ...] = (),
) -> Request:
    """Make the request that sends JSON."""
    content = {"Content-Type": "application/json", **(headers or {})}
    return Request(url=url, method=method, body=as_json(payload), headers=content, accepts=accepts)


def as_json(payload: Any) -> bytes:
    """Encode as Go does, byte by byte, so that signatures and hashes of a body are those of Flux."""
    return _HTML.sub(lambda found: b"\\u%04x" % ord(found[0].decode()), msgspec.json.encode(payload))


def named(headers: Mapping[str, str]) -> dict[str, str]:
    """Spell the names of headers in one way (`X-Signature`), so that a later one replaces an earlier one."""
    return {"-".join(part.capitalize() for part in name.split("-")): value for name, value in headers.items()}


def bearer(token: str) -> dict[str, str]:
    """Return the header of a bearer token, or none."""
    return {"Authorization": f"Bearer {token}"} if token else {}


def basic(username: str, password: str) -> dict[str, str]:
    """Return the header of basic authentication."""
    return {"Authorization": authorization(username, password)}
