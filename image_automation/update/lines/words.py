"""Which word of a line is the value that a marker asks for.

Words are what stands between blanks, quotes, `=`, `,`, `;` and brackets, made of the characters of image references;
one that touches anything else, such as `$` or `\\`, is part of something larger and none; but the default of
`${NAME:-default}` is one. An image is told by its tag or its digest, a digest by its algorithm, wherever on the line
they stand. Every word looks like a tag or a name, so for those only values count: a whole text in quotes, or what
stands right after `=`, `:` or `:-`. Exactly one word may fit.
"""

import bisect
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from image_automation.update import values
from image_automation.update.lines.kinds import Kind

_WORD = re.compile(r"(?P<default>(?<=\$\{)[A-Za-z_][A-Za-z0-9_]*:?-)?(?P<word>[A-Za-z0-9._:/@+-]+)")
# What may stand before a word and after it; `${`, `%{`, `#{` and `{{` begin something that is filled in later.
_BEFORE = re.compile(r"(?:^|[ \t\"'`=,;(\[<>|&]|(?<![$%#{])\{)\Z")
_AFTER = re.compile(r"\Z|[ \t\"'`,;)\]}<>|&]")
_BEFORE_WIDTH = 2
_QUOTE = re.compile(r"[\"'`]")
_ENDS: Final = {
    '"': re.compile(r'[^"\\]*(?:\\.[^"\\]*)*"'),
    "'": re.compile(r"[^']*+'"),
    "`": re.compile(r"[^`]*+`"),
}
_ASSIGNED = re.compile(r"(?:(?<![<>!~=])=|:)[ \t]*\Z")
_ASSIGNED_APART = re.compile(r"[=:][ \t]+\Z")
_KEY = re.compile(r"[ \t]*[=:]")
_REST = re.compile(r"[ \t,;)\]}\\]*\Z")
_IMAGE = re.compile(r"(?P<name>[^@]+?)(?::(?P<tag>[^/:@]+))?(?:@(?P<digest>[^@]+))?")
_MOST_SHOWN, _WIDTH = 3, 80
_LONGEST_WORD, _LOOK_BACK = 1024, 256


@dataclass(frozen=True, slots=True)
class Word:
    """`text[start:end]` of a line is a value; `is_default` where it is that of a variable."""

    start: int
    end: int
    value: str
    is_default: bool = False


class Unclear(Exception):
    """A line on which no one word is the value, and what to do about it."""

    def __init__(self, cause: str, next_step: str) -> None:
        super().__init__(cause)
        self.cause = cause
        self.next_step = next_step


class _Quotes:
    """The texts in quotes of a line. Raises Unclear where one never ends."""

    def __init__(self, text: str) -> None:
        self._starts: list[int] = []
        self._ends: list[int] = []
        position = 0
        while opening := _QUOTE.search(text, position):
            closing = _ENDS[opening[0]].match(text, opening.end())
            if closing is None:
                raise Unclear("a quote that is not closed on its line", "give the value a line of its own")
            self._starts.append(opening.end())
            self._ends.append(closing.end() - 1)
            position = closing.end()

    def around(self, word: Word) -> tuple[int, int] | None:
        """Return where the text that a word is in begins and ends, its quotes left out."""
        index = bisect.bisect_right(self._starts, word.start) - 1
        return (self._starts[index], self._ends[index]) if index >= 0 and word.end <= self._ends[index] else None


def find(text: str, part: str, kind: Kind) -> Word:
    """Return the one value of a line for a part: `tag`, `name`, `digest`, or empty for an image. Raises Unclear."""
    quotes = _Quotes(text)
    looks, noun = _LOOKS[part]
    found = [word for word in _words(text) if looks(word.value)]
    if part in {"tag", "name"}:
        found = [word for word in found if _is_value(text, word, quotes)]
    loose = [] if _may_be_bare(part, kind) else [word for word in found if quotes.around(word) is None]
    if len(found) == 1 and not loose:
        return found[0]
    if len(found) > 1:
        raise Unclear(f"{len(found)} words of the line may be {noun}: {_shown(found)}", "leave one of them on the line")
    if loose:
        raise Unclear(f"a value without quotes in {kind.title}: {_shown(loose)}", "put it in quotes")
    raise Unclear(f"no word of the line is {noun}", _ADVICE[part])


def is_closed(text: str) -> bool:
    """Tell whether every quote of a text is closed in it."""
    try:
        _Quotes(text)
    except Unclear:
        return False
    return True


def _words(text: str) -> Iterator[Word]:
    for run in _WORD.finditer(text):
        start, end = run.span("word")
        begins = run["default"] or _BEFORE.search(text[max(0, start - _BEFORE_WIDTH) : start])
        if begins and end - start <= _LONGEST_WORD and _AFTER.match(text, end):
            yield Word(start, end, run["word"], is_default=run["default"] is not None)


def _may_be_bare(part: str, kind: Kind) -> bool:
    return kind.bare == "all" or (kind.bare == "distinct" and part in {"", "digest"})


def _is_value(text: str, word: Word, quotes: _Quotes) -> bool:
    """Tell whether a word stands where values stand: a whole text in quotes that is no key, or after `=` or `:`."""
    around = quotes.around(word)
    if around == (word.start, word.end):
        return _KEY.match(text, word.end + 1) is None
    if word.is_default:
        return True
    before = text[max(0, word.start - _LOOK_BACK) : word.start]
    if _ASSIGNED.search(before) is None or _KEY.match(text, word.end):
        return False
    return _ASSIGNED_APART.search(before) is None or around is not None or _REST.match(text, word.end) is not None


def _is_image(word: str) -> bool:
    found = _IMAGE.fullmatch(word)
    return (
        found is not None
        and bool(found["tag"] or found["digest"])
        and any(map(str.isalpha, found["name"]))
        and values.is_name(found["name"])
        and (found["tag"] is None or values.is_tag(found["tag"]))
        and (found["digest"] is None or values.is_digest(found["digest"]))
    )


_LOOKS: Final[dict[str, tuple[Callable[[str], bool], str]]] = {
    "": (_is_image, "an image with a tag or a digest"),
    "digest": (values.is_digest, "a digest"),
    "tag": (values.is_version, "a tag"),
    "name": (values.is_name, "the name of an image"),
}
_ASSIGN = "write it right after `=` or `:`, or in quotes"
_ADVICE: Final = {
    "": "mark the line that has the image, or write the image with its tag",
    "digest": "mark the line that has the digest",
    "tag": _ASSIGN,
    "name": _ASSIGN,
}


def _shown(found: Sequence[Word]) -> str:
    more = ", ..." if len(found) > _MOST_SHOWN else ""
    return ", ".join(word.value[:_WIDTH] for word in found[:_MOST_SHOWN]) + more
