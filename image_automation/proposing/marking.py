"""Markers put into a file: comments come in at the ends of lines, and no other byte changes.

Each file is read again afterwards by what reads markers in the service (`update.spans`): every marker must mark the
very scalar that was meant, and the nodes must be those from before. What cannot be marked so keeps its bytes and has a
cause.
"""

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from image_automation.update import events, marker, spans

_END = re.compile(r"[ \t]*(?:,[ \t]*)?")
_LINE_END = ("", "\n", "\r", "\x85", "\u2028", "\u2029")


@dataclass(frozen=True, slots=True)
class Marked:
    """A document's new text, and the cause of each scalar that could not be marked, by its number."""

    text: str
    refused: Mapping[int, str]


def existing(document: events.Document) -> set[int]:
    """Return the numbers of the scalars that have a marker already."""
    return {found.scalar.number for found in spans.find(document) if isinstance(found, spans.Marked)}


def obstacle(text: str, scalar: events.Scalar, replaces: re.Pattern[str] | None = None) -> str:
    """Say why no marker can follow a scalar on its line; empty where one can."""
    if scalar.style in {"|", ">"}:
        return "it is a text of several lines: write it on one line"
    end = _after(text, scalar)
    if _beyond(text, end, replaces) != end:
        return ""
    if text[end : end + 1] == "#":
        return "its line has a comment: move that to a line of its own"
    if text[end : end + 1] in _LINE_END:
        return ""
    if scalar.flow:
        return "it stands in brackets on one line with others: give it a line of its own"
    return "something follows it on its line"


def mark(
    document: events.Document,
    setters: Mapping[int, tuple[events.Scalar, str]],
    replaces: re.Pattern[str] | None = None,
) -> Marked:
    """Put a marker behind each scalar (by its number, with its setter); comments that `replaces` finds make room."""
    causes = {number: obstacle(document.text, scalar, replaces) for number, (scalar, _) in setters.items()}
    refused = {number: cause for number, cause in causes.items() if cause}
    wanted = [setters[number] for number in sorted(setters) if number not in refused]
    text = _insert(document.text, wanted, replaces)
    if wanted and not _proven(document, text, wanted):
        cause = "a marker there would not be read as one"
        return Marked(document.text, {**refused, **{scalar.number: cause for scalar, _ in wanted}})
    return Marked(text, refused)


def comment(setter: str) -> str:
    """Write the marker of a setter."""
    return f"# {json.dumps({marker.KEY: setter})}"


def _after(text: str, scalar: events.Scalar) -> int:
    found = _END.match(text, scalar.end)
    return found.end() if found else scalar.end


def _beyond(text: str, end: int, replaces: re.Pattern[str] | None) -> int:
    """Return the end of the comment that makes room, or where we are."""
    found = replaces.match(text, end) if replaces else None
    return found.end() if found else end


def _insert(text: str, wanted: Sequence[tuple[events.Scalar, str]], replaces: re.Pattern[str] | None) -> str:
    pieces, done = [], 0
    for scalar, setter in wanted:
        end = _after(text, scalar)
        blank = "" if text[scalar.end : end].endswith((" ", "\t")) else " "
        pieces += [text[done:end], blank, comment(setter)]
        done = _beyond(text, end, replaces)
    return "".join([*pieces, text[done:]])


def _proven(document: events.Document, text: str, wanted: Sequence[tuple[events.Scalar, str]]) -> bool:
    """Read the result: the same nodes, the markers from before, and the new ones where they were meant."""
    try:
        after = events.read(text)
    except (events.Unreadable, events.TooManyNodes):
        return False
    meant = {scalar.number: setter for scalar, setter in wanted}
    return after.outline == document.outline and _markers(after) == {**_markers(document), **meant}


def _markers(document: events.Document) -> dict[int, str]:
    return {found.scalar.number: found.setter for found in spans.find(document) if isinstance(found, spans.Marked)}
