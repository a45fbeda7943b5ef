"""The marked values of a text file: which marker, which line, which word of it, and the name of that place.

A place is known by what stands before the value on its line, its setter, and its number among equals, so that lines
may come and go around it.
"""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from image_automation.update import marker
from image_automation.update import setter as setters
from image_automation.update.lines import comments, words
from image_automation.update.lines.comments import Inert, Line
from image_automation.update.lines.kinds import Kind
from image_automation.update.lines.words import Word
from image_automation.update.place import Place
from image_automation.update.result import ObjectIdentifier

_LONGEST_KEYS: Final = 200


@dataclass(frozen=True, slots=True)
class Marked:
    """A value of a file: a word of a line, its setter and its place."""

    setter: str
    line: Line
    word: Word
    place: Place

    @property
    def span(self) -> tuple[int, int]:
        """Where the value stands in the file."""
        return self.line.start + self.word.start, self.line.start + self.word.end

    def refuses(self, value: str, kind: Kind) -> bool:
        """Tell whether another value in this place would not be found again."""
        text, part = self.line.text, _part(self.setter)
        try:
            found = words.find(f"{text[: self.word.start]}{value}{text[self.word.end :]}", part, kind)
        except words.Unclear:
            return True
        return (found.start, found.value) != (self.word.start, value)


def find(text: str, kind: Kind) -> Iterator[Marked | Inert]:
    """Yield every marker of a file, its bytes as Latin-1, with the value that it marks, or why it marks none."""
    counts: Counter[tuple[str, str]] = Counter()
    for found in comments.find(text, kind):
        if isinstance(found, Inert):
            yield found
            continue
        line = found.line
        try:
            word = words.find(line.text, _part(found.setter), kind)
        except words.Unclear as error:
            yield Inert(line.number, error.cause, error.next_step)
            continue
        keys = _keys(line.text[: word.start])
        counts[keys, found.setter] += 1
        number = counts[keys, found.setter]
        yield Marked(found.setter, line, word, Place(ObjectIdentifier(), keys, found.setter, number, kind.key))


def _keys(before: str) -> str:
    """Name what leads to a value on its line, whatever its quotes and blanks."""
    return " ".join(before[-_LONGEST_KEYS:].translate({ord(quote): " " for quote in "\"'`"}).split())


def _part(setter: str) -> str:
    part = setters.parse(setter).part
    return part if part in marker.PARTS else ""
