"""What is asked of a remote, as values: they run here, or travel to a worker process as JSON over a socket."""

from collections.abc import Iterable
from dataclasses import dataclass

import msgspec

from gotk.git.auth import ANONYMOUS, Credentials

#: The most that one fetch may bring, in bytes of its pack.
FETCH_LIMIT = 2 << 30


@dataclass(frozen=True, slots=True, kw_only=True)
class Remote:
    """A repository somewhere else: its address, who we are, and how many seconds one operation may take."""

    url: str
    credentials: Credentials = ANONYMOUS
    timeout: float = 60.0


class Operation(msgspec.Struct, frozen=True, kw_only=True, tag_field="operation"):
    """One conversation with a remote."""

    remote: Remote


class ListReferences(Operation, frozen=True, kw_only=True, tag="list"):
    """Name every reference; an annotated tag stands with what it points to at last."""


class Fetch(Operation, frozen=True, kw_only=True, tag="fetch"):
    """Bring one reference (a full name, `HEAD` or a commit id) into a local bare repository.

    `depth` 0 brings the whole history. A commit that no reference leads to is looked for in every branch, and with
    `tags` in every tag as well.
    """

    repository: str
    reference: str
    depth: int = 1
    tags: bool = False
    limit: int = FETCH_LIMIT


class Push(Operation, frozen=True, kw_only=True, tag="push"):
    """Make a remote reference point to a local commit, if it still points to `expected` (None: if there is none).

    Without a commit the reference is deleted.
    """

    repository: str
    commit: str
    reference: str
    expected: str | None
    force: bool = False
    options: tuple[str, ...] = ()


class Fetched(msgspec.Struct, frozen=True, kw_only=True):
    """What a fetch found: the commit, and whether anything had to be transferred.

    `tag` is the id of the tag object, where the reference is an annotated tag.
    """

    commit: str
    transferred: bool
    bytes: int = 0
    tag: str = ""


class References(msgspec.Struct, frozen=True, kw_only=True):
    """The references of a remote by full name, each with the commit it leads to; `head` is the branch HEAD names.

    `tags` holds the tag objects of those that are annotated tags.
    """

    commits: dict[str, str]
    head: str = ""
    tags: dict[str, str] = {}

    @classmethod
    def of(cls, listed: Iterable[tuple[str, str]], head: str = "") -> "References":
        """Join what a remote lists: a tag's line, and behind it (`^{}`) the one of what it leads to."""
        commits: dict[str, str] = {}
        tags: dict[str, str] = {}
        for name, what in listed:
            plain = name.removesuffix("^{}")
            if plain != name and plain in commits:
                tags[plain] = commits[plain]
            commits[plain] = what
        return cls(commits=commits, head=head, tags=tags)


class Done(msgspec.Struct, frozen=True, kw_only=True):
    """It worked."""
