"""How a pull request is kept, in the steps that all forges share; each forge's class says how a step is asked.

The order makes it safe to stop anywhere and begin again: what is asked first is the pull request itself, what hangs on
it comes after and can fail, and a comment follows the deed that it explains.
"""

from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any, ClassVar

from gotk.forge.answers import as_object, is_done, said
from gotk.forge.hosting import Asking
from gotk.forge.pull_request import Kept, Merging, Outcome, PullRequest, Search, State, Wanted, differing
from gotk.http.exchange import Request, Unusable

_LAST_LINE = 200
#: What a forge answers to something that it will not do: such a body, such a name, such a right.
REFUSALS = (400, 403, 404, 405, 406, 409, 410, 412, 422, 423)


class Proposals(ABC):
    """A repository's pull requests. Public methods are described in `pull_request.Proposing`."""

    __slots__ = ()
    title: ClassVar[str]
    #: How many characters a description may have.
    longest: ClassVar[int] = 65_536

    def find_pull_requests(
        self, head: str = "", base: str = "", state: State | None = None
    ) -> Asking[tuple[PullRequest, ...]]:
        """Return the pull requests of the repository's own branches, newest first."""
        search = Search(head=head, base=base, state=state)
        listed = yield from self._list(search)
        found = [self._read(each) for each in listed if self._is_own(each)]
        return tuple(sorted(filter(search.takes, found), key=lambda each: each.number, reverse=True))

    def get_pull_request(self, number: int) -> Asking[PullRequest]:
        """Return one."""
        answer = yield self._one(number)
        return self._read(as_object(answer))

    def open_pull_request(self, wanted: Wanted) -> Asking[Kept]:
        """Open one, or update the one that is open from the same branch into the same one."""
        wanted = fitted(wanted, self.longest)
        answer = yield self._creation(wanted)
        refusal = said(answer)
        if not is_done(answer):
            there = yield from self.find_pull_requests(wanted.head, wanted.base, State.OPEN)
            if there:
                return (yield from self.update_pull_request(there[0].number, wanted))
            if wanted.draft:
                # Some forges have drafts in some plans only.
                answer = yield self._creation(replace(wanted, draft=False))
        if not is_done(answer):
            raise Unusable(f"{self.title} refuses a pull request from '{wanted.head}' into '{wanted.base}': {refusal}")
        opened = self._read(as_object(answer))
        warnings = yield from self._dress(opened, wanted)
        if wanted.draft and not opened.draft:
            warnings = (f"{self.title} opened it ready for review and not as a draft", *warnings)
        return Kept(pull_request=opened, warnings=warnings, opened=True, changed=True)

    def update_pull_request(self, number: int, wanted: Wanted) -> Asking[Kept]:
        """Write what differs; add who and what is missing."""
        wanted = fitted(wanted, self.longest)
        there = yield from self.get_pull_request(number)
        changes = differing(there, wanted)
        if changes:
            there = self._read((yield from self._edit(there, changes)))
        warnings = yield from self._dress(there, wanted)
        return Kept(pull_request=there, warnings=warnings, changed=bool(changes))

    def close_pull_request(self, number: int, comment: str = "") -> Asking[bool]:
        """Close one without merging it and say why; return whether it was open."""
        there = yield from self.get_pull_request(number)
        if there.state is not State.OPEN:
            return False
        yield self._closing(there)
        if comment:
            yield from self.comment(number, comment)
        return True

    @abstractmethod
    def comment(self, number: int, text: str) -> Asking[None]:
        """Write a comment."""

    @abstractmethod
    def _list(self, search: Search) -> Asking[list[dict[str, Any]]]:
        """Ask for pull requests, as few as the forge can be told, newest first."""

    @abstractmethod
    def _is_own(self, listed: Mapping[str, Any]) -> bool:
        """Tell whether its branch is of the same repository."""

    @abstractmethod
    def _read(self, listed: Mapping[str, Any]) -> PullRequest:
        """Read one of the forge's. Raises Unusable."""

    @abstractmethod
    def _one(self, number: int) -> Request:
        """Ask for one."""

    @abstractmethod
    def _creation(self, wanted: Wanted) -> Request:
        """Ask for a new one; refusals are answers."""

    @abstractmethod
    def _edit(self, there: PullRequest, changes: Mapping[str, str]) -> Asking[dict[str, Any]]:
        """Ask for another title, body or base; return it as it is then."""

    @abstractmethod
    def _closing(self, there: PullRequest) -> Request:
        """Ask for the end of one."""

    @abstractmethod
    def _dress(self, there: PullRequest, wanted: Wanted) -> Asking[tuple[str, ...]]:
        """Add labels, reviewers and assignees that are missing; return warnings."""


def fitted(wanted: Wanted, longest: int) -> Wanted:
    """Shorten a description to what the forge takes, in the middle: its first and last lines say whose it is."""
    if len(wanted.body) <= longest:
        return wanted
    end = wanted.body.rstrip().rpartition("\n")[2][-_LAST_LINE:]
    cut = f"\n\n…\n\n{end}\n"
    return replace(wanted, body=f"{wanted.body[: longest - len(cut)]}{cut}")


def merging(there: PullRequest) -> Merging:
    """Return what a request to merge came to that was granted, by how the pull request is then."""
    outcome = Outcome.MERGED if there.state is State.MERGED else Outcome.SCHEDULED
    return Merging(outcome=outcome, commit=there.merge_commit)


def unoffered(forge: str, what: str, names: Iterable[str]) -> tuple[str, ...]:
    """Return the warning about what a forge does not have at all, if any of it was wanted."""
    listed = ", ".join(names)
    return (f"{forge} has no {what}: {listed} left out",) if listed else ()
