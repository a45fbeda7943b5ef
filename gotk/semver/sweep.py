"""Finding the best version among very many tags by sweeps over one long text, none of which makes a value of each tag.

A sweep that reads one number of every line costs a fifth of reading all versions. So numbers are read one after the
other, the greatest first, each in those lines alone that begin with the ones before it.
"""

import itertools
import re
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any, Self

from gotk.semver import version

#: After so many times the length of the text was swept, reading all versions at once is cheaper.
_ENDURANCE = 6
#: To make a pattern takes as long as to sweep so many characters.
_PATTERN = 40_000
_NUMBER = r"([0-9]{1,256}+)"
#: What follows the numbers of a release, read in passing.
_NO_PRERELEASE = r"(?=[.0-9]*+(?:\+|$))"


class Scattered(Exception):
    """So much was looked into in vain that a look at all versions is cheaper."""


class _Strength:
    """How many characters may still be swept."""

    def __init__(self, left: int) -> None:
        self._left = left

    def spend(self, characters: int) -> None:
        """Take note of a sweep. Raises Scattered."""
        if characters > self._left:
            raise Scattered
        self._left -= characters


@dataclass(slots=True)
class Lines:
    """Tags, of which those are looked for whose versions begin with `numbers`; with no `prereleases` only releases."""

    #: A line begins with the break before it: one character is what a search finds fastest.
    _text: str
    _prereleases: bool
    _strength: _Strength
    numbers: tuple[int, ...] = ()
    #: Whether the text has lines that begin with other numbers.
    _is_mixed: bool = False

    @classmethod
    def of(cls, tags: Collection[str], *, prereleases: bool) -> Self:
        """Begin with all tags of a list."""
        text = "\n" + version.joined(tags)
        return cls(text, prereleases, _Strength(_ENDURANCE * (len(text) + _PATTERN)))

    def following(self, wanted: Sequence[range]) -> Iterator["Lines"]:
        """Part the lines by the next of the three numbers, the greatest first, as far as any of these ranges has it.

        A part may turn out to hold no version. Raises Scattered.
        """
        pattern = _written(self.numbers, rf"(?:\.{_NUMBER})?") if self.numbers else _NUMBER
        found = self._find(rf"\nv?{pattern}{'' if self._prereleases else _NO_PRERELEASE}")
        distinct = _integers(found)
        within = itertools.chain.from_iterable(filter(each.__contains__, distinct) for each in wanted)
        for number, _ in itertools.groupby(sorted(within, reverse=True)):
            yield replace(self, numbers=(*self.numbers, number), _is_mixed=self._is_mixed or len(distinct) > 1)

    def versions(self) -> list[tuple[str, str]]:
        """Return the tags of which all three numbers are known, each with its prerelease. Raises Scattered."""
        prerelease = f"(?:-({version.IDENTIFIERS}))?" if self._prereleases else "()"
        return self._find(rf"\n(v?{_written(self.numbers)}{prerelease}(?:\+{version.IDENTIFIERS})?)$")

    def _find(self, pattern: str) -> list[Any]:
        if self._is_mixed and len(self.numbers) < 3:
            self._text = "".join(self._sweep(rf"\nv?{_written(self.numbers)}(?:[.+-].*)?$"))
            self._is_mixed = False
        return self._sweep(pattern)

    def _sweep(self, pattern: str) -> list[Any]:
        self._strength.spend(len(self._text) + _PATTERN)
        return re.compile(pattern, re.MULTILINE).findall(self._text)


def _integers(texts: list[str]) -> set[int]:
    """Read numbers, of which nothing at all is zero."""
    distinct = set(texts)
    # In the order of the list, not of the set, they are read three times as fast.
    found = set(map(int, filter(None, distinct if 2 * len(distinct) < len(texts) else texts)))
    return found | {0} if "" in distinct else found


def _written(numbers: tuple[int, ...], rest: str = "") -> str:
    """Return the pattern of numbers as tags write them: zeros in front, and at the end none where they are zero."""
    pattern, may_lack = rest, True
    for number in reversed(numbers[1:]):
        may_lack = may_lack and not number
        pattern = rf"(?:\.{_padded(number)}{pattern}){'?' if may_lack else ''}"
    return _padded(numbers[0]) + pattern


def _padded(number: int) -> str:
    return f"0*{number}" if number else "0+"
