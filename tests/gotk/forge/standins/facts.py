"""What a forge knows, in no forge's words, so that one test reads the same at all of them."""

from dataclasses import dataclass, field
from typing import Any

ME = "bot"


@dataclass
class Pull:
    """A pull request."""

    number: int
    title: str
    body: str
    head: str
    head_sha: str
    base: str
    author: str = ME
    state: str = "open"
    draft: bool = False
    fork: bool = False
    labels: list[str] = field(default_factory=list)
    reviewers: list[str] = field(default_factory=list)
    assignees: list[str] = field(default_factory=list)
    closed_by: str = ""
    merge_commit: str = ""
    revision: int = 0
    queued: bool = False
    scheduled: bool = False

    def is_listed_as(self, word: str) -> bool:
        """Tell whether it is among the open, the closed, or all."""
        return word == "all" or (self.state == "open") == (word == "open")


@dataclass
class Said:
    """A review."""

    who: str
    word: str
    sha: str = "a" * 40
    at: str = "2026-11-29T12:00:00Z"
    text: str = ""


@dataclass
class Facts:
    """A repository's. `refused` names what the token has no right to, `unmergeable` says why nothing is merged,
    `clean` that nothing is left to wait for.
    """

    pulls: list[Pull] = field(default_factory=list)
    branches: dict[str, str] = field(default_factory=lambda: {"main": "0" * 40, "update": "a" * 40})
    people: tuple[str, ...] = (ME, "ann", "bob")
    writers: tuple[str, ...] = (ME, "ann")
    labels: list[str] = field(default_factory=lambda: ["images"])
    comments: dict[int, list[str]] = field(default_factory=dict)
    #: What the commits of merges were to say.
    messages: list[str] = field(default_factory=list)
    checks: list[tuple[str, str]] = field(default_factory=list)
    reviews: list[Said] = field(default_factory=list)
    #: Releases, newest first: tag and text.
    releases: list[tuple[str, str]] = field(default_factory=list)
    refused: set[str] = field(default_factory=set)
    unmergeable: str = ""
    queue: bool = False
    clean: bool = False
    drafts: bool = True
    asked: list[tuple[str, Any]] = field(default_factory=list)

    def pull(self, number: int | str) -> Pull:
        """Return one."""
        return next(each for each in self.pulls if each.number == int(number))

    def open(self, title: str, body: str, head: str, base: str, *, draft: bool = False) -> Pull | None:
        """Open one; None where there is one already."""
        if any((each.head, each.base, each.state, each.fork) == (head, base, "open", False) for each in self.pulls):
            return None
        number = max((each.number for each in self.pulls), default=0) + 1
        pull = Pull(number, title, body, head, self.branches[head], base, draft=draft)
        self.pulls.append(pull)
        return pull

    def remember(self, number: int | str, text: str) -> None:
        """Keep a comment."""
        self.comments.setdefault(int(number), []).append(text)

    def writes(self) -> list[str]:
        """Return the operations that wrote something."""
        return [operation for operation, _ in self.asked if not operation.startswith("GET")]


def page(listed: list[Any], query: dict[str, str], size: str, number: str = "page") -> list[Any]:
    """Return a page of a list."""
    length = int(query.get(size, 30))
    begin = (int(query.get(number, 1)) - 1) * length
    return listed[begin : begin + length]
