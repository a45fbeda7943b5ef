"""What `unhold` has forgiven: the annotation that lets updates through which somebody took back.

Its entries are COMMIT, for all that a commit took back, or COMMIT:WHERE, for what it took back in one file, below one
folder (`apps/`) or in files of a pattern (`apps/*.yaml`); what else means something there is escaped as in a URL. So
nothing but Git and the object has to remember anything.
"""

import posixpath
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from typing import Final, NamedTuple
from urllib.parse import quote, unquote

from image_automation.update import patterns

#: The most bytes of the annotation.
LIMIT: Final = 64 << 10
_SHORTEST = 7
_SHORT = 12


class TooManyError(ValueError):
    """More was named than the annotation has room for."""


class Taken(NamedTuple):
    """A file in which a commit took something back."""

    path: str
    commit: str


class Releases:
    """The commits that an annotation forgives."""

    def __init__(self, annotation: str) -> None:
        self._entries = [entry.partition(":") for entry in annotation.split()]

    def __contains__(self, taken: Taken) -> bool:
        return any(
            len(start) >= _SHORTEST and taken.commit.startswith(start) and (not colon or _is_in(taken.path, where))
            for start, colon, where in self._entries
        )


@dataclass(frozen=True, slots=True)
class Named:
    """What is to be released: entries for the annotation, and what of it is known to be held.

    `nothing` are the names among those given in which nothing is held.
    """

    entries: tuple[str, ...]
    taken: tuple[Taken, ...]
    nothing: tuple[str, ...] = ()


def everything(held: Iterable[Taken], commits: Iterable[str]) -> Named:
    """Name all that is held, whether it is listed or only its commit is."""
    taken = tuple(sorted(set(held)))
    return Named(_unique(commit[:_SHORT] for commit in (*(each.commit for each in taken), *commits)), taken)


def named(held: Iterable[Taken], names: Sequence[str], unlisted: Collection[str] = ()) -> Named:
    """Choose what was named: files, folders, or patterns in which `*` stops at a slash and `**` does not.

    `unlisted` are the commits that hold more back than is listed, where there are some.
    """
    listed = sorted(set(held))
    entries, chosen, nothing = list[str](), set[Taken](), list[str]()
    for name in names:
        places = _places(name, [taken.path for taken in listed])
        found = {taken for taken in listed if any(_is_in(taken.path, where) for where in places)}
        commits = _unique([*(taken.commit for taken in sorted(found)), *unlisted])
        entries += [f"{commit[:_SHORT]}:{where}" for commit in commits for where in places]
        chosen |= found
        if not commits:
            nothing.append(name)
    return Named(_unique(entries), tuple(sorted(chosen)), tuple(nothing))


def forgiving(before: str, entries: Sequence[str]) -> str:
    """Write the annotation that forgives more; the oldest entries go when there are many. Raises TooManyError."""
    room = LIMIT - len(" ".join(entries))
    if room < 0:
        raise TooManyError(f"{len(entries)} entries are more than the annotation has room for")
    kept = list[str]()
    for entry in reversed(_unique(before.split())):
        if entry in entries:
            continue
        room -= len(entry) + 1
        if room < 0:
            break
        kept.append(entry)
    return " ".join([*reversed(kept), *entries])


def _places(name: str, listed: Sequence[str]) -> list[str]:
    """Write a name as entries have it: the file of that name, else the pattern, else the file or folder it may be."""
    plain = posixpath.normpath(name)
    if (exact := next((path for path in (name, plain) if path in listed), None)) is not None:
        return [quote(exact)]
    if plain == ".":
        return ["**"]
    if patterns.is_pattern(plain):
        return [quote(plain, safe="/*?[]!-")]
    return [f"{quote(plain)}/", *([] if name.endswith("/") else [quote(plain)])]


def _is_in(path: str, where: str) -> bool:
    """Tell whether an entry's place is the file's, or one that it is in."""
    if patterns.is_pattern(where):
        return patterns.matches(path, unquote(where))
    return path.startswith(unquote(where)) if where.endswith("/") else path == unquote(where)


def _unique(texts: Iterable[str]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(texts))
