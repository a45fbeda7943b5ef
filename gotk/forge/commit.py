"""A commit that the forge itself makes, so that it signs it: shown as verified without a key of ours.

GitHub signs each, GitLab and Gitea where their operators set them up to. What is written are whole files. Where the
branch is, is compared before, and GitHub compares it once more in the commit itself.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

from gotk.forge.hosting import Asking
from gotk.http.exchange import Unusable

#: What files are to hold, by their paths from the repository's root; None takes a file away.
Files = Mapping[str, bytes | None]


class Moved(Unusable):
    """The branch is not where it was: nothing of ours is on it; look again."""

    def __init__(self, branch: str, at: str) -> None:
        super().__init__(f"branch '{branch}' is at {at or 'no commit'} meanwhile")


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """A commit to make: on top of `parent`, on a branch that is at it or is not there yet.

    `replaces` is where a branch is that is to be built anew; the commits that only it has are then lost to it.
    """

    branch: str
    parent: str
    message: str
    files: Files
    replaces: str = ""

    @property
    def headline(self) -> str:
        """The first line of the message."""
        return self.message.partition("\n")[0]

    @property
    def rest(self) -> str:
        """The message below its first line."""
        return self.message.partition("\n")[2].strip("\n")


@runtime_checkable
class Committing(Protocol):
    """What a forge is asked that makes commits."""

    def commit(self, change: Change) -> Asking[str]:
        """Make a commit and return its name. Raises Moved, and Unusable for what the forge refuses."""
        ...
