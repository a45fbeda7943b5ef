"""The errors of one operation on a remote: each says what was tried on which address, why it failed and what helps.

Both clients, libgit2 and the git program, make their errors here, so that one refusal reads the same from either.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from http import HTTPStatus
from typing import Self

from gotk.git import errors
from gotk.git import url as urls
from gotk.git.auth import ANONYMOUS, Credentials
from gotk.git.transport.operation import Fetch, ListReferences, Operation, Push

#: What remotes say of a reference that somebody else moved first, in Git's, JGit's, libgit2's and forges' words.
_MOVED = (
    *("non-fast", "fetch first", "stale info", "failed to update ref", "incorrect old value"),
    *("cannot lock", "failed to lock", "unable to lock", "lock failure", "lock error"),
)
_HINTS: dict[type[errors.Error], str] = {
    errors.AuthenticationFailed: "authentication failed; check the secret that the object refers to",
    errors.HostKeyMismatch: "the SSH host key is not the one in 'known_hosts'",
    errors.CertificateInvalid: (
        "the TLS certificate is not trusted; a private authority goes into 'ca.crt' of the secret"
    ),
    errors.RepositoryNotFound: "repository not found",
}
_VERBS: dict[type[Operation], str] = {ListReferences: "list remote for", Fetch: "clone", Push: "push to"}
_BY_STATUS = {
    407: "the proxy does not accept the credentials; check the secret that proxySecretRef names",
    413: "the remote takes nothing of this size",
    429: "the remote takes no more requests for now",
}


@dataclass(frozen=True, slots=True)
class Failures:
    """Makes the errors of an operation, with nothing of its credentials in them.

    `verb` is such as `clone`, `url` holds no secret, `way` names the proxy.
    """

    verb: str
    url: str
    way: str = ""
    pushing: bool = False
    credentials: Credentials = ANONYMOUS

    @classmethod
    def of(cls, operation: Operation) -> Self:
        """Return what makes an operation's errors."""
        credentials, url = operation.remote.credentials, urls.parse(operation.remote.url).bare
        way = f" through the proxy '{urls.without_user(credentials.proxy)}'" if credentials.proxy else ""
        return cls(_VERBS[type(operation)], url, way, isinstance(operation, Push), credentials)

    def error(self, kind: type[errors.Error], cause: str) -> errors.Error:
        """Make an error of a cause."""
        return kind(f"unable to {self.verb} '{self.url}'{self.way}: {cause}")

    def failed(self, kind: type[errors.Error], text: str, *, status: int = 0, remarks: str = "") -> errors.Error:
        """Make an error of a failure's kind.

        `text` is the library's or program's own account of it, `status` the server's HTTP status and `remarks` what the
        server said to people.
        """
        said = self._printable(remarks) or self._printable(text)
        if kind is errors.Forbidden:
            number = f" ({status})" if status else ""
            right = "write" if self.pushing else "read"
            step = f"the deploy key or token of the secret needs {right} access to the repository"
            return self.error(kind, f"the remote refused it{number}: {said}; {step}")
        hint = _BY_STATUS.get(status) or _HINTS.get(kind) or (_named(status) if status else "")
        return self.error(kind, f"{hint} ({said})" if hint and said else hint or said or "no cause was given")

    def refused(self, reason: str, messages: Iterable[str]) -> errors.Error:
        """Make the error of a push that the remote took and did not apply.

        `reason` is the reference's status in the remote's report, `messages` what it said to people beside it.
        """
        cause, said = self._printable(reason), self._printable(" ".join(messages))
        moved = any(word in cause.lower() for word in _MOVED)
        told = f"the remote refused it: {cause}" + (f" ({said})" if said else "")
        if not moved and "protected" in f"{cause} {said}".lower():
            told += "; let the account push to the branch, or name another one in spec.git.push.branch"
        return self.error(errors.NonFastForward if moved else errors.Rejected, told)

    def _printable(self, text: str) -> str:
        return errors.printable(self.credentials.redact(text))


def _named(status: int) -> str:
    """Say a status of which nothing more is known."""
    if 300 <= status < 400:
        return "the remote redirects, and neither a token nor a client certificate follows: write where it is now"
    verb = "refused it" if status < 500 else "failed"
    try:
        return f"the remote {verb}: {status} {HTTPStatus(status).phrase}"
    except ValueError:
        return f"the remote {verb}: {status}"
