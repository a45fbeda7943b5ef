r"""Go regular expressions: what users write in `filterTags` and `exclusionList`, with Go's meaning and Go's errors.

The engine is RE2, whose time is linear in the text whatever the pattern. Go's `regexp` is its sibling and this module
closes the gap: it refuses what Go refuses (`\C`, group names beyond letters, digits and `_`), words errors as Go words
them, finds groups of the same name as Go does, and expands templates by the rules of Go's `Regexp.Expand`.
"""

import re
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import re2

from gotk import go_unicode, plain_pattern

MAX_PATTERN = 4096
MAX_TEMPLATE = 1024
MAX_REFERENCES = 32
#: RE2 answers for a set from its automaton alone, and does not say where it had no room; for so small ones it has.
_SMALL = 1000

# How RE2's complaints read in Go; the part after the colon is the culprit and is the same in both.
_COMPLAINTS = {
    "missing ]": "missing closing ]",
    "missing )": "missing closing )",
    "unexpected )": "unexpected )",
    "invalid perl operator": "invalid or unsupported Perl syntax",
    "invalid repetition size": "invalid repeat count",
    "no argument for repetition operator": "missing argument to repetition operator",
    "bad repetition operator": "invalid nested repetition operator",
    "invalid named capture group": "invalid named capture",
    "invalid character class": "invalid character class range",
    "pattern too large - compile failed": "expression too large",
}
#: What can hide a parenthesis or a backslash: escapes, quoted text and classes; else a group's beginning.
_TOKEN = re.compile(
    r"\\Q.*?(?:\\E|\Z)|(?P<escape>\\.)|\[\^?\]?(?:\[:\^?\w+:\]|\\.|[^\]\\])*\]|(?P<group>\((?!\?)|\(\?P?<(?P<name>[^>]*)>)",
    re.DOTALL,
)
_NAME = re.compile(r"[0-9A-Za-z_]+")


class Match(Protocol):
    """A match: its groups by number, and the whole as number 0."""

    def __getitem__(self, group: int, /) -> bytes | None: ...


class Pattern(Protocol):
    """What RE2 makes of a pattern."""

    @property
    def pattern(self) -> bytes:
        """What it was made of."""
        ...

    @property
    def programsize(self) -> int:
        """How many instructions the pattern takes."""
        ...

    def search(self, text: bytes, /) -> Match | None:
        """Find the leftmost match."""
        ...


class Regexp:
    """A compiled pattern. Searches are unanchored, over the text's UTF-8 bytes."""

    def __init__(self, pattern: str) -> None:
        """Compile. Raises ValueError with the message of Go's `regexp.Compile`, or one of our own past the limit."""
        if len(pattern) > MAX_PATTERN:
            raise ValueError(f"error parsing regexp: the pattern is longer than {MAX_PATTERN} characters")
        self.pattern = pattern
        options = re2.Options()
        options.log_errors = False
        try:
            self._regexp = _compile(pattern, options)
        except re2.error as error:
            raise ValueError(_go_error(pattern, error.args[0])) from None
        #: The name of every group, in order; empty for one without and for the whole match.
        self.names = ("", *_group_names(pattern))
        #: A quicker way to the same answers, for most patterns and texts.
        self.plain = plain_pattern.search_of(pattern)

    def matches(self, text: str) -> bool:
        """Tell whether the pattern is found anywhere in the text."""
        return self._regexp.search(_bytes(text)) is not None

    def found_in(self, texts: Sequence[str]) -> Sequence[bool]:
        """Tell of each of many texts whether the pattern is found in it."""
        if self.plain is not None and all(map(plain_pattern.suits, texts)):
            return [match is not None for match in map(self.plain, texts)]
        if self._regexp.programsize > _SMALL:
            return [self.matches(text) for text in texts]
        return [bool(found) for found in map(self._set().Match, map(_bytes, texts))]

    def _set(self) -> "re2.Set":
        """Make a set of this pattern alone: it tells of a match without making an object of it."""
        made = re2.Set.SearchSet()
        made.Add(self._regexp.pattern)
        made.Compile()
        return made

    def search(self, text: bytes) -> Match | None:
        """Return the leftmost match, or None; a group of it is bytes, or None where it took no part."""
        return self._regexp.search(text)

    def template(self, text: str) -> "Template":
        """Read a template for the matches of this pattern. Raises ValueError past the limits."""
        if len(text) > MAX_TEMPLATE:
            raise ValueError(f"the template is longer than {MAX_TEMPLATE} characters")
        parts = tuple(_parse_template(text, self.names))
        if sum(not isinstance(part, bytes) for part in parts) > MAX_REFERENCES:
            raise ValueError(f"the template has more than {MAX_REFERENCES} references to groups")
        return Template(self, parts)


