"""What can go wrong between us and a Git remote, sorted by what callers tell apart.

Every message names the remote without its credentials, says what was tried and why it failed.
"""

from typing import ClassVar

_ERROR_LIMIT = 1000


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


class Unverified(Error):
    """A signature that is of none of the given keys, or no signature that can be verified."""


class AuthenticationFailed(Error):
    """The remote does not accept the credentials, or wants some."""


class Forbidden(Error):
    """The remote knows the credentials, and does not let them do what was tried."""


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


def printable(text: str) -> str:
    """Keep a remote's words on one line, short and free of control characters."""
    line = " ".join("".join(c if c.isprintable() or c in "\r\n\t" else "?" for c in text).split())
    return line if len(line) <= _ERROR_LIMIT else line[: _ERROR_LIMIT - 3] + "..."
