"""The conversation with a service as a generator: it yields requests and gets their answers. No network in here.

A provider may need one request or several (look for a comment, then write it), and stays a plain function over values
either way. `account` is what Provider and Secret say together.
"""

import base64
import re
from collections.abc import Callable, Generator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import msgspec

from image_automation.notification.alerts.trace_parents import Lineage
from image_automation.notification.notice import Notice


class Unusable(Exception):
    """The Provider, its Secret or the event lacks what the service needs. The message names it, never a secret."""


class Unfit(Unusable):
    """It is the event that lacks what the service needs, and no Provider would change that."""


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

    def items(self) -> list[dict[str, Any]]:
        """Decode the body as a list of objects. Raises Unusable."""
        value = self.json()
        if not isinstance(value, list):
            raise Unusable("the service's answer is not a list")
        return [item for item in value if isinstance(item, dict)]


@dataclass(frozen=True, slots=True)
class Origin:
    """The Alert that an event goes out for."""

    namespace: str
    name: str
    uid: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Account:
    """Where to and as whom: the Provider's spec joined with its Secret. `now` is for tokens that expire.

    `access_token` is what an identity was given, where the Secret holds no token, and `login` who that is; `event_hubs`
    is where those of Azure's cloud are.
    """

    type: str
    uid: str
    now: datetime
    alert: Origin
    address: str = field(default="", repr=False)
    channel: str = ""
    username: str = ""
    token: str = field(default="", repr=False)
    password: str = field(default="", repr=False)
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    secret: Mapping[str, bytes] = field(default_factory=dict, repr=False)
    secret_name: str = ""
    commit_status: str = ""
    lineage: Lineage | None = None
    access_token: str = field(default="", repr=False)
    login: str = ""
    event_hubs: str = "servicebus.windows.net"

    def needs(self, name: str) -> str:
        """Return a field that the service cannot do without. Raises Unusable."""
        value: str = getattr(self, name)
        if not value:
            where = f"spec.{name}" if name in {"address", "channel", "username"} else f"the secret's key '{name}'"
            raise Unusable(f"providers of type {self.type} need {where}")
        return value

    @property
    def token_or_password(self) -> str:
        """Return the token, or the password where Git forges take one for the other. Raises Unusable."""
        return self.token or self.password or self.needs("token")

    @property
    def secrets(self) -> tuple[str, ...]:
        """Everything that must not be shown."""
        texts = [self.token, self.password, self.access_token, *self.headers.values()]
        texts += [value.decode(errors="replace") for key, value in self.secret.items() if key != "username"]
        return tuple(text for text in texts if text)


#: What Go escapes in JSON besides what JSON asks for: signs of HTML, and line separators of JavaScript.
_HTML = re.compile("[<>&]|\u2028|\u2029".encode())
Exchange = Generator[Request, Answer, None]
Provider = Callable[[Notice, Account], Exchange]


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


def post(url: str, payload: Any, headers: Mapping[str, str] | None = None, *, method: str = "POST") -> Request:
    """Make the request that sends JSON."""
    body = as_json(payload)
    return Request(url=url, method=method, body=body, headers={"Content-Type": "application/json", **(headers or {})})


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
    return {"Authorization": "Basic " + base64.b64encode(f"{username}:{password}".encode()).decode()}
