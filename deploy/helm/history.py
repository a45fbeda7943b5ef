"""The history in an object's status: snapshots of its release's revisions, the newest first.

Answers to `Snapshots` of helm-controller's API. What is kept is what a rollback may need: the newest revision, and
those before it down to the last good one.
"""

from collections.abc import Iterable, Sequence
from typing import TypeAlias

from deploy.helm import snapshots
from deploy.helm.release import Release
from gotk.api.helm import ReleaseSnapshot

History: TypeAlias = tuple[ReleaseSnapshot, ...]

#: How many are kept where none of them is good.
_MOST = 5
_GOOD = frozenset({"deployed", "superseded"})


def ordered(history: Iterable[ReleaseSnapshot]) -> History:
    """Return snapshots, the newest first."""
    return tuple(sorted(history, key=lambda each: -each.version))


def latest(history: Sequence[ReleaseSnapshot]) -> ReleaseSnapshot | None:
    """Return the newest revision's snapshot."""
    return max(history, key=lambda each: each.version, default=None)


def previous(history: Sequence[ReleaseSnapshot], *, ignore_tests: bool) -> ReleaseSnapshot | None:
    """Return the last good revision before the newest; one with a failed test is not good unless tests are ignored."""
    return next((each for each in ordered(history)[1:] if _is_good(each, ignore_tests=ignore_tests)), None)


def truncated(history: Sequence[ReleaseSnapshot], *, ignore_tests: bool) -> History:
    """Drop what is older than the last good revision before the newest; where none is good, five are kept."""
    kept = ordered(history)
    for place, snapshot in enumerate(kept[1:], start=1):
        if _is_good(snapshot, ignore_tests=ignore_tests):
            return kept[: place + 1]
    return kept[:_MOST]


def newest(history: Sequence[ReleaseSnapshot]) -> History:
    """Keep the newest five, whatever they are: of a release that is upgraded until it works, and never rolled back."""
    return ordered(history)[:_MOST]


def with_snapshot(history: Sequence[ReleaseSnapshot], snapshot: ReleaseSnapshot) -> History:
    """Put a snapshot in, in the place of an older one of the same revision."""
    kept = [each for each in history if _revision(each) != _revision(snapshot)]
    return ordered([*kept, snapshot])


def looked_at_again(history: Sequence[ReleaseSnapshot], releases: Iterable[Release]) -> History:
    """Take the snapshots of these releases anew, which an action has changed: an upgrade supersedes the one before."""
    now = {(each.name, each.namespace, each.version): each for each in releases}
    return ordered(snapshots.again(each, now[_revision(each)]) if _revision(each) in now else each for each in history)


def _revision(snapshot: ReleaseSnapshot) -> tuple[str, str, int]:
    return snapshot.name, snapshot.namespace, snapshot.version


def _is_good(snapshot: ReleaseSnapshot, *, ignore_tests: bool) -> bool:
    return snapshot.status in _GOOD and (ignore_tests or not snapshots.failed_test(snapshot))
