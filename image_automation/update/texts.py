"""Which files besides YAML are looked into: those that somebody opted in by patterns, and how each file is read.

Flux looks into YAML alone, so a file of another name is touched by nobody unless asked for. A pattern with a slash is
of the whole path below `update.path`; one without is of a name, in whatever folder. What is YAML by its name is read
as YAML always.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Final

from image_automation.update import patterns, place, rewrite, screening
from image_automation.update.lines import kinds
from image_automation.update.lines import rewrite as lines
from image_automation.update.lines.kinds import Kind
from image_automation.update.place import Place
from image_automation.update.result import FileResult

_MOST, _LONGEST = 64, 4096


class InvalidPatterns(ValueError):
    """Patterns that name no file below a folder, or too many of them. The message says which and what to write."""


@dataclass(frozen=True, slots=True)
class TextFiles:
    """The text files that are opted in."""

    patterns: tuple[str, ...] = ()

    def kind(self, path: str) -> Kind | None:
        """Return what kind of text a file is, by its path below the folder; None for one that is not opted in."""
        if screening.is_candidate(path) or not any(patterns.matches(path, pattern) for pattern in self.patterns):
            return None
        return kinds.of(path)

    def reaches(self, folder: str) -> bool:
        """Tell whether something below a folder may be opted in."""
        return any(patterns.reaches(folder, pattern) for pattern in self.patterns)


#: Nothing but YAML, as in Flux.
NONE: Final = TextFiles()


def read(text: str) -> TextFiles:
    """Read patterns, with blanks, line breaks or commas between them. Raises InvalidPatterns."""
    if len(text) > _LONGEST:
        raise InvalidPatterns(f"{len(text)} characters are more than {_LONGEST}: write fewer or wider patterns")
    return of(text.replace(",", " ").split())


def of(given: Collection[str]) -> TextFiles:
    """Take patterns one by one. Raises InvalidPatterns."""
    if len(given) > _MOST:
        raise InvalidPatterns(f"{len(given)} patterns are more than {_MOST}: write fewer or wider ones")
    return TextFiles(tuple(dict.fromkeys(map(_whole, given))))


def named(path: str) -> Kind | None:
    """Return what kind of text a file is by its name alone; None for YAML. For files that were read so before."""
    return None if screening.is_candidate(path) else kinds.of(path)


def has_marker(data: bytes, kind: Kind | None) -> bool:
    """Tell whether a file of a kind, None for YAML, may hold a marker."""
    return screening.has_marker(data) if kind is None else lines.has_marker(data)


def rewritten(
    path: str, data: bytes, setters: Mapping[str, str], held: Collection[Place] = (), *, kind: Kind | None
) -> FileResult:
    """Give the marked values of a file of a kind, None for YAML, their values."""
    if kind is None:
        return rewrite.rewrite(path, data, setters, held)
    return lines.rewrite(path, data, setters, held, kind)


def values(data: bytes, key: str) -> Mapping[Place, str]:
    """Return every marked value of a file, given by the key of its kind, which is empty for YAML, as in a Place."""
    return lines.values(data, kinds.BY_KEY[key]) if key else place.values(data)


def _whole(pattern: str) -> str:
    """Return a pattern as one of whole paths."""
    if pattern.startswith("!"):
        raise InvalidPatterns(f"'{pattern}' begins with `!`: name the files to look into, none to leave out")
    names = pattern.removeprefix("./").split("/")
    if names[0] == "":
        names = names[1:]
    elif len(names) == 1:
        names = ["**", *names]
    if not names or any(name in {"", ".", ".."} for name in names):
        raise InvalidPatterns(f"'{pattern}' names no file below update.path: write one such as `docker/*.env`")
    return "/".join(names)
