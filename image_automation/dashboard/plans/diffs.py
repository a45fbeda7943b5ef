"""Two versions of a file as lines that say what goes and what comes; bounded, and without what is not printable."""

from collections.abc import Sequence
from typing import Final

from gotk import line_diff
from gotk.line_diff import Sign
from image_automation.dashboard.page import Record

_LINES: Final = 400
_LONGEST: Final = 500


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
    found = list(line_diff.hunks(_lines(before), _lines(after)))
    shown = tuple(Line(sign=sign, text=printable(text)) for sign, text in found[:_LINES])
    return Diff(path=path, lines=shown, left_out=max(0, len(found) - _LINES))


def _lines(content: bytes) -> Sequence[str]:
    return content.decode(errors="backslashreplace").splitlines()


def printable(text: str) -> str:
    """Return a line with what is not printable spelt out, at most so long as somebody reads it."""
    text = text[: _LONGEST + 1]
    shown = "".join(c if c.isprintable() or c == "\t" else c.encode("unicode_escape").decode() for c in text)
    return shown if len(shown) <= _LONGEST else f"{shown[:_LONGEST]}\N{HORIZONTAL ELLIPSIS}"
