"""What was pushed from one mirror need not be fetched into another of the same remote.

Mirrors of one remote and tenant differ in how much history they hold: who updates a branch and who stores its content
as an artifact each have their own. The remote is asked all the same where its reference leads; what is saved is that
it sends back what it has just been given.
"""

import contextlib
import threading
from dataclasses import dataclass
from pathlib import Path

import pygit2

from gotk.bounded import Bounded
from gotk.git.objects import copying

_REMEMBERED = 10_000


@dataclass(frozen=True, slots=True)
class Place:
    """A commit, and the repository on this machine that holds it."""

    commit: str
    repository: Path


class Pushed:
    """The last commit that was pushed to each reference, by whoever may read it. For any thread."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._places: Bounded[tuple[str, str], Place] = Bounded(_REMEMBERED)

    def note(self, readers: str, reference: str, place: Place) -> None:
        """Remember what a reference was moved to; `readers` names tenant and remote."""
        with self._lock:
            self._places.put((readers, reference), place)

    def bring(self, readers: str, reference: str, directory: Path) -> None:
        """Copy what a reference was moved to into another repository, where that can be done; else a fetch will."""
        with self._lock:
            place = self._places.get((readers, reference))
        if place is None or place.repository == directory:
            return
        with contextlib.suppress(pygit2.GitError, KeyError):
            copying.copy(pygit2.Repository(str(place.repository)), pygit2.Repository(str(directory)), place.commit)
