"""What should be in the repository, as a record: made once, and brought there by whoever asked for it.

The reconciler commits and pushes it, `plan` prints it, `apply` and `once` write it into a checkout. How it gets there
is none of its business; what it was made of (the choice of each policy, the files as they were) is.
"""

from collections.abc import Collection, Iterator
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Final

from image_automation.update.place import Place
from image_automation.update.result import Change, FileResult

#: Why an update is not made: somebody took it back.
TAKEN_BACK: Final = "TakenBack"
#: Why an update is not made: somebody said no to the version, or not enough people said yes in time.
REJECTED: Final = "Rejected"
#: Why an update is not made: we took it back, for what deploys it failed.
QUARANTINED: Final = "Quarantined"
#: Why an update is not proposed again: somebody closed its pull request without merging it.
PULL_REQUEST_CLOSED: Final = "PullRequestClosed"
#: The kinds of holds that end with a newer version; all others end once their gate opens.
GIVEN_UP: Final = frozenset({TAKEN_BACK, REJECTED, QUARANTINED, PULL_REQUEST_CLOSED})


@dataclass(frozen=True, slots=True)
class Hold:
    """An update that is not made, or not yet. `kind` says by which gate, `message` why, `until` how long if known.

    One that was taken back names the commit that did it, and in `by` who made that; with `flips` the place went there
    and back so often that somebody else is at work on it.
    """

    path: str
    change: Change
    commit: str = ""
    by: str = ""
    flips: int = 0
    kind: str = TAKEN_BACK
    message: str = ""
    until: datetime | None = None

    @property
    def place(self) -> Place:
        """The place that is held."""
        return place_of(self.change)


@dataclass(frozen=True, slots=True, kw_only=True)
class Grant:
    """A person's word that an image's version may be written: `approve`, or `allow`, past what makes others wait."""

    policy: str
    image: str
    tag: str
    verdict: str
    by: str
    at: str = ""
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Proposal:
    """What the policies came to in a tree: every file with something to say, what is held back, and who let through."""

    files: tuple[FileResult, ...]
    holds: tuple[Hold, ...] = ()
    grants: tuple[Grant, ...] = ()

    @property
    def edits(self) -> dict[str, bytes]:
        """The new bytes of each file that changes."""
        return {file.path: file.content for file in self.files if file.content is not None}

    @property
    def changes(self) -> Iterator[tuple[FileResult, Change]]:
        """Every change with its file."""
        return ((file, change) for file in self.files for change in file.changes)

    def holding(self, holds: Collection[Hold]) -> "Proposal":
        """Return the proposal with these holds written down; the files are the caller's to make without them."""
        return replace(self, holds=tuple(holds))


def place_of(change: Change) -> Place:
    """Return where a change was made."""
    return Place(change.object, change.keys, change.setter, change.number, change.kind)
