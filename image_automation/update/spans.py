"""Which scalar a marker marks.

Answers to kyaml's field comments. A marker stands at the end of the line of the value or sequence item it marks (in a
multi-line `[...]` or `{...}` after its comma), on the header line of a block scalar, or on the one line of comment
right above a sequence item. Elsewhere it marks nothing, and that is said rather than left to be wondered about: above a
mapping entry, after an alias, on an empty value, after the closing bracket, inside text.
"""

import bisect
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from operator import attrgetter
from typing import Protocol

from image_automation.update import events, marker

# What libyaml takes for a line break, a superset of YAML 1.2's.
_BREAK = re.compile("\r\n|[\n\r\x85\u2028\u2029]")
_AFTER_VALUE = re.compile(r"[ \t]*(?:,[ \t]*)?")
_BEFORE_ITEM = re.compile(r"[ \t]*-[ \t]+")
_BLANKS = re.compile(r"[ \t]*")
_COMMENT_AFTER = re.compile(r"[ \t]*,?[ \t]*#")
_START = attrgetter("start")


class Read(Protocol):
    """A document that was read: its text, and its scalars in order, at least those on the lines with markers and on the
    line after a marker alone.
    """

    @property
    def text(self) -> str:
        """What was read."""

    @property
    def scalars(self) -> Sequence[events.Scalar]:
        """The scalars."""


@dataclass(frozen=True, slots=True)
class Marked:
    """A scalar and its setter. `position` is the marker's, in characters."""

    setter: str
    scalar: events.Scalar
    position: int


@dataclass(frozen=True, slots=True)
class Inert:
    """A marker that marks nothing, and why."""

    position: int
    cause: str
    next_step: str


def find(document: Read) -> Iterator[Marked | Inert]:
    """Yield every marker of a document, in order, and what was probably meant for one."""
    finder = _Finder(document)
    position = marker.candidate(document.text)
    while position >= 0:
        found = finder.at(position)
        if found is not None:
            yield found
        position = marker.candidate(document.text, finder.line_end(position))


