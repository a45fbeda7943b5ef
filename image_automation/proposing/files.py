"""A file of the repository as what was seen in it, and as it will be with its markers."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import PurePosixPath
from typing import Final

from image_automation.proposing import marking, nodes, shapes
from image_automation.proposing.shapes import Place
from image_automation.update import documents, events, screening

#: Flux's own controllers and ours: their images come and go with the installation.
_INSTALLATION: Final = "gotk-components.yaml"
_HINTS = (b"mage", b"tag")


@dataclass(frozen=True, slots=True, eq=False)
class Sighting:
    """An image at its place: `part` numbers the documents of the file, `marked` says that it is followed already.

    Each is itself alone: two of the same looks are two places.
    """

    path: str
    line: int
    part: int
    place: Place
    marked: bool = False

    @property
    def shown(self) -> str:
        """Name the place for people."""
        return f"{self.path}:{self.line}"


@dataclass(frozen=True, slots=True)
class File:
    """A file with images in it; `replaced` are the image names that a kustomization in it replaces."""

    path: str
    data: bytes = field(repr=False)
    parts: Mapping[int, tuple[documents.Span, events.Document]] = field(repr=False)
    sightings: tuple[Sighting, ...]
    replaced: frozenset[str]


def read(path: str, data: bytes) -> File | None:
    """Read a file; None for one without an image, or one that is left alone: no YAML, encrypted, an installation."""
    if PurePosixPath(path).name == _INSTALLATION or not any(hint in data for hint in _HINTS):
        return None
    if screening.refuse(data) is not None:
        return None
    parts: dict[int, tuple[documents.Span, events.Document]] = {}
    sightings: list[Sighting] = []
    replaced: set[str] = set()
    line, counted = 1, 0
    for number, span in enumerate(documents.split(data)):
        line, counted = line + data.count(b"\n", counted, span.start), span.start
        try:
            document = events.read(data[span.start : span.end].decode())
        except (events.Unreadable, events.TooManyNodes):
            continue
        found = list(shapes.find(path, nodes.tree(document)))
        replaced |= {each.image for each in found if isinstance(each, shapes.Replaced)}
        places = [each for each in found if isinstance(each, Place)]
        if places:
            parts[number] = (span, document)
            sightings += _sightings(path, line, number, document, places)
    return File(path, data, parts, tuple(sightings), frozenset(replaced)) if sightings or replaced else None


def write(
    file: File, setters: Mapping[tuple[int, int], tuple[Place, str]], replaces: re.Pattern[str] | None = None
) -> tuple[bytes, dict[tuple[int, int], str]]:
    """Return a file's bytes with markers, and the causes of those that could not be put, by part and scalar number.

    Comments that `replaces` finds make room.
    """
    pieces, done, refused = [], 0, dict[tuple[int, int], str]()
    for part, (span, document) in file.parts.items():
        wanted = {number: (place.scalar, setter) for (at, number), (place, setter) in setters.items() if at == part}
        marked = marking.mark(document, wanted, replaces)
        refused |= {(part, number): cause for number, cause in marked.refused.items()}
        pieces += [file.data[done : span.start], marked.text.encode()]
        done = span.end
    return b"".join([*pieces, file.data[done:]]), refused


def _sightings(path: str, first: int, part: int, document: events.Document, places: list[Place]) -> Iterator[Sighting]:
    marked = marking.existing(document)
    for place in sorted(places, key=lambda place: place.scalar.number):
        line = first + document.text.count("\n", 0, place.scalar.start)
        yield Sighting(path, line, part, place, place.scalar.number in marked)
