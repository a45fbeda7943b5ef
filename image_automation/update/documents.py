"""Where the documents of a YAML stream begin and end, found without parsing.

`---` and `...` at the start of a line are document markers and YAML forbids both inside any scalar. So a stream splits
on bytes, only documents that hold a marker are parsed, and a broken neighbour does no harm.
"""

import re
from collections.abc import Iterator
from typing import NamedTuple

from image_automation.update import marker

_SEPARATOR = re.compile(rb"(?:(?<=[\r\n])|\A)(?:---|\.\.\.)(?=[ \t\r\n]|\Z)")
_DIRECTIVES_ONLY = re.compile(rb"(?:[ \t]*(?:#[^\r\n]*)?[\r\n]+|%[^\r\n]*[\r\n]+)+")
_BOM = b"\xef\xbb\xbf"


class Span(NamedTuple):
    """A document's bytes: `data[start:end]`."""

    start: int
    end: int


def marked(data: bytes) -> Iterator[Span]:
    """Yield the documents that hold a marker, from the first to the last."""
    spans = split(data)
    position = data.find(marker.NEEDLE)
    for span in spans:
        if position < 0:
            return
        if span.start <= position < span.end:
            yield span
            position = data.find(marker.NEEDLE, span.end)


def split(data: bytes) -> list[Span]:
    """Split a stream. Directives (`%TAG`) stay with the document after them; the `...` of an end is in none."""
    begin = len(_BOM) if data.startswith(_BOM) else 0
    starts = [begin]
    ends = []
    for match in _SEPARATOR.finditer(data, begin):
        ending = match[0] == b"..."
        if (
            not ending
            and b"%" in data[starts[-1] : match.start()]
            and _only_directives(data, starts[-1], match.start())
        ):
            continue
        ends.append(match.start())
        starts.append(match.end() if ending else match.start())
    return [Span(start, end) for start, end in zip(starts, [*ends, len(data)], strict=True)]


def _only_directives(data: bytes, start: int, end: int) -> bool:
    return _DIRECTIVES_ONLY.fullmatch(data, start, end) is not None
