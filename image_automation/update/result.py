"""What rewriting a file came to, as records: changes made, markers without a value, and what was left alone and why.

The command line, the commit message, events and logs are all made of these; nothing here decides anything.
"""

from dataclasses import dataclass
from typing import Literal

from image_automation.update import setter as setters
from image_automation.update.setter import Setter


@dataclass(frozen=True, slots=True, order=True)
class ObjectIdentifier:
    """The Kubernetes object that a value belongs to; empty for a document that is none."""

    api_version: str = ""
    kind: str = ""
    name: str = ""
    namespace: str = ""


@dataclass(frozen=True, slots=True)
class Change:
    """A scalar that got a new value. `setter` is the marker's text, `line` counts from 1.

    `object`, `keys`, `setter` and `number` tell its place from others of the file, whatever moves around it. `kind` is
    how the file was read: as YAML, where it is empty, or line by line as the kind of text file that has this key.
    """

    setter: str
    old: str
    new: str
    line: int
    object: ObjectIdentifier = ObjectIdentifier()
    keys: str = ""
    number: int = 1
    kind: str = ""

    @property
    def names(self) -> Setter:
        """The policy that the value follows, and the part of its choice."""
        return setters.parse(self.setter)


@dataclass(frozen=True, slots=True)
class Problem:
    """Something left alone. An `error` left the whole file alone; a `notice` is on purpose, or one marker only."""

    cause: str
    next_step: str
    line: int | None = None
    level: Literal["error", "notice"] = "notice"

    def __str__(self) -> str:
        return f"{self.cause}: {self.next_step}"


@dataclass(frozen=True, slots=True)
class Unresolved:
    """A marker whose setter has no value."""

    setter: str
    line: int


@dataclass(frozen=True, slots=True)
class FileResult:
    """One file after rewriting. `content` is None where its bytes stay as they are; `followed` are its setters.

    `current` counts the marked values that already are what they should be.
    """

    path: str
    content: bytes | None = None
    changes: tuple[Change, ...] = ()
    problems: tuple[Problem, ...] = ()
    unresolved: tuple[Unresolved, ...] = ()
    followed: frozenset[str] = frozenset()
    current: int = 0

    @property
    def failed(self) -> bool:
        """Whether the file was left alone because something is wrong with it."""
        return any(problem.level == "error" for problem in self.problems)
