"""The errors of one operation on a remote: each says what was tried on which address, and why it failed.

Both clients, libgit2 and the git program, make their errors here, so that one refusal reads the same from either.
"""

from collections.abc import Iterable
from dataclasses import dataclass

from gotk.git import errors

#: What remotes say of a reference that somebody else moved first, in Git's, libgit2's and forges' words.
_MOVED = ("non-fast", "fetch first", "stale info", "failed to update ref", "lock")


@dataclass(frozen=True, slots=True)
class Failures:
    """Makes the errors of an operation. `verb` is such as `clone`, `url` holds no secret, `way` names the proxy."""

    verb: str
    url: str
    way: str = ""

    def error(self, kind: type[errors.Error], cause: str) -> errors.Error:
        """Make an error of a cause."""
        return kind(f"unable to {self.verb} '{self.url}'{self.way}: {cause}")

    def refused(self, reason: str, messages: Iterable[str]) -> errors.Error:
        """Make the error of a push that the remote took and did not apply.

        `reason` is the reference's status in the remote's report, `messages` what it said to people beside it.
        """
        cause, said = errors.printable(reason), errors.printable(" ".join(messages))
        moved = any(word in cause.lower() for word in _MOVED)
        return self.error(
            errors.NonFastForward if moved else errors.Rejected,
            f"the remote refused it: {cause}" + (f" ({said})" if said else ""),
        )