@dataclass(frozen=True, slots=True)
class Template:
    """What to make of a match: literal text, and groups of which the first that took part is inserted."""

    regexp: Regexp
    parts: tuple[bytes | tuple[int, ...], ...]

    def expand(self, text: str) -> str | None:
        """Return the template filled from the leftmost match, or None where there is none."""
        match = self.regexp.search(_bytes(text))
        if match is None:
            return None
        return b"".join([part if isinstance(part, bytes) else _first(match, part) for part in self.parts]).decode(
            errors="replace"
        )

    def expand_all(self, texts: Sequence[str]) -> Sequence[str | None]:
        """Return for each of many texts what `expand` makes of it."""
        search = self.regexp.plain
        if search is None or not all(map(plain_pattern.suits, texts)):
            return [self.expand(text) for text in texts]
        if len(self.parts) == 1 and isinstance(self.parts[0], tuple) and len(self.parts[0]) == 1:
            (group,) = self.parts[0]
            return [match and match[group] for match in map(search, texts)]
        parts = [part.decode() if isinstance(part, bytes) else part for part in self.parts]
        return [match and _filled(match, parts) for match in map(search, texts)]


def _filled(match: "re.Match[str]", parts: "Sequence[str | tuple[int, ...]]") -> str:
    """Fill a template in where every group takes part; of several of one name the first counts."""
    return "".join([part if isinstance(part, str) else match[part[0]] if part else "" for part in parts])


def _compile(pattern: str, options: "re2.Options") -> Pattern:
    """Compile, with Go's names of Unicode classes. Raises re2.error, in which the pattern's own words stand."""
    if not any(sign in pattern for sign in (r"\p", r"\P")):
        compiled: Pattern = re2.compile(_bytes(pattern), options)
        return compiled
    pieces = go_unicode.rewrite(pattern)
    try:
        compiled = re2.compile(_bytes("".join(written for _, written in pieces)), options)
    except re2.error as error:
        complaint: bytes = error.args[0]
        for own, written in pieces:
            if own != written:
                complaint = complaint.replace(_bytes(written), _bytes(own), 1)
        raise re2.error(complaint) from None
    return compiled


def _first(match: Match, groups: tuple[int, ...]) -> bytes:
    for group in groups:
        if (found := match[group]) is not None:
            return found
    return b""


def _group_names(pattern: str) -> list[str]:
    """List the groups' names, refusing on the way what RE2 lets pass and Go does not."""
    names = []
    for token in _TOKEN.finditer(pattern):
        if token["escape"] == r"\C":
            raise ValueError(r"error parsing regexp: invalid escape sequence: `\C`")
        if token["group"]:
            if token["name"] is not None and not _NAME.fullmatch(token["name"]):
                raise ValueError(f"error parsing regexp: invalid named capture: `{token['group']}`")
            names.append(token["name"] or "")
    return names


def _go_error(pattern: str, complaint: bytes) -> str:
    text = complaint.decode(errors="replace")
    if text.startswith("trailing \\"):
        return "error parsing regexp: trailing backslash at end of expression: ``"
    what, _, culprit = text.partition(": ")
    if culprit in {"(?<=", "(?<!"}:  # Go takes a look-behind for a badly named group
        name, closing, _ = pattern[pattern.index(culprit) :].partition(">")
        what, culprit = "invalid named capture", name + closing
    return f"error parsing regexp: {_COMPLAINTS.get(what, what)}: `{culprit}`"


def _parse_template(text: str, names: Sequence[str]) -> "list[bytes | tuple[int, ...]]":
    """Split a template into literals and references; `$` that begins neither `$$` nor a reference is a literal."""
    parts: list[bytes | tuple[int, ...]] = []
    position = 0
    while (dollar := text.find("$", position)) >= 0:
        parts.append(_bytes(text[position:dollar]))
        reference = _parse_reference(text, dollar + 1)
        if text[dollar + 1 : dollar + 2] == "$":
            parts.append(b"$")
            position = dollar + 2
        elif reference is None:
            parts.append(b"$")
            position = dollar + 1
        else:
            name, position = reference
            parts.append(_groups_named(name, names))
    parts.append(_bytes(text[position:]))
    return [part for part in parts if part]


def _parse_reference(text: str, start: int) -> tuple[str, int] | None:
    """Read `name` or `{name}`, the longest that there is; return it and where it ends."""
    braced = text[start : start + 1] == "{"
    begin = end = start + braced
    while end < len(text) and (text[end] == "_" or unicodedata.category(text[end])[0] == "L" or text[end].isdecimal()):
        end += 1
    if begin == end or (braced and text[end : end + 1] != "}"):
        return None
    return text[begin:end], end + braced


def _groups_named(name: str, names: Sequence[str]) -> tuple[int, ...]:
    """Find the groups that a reference means: one by number (without leading zeros), or all that bear the name."""
    if name.isascii() and name.isdigit() and (name == "0" or name[0] != "0") and len(name) < 10:
        return (int(name),) if int(name) < len(names) else ()
    return tuple(index for index, other in enumerate(names) if index and other == name)


def _bytes(text: str) -> bytes:
    """Encode; a surrogate, which no tag holds, becomes a question mark."""
    return text.encode(errors="replace")
