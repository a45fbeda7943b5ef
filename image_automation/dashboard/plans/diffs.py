"""Two versions of a file as lines that say what goes and what comes; bounded, and without what is not printable."""

import difflib
from collections.abc import Iterable
from typing import Final, Literal

from image_automation.dashboard.page import Record

_LINES: Final = 400
_LONGEST: Final = 500
_HEADER: Final = 2
Sign = Literal["+", "-", " ", "@"]
_SIGNS: Final[dict[str, Sign]] = {"+": "+", "-": "-", " ": " ", "@": "@"}


class Line(Record, frozen=True, kw_only=True):
    """One line: it comes, goes, stays, or says where in the file the next ones are."""

    sign: Sign
    text: str


class Diff(Record, frozen=True, kw_only=True):
    """What becomes of a file; `left_out` counts lines that there was no room for."""

    path: str
    lines: tuple[Line, ...]
    left_out: int = 0


def of(path: str, before: bytes, after: bytes) -> Diff:
    """Return the diff of a file."""
    return of_lines(path, _lines(before), _lines(after))


def of_lines(path: str, before: Iterable[str], after: Iterable[str]) -> Diff:
    """Return the diff of two texts, given as lines."""
    found = list(difflib.unified_diff(list(before), list(after), lineterm=""))[_HEADER:]
    lines = tuple(Line(sign=_SIGNS[each[0]], text=each if each[0] == "@" else each[1:]) for each in found[:_LINES])
    return Diff(path=path, lines=lines, left_out=max(0, len(found) - _LINES))


def _lines(content: bytes) -> list[str]:
    return [printable(line) for line in content.decode(errors="backslashreplace").splitlines()]


def printable(text: str) -> str:
    """Return a line with what is not printable spelt out, at most so long as somebody reads it."""
    shown = "".join(c if c.isprintable() or c == "\t" else c.encode("unicode_escape").decode() for c in text)
    return shown if len(shown) <= _LONGEST else f"{shown[:_LONGEST]}\N{HORIZONTAL ELLIPSIS}"
