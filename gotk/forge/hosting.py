"""A repository's place at a forge: made where there is none, and opened to a deploy key. Values and what is common.

Answers to `fluxcd/go-git-providers` as `flux bootstrap` uses it: a repository that is there is only changed where that
is asked for, and so are the rights that somebody has in it.
"""

from collections.abc import Callable, Generator, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeVar

from gotk.http.exchange import Answer, Request, Unusable

T = TypeVar("T")
#: A conversation that comes to something.
Asking = Generator[Request, Answer, T]
MISSING = 404


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """How a repository is made: a person's own or a group's, seen by whom, with which branch first."""

    personal: bool = False
    visibility: str = "private"
    branch: str = "main"

    @property
    def private(self) -> bool:
        """Whether strangers may not see it."""
        return self.visibility != "public"


#: What a team may be granted, from the least to the most.
PERMISSIONS = ("pull", "triage", "push", "maintain", "admin")


@dataclass(frozen=True, slots=True, kw_only=True)
class Grant:
    """What a team, or a group, may do in a repository, in GitHub's words; `anew` also where it has other rights."""

    team: str
    permission: str
    anew: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class DeployToken:
    """What opens one repository over https, and for nothing else."""

    username: str
    token: str = field(repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class DeployKey:
    """An SSH key that opens one repository; its title is how it is found again."""

    title: str
    public: str
    writes: bool = False

    @property
    def line(self) -> str:
        """The key's type and the key, without the comment that some forges drop."""
        return " ".join(self.public.split()[:2])


def check_owner(owner: str, login: str) -> None:
    """Refuse to make a person's repository for another person. Raises Unusable."""
    if owner.casefold() != login.casefold():
        raise Unusable(f"the specified owner '{owner}' doesn't match the identity associated with the given token")


def outdated(
    listed: Iterable[Mapping[str, Any]], key: DeployKey, writes: Callable[[Mapping[str, Any]], bool]
) -> tuple[list[int], bool]:
    """Return the numbers of keys of the same title that are other keys, and whether the wanted one is there."""
    named = [each for each in listed if each.get("title") == key.title]
    same = [
        each
        for each in named
        if " ".join(str(each.get("key", "")).split()[:2]) == key.line and writes(each) == key.writes
    ]
    return [int(each["id"]) for each in named if each not in same], bool(same)
