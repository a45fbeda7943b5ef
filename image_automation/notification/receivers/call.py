"""A call as it came in, and what a type's verifier makes of it. Pure."""

import hmac
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, TypeVar

import msgspec

from image_automation.notification.receivers import content

S = TypeVar("S", bound=msgspec.Struct)


class RefusedError(Exception):
    """The call is not proven to come from the sender, or is of no interest. The message holds no secret."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """Headers (names in lower case), body, and what the receiver says of its sender."""

    headers: Mapping[str, str]
    body: bytes = field(repr=False)
    token: bytes = field(default=b"", repr=False)
    events: tuple[str, ...] = ()
    claims: Mapping[str, Any] = field(default_factory=dict)
    secret: Mapping[str, bytes] = field(default_factory=dict, repr=False)

    def header(self, name: str) -> str:
        """Return a header, empty where there is none."""
        return self.headers.get(name.lower(), "")

    @property
    def is_json(self) -> bool:
        """Whether the sender says that the body is JSON."""
        return content.is_json(self.header("Content-Type"))

    def object(self) -> dict[str, Any]:
        """Return the object that the body begins with; `null` is an empty one. Raises RefusedError."""
        try:
            found = content.first(self.body)
        except content.UnreadableError as error:
            raise RefusedError(str(error)) from None
        if not isinstance(found, dict | None):
            raise RefusedError("the body is not a JSON object")
        return found or {}

    def said(self) -> dict[str, Any]:
        """Return the object that the body begins with, empty where it does not: of types that ask no JSON."""
        try:
            return self.object()
        except RefusedError:
            return {}


@dataclass(frozen=True, slots=True)
class Pushed:
    """A repository and a tag that the sender says it has: a path or a name, never an address to call."""

    repository: str
    tag: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Accepted:
    """A call that is let in.

    `ids` name the delivery: one that came before is a replay. `traces` are compared with those too, but not kept: what
    a replay cannot change where it leaves the id out. `request` stands for the body in CEL where it is not the body
    itself. With `idle` the call tells of nothing that changed, and nobody is woken.
    """

    ids: tuple[str, ...] = ()
    traces: tuple[str, ...] = ()
    request: Mapping[str, Any] | None = None
    pushed: tuple[Pushed, ...] = ()
    idle: bool = False


def shaped(value: Any, shape: type[S]) -> S:
    """Read a decoded body as a shape; `null` is an empty one. Raises RefusedError."""
    try:
        return msgspec.convert({} if value is None else value, shape)
    except msgspec.ValidationError as error:
        raise RefusedError(f"the body has another shape: {error}") from None


def same(given: str, expected: bytes) -> bool:
    """Compare a text with a secret in constant time."""
    return hmac.compare_digest(given.encode("utf-8", "surrogateescape"), expected)


def check_event(call: Call, header: str) -> None:
    """Refuse an event that the receiver did not ask for. Raises RefusedError."""
    name = call.header(header)
    if call.events and name.lower() not in {event.lower() for event in call.events}:
        raise RefusedError(f"the event in {header} is not one of spec.events")


def dig(value: Any, *path: str) -> str:
    """Follow keys to a text; empty where something else is there."""
    for key in path:
        value = value.get(key) if isinstance(value, dict) else None
    return value if isinstance(value, str) else ""


def pushed(*pairs: tuple[str, str]) -> tuple[Pushed, ...]:
    """Return the pairs in which both repository and tag are named."""
    return tuple(Pushed(repository, tag) for repository, tag in pairs if repository and tag)