class _Finder:
    def __init__(self, document: Read) -> None:
        self._text = document.text
        self._scalars = document.scalars

    def at(self, position: int) -> Marked | Inert | None:
        """Judge a candidate; None where there is nothing to say, as of a line that was commented out."""
        exact = marker.is_exact(self._text, position)
        before = self._last_before(position)
        if before is not None and position < before.end:
            return self._inside(before, position, exact=exact)
        line = self._line_start(position)
        hash_ = self._text.find("#", max(line, before.end if before else 0), position)
        if hash_ < 0:
            outside = _inert(position, "a marker outside a comment", "put it in a comment after the value")
            return outside if exact else None
        comment, alone = self._text[hash_ : self.line_end(position)], bool(_BLANKS.fullmatch(self._text, line, hash_))
        setter = marker.parse(comment)
        if setter is None:
            return _not_a_marker(position, comment, exact=exact, alone=alone)
        if alone:
            return self._above(setter, position, line)
        if before is None or before.end <= line:
            return _inert(position, "a marker that follows no value", "put it at the end of the value's line")
        return self._after(setter, position, before, hash_)

    def line_end(self, position: int) -> int:
        match = _BREAK.search(self._text, position)
        return match.start() if match else len(self._text)

    def _inside(self, scalar: events.Scalar, position: int, *, exact: bool) -> Marked | Inert | None:
        """Judge a marker between the start and the end of a scalar: only a block scalar's header has comments."""
        if scalar.style not in {"|", ">"} or position > self.line_end(self._indicator(scalar)):
            inside = _inert(position, "a marker inside a text, not in a comment", "nothing in that text is updated")
            return inside if exact else None
        hash_ = self._text.find("#", self._indicator(scalar), position)
        comment = self._text[hash_ : self.line_end(position)] if hash_ >= 0 else ""
        setter = marker.parse(comment)
        if setter is None:
            return _not_a_marker(position, comment, exact=exact, alone=False)
        return self._judge(setter, position, scalar)

    def _after(self, setter: str, position: int, scalar: events.Scalar, hash_: int) -> Marked | Inert:
        """Judge a marker at the end of a line on which a scalar ends."""
        between = self._text[scalar.end : hash_]
        if _AFTER_VALUE.fullmatch(between):
            return self._judge(setter, position, scalar)
        if "*" in between:
            return _inert(position, "a marker after an alias", "mark the anchor's definition")
        if "]" in between or "}" in between:
            return _inert(
                position, "a marker after the end of a flow collection", "give the marked entry a line of its own"
            )
        return _inert(position, "a marker on an empty value", "give the entry a value")

    def _above(self, setter: str, position: int, line: int) -> Marked | Inert:
        """Judge a marker on a line of its own: it marks a scalar that is the sequence item on the next line."""
        item = self._item_on_next_line(position)
        if item is None:
            return _inert(
                position, "a marker on a line of its own", "put it at the end of the value's line, or above a list item"
            )
        if self._is_comment_line(line):
            return _inert(position, "a marker in a comment of several lines", "leave only the marker above the item")
        if self._has_comment(item):
            return _inert(position, "a marker above an item that has its own comment", "put the marker into that one")
        return self._judge(setter, position, item)

    def _judge(self, setter: str, position: int, scalar: events.Scalar) -> Marked | Inert:
        if scalar.role == "key":
            return _inert(position, "a marker on a key", "only values and list items are updated")
        if scalar.tag not in {"", "!", "tag:yaml.org,2002:str"}:
            return _inert(position, f"a marked value that is declared {scalar.tag}, not text", "remove its tag")
        if not scalar.value and not scalar.style:
            return _inert(position, "a marker on an empty value", "give the entry a value")
        if "{{" in scalar.value:
            return _inert(position, "a marked value that is a template expression", "write a plain image or tag")
        return Marked(setter, scalar, position)

    def _item_on_next_line(self, position: int) -> events.Scalar | None:
        ended = _BREAK.match(self._text, self.line_end(position))
        if ended is None:
            return None
        index = bisect.bisect_left(self._scalars, ended.end(), key=_START)
        if index == len(self._scalars):
            return None
        scalar = self._scalars[index]
        lead = _BLANKS if scalar.flow else _BEFORE_ITEM
        return scalar if scalar.role == "item" and lead.fullmatch(self._text, ended.end(), scalar.start) else None

    def _is_comment_line(self, line: int) -> bool:
        """Tell whether the line above the one that starts at `line` is a comment, too."""
        end = line - 2 if self._text[line - 2 : line] == "\r\n" else line - 1
        if end < 0:
            return False
        start = self._line_start(end)
        return self._text[start:end].lstrip(" \t").startswith("#") and self._outside(start)

    def _outside(self, position: int) -> bool:
        before = self._last_before(position)
        return before is None or before.end <= position

    def _has_comment(self, item: events.Scalar) -> bool:
        if item.style not in {"|", ">"}:
            return _COMMENT_AFTER.match(self._text, item.end) is not None
        indicator = self._indicator(item)
        return self._text.find("#", indicator, self.line_end(indicator)) >= 0

    def _indicator(self, scalar: events.Scalar) -> int:
        return skip_properties(self._text, scalar.start)

    def _last_before(self, position: int) -> events.Scalar | None:
        index = bisect.bisect_right(self._scalars, position, key=_START) - 1
        return self._scalars[index] if index >= 0 else None

    def _line_start(self, position: int) -> int:
        start = self._text.rfind("\n", 0, position) + 1
        for mark in "\r\x85\u2028\u2029":
            start = max(start, self._text.rfind(mark, start, position) + 1)
        return start


_PROPERTIES = re.compile(r"(?:[&!]\S*+(?:[ \t]++(?:#[^\r\n]*+)?|(?=[\r\n]))(?:[\r\n]++[ \t]*+(?:#[^\r\n]*+)?)*)*")


def skip_properties(text: str, start: int) -> int:
    """Step over the anchor and the tag of a node; a node's text begins after them."""
    match = _PROPERTIES.match(text, start)
    return match.end() if match else start


def _not_a_marker(position: int, comment: str, *, exact: bool, alone: bool) -> Inert | None:
    """Say how a comment would be a marker; nothing of one that only looks a little like it."""
    if alone and marker.is_commented_out(comment):
        return None
    meant = marker.meant(comment, alone=alone)
    if not (exact or meant):
        return None
    return _inert(
        position,
        "a comment that is not exactly one JSON object of strings with a `$imagepolicy`",
        f'write # {{"$imagepolicy": "{meant or "NAMESPACE:POLICY"}"}} and nothing else in the comment',
    )


def _inert(position: int, cause: str, next_step: str) -> Inert:
    return Inert(position, cause, next_step)
