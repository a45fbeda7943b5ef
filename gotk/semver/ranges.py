r"""Ranges of versions: `>=1.2.0 <2.0.0-0 || ^3.x`, the whole language of Masterminds' `NewConstraint`.

Every atom is an interval of keys and a group of ANDs is the intersection of its intervals, so that checking a version
costs two comparisons. Only `!=` cuts something out. Ranges are bounded at 512 bytes and 32 groups, and are read by
expressions that do not backtrack.
"""

import re
from collections.abc import Collection
from dataclasses import dataclass
from typing import Self

from gotk.semver import version
from gotk.semver.quote import quote
from gotk.semver.sweep import Lines, Scattered
from gotk.semver.version import Key, Version

MAX_LENGTH = 512
MAX_GROUPS = 32

_SPACE = r"[\t\n\f\r ]"
_NUMBER = r"[0-9|xX*]++"  # Masterminds' class has the bar in it; such a number then fails
_PATTERN = (
    rf"v?({_NUMBER})(\.{_NUMBER})?(\.{_NUMBER})?"
    rf"(-{version.IDENTIFIERS})?(?:\+{version.IDENTIFIERS})?"
)  # fmt: skip
_ATOM = re.compile(rf"(!=|>=|=>|<=|=<|~>|=|>|<|~|\^|){_SPACE}*+({_PATTERN})(?P<gap>{_SPACE}*+)")
_COMMA = re.compile(rf",{_SPACE}*+")
_SPACES = re.compile(rf"{_SPACE}*+")
_HYPHEN = re.compile(rf"{_SPACE}*+({_PATTERN}){_SPACE}++-{_SPACE}++({_PATTERN}){_SPACE}*+")
_WILDCARDS = {"x", "X", "*", ""}

#: More tags than this are looked through by sweeps, whose patterns have to be made first.
_MANY = 10_000

_LOWEST: Key = ()
_HIGHEST: Key = (version.UINT64,)


@dataclass(frozen=True, slots=True)
class _Atom:
    """One comparison: `low <= key < high`, less what it excludes."""

    low: Key = _LOWEST
    high: Key = _HIGHEST
    #: Keys from the first up to the second are refused.
    without: tuple[Key, Key] | None = None
    #: Versions of this major, minor and prerelease are refused.
    unlike: Key | None = None

    def excludes(self, key: Key) -> bool:
        """Tell whether the key lies in what this atom cuts out."""
        if self.unlike is not None:
            return (key[0], key[1], key[3]) == self.unlike
        return self.without is not None and self.without[0] <= key < self.without[1]


@dataclass(frozen=True, slots=True)
class _Group:
    """Atoms that must all hold."""

    low: Key
    high: Key
    cuts: tuple[_Atom, ...]
    prereleases: bool
    #: No version of a greater major is in here.
    ceiling: int

    def has(self, key: Key) -> bool:
        """Tell whether a version with this key is in all the atoms."""
        if not self.low <= key < self.high or not (self.prereleases or key[3] is version.RELEASE):
            return False
        return not any(cut.excludes(key) for cut in self.cuts)

    def following(self, numbers: tuple[int, ...]) -> range:
        """Return what may follow the first numbers (at most two) of a version between the bounds."""
        known = len(numbers)
        if not self.low[:known] <= numbers < self.high:
            return range(0)
        low = self.low[known] if self.low[:known] == numbers and len(self.low) > known else 0
        high: object = version.UINT64
        if self.high[:known] == numbers:
            high = self.high[known]
        assert isinstance(low, int)
        assert isinstance(high, int)
        # A bound of more numbers has some below it that begin with its own.
        return range(low, high + (len(self.high) > known + 1))


@dataclass(frozen=True, slots=True)
class Range:
    """A range: groups of which one must hold. `prereleases` says whether a prerelease can be in it at all."""

    text: str
    groups: tuple[_Group, ...]
    prereleases: bool

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read a range. Raises ValueError in Masterminds' words, such as `improper constraint: "1.0.0p"`."""
        if len(text.encode(errors="replace")) > MAX_LENGTH:
            raise ValueError(f"constraint string is too long (max {MAX_LENGTH} bytes)")
        texts = _rewrite_hyphens(text).split("||")
        if len(texts) > MAX_GROUPS:
            raise ValueError(f"too many constraint groups (max {MAX_GROUPS})")
        groups = tuple(_parse_group(group) for group in texts)
        return cls(text, groups, any(group.prereleases for group in groups))

    def has(self, key: Key) -> bool:
        """Tell whether a version with this key is in the range."""
        return any(group.has(key) for group in self.groups)

    def contains(self, candidate: Version) -> bool:
        """Tell whether a version is in the range."""
        return self.has(candidate.key)

    def latest(self, tags: Collection[str]) -> str | None:
        """Return the tag with the highest version in the range, or None; of equals the greatest in byte order.

        Tags that are no versions in Flux's sense are passed over.
        """
        if len(tags) > _MANY:
            try:
                return self._swept(Lines.of(tags, prereleases=self.prereleases))
            except Scattered:
                pass
        return self._read(tags)

    def _read(self, tags: Collection[str]) -> str | None:
        """Look at all tags. Of a version no more is read than it takes to see that a better one is known."""
        has = self.groups[0].has if len(self.groups) == 1 else self.has
        ceiling = max(group.ceiling for group in self.groups)
        best, best_key, known_major, known_minor = "", _LOWEST, 0, 0
        for tag, major_text, minor_text, patch, prerelease in version.lines(tags, prereleases=self.prereleases):
            if len(tag) > version.MAX_LENGTH or not known_major <= (major := int(major_text)) <= ceiling:
                continue
            if (minor := int(minor_text or 0)) < known_minor and major == known_major:
                continue
            numbers = (major, minor, int(patch or 0))
            key = (*numbers, version.prerelease_key(prerelease))
            better = key > best_key or (key == best_key and tag > best)
            if better and version.is_tag(tag, numbers, prerelease) and has(key):
                best, best_key, known_major, known_minor = tag, key, major, minor
        return best or None

    def _swept(self, lines: Lines) -> str | None:
        """Look at the lines that can hold the best version, before those that can hold the next. Raises Scattered."""
        if len(lines.numbers) < 3:
            wanted = [group.following(lines.numbers) for group in self.groups]
            return next(filter(None, map(self._swept, lines.following(wanted))), None)
        best, best_key = "", _LOWEST
        for tag, prerelease in lines.versions():
            key = (*lines.numbers, version.prerelease_key(prerelease))
            better = key > best_key or (key == best_key and tag > best)
            if better and version.is_tag(tag, lines.numbers, prerelease) and self.has(key):
                best, best_key = tag, key
        return best or None


