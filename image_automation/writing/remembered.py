"""Holds that are older than the history that is read: what the report of the run before says of them stands on.

A branch is read so far back and no further, however long it grows. A commit that took an update back leaves that
stretch one day; what it holds is in the automation's report by then, where `explain`, `plan` and the conditions have it
from, too. It ends as before: by a newer version, by `unhold`, or once a person writes the value.
"""

from collections.abc import Iterator

from gotk.api import extensions
from gotk.api.image import ImageUpdateAutomation
from image_automation import report
from image_automation.gating.chain import Gate, Pending
from image_automation.report import Held
from image_automation.update.proposal import PULL_REQUEST_CLOSED, QUARANTINED, TAKEN_BACK, Hold
from image_automation.update.result import Change
from image_automation.writing.releases import Releases, Taken

_KINDS = frozenset({TAKEN_BACK, QUARANTINED})


class Remembered:
    """What an automation's report holds because a commit took it back; nothing of another repository or branch.

    Values of one marker in a file are remembered as one.
    """

    def __init__(self, automation: ImageUpdateAutomation, releases: Releases) -> None:
        found = report.read(automation.metadata.annotations)
        here = found.source in {"", report.source(automation)}
        self._held = {_key(each): each for each in found.held if here and each.commit and each.kind in _KINDS}
        self._releases = releases

    def find(self, path: str, change: Change) -> Held | None:
        """Return what held a change, unless that is forgiven."""
        known = self._held.get((path, change.setter, change.new))
        return None if known is None or Taken(path, known.commit) in self._releases else known


def closed(automation: ImageUpdateAutomation) -> Gate:
    """Hold what its report holds because somebody closed its pull request: for who plans and asks no forge."""
    releases = Releases(automation.metadata.annotations.get(extensions.UNHOLD, ""))
    known = {_key(each): each for each in report.read(automation.metadata.annotations).held}

    def refused(pending: Pending) -> Iterator[Hold]:
        for path, change in pending.changes:
            held = known.get((path, change.setter, change.new))
            if held is None or held.kind != PULL_REQUEST_CLOSED or Taken(path, held.commit) in releases:
                continue
            yield Hold(path, change, held.commit, held.by, kind=held.kind, message=held.message)

    return refused


def _key(held: Held) -> tuple[str, str, str]:
    return (held.path, held.setter, held.new)
