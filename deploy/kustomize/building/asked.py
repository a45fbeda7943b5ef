"""What a build has asked of its source: which paths it looked for, which files it read, which folders it listed.

A build asks by what it was answered before, and by nothing else. So where another revision gives the same answers to
the same questions, it would be asked no others, and the same comes of it. That holds for bases and components wherever
they lie, for what `..` leads to, for files that generators read, and for what is looked for and is not there.
"""

from dataclasses import dataclass, field

from deploy.kustomize.building.source import Kind, Source


@dataclass(frozen=True, slots=True)
class Asked:
    """The paths of which a build knows what lies there, and those of which it knows the bytes or the names, too."""

    kinds: tuple[str, ...]
    wholes: tuple[str, ...]

    def __len__(self) -> int:
        return len(self.kinds) + len(self.wholes)


@dataclass(frozen=True, slots=True)
class Answered:
    """What a build has asked, and the hash of all answers."""

    asked: Asked
    answer: bytes


@dataclass(slots=True)
class Notes:
    """What one build asks, of one or several readings of its source. They may be on other threads, one at a time."""

    kinds: set[str] = field(default_factory=set)
    wholes: set[str] = field(default_factory=set)

    def asked(self) -> Asked:
        """Return all that was asked so far."""
        return Asked(tuple(sorted(self.kinds - self.wholes)), tuple(sorted(self.wholes)))


class Observed:
    """A source, and a note of each question."""

    def __init__(self, source: Source, notes: Notes) -> None:
        self._source = source
        self._notes = notes

    def kind(self, path: str) -> Kind:
        """Tell what lies at a path."""
        self._notes.kinds.add(path)
        return self._source.kind(path)

    def read(self, path: str) -> bytes:
        """Return the bytes of a file. Raises TooLarge."""
        self._notes.wholes.add(path)
        return self._source.read(path)

    def entries(self, path: str) -> list[str]:
        """Return the names in a directory, in lexical order."""
        self._notes.wholes.add(path)
        return self._source.entries(path)
