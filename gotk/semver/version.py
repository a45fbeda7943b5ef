"""Versions: one to three numbers with an optional `v`, prerelease and build metadata.

Answers to `semver.NewVersion` (loose) and to `version.ParseVersion` of fluxcd/pkg. Texts are bounded at 256 bytes and
no expression here backtracks. A version is compared by its key, a tuple of its parts.
"""

import itertools
import math
import re
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from typing import Self, TypeAlias

#: (major, minor, patch, prerelease): ordered by precedence. A shorter tuple is below all the keys that it begins.
Key: TypeAlias = tuple[object, ...]

MAX_LENGTH = 256
UINT64 = 1 << 64
#: The last part of a release's key, above that of every prerelease; the same object in every key.
RELEASE: Key = ((2, 0, ""),)

# Possessive groups, such as `(...)?+`, match wrongly before Python 3.11.5: only single characters are possessive here.
IDENTIFIERS = r"[0-9A-Za-z-]++(?:\.[0-9A-Za-z-]++)*"
_NUMBERS = r"v?([0-9]{1,256}+)(?:\.([0-9]{1,256}+))?(?:\.([0-9]{1,256}+))?"
_VERSION = re.compile(rf"{_NUMBERS}(?:-({IDENTIFIERS}))?(?:\+({IDENTIFIERS}))?")
_LINES = re.compile(rf"^({_NUMBERS}(?:-({IDENTIFIERS}))?(?:\+{IDENTIFIERS})?)$", re.MULTILINE)
_RELEASE_LINES = re.compile(rf"^({_NUMBERS}()(?:\+{IDENTIFIERS})?)$", re.MULTILINE)
_ZERO_PADDED = re.compile(r"(?:^|\.)0[0-9]++(?:\.|$)")


@dataclass(frozen=True, slots=True)
class Version:
    """A version; `original` is the text it was read from. Build metadata takes no part in `key`."""

    original: str
    major: int
    minor: int
    patch: int
    prerelease: str
    metadata: str

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read a version. Raises ValueError."""
        if len(text) > MAX_LENGTH:
            raise ValueError(f"version string is too long (max {MAX_LENGTH} bytes)")
        if (match := _VERSION.fullmatch(text)) is None:
            raise ValueError("invalid semantic version")
        major, minor, patch, prerelease, metadata = match.groups("")
        numbers = (int(major), int(minor or 0), int(patch or 0))
        if max(numbers) >= UINT64:
            raise ValueError("error parsing version segment: value out of range")
        if _ZERO_PADDED.search(prerelease):
            raise ValueError("version segment starts with 0")
        return cls(text, *numbers, prerelease, metadata)

    @classmethod
    def parse_tag(cls, tag: str) -> Self:
        """Read a tag as Flux does: two dots must be in it, wherever they stand. Raises ValueError."""
        if tag.count(".") < 2:
            raise ValueError("invalid semantic version")
        return cls.parse(tag)

    @property
    def key(self) -> Key:
        """What precedence is decided by."""
        return (self.major, self.minor, self.patch, prerelease_key(self.prerelease))

    def __str__(self) -> str:
        text = f"{self.major}.{self.minor}.{self.patch}"
        text += f"-{self.prerelease}" if self.prerelease else ""
        return text + (f"+{self.metadata}" if self.metadata else "")


def prerelease_key(prerelease: str) -> Key:
    """Order prereleases: numbers by value and below words, words by bytes; a release is above them all."""
    return tuple(map(_identifier_key, prerelease.split("."))) if prerelease else RELEASE


def _identifier_key(part: str) -> Key:
    # Masterminds reads numbers as uint64 and takes a greater one for a word.
    if part.isdigit() and (number := int(part)) < UINT64:
        return (0, number, "")
    return (1, 0, part)


def lines(tags: Collection[str], *, prereleases: bool = True) -> Iterator[tuple[str, str, str, str, str]]:
    """Find the tags that look like versions, each with the texts of its four parts.

    One sweep over all the tags is twice as fast as a match for each. They come in long strides through the list, so
    that a good one is among the first even where the best come last. `is_tag` says whether Flux takes one for a
    version.
    """
    found = (_LINES if prereleases else _RELEASE_LINES).findall(joined(tags))
    stride = math.isqrt(len(found)) + 1
    return itertools.chain.from_iterable(found[start::stride] for start in range(stride))


def joined(tags: Collection[str]) -> str:
    """Return tags as lines of one text, but for those with a line break: no version has one, and it looks like two."""
    text = "\n".join(tags)
    return text if text.count("\n") < len(tags) else "\n".join(tag for tag in tags if "\n" not in tag)


def is_tag(tag: str, numbers: tuple[int, ...], prerelease: str) -> bool:
    """Tell whether Flux would take a tag that `lines` found, and that has these parts, for a version."""
    if len(tag) > 19 and (len(tag) > MAX_LENGTH or max(numbers) >= UINT64):
        return False
    return tag.count(".") > 1 and not (prerelease and _ZERO_PADDED.search(prerelease))
