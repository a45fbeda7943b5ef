"""What an importer found, as a record: which places are followed and how, what goes with them, what is left over."""

import re
from dataclasses import dataclass, field

from image_automation.proposing.files import Sighting
from image_automation.proposing.guessing import Guess


@dataclass(slots=True)
class Author:
    """Who commits, and with which message, as far as the other updater was told; empty for our defaults."""

    name: str = ""
    email: str = ""
    message: str = ""


@dataclass(frozen=True, slots=True)
class Wish:
    """That tags are left out for a place. It is granted to all places of an image, or to none."""

    where: str
    sighting: Sighting
    pattern: str


@dataclass(slots=True)
class Imported:
    """What another updater was told, as far as it means something here.

    `decided` are the places that are followed, each with a policy or None for a guess; `excluded` the patterns of tags
    that are left out, by the canonical name of an image, for which there were `wishes`; `annotations` are asked of the
    automation. `replaces` finds the other updater's own markers, which make room for ours. `apart` is what is not
    carried over, in words.
    """

    decided: dict[Sighting, Guess | None] = field(default_factory=dict)
    excluded: dict[str, list[str]] = field(default_factory=dict)
    wishes: list[Wish] = field(default_factory=list)
    annotations: dict[str, str] = field(default_factory=dict)
    author: Author = field(default_factory=Author)
    replaces: re.Pattern[str] | None = None
    apart: list[str] = field(default_factory=list)

    def exclude(self, where: str, sighting: Sighting, pattern: str) -> None:
        """Wish for a place that tags are left out which a regular expression finds."""
        self.wishes.append(Wish(where, sighting, pattern))

    def leave(self, where: str, cause: str) -> None:
        """Say once what is not carried over."""
        words = f"{where}: {cause}"
        if words not in self.apart:
            self.apart.append(words)
