"""What can go wrong between us and a Git remote, sorted by what callers tell apart.

Every message names the remote without its credentials, says what was tried and why it failed. pygit2's own errors stop
here: `translate` is the one place that reads them.
"""

import re
from typing import ClassVar

import pygit2

_ODB, _ZLIB = 9, 5  # libgit2's classes of errors
_ERROR_LIMIT = 1000
_STATUS = re.compile(r"status code: (\d{3})")


class Error(Exception):
    """A Git operation failed; `message` is for people and holds no secret."""

    kinds: ClassVar[dict[str, type["Error"]]] = {}

    def __init__(self, message: str) -> None:
        super().__init__(message)
        self.message = message

    def __init_subclass__(cls) -> None:
        Error.kinds[cls.__name__] = cls


class InvalidUrl(Error):
    """The address is none that we speak to."""


class LocalAddress(InvalidUrl):
    """The address is a file's of this machine, where only remote ones are let in."""


class InvalidCredentials(Error):
    """The secret does not hold what the transport needs."""


class InvalidSigningKey(Error):
    """The key cannot sign commits; the message says why, and holds nothing of the key."""


class AuthenticationFailed(Error):
    """The remote does not accept the credentials, or wants some."""


class HostKeyMismatch(Error):
    """The SSH server's host key is not the one in `known_hosts`."""


class CertificateInvalid(Error):
    """The TLS server's certificate is not trusted."""


class RepositoryNotFound(Error):
    """The remote has no such repository, or hides it."""


class ReferenceNotFound(Error):
    """The repository has no such branch, tag or commit."""


class EmptyRepository(Error):
    """The repository has no commit yet."""


class PathNotFound(Error):
    """The commit has no such file or directory."""


class InvalidPath(Error):
    """A path that must never be in a repository, such as `../x` or `.git/config`."""


class NonFastForward(Error):
    """The remote branch moved: fetch it and decide again."""


class Rejected(Error):
    """The remote refused the push, such as a hook or a protected branch does."""


class Fenced(Error):
    """This process may not push (any more), so the remote was not asked: another replica may be the leader."""


class Unreachable(Error):
    """No connection, or one that broke."""


class TimedOut(Error):
    """The remote took longer than it may."""


class TooLarge(Error):
    """The remote sent more than it may."""


class Damaged(Error):
    """The local mirror is broken; it has been thrown away and the next fetch makes it anew."""


def translate(error: pygit2.GitError, verb: str, url: str) -> Error:
    """Make one of our errors of pygit2's. `verb` is such as `clone`, `url` holds no secret."""
    text = printable(str(error))
    kind = _kind(error, text, url)
    return kind(f"unable to {verb} '{url}': {explained(kind, text)}")


def printable(text: str) -> str:
    """Keep a remote's words on one line, short and free of control characters."""
    line = " ".join("".join(c if c.isprintable() or c in "\r\n\t" else "?" for c in text).split())
    return line if len(line) <= _ERROR_LIMIT else line[: _ERROR_LIMIT - 3] + "..."


def _kind(error: pygit2.GitError, text: str, url: str) -> type[Error]:
    if isinstance(error, pygit2.errors.CertificateError):
        return HostKeyMismatch if url.startswith("ssh:") else CertificateInvalid
    if isinstance(error, pygit2.AuthError):
        return AuthenticationFailed
    if match := _STATUS.search(text):
        return BY_STATUS.get(match[1], Unreachable)
    lowered = text.lower()
    for kind, words in _BY_WORDS:
        if any(word in lowered for word in words):
            return kind
    return Damaged if getattr(error, "error_class", 0) in {_ODB, _ZLIB} else Unreachable


#: What a server's HTTP status means.
BY_STATUS = {"401": AuthenticationFailed, "403": AuthenticationFailed, "404": RepositoryNotFound}
_BY_WORDS: tuple[tuple[type[Error], tuple[str, ...]], ...] = (
    (
        AuthenticationFailed,
        (
            "too many redirects or authentication replays",
            "authentication required",
            "failed to authenticate",
            "unable to extract public key",
            "authentication failed",
        ),
    ),
    (NonFastForward, ("non-fastforward", "non-fast-forward", "not present locally")),
    (Rejected, ("push-options", "push options")),
    (TimedOut, ("timed out", "timeout", "resource temporarily unavailable")),
    (InvalidCredentials, ("error loading known_hosts",)),
    (HostKeyMismatch, ("unable to exchange encryption keys",)),  # the server has no key of a kind that is known
    (
        RepositoryNotFound,
        (
            "failed to resolve path",
            "could not find repository",
            "not appear to be a git repository",
            "repository not found",
            "no such repository",
        ),
    ),
)


def explained(kind: type[Error], text: str) -> str:
    """Say what a failure means, with the library's or program's own words behind it."""
    hint = {
        AuthenticationFailed: "authentication failed; check the secret that the object refers to",
        HostKeyMismatch: "the SSH host key is not the one in 'known_hosts'",
        CertificateInvalid: "the TLS certificate is not trusted; a private authority goes into 'ca.crt' of the secret",
        RepositoryNotFound: "repository not found",
    }.get(kind)
    return f"{hint} ({text})" if hint and text else hint or text or "no cause was given"
