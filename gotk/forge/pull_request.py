"""Pull requests as values, one shape for all forges, and what a forge is asked about them.

Everything is a conversation (`gotk.http.exchange`); `gotk.forge.asking` carries one out over HTTP, and
`gotk.forge.choosing` picks the forge's class for a repository's address. Branches are names without `refs/heads/`. Only
pull requests from a branch of the repository itself are seen: a fork's branch of the same name is somebody else's.

- Nothing is doubled: opening what is open already updates it, updating what is so already asks for nothing.
- What people did stays: titles, texts and bases are set to what is wanted, labels, reviewers and assignees only added.
- What hangs on a pull request (labels, reviewers, assignees, a draft) never keeps it from being; it becomes a warning.
- A merge names the commit that was looked at: where the branch has moved on, the answer is `Outcome.MOVED`.
- What a forge does not offer is `NotOffered`, an `Unusable` whose message names the forge and the thing.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from enum import Enum
from typing import Protocol

from gotk.forge import status
from gotk.forge.hosting import Asking
from gotk.http.exchange import Unusable

#: At the end of a branch that is looked for: any branch that begins so. No branch has the sign in its name.
ANY = "*"
_SHORTEST = 12


class State(Enum):
    """What became of a pull request."""

    OPEN = "open"
    MERGED = "merged"
    CLOSED = "closed"


class Method(Enum):
    """How a pull request is merged."""

    MERGE = "merge"
    SQUASH = "squash"
    REBASE = "rebase"


class Outcome(Enum):
    """What a request to merge came to."""

    MERGED = "merged"
    #: It stands in the merge queue, or on the merge train, whose business it is now.
    QUEUED = "queued"
    #: The forge merges it by itself once it may.
    SCHEDULED = "scheduled"
    #: The branch is not at the expected commit any more: look again.
    MOVED = "moved"
    #: It may not be merged as it is; the message says why in the forge's words.
    REFUSED = "refused"


class Opinion(Enum):
    """What a person says of a pull request."""

    APPROVED = "approved"
    CHANGES_REQUESTED = "changes requested"


class NotOffered(Unusable):
    """The forge has no such thing: asking again does not help, asking for less does."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """How a pull request is to be. A reviewer with a slash (`org/team`) is a team; `draft` is for opening alone."""

    title: str
    body: str
    head: str
    base: str
    labels: tuple[str, ...] = ()
    reviewers: tuple[str, ...] = ()
    assignees: tuple[str, ...] = ()
    draft: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class PullRequest:
    """A pull request as the forge shows it. `url` is for people; `opened` is a time as RFC 3339 has it, or empty.

    `merge_commit` is empty unless it is merged; `revision` is what some forges want to see again with a change.
    """

    number: int
    url: str
    title: str
    body: str
    head: str
    head_sha: str
    base: str
    state: State
    author: str = ""
    draft: bool = False
    labels: tuple[str, ...] = ()
    reviewers: tuple[str, ...] = ()
    assignees: tuple[str, ...] = ()
    merge_commit: str = ""
    opened: str = ""
    revision: int = 0

    def is_at(self, sha: str) -> bool:
        """Tell whether its branch is at a commit; Bitbucket Cloud shows only how a commit's name begins."""
        return len(self.head_sha) >= _SHORTEST and sha.startswith(self.head_sha)


@dataclass(frozen=True, slots=True, kw_only=True)
class Kept:
    """A pull request that was opened or brought up to date, and what of it could not be had, in words.

    `changed` tells whether its title, text or base were written; the labels are those of before.
    """

    pull_request: PullRequest
    warnings: tuple[str, ...] = ()
    opened: bool = False
    changed: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Check:
    """One thing that looks at a commit: a status, a check, a pipeline."""

    name: str
    state: status.State
    url: str = ""


@dataclass(frozen=True, slots=True)
class Checks:
    """All that looks at a commit."""

    listed: tuple[Check, ...] = ()

    @property
    def state(self) -> status.State | None:
        """Failure where one failed, else pending where one is; None where nothing has reported (yet)."""
        for each in (status.State.FAILURE, status.State.PENDING, status.State.SUCCESS):
            if self.named(each):
                return each
        return None

    def named(self, state: status.State) -> tuple[str, ...]:
        """Return the names of those in a state."""
        return tuple(each.name for each in self.listed if each.state is state)