def _rewrite_hyphens(text: str) -> str:
    """Turn `A - B` into `>= A, <= B `."""
    rewritten = text
    for match in _HYPHEN.finditer(text):
        rewritten = rewritten.replace(match[0], f">= {match[1]}, <= {match[6]} ", 1)
    return rewritten


def _parse_group(text: str) -> _Group:
    """Read atoms that must all hold."""
    parsed = [_parse_atom(match) for match in _split_group(text)]
    atoms = [atom for atom, _ in parsed]
    high = min(atom.high for atom in atoms)
    ceiling = high[0]
    assert isinstance(ceiling, int)
    return _Group(
        low=max(atom.low for atom in atoms),
        high=high,
        cuts=tuple(atom for atom in atoms if atom.without or atom.unlike),
        prereleases=any(prerelease for _, prerelease in parsed),
        ceiling=ceiling,
    )


def _split_group(text: str) -> list[re.Match[str]]:
    """Find the atoms of a group, which follow each other after a comma, blanks or both."""
    atoms: list[re.Match[str]] = []
    position = _skip(_SPACES, text, 0)
    while match := _ATOM.match(text, position):
        atoms.append(match)
        if match.end() == len(text):
            return atoms
        position = _skip(_COMMA, text, match.end())
        if position == match.end() and not match["gap"]:
            break
    raise ValueError(f"improper constraint: {quote(text)}")


def _skip(pattern: re.Pattern[str], text: str, position: int) -> int:
    match = pattern.match(text, position)
    return match.end() if match else position


def _parse_atom(match: re.Match[str]) -> tuple[_Atom, bool]:
    """Make the interval of an operator and a version of which the end may be missing or a wildcard."""
    operator, text, major, minor, patch, prerelease = match.group(1, 2, 3, 4, 5, 6)
    minor, patch, prerelease = minor or "", patch or "", prerelease or ""
    known = 3
    if major in _WILDCARDS:
        text, known = f"0.0.0{prerelease}", 0
    elif minor[1:] in _WILDCARDS:
        text, known = f"{major}.0.0{prerelease}", 1
    elif patch[1:] in _WILDCARDS:
        text, known = f"{major}{minor}.0{prerelease}", 2
    try:
        bound = Version.parse(text)
    except ValueError:
        raise ValueError("constraint parser error") from None
    return _ATOMS[operator](bound, known), bool(bound.prerelease)


def _after(key: Key) -> Key:
    """Return the bound between a key and all that are greater."""
    return (*key, 0)


def _next(bound: Version, known: int) -> Key:
    """Return the first key past all versions that share the known numbers (at most two) with the bound."""
    return (bound.major + 1,) if known == 1 else (bound.major, bound.minor + 1)


def _equal(bound: Version, known: int) -> _Atom:
    return _tilde(bound, known) if known < 3 else _Atom(bound.key, _after(bound.key))


def _not_equal(bound: Version, known: int) -> _Atom:
    if known == 1:
        return _Atom(without=((bound.major,), (bound.major + 1,)))
    if known == 2:
        return _Atom(unlike=(bound.major, bound.minor, version.prerelease_key(bound.prerelease)))
    return _Atom(without=(bound.key, _after(bound.key)))


def _greater(bound: Version, known: int) -> _Atom:
    return _Atom(_next(bound, known) if known in {1, 2} else _after(bound.key))


def _less(bound: Version, _: int) -> _Atom:
    return _Atom(high=bound.key)


def _at_least(bound: Version, _: int) -> _Atom:
    return _Atom(bound.key)


def _at_most(bound: Version, known: int) -> _Atom:
    return _Atom(high=_after(bound.key) if known == 3 else _next(bound, known))


def _tilde(bound: Version, known: int) -> _Atom:
    if known in {0, 3} and not (bound.major or bound.minor or bound.patch):
        return _Atom(bound.key)  # ~0.0.0 and * are any version from there on
    return _Atom(bound.key, _next(bound, known))


def _caret(bound: Version, known: int) -> _Atom:
    if bound.major or known == 1:
        return _Atom(bound.key, (bound.major + 1,))
    if bound.minor or known == 2:
        return _Atom(bound.key, (0, bound.minor + 1))
    return _Atom(bound.key, (0, 0, bound.patch + 1))


_ATOMS = {
    "": _equal,
    "=": _equal,
    "!=": _not_equal,
    ">": _greater,
    "<": _less,
    ">=": _at_least,
    "=>": _at_least,
    "<=": _at_most,
    "=<": _at_most,
    "~": _tilde,
    "~>": _tilde,
    "^": _caret,
}
