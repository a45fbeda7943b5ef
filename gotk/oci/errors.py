"""What a registry answers when it says no, sorted by what callers tell apart.

Answers to the distribution specification's error body (`{"errors": [{"code", "message", "detail"}]}`) and to
`go-containerregistry/pkg/v1/remote/transport.Error`. What a registry says is untrusted: it is cut short and stripped of
control characters before it becomes part of a message, and no request header or token ever does.
"""

import re
from http.client import responses

import msgspec

_TEXT_LIMIT = 300
_BLANKS = re.compile(r"\0+")
_TRANSIENT = frozenset({408, 429, 499, 500, 502, 503, 504})


class RegistryError(Exception):
    """The registry refused a request, or could not be reached.

    `temporary` says whether the same request may succeed later, `retry_after` in how many seconds (clamped) the
    registry wants to be asked again.
    """

    temporary = False

    def __init__(self, message: str, *, status: int = 0, retry_after: float | None = None) -> None:
        super().__init__(message)
        self.status = status
        self.retry_after = retry_after


class Unauthorized(RegistryError):
    """The credentials, or their absence, are not accepted."""


class LoginFailed(RegistryError):
    """The registry's provider gave no credentials; the registry itself was not asked."""


class NotFound(RegistryError):
    """There is no such repository, tag or manifest."""


class Unavailable(RegistryError):
    """The registry is overloaded or failing; it may answer later."""

    temporary = True


class Unreachable(RegistryError):
    """No answer: name not found, connection refused or reset, TLS, silence."""

    temporary = True


class Untrusted(RegistryError):
    """The registry's certificate is not one that we trust."""


class BadAnswer(RegistryError):
    """An answer that the protocol does not know: a login page, a truncated list, a foreign link."""


class TooLarge(BadAnswer):
    """The answer is beyond a limit; the message names it."""


class _Item(msgspec.Struct):
    code: str = ""
    message: str = ""


class _Body(msgspec.Struct):
    errors: list[_Item] | None = None


def printable(text: str) -> str:
    """Make a registry's words fit for a message: one line, no control or direction characters, cut short."""
    # Python's idea of printable leaves out what Unicode calls control, format (such as directions) and private.
    text = "".join(sign if sign.isprintable() else "\0" for sign in text[: 4 * _TEXT_LIMIT])
    text = _BLANKS.sub(" ", text).strip()
    return text if len(text) <= _TEXT_LIMIT else text[:_TEXT_LIMIT] + "..."


def described(body: bytes) -> str:
    """Return `CODE: message; ...` of an error body, or the empty text where it is none."""
    try:
        items = msgspec.json.decode(body, type=_Body).errors or []
    except msgspec.DecodeError:
        return ""
    said = printable("; ".join(": ".join(filter(None, (item.code, item.message))) for item in items[:5]))
    return f"multiple errors returned: {said}" if len(items) > 1 else said


def from_answer(request: str, status: int, body: bytes, *, retry_after: float | None = None) -> RegistryError:
    """Make the error of an answer that is no success. `request` is method and URL, without credentials."""
    message = f"{request}: {described(body) or _unexpected(request, status, body)}"
    kind: type[RegistryError] = BadAnswer
    if status in {401, 403}:
        kind = Unauthorized
    elif status == 404:
        kind = NotFound
    elif status in _TRANSIENT:
        kind = Unavailable
    return kind(message, status=status, retry_after=retry_after)


def _unexpected(request: str, status: int, body: bytes) -> str:
    text = f"unexpected status code {status} {responses.get(status, '')}".rstrip()
    if said := printable(body[: 4 * _TEXT_LIMIT].decode(errors="replace")):
        return f"{text}: {said}"
    return f"{text} (HEAD responses have no body, use GET for details)" if request.startswith("HEAD ") else text
