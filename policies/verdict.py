"""What a policy says of one tag: the record that the command line and the web pages print."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeAlias


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why a tag is out of the question: a word for programs, a sentence for people."""

    reason: str
    message: str


#: Refuses a tag for a reason beside its text, such as its age, or lets it pass with None. Pure.
Veto: TypeAlias = Callable[[str], Refusal | None]


@dataclass(frozen=True, slots=True)
class Verdict:
    """How one tag fared. `key` is what of it was compared; None where the filter refused it.

    `reason` is `Chosen`, `Outranked`, or why it was refused: `FilteredOut`, `SameExtract`, `NotAVersion`, `Prerelease`,
    `OutOfRange`, `NotANumber`, what a veto says (`TooYoung`), or `Excluded` by the ImageRepository.
    """

    tag: str
    key: str | None
    reason: str
    message: str

    @property
    def chosen(self) -> bool:
        """Whether this is the tag."""
        return self.reason == "Chosen"

    @property
    def considered(self) -> bool:
        """Whether this was a candidate to the end: chosen, or outranked by the one that was."""
        return self.reason in {"Chosen", "Outranked"}
