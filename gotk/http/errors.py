"""What goes wrong between a request and its answer, sorted by what callers tell apart.

The transport raises what it means to have no usable answer; any status is an answer to it. The kinds by status are for
the protocols above, which know what their servers mean. What a server says is untrusted: it is cut short and stripped
of control characters before it becomes part of a message, and no request header or token ever does.
"""

import re

_TEXT_LIMIT = 300
_BLANKS = re.compile(r"\0+")
_TRANSIENT = frozenset({408, 429, 499, 500, 502, 503, 504})


class HTTPError(Exception):
    """A server refused a request, or could not be reached.

    `temporary` says whether the same request may succeed later, `retry_after` in how many seconds (clamped) the server
    wants to be asked again.
    """

    temporary = False

    def __init__(self, message: str, *, status: int = 0, retry_after: float | None = None) -> None:
        super().__init__(message)
        self.status = status
        self.retry_after = retry_after


class Unauthorized(HTTPError):
    """The credentials, or their absence, are not accepted."""


class NotFound(HTTPError):
    """There is no such thing."""


class Unavailable(HTTPError):
    """The server is overloaded or failing; it may answer later."""

    temporary = True


class Unreachable(HTTPError):
    """No answer: name not found, connection refused or reset, TLS, silence."""

    temporary = True


class Untrusted(HTTPError):
    """The server's certificate is not one that we trust."""


class BadAnswer(HTTPError):
    """An answer that the protocol does not know: a login page, a truncated list, a foreign link."""


class OutOfReach(BadAnswer):
    """An address that is more private than the request may go to."""


class TooLarge(BadAnswer):
    """The answer is beyond a limit; the message names it."""


def of_status(status: int) -> type[HTTPError]:
    """Return the kind of error that a status is."""
    if status in {401, 403}:
        return Unauthorized
    if status == 404:
        return NotFound
    return Unavailable if status in _TRANSIENT else BadAnswer


def printable(text: str) -> str:
    """Make a server's words fit for a message: one line, no control or direction characters, cut short."""
    # Python's idea of printable leaves out what Unicode calls control, format (such as directions) and private.
    text = "".join(sign if sign.isprintable() else "\0" for sign in text[: 4 * _TEXT_LIMIT])
    text = _BLANKS.sub(" ", text).strip()
    return text if len(text) <= _TEXT_LIMIT else text[:_TEXT_LIMIT] + "..."
