"""Updates that were taken back: a person who reverts or edits away what we wrote is not overruled by the next run.

Nothing is remembered but what Git remembers. Before a value is written, the history of its place on the branch is read:
if a commit of ours brought this very value and a commit of somebody else took it away, it stays away, until the policy
chooses another one. A place that left the value three times within a day, whoever did it, is being fought over and is
left alone as well. Both end with `unhold`, or when a person writes the value.
"""

import re
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Final
from urllib.parse import quote, unquote

from gotk.api import extensions
from gotk.git import errors as git
from gotk.git.objects.history import Past
from image_automation import ports
from image_automation.update import place
from image_automation.update.place import Place
from image_automation.update.proposal import Hold, Proposal, place_of
from image_automation.writing import commit_message as commits
from image_automation.writing import provenance

#: How many commits of a branch are looked at, and fetched.
DEPTH: Final = 50
_FLIPS = 3
_WHILE = 24 * 3600
_SHORT = 12
_MOST_FORGIVEN = 100
_DESCRIBED = re.compile(r"(?P<path>.+):\d+: .* commit (?P<commit>[0-9a-f]{12}) by .*")


@dataclass(frozen=True, slots=True)
class _Version:
    """What a place held as of a commit; None where there was no such place."""

    past: Past
    value: str | None


class Releases:
    """Commits that `unhold` has forgiven."""

    def __init__(self, annotation: str) -> None:
        self._entries = [entry.partition(":") for entry in annotation.split()]

    def __contains__(self, taken: tuple[str, str]) -> bool:
        commit, path = taken
        return any(
            len(start) >= 7 and commit.startswith(start) and (not colon or path == unquote(where))
            for start, colon, where in self._entries
        )


def find(tree: ports.Versions, tip: str, proposal: Proposal, author: str, annotations: Mapping[str, str]) -> list[Hold]:
    """Return what must not be changed because it was taken back on this branch. `author` is our address.

    Raises the errors of `gotk.git.errors`.
    """
    if not proposal.edits:
        return []
    branch = _Branch(tree, tip, author, Releases(annotations.get(extensions.UNHOLD, "")))
    judged = (branch.judge(file.path, change.new, place_of(change)) for file, change in proposal.changes)
    return [
        Hold(file.path, change, verdict.commit, verdict.by, verdict.flips)
        for (file, change), verdict in zip(proposal.changes, judged, strict=True)
        if verdict is not None
    ]


def places(holds: Iterable[Hold]) -> dict[str, Collection[Place]]:
    """Return the places held in each file."""
    found: dict[str, set[Place]] = {}
    for hold in holds:
        found.setdefault(hold.path, set()).add(hold.place)
    return {path: frozenset(held) for path, held in found.items()}


def describe(hold: Hold) -> str:
    """Say on one line what is held, where, and because of whom."""
    change = hold.change
    what = f"policy {change.setter.split(':')[1]}: {change.old} stays, {change.new} is not written: "
    what += f"commit {hold.commit[:_SHORT]} by {hold.by} took it back"
    if hold.flips:
        what += f", for the {hold.flips}. time within a day: something else writes to this place"
    return git.printable(f"{hold.path}:{change.line}: {what}")


def described(message: str) -> Iterator[tuple[str, str]]:
    """Read the path and the commit of each hold out of a condition's message."""
    for line in message.splitlines():
        if (match := _DESCRIBED.fullmatch(line)) is not None:
            yield match["path"], match["commit"]


def forgiving(before: str, held: Iterable[tuple[str, str]], *, whole: bool) -> str:
    """Write the annotation that forgives more: paths and commits as `described` gives them; `whole` commits, or each
    only for its path. The oldest entries go when there are many.
    """
    entries = [*before.split(), *(commit if whole else f"{commit}:{quote(path)}" for path, commit in held)]
    return " ".join(list(dict.fromkeys(entries))[-_MOST_FORGIVEN:])


@dataclass(frozen=True, slots=True)
class _Verdict:
    commit: str
    by: str
    flips: int = 0


class _Branch:
    """The history of one branch, read once for all places."""

    def __init__(self, tree: ports.Versions, tip: str, author: str, releases: Releases) -> None:
        self._tree = tree
        self._author = author.casefold()
        self._releases = releases
        self._past = tree.history(tip, DEPTH)
        self._values: dict[str, Mapping[Place, str]] = {}

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
            return _Verdict(last.id, _name(last), flips)
        if self._ours(last) or not self._brought(versions[counted[0] + 1 :], path, where, value):
            return None
        return _Verdict(last.id, _name(last))

    def _counted(self, versions: Sequence[_Version], taken: Sequence[int], path: str) -> list[int]:
        """Leave out what was forgiven, and everything before it."""
        found = []
        for index in taken:
            if (versions[index].past.id, path) in self._releases:
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

    def _ours(self, past: Past) -> bool:
        """Tell whether a commit is an automation's, whole or squashed by whoever merged it."""
        message = past.message.casefold()
        if "this reverts commit" in message:
            return False  # by a person, even one who lends the automation an address
        if self._author in {past.author.email.casefold(), past.committer.email.casefold()}:
            return True
        return f"co-authored-by:{self._author}" in _co_authors(message) or (
            provenance.TRAILER.casefold() in message and commits.DEFAULT.casefold() in message
        )

    def _versions(self, commits: Sequence[Past], path: str, where: Place) -> list[_Version]:
        return [_Version(past, self._read(past.id, path).get(where)) for past in commits]

    def _read(self, commit: str, path: str) -> Mapping[Place, str]:
        try:
            blob = self._tree.node(commit, path).id
        except git.PathNotFound:
            return {}
        if blob not in self._values:
            self._values[blob] = self._parse(blob)
        return self._values[blob]

    def _parse(self, blob: str) -> Mapping[Place, str]:
        try:
            return place.values(self._tree.read(blob))
        except git.PathNotFound:
            return {}  # a directory had this name


def _left(after: _Version, before: _Version, value: str) -> bool:
    return before.value == value and after.value != value


def _co_authors(message: str) -> Iterator[str]:
    for line in message.splitlines():
        if line.startswith("co-authored-by:"):
            yield f"co-authored-by:{line.rpartition('<')[2].rstrip('> ')}"


def _name(past: Past) -> str:
    return past.author.name or past.author.email or "somebody"


#: The places held in each file.
Held = Mapping[str, Collection[Place]]
Reapply = Callable[[Held], Proposal]


def respected(tree: ports.Versions, tip: str, author: str, annotations: Mapping[str, str], apply: Reapply) -> Proposal:
    """Make a proposal that changes nothing which was taken back. Raises the errors of `gotk.git.errors`."""
    proposal = apply({})
    found = find(tree, tip, proposal, author, annotations)
    return apply(places(found)).holding(found) if found else proposal
