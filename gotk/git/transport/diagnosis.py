"""What a conversation with a remote failed of: HTTP statuses, libgit2's errors and the git program's words, sorted.

Both clients are read here, so that one failure is one kind of error whichever of them met it. pygit2's own errors stop
here.
"""

import re

import pygit2

from gotk.git import errors
from gotk.git.transport.failures import Failures

Words = tuple[tuple[type[errors.Error], tuple[str, ...]], ...]

_ODB, _ZLIB = 9, 5  # libgit2's classes of errors
_STATUS = re.compile(r"(?:status code|returned error|RPC failed; HTTP):? (?P<status>\d{3})")
_BY_STATUS: dict[int, type[errors.Error]] = {
    401: errors.AuthenticationFailed,
    403: errors.Forbidden,
    404: errors.RepositoryNotFound,
    407: errors.AuthenticationFailed,
    408: errors.Unreachable,
    429: errors.Unreachable,
}
#: What forges say over SSH of a key that they know.
_FORBIDDEN = (
    *("marked as read only", "read-only deploy key", "write access", "not allowed to push", "not allowed to upload"),
    *("denied to", "denied for writing", "permission denied for"),
)
_BY_LIBGIT2: Words = (
    (errors.Forbidden, _FORBIDDEN),
    (
        errors.AuthenticationFailed,
        (
            *("too many redirects or authentication replays", "authentication required", "failed to authenticate"),
            *("unable to extract public key", "authentication failed"),
        ),
    ),
    (errors.NonFastForward, ("non-fastforward", "non-fast-forward", "not present locally")),
    (errors.Rejected, ("push-options", "push options")),
    (errors.TimedOut, ("timed out", "timeout", "resource temporarily unavailable")),
    (errors.InvalidCredentials, ("error loading known_hosts",)),
    (errors.HostKeyMismatch, ("unable to exchange encryption keys",)),  # the server has no key of a kind that is known
    (
        errors.RepositoryNotFound,
        (
            *("failed to resolve path", "could not find repository", "not appear to be a git repository"),
            *("repository not found", "no such repository"),
        ),
    ),
)
_BY_GIT: Words = (
    (errors.Forbidden, _FORBIDDEN),
    (
        errors.AuthenticationFailed,
        (
            *("authentication failed", "could not read username", "could not read password"),
            *("permission denied (publickey", "invalid format", "error in libcrypto"),
            *("response 407", "407 from proxy", "rejected by the socks5 server", "the proxy refused: 407"),
            "username and password authentication failure",
        ),
    ),
    (errors.HostKeyMismatch, ("host key verification failed", "host key for")),
    (errors.CertificateInvalid, ("certificate verif", "certificate problem", "certificate verify failed")),
    (errors.RepositoryNotFound, ("not found", "does not appear to be a git repository")),
    (errors.ReferenceNotFound, ("couldn't find remote ref",)),
    (errors.TimedOut, ("timed out", "timeout", "operation too slow")),
)


def status(text: str) -> int:
    """Return the HTTP status that a client names in its words; 0 where it names none."""
    match = _STATUS.search(text)
    return int(match["status"]) if match else 0


def of_libgit2(error: pygit2.GitError, failures: Failures) -> errors.Error:
    """Make an error of libgit2's."""
    text = str(error)
    if code := status(text):
        return of_status(code, text, failures)
    if isinstance(error, pygit2.errors.CertificateError):
        kind = errors.HostKeyMismatch if failures.url.startswith("ssh:") else errors.CertificateInvalid
        return failures.failed(kind, text)
    if isinstance(error, pygit2.AuthError):
        return failures.failed(errors.AuthenticationFailed, text)
    damaged = getattr(error, "error_class", 0) in {_ODB, _ZLIB}
    return failures.failed(_by_words(text, _BY_LIBGIT2, errors.Damaged if damaged else errors.Unreachable), text)


def of_git(text: str, failures: Failures, *, remarks: str = "") -> errors.Error:
    """Make an error of what the git program said; `remarks` is what the server said to people."""
    if code := status(text):
        return of_status(code, text, failures, remarks)
    kind = _by_words(text, _BY_GIT, _by_words(remarks, _BY_GIT, errors.Unreachable))
    return failures.failed(kind, text, remarks=remarks)


def of_status(code: int, text: str, failures: Failures, remarks: str = "") -> errors.Error:
    """Make an error of an HTTP status; `remarks` is what the server said to people beside it."""
    refused = errors.Rejected if 400 <= code < 500 else errors.Unreachable
    return failures.failed(_BY_STATUS.get(code, refused), text, status=code, remarks=remarks)


def _by_words(text: str, table: Words, otherwise: type[errors.Error]) -> type[errors.Error]:
    lowered = text.lower()
    return next((kind for kind, words in table if any(word in lowered for word in words)), otherwise)
