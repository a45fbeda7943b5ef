"""What a registry answers when it says no, in its own words.

Answers to the distribution specification's error body (`{"errors": [{"code", "message", "detail"}]}`) and to
`go-containerregistry/pkg/v1/remote/transport.Error`. The kinds are the HTTP client's; users of the registry client
find them all here.
"""

from http.client import responses

import msgspec

from gotk import lenient
from gotk.http.errors import (
    BadAnswer,
    HTTPError,
    NotFound,
    TooLarge,
    Unauthorized,
    Unavailable,
    Unreachable,
    Untrusted,
    of_status,
    printable,
)

__all__ = [
    "BadAnswer",
    "LoginFailed",
    "NotFound",
    "RegistryError",
    "TooLarge",
    "Unauthorized",
    "Unavailable",
    "Unreachable",
    "Untrusted",
    "Withheld",
    "described",
    "from_answer",
    "printable",
]

_SHOWN = 1200
_LONGEST = 1 << 20

#: Whatever the registry client raises: the HTTP client's errors, and those of this module.
RegistryError = HTTPError


class LoginFailed(RegistryError):
    """The registry's provider gave no credentials; the registry itself was not asked."""


class Withheld(Unauthorized):
    """The credentials were not sent: the token server is on another site."""


class _Item(msgspec.Struct):
    code: str = ""
    message: str = ""


class _Body(msgspec.Struct):
    errors: list[_Item] = []


def described(body: bytes) -> str:
    """Return `CODE: message; ...` of an error body, or the empty text where it is none."""
    if len(body) > _LONGEST:
        return ""
    try:
        items = lenient.decode(body, _Body).errors
    except lenient.Unreadable:
        return ""
    said = printable("; ".join(": ".join(filter(None, (item.code, item.message))) for item in items[:5]))
    return f"multiple errors returned: {said}" if len(items) > 1 else said


def from_answer(request: str, status: int, body: bytes, *, retry_after: float | None = None) -> RegistryError:
    """Make the error of an answer that is no success. `request` is method and URL, without credentials."""
    message = f"{request}: {described(body) or _unexpected(request, status, body)}"
    return of_status(status)(message, status=status, retry_after=retry_after)


def _unexpected(request: str, status: int, body: bytes) -> str:
    text = f"unexpected status code {status} {responses.get(status, '')}".rstrip()
    if said := printable(body[:_SHOWN].decode(errors="replace")):
        return f"{text}: {said}"
    return f"{text} (HEAD responses have no body, use GET for details)" if request.startswith("HEAD ") else text