@dataclass(frozen=True, slots=True, kw_only=True)
class Review:
    """What a person last said of a pull request and stands by; `at` is RFC 3339, `sha` the commit that was looked at.

    Both are empty where the forge does not tell. `names` are what people may call that person by of which nobody else
    can take hold, where that is not `who`. `official` says whether the forge counts it, as of somebody who may
    write here; None where it does not tell, and where anybody may approve a stranger's word counts as anybody's.
    """

    who: str
    opinion: Opinion
    at: str = ""
    sha: str = ""
    text: str = ""
    official: bool | None = None
    names: tuple[str, ...] = ()

    @property
    def known_as(self) -> tuple[str, ...]:
        """The names that are this person's alone."""
        return self.names or (self.who,)


@dataclass(frozen=True, slots=True, kw_only=True)
class Message:
    """What the commit of a merge is to say, where one is made and the forge lets it be said."""

    title: str
    text: str

    @property
    def whole(self) -> str:
        """All of it, for forges that take it in one."""
        return f"{self.title}\n\n{self.text}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Merging:
    """What a request to merge came to; `commit` is the merge's where the forge tells it at once."""

    outcome: Outcome
    message: str = ""
    commit: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Search:
    """Which pull requests are looked for; an empty field takes any, a head that ends in `ANY` all that begin so."""

    head: str = ""
    base: str = ""
    state: State | None = None

    def exact(self) -> str:
        """Return the one branch that is looked for, if it is one."""
        return "" if self.head.endswith(ANY) else self.head

    def takes(self, found: PullRequest) -> bool:
        """Tell whether a pull request is among them."""
        if self.head.endswith(ANY):
            named = found.head.startswith(self.head.removesuffix(ANY))
        else:
            named = self.head in {"", found.head}
        return named and self.base in {"", found.base} and self.state in {None, found.state}


class Proposing(Protocol):
    """What every forge is asked. All of it raises Unusable; `number` is the one that people see."""

    @property
    def title(self) -> str:
        """How people call the forge."""
        ...

    @property
    def longest(self) -> int:
        """How many characters a description may have."""
        ...

    def find_pull_requests(
        self, head: str = "", base: str = "", state: State | None = None
    ) -> Asking[tuple[PullRequest, ...]]:
        """Return the pull requests of the repository's own branches, newest first, of ten pages at most."""
        ...

    def get_pull_request(self, number: int) -> Asking[PullRequest]:
        """Return one."""
        ...

    def open_pull_request(self, wanted: Wanted) -> Asking[Kept]:
        """Open one; one that is open from the same branch into the same one is updated instead."""
        ...

    def update_pull_request(self, number: int, wanted: Wanted) -> Asking[Kept]:
        """Write what differs. Who reviews, is assigned, and which labels it has is only added to."""
        ...

    def close_pull_request(self, number: int, comment: str = "") -> Asking[bool]:
        """Close one without merging it and say why; return whether it was open."""
        ...

    def who_closed(self, number: int) -> Asking[str]:
        """Return the login of who closed it without merging, to be held against `author`; empty if not told."""
        ...

    def comment(self, number: int, text: str) -> Asking[None]:
        """Write a comment."""
        ...

    def enable_auto_merge(
        self, number: int, expected: str, method: Method, message: Message | None = None
    ) -> Asking[Merging]:
        """Let the forge merge it once it may, if its branch is at the expected commit; `message` is for the merge."""
        ...

    def call_off(self, number: int) -> Asking[bool]:
        """Have the forge not merge it by itself any more; return whether it will not."""
        ...

    def merge(self, number: int, expected: str, method: Method, message: Message | None = None) -> Asking[Merging]:
        """Merge it now, or queue it where the forge has a queue for its base, if it is at the expected commit."""
        ...

    def checks(self, sha: str) -> Asking[Checks]:
        """Return what looks at a commit and how far it is."""
        ...

    def reviews(self, number: int) -> Asking[tuple[Review, ...]]:
        """Return what stands of what people said: one entry a person at most."""
        ...


def differing(there: PullRequest, wanted: Wanted) -> dict[str, str]:
    """Return the texts to write: of title, body and base those that are not as wanted."""
    now = {"title": there.title, "body": _plain(there.body), "base": there.base}
    then = {"title": wanted.title, "body": _plain(wanted.body), "base": wanted.base}
    return {name: text for name, text in then.items() if text != now[name]}


def lacking(wanted: Iterable[str], there: Iterable[str]) -> tuple[str, ...]:
    """Return those of the wanted names that are not there; forges do not tell case apart."""
    known = {each.casefold() for each in there}
    return tuple(each for each in dict.fromkeys(wanted) if each.casefold() not in known)


def _plain(text: str) -> str:
    """Return a text as forges compare it: web forms send CRLF, and some forges drop blanks at the end."""
    return text.replace("\r\n", "\n").rstrip()
