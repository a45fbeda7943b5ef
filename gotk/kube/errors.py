"""What the Kubernetes API answers when it says no, sorted by what callers tell apart.

Answers to `k8s.io/apimachinery/pkg/api/errors`: the `Status` body's reason decides, else the HTTP status.
"""

from typing import Any


class APIError(Exception):
    """The API refused a request, or could not be reached (`code` 0). `message` is the server's own."""

    def __init__(self, code: int, reason: str, message: str, details: dict[str, Any] | None = None) -> None:
        super().__init__(message)
        self.code = code
        self.reason = reason
        self.message = message
        self.details = details or {}
        #: In how many seconds a busy server may be asked again; None where it did not say.
        self.retry_after: float | None = None

    @property
    def temporary(self) -> bool:
        """Whether the same request may go through later: the server is busy, broken or away."""
        return self.code == 429 or self.code >= 500 or isinstance(self, Unreachable)


class NotFound(APIError):
    """There is no such object."""


class NoMatch(NotFound):
    """The API does not serve such a kind."""


class AlreadyExists(APIError):
    """There is one already."""


class Conflict(APIError):
    """The object moved, or a field belongs to another manager."""


class Invalid(APIError):
    """The object breaks its schema."""


class Forbidden(APIError):
    """Not allowed."""


class Unauthorized(APIError):
    """Who are you?"""


class Expired(APIError):
    """The resource version is too old: list again."""


class Fenced(APIError):
    """This process may not write (any more), so the API was not asked: another replica may be the leader."""


class Unreachable(APIError):
    """No answer: connection refused, reset, timed out, TLS."""


_BY_REASON: dict[str, type[APIError]] = {
    "NotFound": NotFound,
    "AlreadyExists": AlreadyExists,
    "Conflict": Conflict,
    "Invalid": Invalid,
    "Forbidden": Forbidden,
    "Unauthorized": Unauthorized,
    "Expired": Expired,
    "Gone": Expired,
}
_BY_CODE: dict[int, type[APIError]] = {
    401: Unauthorized,
    403: Forbidden,
    404: NotFound,
    409: Conflict,
    410: Expired,
    422: Invalid,
}


def from_status(code: int, status: dict[str, Any]) -> APIError:
    """Make the error of a `Status` body (or of an empty one, then the HTTP status decides)."""
    reason = str(status.get("reason") or "")
    kind = _BY_REASON.get(reason) or _BY_CODE.get(code) or APIError
    message = str(status.get("message") or f"the server answered HTTP {code}")
    return kind(code, reason, message, status.get("details"))
