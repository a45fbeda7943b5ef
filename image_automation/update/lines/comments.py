"""Which line a marker marks.

A marker at the end of a line marks that line; one that has a line to itself marks the next. Where neither can be, in a
text, behind a sign that begins no comment there, above nothing, that is said rather than left to be wondered about.
"""

import functools
import re
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from image_automation.update import marker
from image_automation.update.lines import words
from image_automation.update.lines.kinds import SIGNS, Kind

_BREAK = re.compile(r"\r\n|[\n\r]")
_HINT = re.compile(r"imagepolicy", re.IGNORECASE)
_SIGN: Final = "|".join(r"/\*+" if sign == "/*" else f"{re.escape(sign)}+" for sign in SIGNS)
_OBJECT = re.compile(rf"(?:(?<=[ \t])|^)(?P<sign>{_SIGN})[ \t]*(?=\{{)")
_DASHES = re.compile(r"--(?=[ \t{]|\Z)")
_CLOSED = re.compile(r"[ \t]*\*+/[ \t,;)\]}]*\Z")
_LONGEST: Final = 4096
_TRIED: Final = 8
_BOM: Final = "\xef\xbb\xbf"
_NAME: Final = "NAMESPACE:POLICY"


@dataclass(frozen=True, slots=True)
class Line:
    """A line without its end: `text` begins at `start` of the file; `number` counts from 1."""

    number: int
    start: int
    text: str


@dataclass(frozen=True, slots=True)
class Pointed:
    """A marker, the line that it stands on, and the line whose value it marks, up to the comment."""

    setter: str
    number: int
    line: Line


@dataclass(frozen=True, slots=True)
class Inert:
    """A marker that marks nothing, and why."""

    number: int
    cause: str
    next_step: str


@dataclass(frozen=True, slots=True)
class _Comment:
    """A comment that is a marker: what stands before it on its line, and its sign."""

    before: str
    sign: str
    setter: str


def find(text: str, kind: Kind) -> Iterator[Pointed | Inert]:
    """Yield every marker of a file, its bytes as Latin-1, in order, and what was probably meant for one."""
    position = len(_BOM) if text.startswith(_BOM) else 0
    number, counted = 1, 0
    while hint := _HINT.search(text, position):
        start = _line_start(text, hint.start(), position)
        number, counted = number + text.count("\n", counted, start), start
        end, following = _ends(text, hint.end())
        line = Line(number, start, text[start:end])
        if (found := _judge(line, text, following, kind)) is not None:
            yield found
        position = following
        if position == len(text):
            return


def _judge(line: Line, text: str, following: int, kind: Kind) -> Pointed | Inert | None:
    comment = _marker(line.text)
    if comment is None:
        return _not_a_marker(line, kind)
    if comment.sign not in kind.signs:
        cause = f"a marker behind `{comment.sign}`, which begins no comment in {kind.title}"
        return Inert(line.number, cause, f"put it behind {' or '.join(f'`{sign}`' for sign in kind.signs)}")
    if not comment.before.strip(" \t"):
        return _above(comment.setter, line, text, following, kind)
    if _is_comment(comment.before, kind):
        return None  # the line was commented out
    if (refusal := _misplaced(comment.before, kind)) is not None:
        return Inert(line.number, *refusal)
    return Pointed(comment.setter, line.number, Line(line.number, line.start, comment.before))


def _misplaced(before: str, kind: Kind) -> tuple[str, str] | None:
    """Say why a marker does not mark what stands before it on its line, and what to do."""
    if marker.NEEDLE.decode() in before:
        return "two markers on one line", "leave one of them, and give the other value its own line"
    if kind.own_lines:
        cause = f"a marker at the end of a line, where {kind.title} has no comments"
        return cause, "put it on a line of its own, right above the value's"
    if not words.is_closed(before):
        return "a marker inside a text, or after a quote that is not closed", "close the text before it"
    return None


def _above(setter: str, line: Line, text: str, following: int, kind: Kind) -> Pointed | Inert:
    """Judge a marker on a line of its own."""
    end, _ = _ends(text, following)
    below = Line(line.number + text.count("\n", line.start, following), following, text[following:end])
    if not below.text.strip(" \t"):
        return Inert(line.number, "a marker above an empty line", "put it right above the value's line")
    if _is_comment(below.text, kind):
        return Inert(line.number, "a marker above a comment", "put it right above the value's line")
    if marker.NEEDLE.decode() in below.text:
        return Inert(line.number, "a marker above a line that has its own", "leave one of them")
    return Pointed(setter, line.number, below)


def _marker(line: str) -> _Comment | None:
    """Return the comment of a line that is a marker, to the line's end."""
    signs = deque(_OBJECT.finditer(line, max(0, len(line) - _LONGEST)), maxlen=_TRIED)
    for found in signs:
        content = line[found.end() :]
        if found["sign"].startswith("/*"):
            closed = _CLOSED.search(content)
            if closed is None:
                continue
            content = content[: closed.start()]
        if (setter := marker.parse(content)) is not None:
            sign = next(each for each in SIGNS if found["sign"].startswith(each))
            return _Comment(line[: found.start()], sign, setter)
    return None


def _not_a_marker(line: Line, kind: Kind) -> Inert | None:
    """Say how a line would have a marker; nothing of one that only looks a little like it."""
    exact = marker.NEEDLE.decode() in line.text
    comment = _comment_of(kind.signs).search(line.text)
    if comment is None:
        outside = Inert(line.number, "a marker outside a comment", f"write it as {_written(kind, _NAME)}")
        return outside if exact else None
    alone = not line.text[: comment.start()].strip(" \t")
    meant = marker.meant(comment["content"].removesuffix("*/"), alone=alone)
    if not (exact or meant):
        return None
    cause = "a comment that is not exactly one JSON object of strings with a `$imagepolicy`, at the end of its line"
    return Inert(line.number, cause, f"write {_written(kind, meant or _NAME)} and nothing else in the comment")


@functools.cache
def _comment_of(signs: tuple[str, ...]) -> re.Pattern[str]:
    return re.compile(rf"(?:(?<=[ \t])|^)(?:{'|'.join(map(re.escape, signs))})(?P<content>.*)")


def _is_comment(text: str, kind: Kind) -> bool:
    """Tell whether a line begins with a comment; `--set` is an argument of a command that goes on."""
    begun = text.lstrip(" \t")
    return begun.startswith(kind.signs) and (not begun.startswith("--") or _DASHES.match(begun) is not None)


def _written(kind: Kind, setter: str) -> str:
    sign, end = kind.signs[0], " */" if kind.signs[0] == "/*" else ""
    return f'{sign} {{"$imagepolicy": "{setter}"}}{end}'


def _line_start(text: str, position: int, least: int) -> int:
    return max(least, text.rfind("\n", least, position) + 1, text.rfind("\r", least, position) + 1)


def _ends(text: str, position: int) -> tuple[int, int]:
    """Return where the line of a position ends, and where the next begins."""
    found = _BREAK.search(text, position)
    return found.span() if found else (len(text), len(text))
