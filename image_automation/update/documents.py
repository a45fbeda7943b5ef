"""Where the documents of a YAML stream begin and end, found without parsing.

`---` and `...` at the start of a line are document markers and YAML forbids both inside any scalar. So a stream splits
on bytes, only documents that hold a marker are parsed, and a broken neighbour does no harm.
"""

import re
from collections.abc import Iterator
from typing import NamedTuple

from image_automation.update import marker

_MARKERS = (b"---", b"...")
_BREAKS = (b"\n", b"\r")
_AFTER = (b"", b" ", b"\t", b"\r", b"\n")
# Possessive: a file of nothing but line breaks must not be tried in every way.
_DIRECTIVES_ONLY = re.compile(rb"(?:[ \t]*+(?:#[^\r\n]*+)?[\r\n]++|%[^\r\n]*+[\r\n]++)+")
_BOM = b"\xef\xbb\xbf"


class Span(NamedTuple):
    """A document's bytes: `data[start:end]`."""

    start: int
    end: int


def marked(data: bytes) -> Iterator[Span]:
    """Yield the documents that hold a marker, or what may be meant for one, from the first to the last."""
    for span in split(data):
        if marker.is_hinted(data[span.start : span.end]):
            yield span


def split(data: bytes) -> list[Span]:
    """Split a stream. Directives (`%TAG`) stay with the document after them; the `...` of an end is in none."""
    begin = 0
    while data.startswith(_BOM, begin):  # joined files have several, and the parser counts none of a document's first
        begin += len(_BOM)
    starts = [begin]
    ends = []
    for position in _separators(data, begin):
        ending = data.startswith(b"...", position)
        if not ending and _only_directives(data, starts[-1], position):
            continue
        ends.append(position)
        starts.append(position + 3 if ending else position)
    return [Span(start, end) for start, end in zip(starts, [*ends, len(data)], strict=True)]


def _separators(data: bytes, begin: int) -> list[int]:
    """Return where document markers stand: plain searches, many times faster than a pattern."""
    found = [begin] if data.startswith(_MARKERS, begin) else []
    for needle in (line_break + mark for line_break in _BREAKS for mark in _MARKERS):
        position = data.find(needle, begin)
        while position >= 0:
            found.append(position + 1)
            position = data.find(needle, position + 1)
    return sorted(position for position in found if data[position + 3 : position + 4] in _AFTER)


def _only_directives(data: bytes, start: int, end: int) -> bool:
    """Tell whether there are directives and nothing else between two positions."""
    return data.find(b"%", start, end) >= 0 and _DIRECTIVES_ONLY.fullmatch(data, start, end) is not None
