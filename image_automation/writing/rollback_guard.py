"""Updates that were taken back: a person who reverts or edits away what we wrote is not overruled by the next run.

Git remembers it, as far back as it is read, and what is older the automation's report (`remembered`). Before a value is
written, the history of its place on the branch is read: if a commit of ours brought this very value and a commit of
somebody else took it away, it stays away, until the policy chooses another one. A place that left the value three times
within a day, whoever did it, is being fought over and is left alone as well. Both end with `unhold`, or when a person
writes the value.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise, takewhile

from gotk.api import extensions
from gotk.api.image import ImageUpdateAutomation
from gotk.git import errors as git
from gotk.git.objects.history import Past
from image_automation import ports
from image_automation.gating.chain import Gate, Pending
from image_automation.update import texts
from image_automation.update.place import Place
from image_automation.update.proposal import QUARANTINED, TAKEN_BACK, Hold, place_of
from image_automation.update.result import Change
from image_automation.writing import authorship, provenance
from image_automation.writing.authorship import DEPTH
from image_automation.writing.provenance import TakingBack
from image_automation.writing.releases import Releases, Taken
from image_automation.writing.remembered import Remembered

_FLIPS = 3
_WHILE = 24 * 3600


@dataclass(frozen=True, slots=True)
class _Version:
    """What a place held as of a commit; None where there was no such place."""

    past: Past
    value: str | None


@dataclass(frozen=True, slots=True)
class Owner:
    """An automation on whose behalf values are written.

    `owns` tells by path and setter which changes are its own; all of them unless said otherwise.
    """

    automation: ImageUpdateAutomation
    owns: Callable[[str, str], bool] = lambda _path, _setter: True

    @property
    def email(self) -> str:
        """The address of its commits."""
        return self.automation.spec.git.commit.author.email if self.automation.spec.git is not None else ""

    @property
    def releases(self) -> Releases:
        """What `unhold` forgave it."""
        return Releases(self.automation.metadata.annotations.get(extensions.UNHOLD, ""))


def gate(tree: ports.Versions, tip: str, owners: Iterable[Owner]) -> Gate:
    """Hold what was taken back on a branch. The gate raises the errors of `gotk.git.errors`."""
    everybody = list(owners)

    def taken_back(pending: Pending) -> list[Hold]:
        holds: dict[Hold, None] = {}
        for owner in everybody:
            branch = _Branch(tree, tip, owner.email, owner.releases)
            older = Remembered(owner.automation, owner.releases)
            for path, change in pending.changes:
                if owner.owns(path, change.setter) and (hold := _hold(branch, older, path, change)) is not None:
                    holds[hold] = None
        return list(holds)

    return taken_back


def _hold(branch: "_Branch", older: Remembered, path: str, change: Change) -> Hold | None:
    """Say what holds a change: what the branch says of its place, and of what it does not reach back to the report."""
    where = place_of(change)
    verdict = branch.judge(path, change.new, where)
    if verdict is not None:
        return Hold(path, change, verdict.commit, verdict.by, verdict.flips, verdict.kind)
    known = older.find(path, change)
    if known is None or branch.is_whole or branch.had(path, change.new, where, since=known.commit):
        return None
    return Hold(path, change, known.commit, known.by, known.flips, known.kind)


@dataclass(frozen=True, slots=True)
class _Verdict:
    commit: str
    by: str
    flips: int = 0
    kind: str = TAKEN_BACK


class _Branch:
    """The history of one branch, read once for all places."""

    def __init__(self, tree: ports.Versions, tip: str, author: str, releases: Releases) -> None:
        self._tree = tree
        self._author = author
        self._releases = releases
        self._past = tree.history(tip, DEPTH)
        self._values: dict[tuple[str, str], Mapping[Place, str]] = {}

    @property
    def is_whole(self) -> bool:
        """Whether nothing is older than what is read."""
        return bool(self._past) and not self._past[-1].parents

    def had(self, path: str, value: str, where: Place, *, since: str) -> bool:
        """Tell whether a place held a value at some time since a commit, or as far back as is read."""
        later = takewhile(lambda version: version.past.id != since, self._versions(self._past, path, where))
        return any(version.value == value for version in later)

    def judge(self, path: str, value: str, where: Place) -> _Verdict | None:
        """Tell whether a value was taken back at a place."""
        versions = self._versions(self._past, path, where)
        taken = [index for index, (after, before) in enumerate(pairwise(versions)) if _left(after, before, value)]
        counted = self._counted(versions, taken, path)
        if not counted:
            return None
        last = versions[counted[0]].past
        flips = len([index for index in counted if last.when - versions[index].past.when <= _WHILE])
        if flips >= _FLIPS:
            return self._verdict(last, flips)
        if self._is_update(last) or not self._brought(versions[counted[0] + 1 :], path, where, value):
            return None
        return self._verdict(last)

    def _counted(self, versions: Sequence[_Version], taken: Sequence[int], path: str) -> list[int]:
        """Leave out what was forgiven, and everything before it."""
        found = []
        for index in taken:
            if Taken(path, versions[index].past.id) in self._releases:
                break
            found.append(index)
        return found

    def _brought(self, versions: Sequence[_Version], path: str, where: Place, value: str) -> bool:
        """Tell whether the value, which the first of these versions has, came from us."""
        held = 0
        while held + 1 < len(versions) and versions[held + 1].value == value:
            held += 1
        past = versions[held].past
        if held + 1 == len(versions) and past.parents:
            return False  # it was there before the history that we have begins
        if self._ours(past):
            return True
        return any(self._merged(parent, path, where, value) for parent in past.parents[1:])

    def _merged(self, tip: str, path: str, where: Place, value: str) -> bool:
        """Tell whether a merged branch had the value from us."""
        versions = self._versions(self._tree.history(tip, DEPTH), path, where)
        if not versions or versions[0].value != value:
            return False
        return any(
            self._ours(after.past)
            for after, before in pairwise(versions)
            if after.value == value and before.value != value
        )

    def _is_update(self, past: Past) -> bool:
        """Tell whether a commit of ours went on to another version, rather than back."""
        return self._ours(past) and self._taking(past) is None

    def _taking(self, past: Past) -> TakingBack | None:
        """Return what a commit of ours, or the last one that a merge brings, says that it takes back."""
        brought = (each for parent in past.parents[1:] for each in self._tree.history(parent, 1))
        said = (provenance.taking_back(each.message) for each in (past, *brought) if self._ours(each))
        return next(filter(None, said), None)

    def _ours(self, past: Past) -> bool:
        return authorship.is_ours(past, self._author)

    def _verdict(self, past: Past, flips: int = 0) -> _Verdict:
        """Say whose wish the taking back was: a commit of ours that takes back says so itself, whoever merged it."""
        taking = self._taking(past)
        if taking is None:
            return _Verdict(past.id, authorship.name(past), flips)
        return _Verdict(past.id, taking.by, flips, kind=QUARANTINED if taking.recovers else TAKEN_BACK)

    def _versions(self, commits: Sequence[Past], path: str, where: Place) -> list[_Version]:
        return [_Version(past, self._read(past.id, path, where.kind).get(where)) for past in commits]

    def _read(self, commit: str, path: str, kind: str) -> Mapping[Place, str]:
        try:
            blob = self._tree.node(commit, path).id
        except git.PathNotFound:
            return {}
        if (blob, kind) not in self._values:
            self._values[blob, kind] = self._parse(blob, kind)
        return self._values[blob, kind]

    def _parse(self, blob: str, kind: str) -> Mapping[Place, str]:
        try:
            return texts.values(self._tree.read(blob), kind)
        except git.PathNotFound:
            return {}  # a directory had this name


def _left(after: _Version, before: _Version, value: str) -> bool:
    return before.value == value and after.value != value
